"""The rows of chains and of the tree as they stand, for whoever recomputes them. Reads only, judges nothing.

Plain tuples without the driver's conversions, as in `hub.store.holdings`, but quick: a million of them are read in
seconds. Memory is bounded by one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select, type_coerce
from sqlalchemy.types import NullType

from hub.ledger import FIELDS
from hub.store.tables import checkpoints, cosignatures, leaves, ledger, numbered, tiles, tree_head

Rows = Iterator[Sequence[Sequence[Any]]]
"""Batches of rows."""

_BATCH = 500


@contextmanager
def as_text(connection: Connection) -> Iterator[None]:
    """Read text by the driver itself: several times quicker, but what is not UTF-8 raises a `DBAPIError`."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    before, driver.text_factory = driver.text_factory, str
    try:
        yield
    finally:
        driver.text_factory = before


def entry_rows(connection: Connection) -> Rows:
    """Every entry, chain by chain in order: its fields in the order of the form, its form, its hash."""
    columns = [_plain(ledger.c[name]) for name in (*FIELDS, "form", "hash")]
    return _batches(connection, select(*columns).order_by(ledger.c.node, ledger.c.sequence))


def leaf_rows(connection: Connection) -> Rows:
    """Every leaf in order: place, node, sequence, its hash, and the hash of its entry or None."""
    columns = [leaves.c.place, leaves.c.node, leaves.c.sequence, leaves.c.hash, ledger.c.hash]
    beside = and_(ledger.c.node == leaves.c.node, ledger.c.sequence == leaves.c.sequence)
    query = select(*map(_plain, columns)).select_from(leaves.outerjoin(ledger, beside)).order_by(leaves.c.place)
    return _batches(connection, query)


def checkpoint_rows(connection: Connection) -> Rows:
    """Every checkpoint, smallest first: size, root, note, the time it was signed."""
    columns = [checkpoints.c.size, checkpoints.c.root, checkpoints.c.note, checkpoints.c.signed_us]
    return _batches(connection, select(*map(_plain, columns)).order_by(checkpoints.c.size))


def cosignature_rows(connection: Connection, size: int) -> list[tuple[Any, ...]]:
    """The cosignatures kept of the checkpoint of this size: witness, line, time."""
    columns = [cosignatures.c.witness, cosignatures.c.line, cosignatures.c.at_us]
    found = connection.execute(select(*map(_plain, columns)).where(cosignatures.c.size == size))
    return [tuple(row) for row in found]


def cosignatures_alone(connection: Connection) -> list[Any]:
    """The sizes of kept cosignatures that no checkpoint has."""
    beside = exists().where(checkpoints.c.size == cosignatures.c.size)
    return list(connection.scalars(select(_plain(cosignatures.c.size)).where(~beside)))


def count_tree(connection: Connection) -> int:
    """How many leaves and checkpoints there are."""
    return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in (leaves, checkpoints))


def tile(connection: Connection, level: int, number: int) -> Any:
    """The hashes of one tile, None if there is none."""
    query = select(_plain(tiles.c.hashes)).where(tiles.c.level == level, tiles.c.number == number)
    return connection.scalar(query)


def tile_count(connection: Connection) -> int:
    """How many tiles there are."""
    return connection.scalar(select(func.count()).select_from(tiles)) or 0


def head_row(connection: Connection) -> tuple[Any, Any]:
    """Size and root of the tree's head; None and None before there is one."""
    row = connection.execute(select(_plain(tree_head.c.size), _plain(tree_head.c.root))).first()
    return (row[0], row[1]) if row else (None, None)


def positions(connection: Connection) -> dict[Any, tuple[Any, Any]]:
    """The last numbered entry of each node, as the sequencer remembers it: node -> sequence, hash."""
    columns = [numbered.c.node, numbered.c.sequence, numbered.c.hash]
    return {row[0]: (row[1], row[2]) for row in connection.execute(select(*map(_plain, columns)))}


def last_checkpoint(connection: Connection) -> Any:
    """The size of the largest checkpoint, None if there is none."""
    return connection.scalar(select(func.max(checkpoints.c.size)))


def chain_ends(connection: Connection) -> list[tuple[Any, Any]]:
    """Every node with its last sequence."""
    query = select(_plain(ledger.c.node), _plain(func.max(ledger.c.sequence))).group_by(ledger.c.node)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(ledger.c.node))]


def waiting(connection: Connection, node: Any, after: int, before_us: int) -> tuple[Any, int]:
    """The first of a node's entries beyond `after` that is older than `before_us`, and how many there are."""
    beyond = and_(ledger.c.node == node, ledger.c.sequence > after, ledger.c.time_us < before_us)
    row = connection.execute(select(func.min(ledger.c.sequence), func.count()).where(beyond)).one()
    return row[0], row[1]


def _plain(column: ColumnElement[Any]) -> Any:
    return type_coerce(column, NullType())


def _batches(connection: Connection, query: Select[Any]) -> Rows:
    with connection.execute(query, execution_options={"yield_per": _BATCH}) as found:
        yield from found.partitions()
