"""Rows of the tree: what waits for a place in it, the lease of who may grow it, its head, tiles and checkpoints.

Promises: `advance` moves the head only from the state that the caller saw, under the lease that the caller holds, and
in the same transaction as all else it writes; so two who grow the tree at once, or one who slept, cannot fork it.
Finding what waits costs one index seek per node, however many entries there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from hub.ledger.ledger import FIRST, to_microseconds
from hub.store.chains import NODES
from hub.store.prepared import Inserting, Prepared
from hub.store.tables import checkpoints, leaves, ledger, numbered, tiles, tree_head
from hub.store.transaction import Transaction
from hub.tree.merkle import EMPTY
from hub.tree.order import Queue, Waiting
from hub.tree.tiles import Tile, edge_of

_ROW = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as it stands, and the number of the lease under which it may be grown."""

    size: int = 0
    root: bytes = EMPTY
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint to be stored. `note` is the whole signed note."""

    size: int
    root: bytes
    note: str
    signed_us: int


_POSITIONS = Prepared(
    select(NODES.c.node, numbered.c.sequence, numbered.c.hash)
    .outerjoin(numbered, numbered.c.node == NODES.c.node)
    .where(NODES.c.node.is_not(None))
)
_WAITING = Prepared(
    select(ledger.c.node, ledger.c.sequence, ledger.c.time_us, ledger.c.previous, ledger.c.hash)
    .where(ledger.c.node == bindparam("of"), ledger.c.sequence > bindparam("after"))
    .order_by(ledger.c.sequence)
    .limit(bindparam("most"))
)
_TILE = Prepared(select(tiles.c.hashes).where(tiles.c.level == bindparam("lv"), tiles.c.number == bindparam("nr")))
_GROW_TILE = Prepared(
    update(tiles)
    .where(tiles.c.level == bindparam("lv"), tiles.c.number == bindparam("nr"))
    .values(hashes=bindparam("grown"))
)
_MOVE = Prepared(
    update(numbered)
    .where(numbered.c.node == bindparam("of"))
    .values(sequence=bindparam("last"), hash=bindparam("last_hash"))
)
_HEAD = select(tree_head).where(tree_head.c.id == _ROW)
_FIRST_HEAD = Inserting(tree_head, ("id", "size", "root", "fence", "node", "holder", "until_us"), once=True)


def read_head(connection: Connection) -> Head:
    """The tree as it stands; the empty one before the first lease."""
    row = connection.execute(_HEAD).first()
    return Head(row.size, row.root, row.fence) if row else Head()


def read_queues(connection: Connection, most: int) -> list[Queue]:
    """What waits for a place, at most `most` of each node; nodes without are left out."""
    queues = []
    for node, sequence, last in _POSITIONS.execute(connection, {}).all():
        values = {"of": node, "after": sequence or 0, "most": most}
        waiting = tuple(Waiting(*row) for row in _WAITING.execute(connection, values))
        if waiting:
            queues.append(Queue(node, sequence or 0, last or FIRST, waiting))
    return queues


def read_tile(connection: Connection, level: int, number: int) -> bytes:
    """The hashes of a tile as far as it is filled, or none."""
    return bytes(_TILE.execute(connection, {"lv": level, "nr": number}).scalar() or b"")


def read_edge(connection: Connection, size: int) -> dict[int, bytes]:
    """The hashes of the partial tiles of a tree, by level."""
    return {level: read_tile(connection, level, number) for level, number, _ in edge_of(size)}


def take_lease(
    transaction: Transaction, holder: str, at: datetime, lasting: timedelta, *, starting: bool = False
) -> int | None:
    """Take the lease and return its number, or None if another holds it.

    A starting process also takes it from its own node, whose last process is gone. A lease that ends more than twice
    as late as one should was given before the clock was set back, and counts as over: the number keeps its holder out.
    """
    _FIRST_HEAD.execute(transaction.connection, _empty_head())
    now, until, absurd = (to_microseconds(at + n * lasting) for n in range(3))
    free = [tree_head.c.until_us <= now, tree_head.c.until_us > absurd, tree_head.c.holder == holder]
    if starting:
        free.append(tree_head.c.node == transaction.node)
    taken = transaction.connection.execute(
        update(tree_head)
        .where(tree_head.c.id == _ROW, or_(*free))
        .values(fence=tree_head.c.fence + 1, node=transaction.node, holder=holder, until_us=until)
    )
    return read_head(transaction.connection).fence if taken.rowcount else None


def give_lease_back(transaction: Transaction, holder: str) -> None:
    """End the lease if this holder has it, so that another need not wait for its end."""
    transaction.connection.execute(
        update(tree_head).where(tree_head.c.id == _ROW, tree_head.c.holder == holder).values(until_us=0)
    )


def _empty_head() -> dict[str, Any]:
    return {"id": _ROW, "size": 0, "root": EMPTY, "fence": 0, "node": "", "holder": "", "until_us": 0}


def lock_head(transaction: Transaction) -> Head:
    """The tree as it stands and will stand until this transaction ends; the empty one before the first lease."""
    row = transaction.connection.execute(_HEAD.with_for_update()).first()
    return Head(row.size, row.root, row.fence) if row else Head()


def is_current(transaction: Transaction, seen: Head) -> bool:
    """Whether the head is still as seen; if so it stays until this transaction ends."""
    return lock_head(transaction) == seen


def advance(
    transaction: Transaction,
    seen: Head,
    signed: Signed,
    added: Sequence[Waiting],
    changed: Sequence[Tile],
    until: datetime,
) -> bool:
    """Move the head from `seen` to the signed checkpoint and store all that belongs to it; False if it has moved."""
    moved = transaction.connection.execute(
        update(tree_head)
        .where(
            tree_head.c.id == _ROW,
            tree_head.c.size == seen.size,
            tree_head.c.root == seen.root,
            tree_head.c.fence == seen.fence,
        )
        .values(size=signed.size, root=signed.root, until_us=to_microseconds(until))
    )
    if moved.rowcount != 1:
        return False
    for place, entry in enumerate(added, seen.size):
        row = {"place": place, "node": entry.node, "sequence": entry.sequence, "hash": entry.hash}
        transaction.stage(leaves, row)
    _store_tiles(transaction, changed)
    _move_positions(transaction, added)
    transaction.stage(
        checkpoints,
        {
            "size": signed.size,
            "root": signed.root,
            "note": signed.note,
            "signed_us": signed.signed_us,
            "fence": seen.fence,
        },
    )
    return True


def _store_tiles(transaction: Transaction, changed: Sequence[Tile]) -> None:
    for tile in changed:
        if tile.new:
            transaction.stage(tiles, {"level": tile.level, "number": tile.number, "hashes": tile.hashes})
    grown = [{"lv": tile.level, "nr": tile.number, "grown": tile.hashes} for tile in changed if not tile.new]
    if grown:
        _GROW_TILE.execute_many(transaction.connection, grown)


def _move_positions(transaction: Transaction, added: Sequence[Waiting]) -> None:
    first = {entry.node: entry for entry in reversed(added)}
    last = {entry.node: entry for entry in added}
    for node, entry in last.items():
        if first[node].sequence == 1:
            transaction.stage(numbered, {"node": node, "sequence": entry.sequence, "hash": entry.hash})
        else:
            row = {"of": node, "last": entry.sequence, "last_hash": entry.hash}
            _MOVE.execute(transaction.connection, row)
