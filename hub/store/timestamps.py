"""Rows of time-stamps, and how far the ledger is confirmed by somebody outside: a witness or a time-stamp authority.

A checkpoint is confirmed by whatever confirms it or a later one, because the later tree proves the earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from hub.store.prepared import Inserting
from hub.store.tables import checkpoints, cosignatures, timestamps
from hub.store.transaction import Transaction

_KEEP = Inserting(timestamps, ("size", "response", "at_us"), once=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A time-stamp; `note` is the checkpoint's note that it is over, `at_us` the time that the authority states."""

    size: int
    note: bytes
    response: bytes
    at_us: int


@dataclass(frozen=True, slots=True)
class Unstamped:
    """The latest checkpoint, if it has no time-stamp; `last_us` is when the last stamped one was signed, or 0."""

    size: int
    note: bytes
    signed_us: int
    last_us: int


def keep_timestamp(transaction: Transaction, size: int, response: bytes, at_us: int) -> None:
    """Keep a verified time-stamp of the checkpoint of this size; the first stays."""
    _KEEP.execute_many(transaction.connection, [{"size": size, "response": response, "at_us": at_us}])


def read_unstamped(connection: Connection) -> Unstamped | None:
    """The latest checkpoint, or None if it has a time-stamp or there is none."""
    latest = connection.execute(select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)).first()
    stamped = connection.scalar(select(func.max(timestamps.c.size))) or 0
    if latest is None or latest.size <= stamped:
        return None
    last = connection.scalar(select(checkpoints.c.signed_us).where(checkpoints.c.size == stamped))
    return Unstamped(latest.size, latest.note.encode(), latest.signed_us, last or 0)


def read_timestamp(connection: Connection, at_least: int) -> Stored | None:
    """The first time-stamp of a checkpoint of at least this size: it confirms all that is in a smaller tree."""
    found = connection.execute(
        select(timestamps, checkpoints.c.note)
        .join(checkpoints, checkpoints.c.size == timestamps.c.size)
        .where(timestamps.c.size >= at_least)
        .order_by(timestamps.c.size)
        .limit(1)
    ).first()
    return Stored(found.size, found.note.encode(), bytes(found.response), found.at_us) if found else None


def read_unconfirmed_since(connection: Connection) -> int | None:
    """When the oldest checkpoint was signed that nobody outside has confirmed (microseconds); None if all are."""
    confirmed = max(
        connection.scalar(select(func.max(cosignatures.c.size))) or 0,
        connection.scalar(select(func.max(timestamps.c.size))) or 0,
    )
    oldest = select(checkpoints.c.signed_us).where(checkpoints.c.size > confirmed)
    return connection.scalar(oldest.order_by(checkpoints.c.size).limit(1))
