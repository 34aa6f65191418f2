"""The audit's quick look in portions, which several processes can share: is this stretch of a chain or the tree right?

Only yes or no: at the first no, `hub.audit.audit` and `hub.audit.tree` walk all of it and name what is wrong. Together
the portions are every row: those of chains and leaves are counted, and one that is in no portion is a no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hub.audit.chain import in_order
from hub.audit.leaf import Placement, Run
from hub.ledger.ledger import FIRST
from hub.store import tree_holdings
from hub.tree.tiles import WIDTH

ENTRIES = 25_000
"""Most entries of one portion: a second's work at most, so that all processes are done at about the same time."""
LEAVES = 100 * WIDTH


@dataclass(frozen=True, slots=True)
class ChainPortion:
    """A node's entries beyond `after` up to `to`."""

    node: Any
    after: int
    to: int

    @property
    def rows(self) -> int:
        """How many entries."""
        return self.to - self.after

    def look(self, connection: Connection) -> bool:
        """Whether they are all there, and each is right."""
        try:
            before = tree_holdings.entry_hash(connection, self.node, self.after) if self.after else FIRST
            with tree_holdings.as_text(connection):
                entries = tree_holdings.entry_rows(connection, self.node, self.after, self.to)
                return in_order(entries, self.after, before) == self.rows
        except DBAPIError:
            return False


@dataclass(frozen=True, slots=True)
class LeafPortion:
    """The leaves at places `first` to `end`, without that; `first` is where a tile begins."""

    first: int
    end: int

    @property
    def rows(self) -> int:
        """How many leaves."""
        return self.end - self.first

    def look(self, connection: Connection) -> Placement | None:
        """What they come to; None unless each stands where it should and is its entry's hash, and their tiles too."""
        run = Run(self.first)
        try:
            with tree_holdings.as_text(connection):
                for batch in tree_holdings.leaf_rows(connection, self.first - 1, self.end - 1):
                    if not run.take(batch):
                        return None
            tiles = tree_holdings.leaf_tiles(connection, self.first // WIDTH, LEAVES // WIDTH)
            return run.grown(tiles) if run.place == self.end else None
        except DBAPIError:
            return None


def chain_portions(connection: Connection) -> list[ChainPortion] | None:
    """All chains; None if their ends show already that they cannot be right."""
    try:
        ends, entries = tree_holdings.chain_ends(connection), tree_holdings.entry_count(connection)
    except DBAPIError:
        return None
    if not all(type(last) is int and last > 0 for _, last in ends) or sum(last for _, last in ends) != entries:
        return None
    return [
        ChainPortion(node, after, min(after + ENTRIES, last))
        for node, last in ends
        for after in range(0, last, ENTRIES)
    ]


def leaf_portions(connection: Connection) -> list[LeafPortion] | None:
    """All leaves, as many as there are and so at places 0 to their number; None if they cannot be counted."""
    try:
        size = tree_holdings.leaf_count(connection)
    except DBAPIError:
        return None
    return [LeafPortion(first, min(first + LEAVES, size)) for first in range(0, size, LEAVES)]
