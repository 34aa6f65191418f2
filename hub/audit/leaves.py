"""Part of the audit: every leaf and tile against the ledger's entries, quickly if all is well, else one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from hub.audit.finding import Finding, shown
from hub.audit.growth import Grown, Growth
from hub.audit.leaf import Last, Placement
from hub.audit.portion import leaf_portions
from hub.audit.report import Count, Told
from hub.audit.sharing import Share
from hub.store import tree_holdings
from hub.tree.tiles import HASH, split, tile_path

_NO_HASH = bytes(HASH)
_BEFORE_THE_FIRST: Last = (0, b"")


@dataclass(slots=True)
class Placed:
    """What the leaves came to: the tree, and of each node the last entry with its hash."""

    growth: Growth = field(default_factory=Growth)
    last: dict[Any, Last] = field(default_factory=dict)

    def adopt(self, more: Placement) -> Iterator[Grown] | None:
        """Take the leaves that follow; gives tiles as `Growth` does, None if a node's entries do not go on."""
        for node, sequence in more.first.items():
            if self.last.get(node, _BEFORE_THE_FIRST)[0] + 1 != sequence:
                return None
        self.last |= more.last
        return self.growth.adopt(more.roots)


def check_leaves(connection: Connection, placed: Placed, shares: Sequence[Share], tell: Count) -> Iterator[Finding]:
    """Yield what is wrong with leaves and tiles; `placed` is filled. Each of `shares` is tried until one says yes."""
    told = Told(tell)
    for share in shares:
        quick = Placed()
        if _in_order(connection, share, quick, told.anew()):
            placed.growth, placed.last = quick.growth, quick.last
            return
    yield from _walk(connection, placed, told.anew())


def _in_order(connection: Connection, share: Share, placed: Placed, seen: Count) -> bool:
    portions = leaf_portions(connection)
    if portions is None:
        return False
    for portion, answer in zip(portions, share(portions), strict=False):
        if not isinstance(answer, Placement):
            return False
        tiles = placed.adopt(answer)
        if tiles is None or any(True for tile in tiles for _ in _check_tile(connection, tile)):
            return False
        if answer.rest and portion is not portions[-1]:
            return False
        list(placed.growth.add(answer.rest))
        seen(portion.rows)
    return not any(_check_edge(connection, placed.growth))


def _walk(connection: Connection, placed: Placed, seen: Count) -> Iterator[Finding]:
    expected = 0
    for batch in tree_holdings.all_leaf_rows(connection):
        hashes = []
        for place, node, sequence, stored, entry in batch:
            before, _ = placed.last.get(node, _BEFORE_THE_FIRST)
            if place != expected or sequence != before + 1:
                yield _misplaced(place, expected, node, sequence, before + 1)
            if stored != entry:
                right = "-" if entry is None else shown(entry)
                yield of_entry("audit.leaf", f"leaf {place}", "hash", right, shown(stored), node, sequence)
            hashed = stored if type(stored) is bytes and len(stored) == HASH else _NO_HASH
            placed.last[node] = (sequence if type(sequence) is int else before + 1, hashed)
            expected = place + 1 if type(place) is int else expected + 1
            hashes.append(hashed)
        for tile in placed.growth.add(hashes):
            yield from _check_tile(connection, tile)
        seen(len(batch))
    yield from _check_edge(connection, placed.growth)


def _check_edge(connection: Connection, growth: Growth) -> Iterator[Finding]:
    for tile in growth.partial():
        yield from _check_tile(connection, tile)
    wanted, got = growth.tiles(), tree_holdings.tile_count(connection)
    if wanted != got:
        yield Finding("audit.tile", "tiles", "number", str(wanted), str(got))


def _misplaced(place: Any, expected: int, node: Any, sequence: Any, following: int) -> Finding:
    wanted, got = f"{expected}: {following}", f"{shown(place)}: {shown(sequence)}"
    return of_entry("audit.leaf-order", f"leaf {shown(place)}", "place", wanted, got, node, sequence)


def of_entry(code: str, what: str, field_: str, expected: str, got: str, node: Any, sequence: Any) -> Finding:
    """A finding that names a leaf's entry, whatever stands in its columns."""
    return Finding(code, what, field_, expected, got, shown(node), sequence if isinstance(sequence, int) else 0)


def _check_tile(connection: Connection, tile: Grown) -> Iterator[Finding]:
    stored = tree_holdings.tile(connection, tile.level, tile.number)
    wanted = b"".join(tile.hashes)
    if stored == wanted:
        return
    what = tile_path(tile.level, tile.number, len(tile.hashes))
    if not isinstance(stored, bytes) or len(stored) != len(wanted):
        length = len(stored) if isinstance(stored, bytes) else type(stored).__name__
        yield Finding("audit.tile", what, "length", str(len(wanted)), str(length))
        return
    pairs = zip(tile.hashes, split(stored), strict=True)
    index, (should, got) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
    yield Finding("audit.tile", what, f"hash {index}", should.hex(), got.hex())
