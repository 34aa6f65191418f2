"""The rows of chains and of the tree as they stand, for whoever recomputes them. Reads only, judges nothing.

Plain tuples straight from the driver and without its conversions, but quick: a million of them are read in seconds.
Memory is bounded by one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, bindparam, exists, func, select, type_coerce
from sqlalchemy.types import NullType

from hub.administration.administered import Deed
from hub.ledger.ledger import FIELDS
from hub.message import Hop
from hub.store.prepared import Prepared
from hub.store.tables import (
    checkpoints,
    cosignatures,
    documents,
    key_changes,
    leaves,
    ledger,
    numbered,
    tiles,
    timestamps,
    tree_head,
)

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


def entry_rows(connection: Connection, node: Any, after: int, to: int) -> Rows:
    """A node's entries beyond `after` up to `to` in order: fields in the order of the form, then form and hash."""
    return _entries().batches(connection, {"node": node, "after": after, "until": to}, _BATCH)


@cache
def _entries() -> Prepared:
    columns = [_plain(ledger.c[name]) for name in (*FIELDS, "form", "hash")]
    chain = select(*columns).where(ledger.c.node == bindparam("node")).order_by(ledger.c.sequence)
    return Prepared(chain.where(*_between(ledger.c.sequence)))


def entry_hash(connection: Connection, node: Any, sequence: int) -> Any:
    """The hash of an entry as it is stored, None if there is none."""
    one = select(_plain(ledger.c.hash)).where(ledger.c.node == node, ledger.c.sequence == sequence)
    return connection.scalar(one)


def entry_count(connection: Connection) -> int:
    """How many entries there are."""
    return connection.scalar(select(func.count()).select_from(ledger)) or 0


def all_leaf_rows(connection: Connection) -> Rows:
    """Every leaf in order: place, node, sequence, its hash, and the hash of its entry or None."""
    return _leaves(every=True).batches(connection, {}, _BATCH)


def leaf_rows(connection: Connection, after: int, to: int) -> Rows:
    """As `all_leaf_rows`, those at places beyond `after` up to `to`."""
    return _leaves(every=False).batches(connection, {"after": after, "until": to}, _BATCH)


@cache
def _leaves(*, every: bool) -> Prepared:
    columns = [leaves.c.place, leaves.c.node, leaves.c.sequence, leaves.c.hash, ledger.c.hash]
    beside = and_(ledger.c.node == leaves.c.node, ledger.c.sequence == leaves.c.sequence)
    query = select(*map(_plain, columns)).select_from(leaves.outerjoin(ledger, beside)).order_by(leaves.c.place)
    return Prepared(query if every else query.where(*_between(leaves.c.place)))


def _between(column: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    return column > bindparam("after", type_=BigInteger), column <= bindparam("until", type_=BigInteger)


def leaf_count(connection: Connection) -> int:
    """How many leaves there are."""
    return connection.scalar(select(func.count()).select_from(leaves)) or 0


def checkpoint_sizes(connection: Connection) -> list[Any]:
    """The size of every checkpoint, smallest first."""
    return list(connection.scalars(select(_plain(checkpoints.c.size)).order_by(checkpoints.c.size)))


def all_checkpoint_rows(connection: Connection) -> Rows:
    """Every checkpoint, smallest first: size, root, note, the time it was signed."""
    return _checkpoints(every=True).batches(connection, {}, _BATCH)


def checkpoint_rows(connection: Connection, after: int, to: int) -> Rows:
    """As `all_checkpoint_rows`, those of sizes beyond `after` up to `to`."""
    return _checkpoints(every=False).batches(connection, {"after": after, "until": to}, _BATCH)


@cache
def _checkpoints(*, every: bool) -> Prepared:
    columns = [checkpoints.c.size, checkpoints.c.root, checkpoints.c.note, checkpoints.c.signed_us]
    query = select(*map(_plain, columns)).order_by(checkpoints.c.size)
    return Prepared(query if every else query.where(*_between(checkpoints.c.size)))


def cosignature_rows(connection: Connection, first: Any, last: Any) -> dict[Any, list[tuple[Any, ...]]]:
    """The cosignatures kept of checkpoints from one size to another, by size: witness, line, time."""
    columns = [cosignatures.c.size, cosignatures.c.witness, cosignatures.c.line, cosignatures.c.at_us]
    query = select(*map(_plain, columns)).where(cosignatures.c.size.between(first, last))
    found: dict[Any, list[tuple[Any, ...]]] = {}
    for size, *rest in connection.execute(query):
        found.setdefault(size, []).append(tuple(rest))
    return found


def timestamp_rows(connection: Connection) -> Rows:
    """Every time-stamp, smallest checkpoint first: size, response, stated time, and its checkpoint's note or None."""
    columns = [timestamps.c.size, timestamps.c.response, timestamps.c.at_us, checkpoints.c.note]
    beside = checkpoints.c.size == timestamps.c.size
    query = select(*map(_plain, columns)).select_from(timestamps.outerjoin(checkpoints, beside))
    return _batches(connection, query.order_by(timestamps.c.size))


def key_change_rows(connection: Connection) -> list[tuple[Any, Any]]:
    """Every change of the keys that sign checkpoints, first to last: size, note."""
    query = select(_plain(key_changes.c.size), _plain(key_changes.c.note)).order_by(key_changes.c.size)
    return [(row[0], row[1]) for row in connection.execute(query)]


def key_change_acts(connection: Connection) -> list[bytes]:
    """The documents of the entries that tell of a change of those keys, as far as they are kept."""
    named = (ledger.c.kind == Hop.ADMIN, ledger.c.detail == Deed.LOG_KEYS_CHANGED)
    digests = [bytes(digest).hex() for digest in connection.scalars(select(ledger.c.evidence).where(*named))]
    query = select(_plain(documents.c.content)).where(documents.c.digest.in_(digests))
    return [bytes(content) for content in connection.scalars(query) if isinstance(content, bytes)]


def cosignatures_alone(connection: Connection) -> list[Any]:
    """The sizes of kept cosignatures that no checkpoint has."""
    beside = exists().where(checkpoints.c.size == cosignatures.c.size)
    return list(connection.scalars(select(_plain(cosignatures.c.size)).where(~beside)))


def count_tree(connection: Connection) -> int:
    """How many leaves, checkpoints and time-stamps there are."""
    counted = (leaves, checkpoints, timestamps)
    return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in counted)


def tile(connection: Connection, level: int, number: int) -> Any:
    """The hashes of one tile, None if there is none."""
    query = select(_plain(tiles.c.hashes)).where(tiles.c.level == level, tiles.c.number == number)
    return connection.scalar(query)


def leaf_tiles(connection: Connection, first: int, many: int) -> list[Any]:
    """The hashes of tiles of level 0 from number `first` on, as far as there are any, `many` at most."""
    some = and_(tiles.c.level == 0, tiles.c.number >= first, tiles.c.number < first + many)
    return list(connection.scalars(select(_plain(tiles.c.hashes)).where(some).order_by(tiles.c.number)))


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


def last_checkpoint(connection: Connection) -> tuple[Any, Any]:
    """The size of the largest checkpoint and when it was signed; None and None if there is none."""
    columns = [_plain(checkpoints.c.size), _plain(checkpoints.c.signed_us)]
    row = connection.execute(select(*columns).order_by(checkpoints.c.size.desc()).limit(1)).first()
    return (row[0], row[1]) if row else (None, None)


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
    return Prepared(query).batches(connection, {}, _BATCH)
