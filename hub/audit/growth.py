"""Part of the audit: the tree grown anew from its leaves, tile by tile and root by root. Pure.

Shares with the writer only the hashes of `hub.tree.merkle`. Memory: 32 bytes for each 256 leaves, and one tile a level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hub.tree.merkle import EMPTY, node_hash, root_of
from hub.tree.tiles import WIDTH


@dataclass(frozen=True, slots=True)
class Grown:
    """One tile as it follows from the leaves."""

    level: int
    number: int
    hashes: tuple[bytes, ...]


@dataclass(slots=True)
class Growth:
    """A tree that takes leaves and gives tiles. `roots` are those of its full tiles of level 0."""

    size: int = 0
    roots: list[bytes] = field(default_factory=list)
    _held: list[list[bytes]] = field(default_factory=list)
    _full: list[int] = field(default_factory=list)

    def add(self, leaves: Sequence[bytes]) -> Iterator[Grown]:
        """Take more leaves; gives every tile that is full now."""
        self.size += len(leaves)
        yield from self._add(0, leaves)

    def adopt(self, roots: Sequence[bytes]) -> Iterator[Grown]:
        """Take full tiles of level 0 by their roots; gives every tile above that is full now. Nothing may be held."""
        if not self._held:
            self._held.append([])
            self._full.append(0)
        self.size += len(roots) * WIDTH
        self._full[0] += len(roots)
        self.roots += roots
        yield from self._add(1, roots)

    def partial(self) -> Iterator[Grown]:
        """The tiles that are not full, lowest level first."""
        for level, held in enumerate(self._held):
            if held:
                yield Grown(level, self._full[level], tuple(held))

    def tiles(self) -> int:
        """How many tiles the tree has."""
        return sum(self._full) + sum(1 for held in self._held if held)

    def _add(self, level: int, hashes: Sequence[bytes]) -> Iterator[Grown]:
        if level == len(self._held):
            self._held.append([])
            self._full.append(0)
        held = [*self._held[level], *hashes]
        above: list[bytes] = []
        for start in range(0, len(held) - WIDTH + 1, WIDTH):
            tile = held[start : start + WIDTH]
            yield Grown(level, self._full[level], tuple(tile))
            self._full[level] += 1
            above.append(root_of(tile))
        self._held[level] = held[len(above) * WIDTH :]
        if above:
            self.roots += above if level == 0 else []
            yield from self._add(level + 1, above)


@dataclass(slots=True)
class Subtrees:
    """The complete subtrees of a row of `count` nodes, largest first."""

    count: int = 0
    nodes: list[bytes] = field(default_factory=list)

    def push(self, node: bytes) -> None:
        """Take one more node."""
        count = self.count
        while count & 1:
            node, count = node_hash(self.nodes.pop(), node), count >> 1
        self.nodes.append(node)
        self.count += 1

    def copy(self) -> Subtrees:
        """The same, to go on from."""
        return Subtrees(self.count, [*self.nodes])


@dataclass(slots=True)
class Roots:
    """Gives roots at ascending sizes. `following` are the roots of the full tiles of level 0 after those of `full`."""

    following: Sequence[bytes]
    full: Subtrees = field(default_factory=Subtrees)
    _taken: int = 0
    _rest: Subtrees = field(default_factory=Subtrees)

    def at(self, size: int, ragged: Sequence[bytes]) -> bytes:
        """The root at `size`, not below the one asked before; `ragged` are the leaves after the last full tile."""
        while self.full.count < size // WIDTH:
            self.full.push(self.following[self._taken])
            self._taken += 1
            self._rest = Subtrees()
        for leaf in ragged[self._rest.count :]:
            self._rest.push(leaf)
        parts = [*self.full.nodes, *self._rest.nodes]
        if not parts:
            return EMPTY
        folded = parts.pop()
        while parts:
            folded = node_hash(parts.pop(), folded)
        return folded
