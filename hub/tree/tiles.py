"""The tree as tiles of 256 hashes (C2SP tlog-tiles): their paths, how they grow, and how a subtree is read from them.

Tile n of level l holds the roots of the complete subtrees number 256 n to 256 n + 255 of 256**l leaves each, 32 bytes
after 32 bytes. A tile only ever grows at its end, so one row serves the full tile and each of its partial forms.
Nothing is kept here: reading and writing tiles is the caller's part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.tree.merkle import EMPTY, Nodes, root_of

HEIGHT = 8
WIDTH = 1 << HEIGHT
HASH = 32
MOST_LEVEL = 63

ReadTile = Callable[[int, int], bytes]
"""(level, number) -> the hashes of a tile as far as it is filled; b"" if there is none."""

_NUMBER = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile with its hashes; `new` says that no shorter form of it was written before."""

    level: int
    number: int
    hashes: bytes
    new: bool


def number_path(number: int, width: int = WIDTH) -> str:
    """The `<N>[.p/<W>]` of a path: 1234067 is `x001/x234/067`; a width below 256 is a partial tile."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    suffix = "" if width == WIDTH else f".p/{width}"
    return "/".join(reversed(groups)) + suffix


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """The path of a tile below the log's prefix."""
    return f"tile/{level}/{number_path(number, width)}"


def bundle_path(number: int, width: int = WIDTH) -> str:
    """The path of an entry bundle below the log's prefix."""
    return f"tile/entries/{number_path(number, width)}"


def read_number_path(text: str) -> tuple[int, int] | None:
    """(number, width) of a `<N>[.p/<W>]`, or None if it is not written exactly so."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    number = int(found[1].replace("x", "").replace("/", ""))
    width = int(found[2]) if found[2] else WIDTH
    return (number, width) if text == number_path(number, width) else None


def edge_of(size: int) -> list[tuple[int, int, int]]:
    """(level, number, width) of the partial tiles of a tree: those that the next leaves will grow, and no empty one."""
    counts = [(level, size >> (HEIGHT * level)) for level in range(_levels(size))]
    return [(level, count >> HEIGHT, count % WIDTH) for level, count in counts if count % WIDTH]


def fits(size: int, edge: Mapping[int, bytes]) -> bool:
    """Whether these are the partial tiles of a tree of this size: all of them, and each as long as it must be."""
    return {level: width * HASH for level, _, width in edge_of(size)} == {level: len(h) for level, h in edge.items()}


def edge_root(edge: Mapping[int, bytes]) -> bytes:
    """The root of a tree from the hashes in its partial tiles, by level."""
    ragged: list[bytes] = []
    for level in range(max(edge, default=-1) + 1):
        hashes = split(edge.get(level, b"")) + ragged
        ragged = [root_of(hashes)] if hashes else []
    return ragged[0] if ragged else EMPTY


def grow(size: int, edge: Mapping[int, bytes], leaves: Sequence[bytes]) -> list[Tile]:
    """The tiles that change when `leaves` are appended to a tree of this size and edge; lowest level first."""
    changed: list[Tile] = []
    level, added = 0, list(leaves)
    while added:
        held = edge.get(level, b"")
        first = size >> (HEIGHT * (level + 1))
        hashes = held + b"".join(added)
        added = []
        for start in range(0, len(hashes), WIDTH * HASH):
            part = hashes[start : start + WIDTH * HASH]
            changed.append(Tile(level, first + start // (WIDTH * HASH), part, new=bool(start) or not held))
            if len(part) == WIDTH * HASH:
                added.append(root_of(split(part)))
        level += 1
    return changed


def grown_edge(edge: Mapping[int, bytes], changed: Sequence[Tile]) -> dict[int, bytes]:
    """The edge after `grow`."""
    after = dict(edge)
    for tile in changed:
        after[tile.level] = tile.hashes if len(tile.hashes) < WIDTH * HASH else b""
    return {level: hashes for level, hashes in after.items() if hashes}


def nodes_of(read: ReadTile) -> Nodes:
    """Subtree hashes out of tiles, each tile read once. Errors: `ValueError` if a tile is missing or too short."""
    seen: dict[tuple[int, int], bytes] = {}

    def node(height: int, index: int) -> bytes:
        level, within = divmod(height, HEIGHT)
        number, place = divmod(index << within, WIDTH)
        if (level, number) not in seen:
            seen[level, number] = read(level, number)
        part = seen[level, number][place * HASH : (place + (1 << within)) * HASH]
        if len(part) != HASH << within:
            raise ValueError(f"{tile_path(level, number)} is shorter than its tree")
        return root_of(split(part))

    return node


def bundle(forms: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry's byte form after its length in two bytes, big-endian."""
    return b"".join(len(formed).to_bytes(2) + formed for formed in forms)


def split(hashes: bytes) -> list[bytes]:
    """The single hashes of a tile."""
    return [hashes[i : i + HASH] for i in range(0, len(hashes), HASH)]


def _levels(size: int) -> int:
    return -(-size.bit_length() // HEIGHT)
