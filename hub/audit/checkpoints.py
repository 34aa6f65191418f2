"""Part of the audit: every checkpoint with its cosignatures and root, in portions that several processes can share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from hub.audit.checkpoint import check_checkpoint, check_cosignatures, name_of
from hub.audit.finding import Finding, shown
from hub.audit.growth import Growth, Roots, Subtrees
from hub.audit.log import LogStandard
from hub.audit.report import Looked, Row
from hub.store import tree_holdings
from hub.tree.key_change import Epochs
from hub.tree.tiles import WIDTH, split

CHECKPOINTS = 2_000
"""Most of one portion: a second or two."""

Ragged = Callable[[int], Sequence[bytes]]
"""The leaves of a tree of this size that are in no full tile."""


@dataclass(frozen=True, slots=True)
class CheckpointPortion:
    """Checkpoints of a tree of `size` leaves: those of sizes beyond `after` up to `to`, or all of them without `to`.

    `full` and `following` are what is known of the roots of full tiles before these checkpoints and at them.
    """

    standard: LogStandard
    epochs: Epochs
    size: int
    full: Subtrees
    following: Sequence[bytes]
    after: int = 0
    to: int | None = None

    def look(self, connection: Connection) -> Looked:
        """What is wrong with them."""
        found: list[Finding] = []
        roots, leaves = Roots(self.following, self.full.copy()), ragged_reader(connection)
        before, count = self.after, 0
        for batch in self._rows(connection):
            count += len(batch)
            cosigned = tree_holdings.cosignature_rows(connection, batch[0][0], batch[-1][0])
            for row in batch:
                size, root, *_ = row
                keys, joint = self.epochs.signing(before, size if type(size) is int else before)
                found += check_checkpoint(row, self.standard.origin, self.standard.dated(keys), joint=joint)
                found += self._check_root(size, root, roots, leaves)
                found += check_cosignatures(row, cosigned.get(size, ()), self.standard.witnesses)
                before = size if type(size) is int else before
        return Looked({Row.CHECKPOINT: count}, tuple(found))

    def _rows(self, connection: Connection) -> tree_holdings.Rows:
        if self.to is None:
            return tree_holdings.all_checkpoint_rows(connection)
        return tree_holdings.checkpoint_rows(connection, self.after, self.to)

    def _check_root(self, size: Any, root: Any, roots: Roots, leaves: Ragged) -> Iterator[Finding]:
        if not isinstance(size, int) or not 0 < size <= self.size:
            yield Finding("audit.root", name_of(size), "size", f"<= {self.size}", shown(size))
            return
        computed = roots.at(size, leaves(size))
        if root != computed:
            yield Finding("audit.root", name_of(size), "root", computed.hex(), shown(root))


def checkpoint_portions(
    sizes: Sequence[Any], standard: LogStandard, epochs: Epochs, growth: Growth
) -> list[CheckpointPortion]:
    """All checkpoints, by their sizes in order; in one portion unless each size is a number of leaves there are."""
    # The anchors of time-stamps are for others, and no value to be sent to another process.
    whole = CheckpointPortion(replace(standard, anchors=()), epochs, growth.size, Subtrees(), growth.roots)
    if not all(type(size) is int and 0 < size <= growth.size for size in sizes):
        return [whole]
    portions, full, after = [], Subtrees(), 0
    for last in range(CHECKPOINTS - 1, len(sizes) + CHECKPOINTS - 1, CHECKPOINTS):
        to = sizes[min(last, len(sizes) - 1)]
        following = growth.roots[full.count : to // WIDTH]
        portions.append(replace(whole, full=full.copy(), following=following, after=after, to=to))
        for root in following:
            full.push(root)
        after = to
    return portions


def ragged_reader(connection: Connection) -> Ragged:
    """Reads them from the last tile of level 0, which the leaves were compared with."""

    @lru_cache(maxsize=4)  # checkpoints come in order of their size
    def read(number: int) -> Sequence[bytes]:
        stored = tree_holdings.tile(connection, 0, number)
        return split(stored) if isinstance(stored, bytes) else ()

    return lambda size: read(size // WIDTH)[: size % WIDTH] if size % WIDTH else ()
