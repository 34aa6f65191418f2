"""Part of the audit: whether a run of leaves is in order, and the roots of its tiles. Pure.

As in `hub.audit.chain` this only answers yes or no, and quickly: columns are compared as wholes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.tree.merkle import root_of
from hub.tree.tiles import HASH, WIDTH

Last = tuple[Any, Any]
"""Sequence and hash of an entry."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What a run of leaves came to: the roots of its full tiles, the hashes after them, each node's first and last."""

    roots: Sequence[bytes]
    rest: Sequence[bytes]
    first: dict[Any, int]
    last: dict[Any, Last]


@dataclass(slots=True)
class Run:
    """Leaves from `place` on, taken as long as all is in order. The run must begin where a tile does."""

    place: int
    _hashes: list[bytes] = field(default_factory=list)
    _first: dict[Any, int] = field(default_factory=dict)
    _last: dict[Any, Last] = field(default_factory=dict)

    def take(self, batch: Sequence[Sequence[Any]]) -> bool:
        """Take rows of place, node, sequence, hash and the entry's hash; False if one is not as it should be."""
        places, nodes, sequences, hashes, entries = zip(*batch, strict=True)
        if places != tuple(range(self.place, self.place + len(places))) or hashes != entries:
            return False
        if {*map(type, places), *map(type, sequences)} != {int} or {*map(type, hashes)} != {bytes}:
            return False
        if {*map(len, hashes)} != {HASH}:
            return False
        self.place += len(places)
        self._hashes += hashes
        return self._in_order(nodes, sequences, hashes)

    def _in_order(self, nodes: Sequence[Any], sequences: Sequence[int], hashes: Sequence[bytes]) -> bool:
        last = self._last
        for node, sequence, hashed in zip(nodes, sequences, hashes, strict=True):
            before = last.get(node)
            if before is None:
                self._first[node] = sequence
            elif before[0] + 1 != sequence:
                return False
            last[node] = (sequence, hashed)
        return True

    def grown(self, tiles: Sequence[Any]) -> Placement | None:
        """What the leaves came to; None if these are not their tiles, all that are full and perhaps one that is not."""
        roots: list[bytes] = []
        for start in range(0, len(self._hashes) - WIDTH + 1, WIDTH):
            hashes = self._hashes[start : start + WIDTH]
            if len(roots) == len(tiles) or tiles[len(roots)] != b"".join(hashes):
                return None
            roots.append(root_of(hashes))
        return Placement(roots, self._hashes[len(roots) * WIDTH :], self._first, self._last)
