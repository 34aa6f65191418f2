"""Messages and documents as the database holds them, row by row, for whoever checks them. Reads only, judges nothing.

Columns come as the driver found them (`hub.store.plain_rows`). Memory is bounded by one batch of rows and the documents
of one message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    func,
    select,
    true,
    type_coerce,
)
from sqlalchemy.types import NullType

from hub.audit.held import Columns, Held
from hub.ledger.ledger import Stored
from hub.store.kept import month_of_message
from hub.store.plain_rows import batches, every_column, fitting, stored_entry, stream
from hub.store.prepared import Prepared
from hub.store.tables import (
    bodies,
    deliveries,
    documents,
    ledger,
    message_attachments,
    message_keys,
    messages,
    refusals,
)

LIST = 500
"""How many values one statement compares with."""
_BATCH = 100
_DOCUMENT, _BODY = (
    Prepared(select(type_coerce(table.c.content, NullType())).where(table.c.digest == bindparam("digest"), *own))
    for table, own in ((documents, ()), (bodies, (bodies.c.month == bindparam("month"),)))
)
"""An audit asks so for each document by itself."""


@dataclass(frozen=True, slots=True)
class Census:
    """How many rows there are to look at."""

    entries: int
    documents: int
    messages: int
    deliveries: int
    refusals: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, f.name) for f in fields(self))


def count(connection: Connection) -> Census:
    """Count what there is."""
    tables = (ledger, documents, messages, deliveries, refusals)
    counts = [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (*tables, bodies)]
    return Census(counts[0], counts[1] + counts.pop(), *counts[2:])


def integrity(connection: Connection) -> list[str]:
    """What the database engine itself finds wrong with its file; PostgreSQL has checksums of its own."""
    if connection.dialect.name != "sqlite":
        return []
    found = connection.exec_driver_sql("PRAGMA integrity_check(20)")
    return [str(row[0]) for row in found if row[0] != "ok"]


def document_counts(connection: Connection) -> dict[str, int]:
    """How many documents each of the tables has that keep them, by its name."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in (documents, bodies)
    }


def contents(connection: Connection, name: str, since: str, until: str) -> Iterator[tuple[str, Any]]:
    """Documents of a table as (digest it is kept under, its bytes), with digests in [since, until); "" is no border."""
    table = {table.name: table for table in (documents, bodies)}[name]
    query = every_column(table)
    query = query.where(table.c.digest >= since) if since else query
    query = query.where(table.c.digest < until) if until else query
    for row in stream(connection, query, size=20):
        yield str(row["digest"]), row["content"]


def message_cuts(connection: Connection, each: int) -> list[int]:
    """Row ids of messages, so that at most `each` lie beyond one and up to the next, and all beyond the first."""
    cuts: list[int] = []
    last = None
    with connection.execute(
        select(messages.c.id).order_by(messages.c.id), execution_options={"yield_per": 10_000}
    ) as found:
        for number, last in enumerate(found.scalars()):
            if number % each == 0:
                cuts.append(last - 1)
    return cuts if last is None else [*cuts, last]


def held_messages(connection: Connection, after: int, to: int) -> Iterator[Held]:
    """The messages with row ids beyond `after` up to `to`, in order of them."""
    stretch = every_column(messages).where(messages.c.id > after, messages.c.id <= to)
    for batch in batches(stream(connection, stretch.order_by(messages.c.id)), _BATCH):
        yield from _complete(connection, batch)


def _complete(connection: Connection, batch: list[Columns]) -> Iterator[Held]:
    ids = [row["id"] for row in batch]
    copies = _grouped(connection, every_column(deliveries).where(deliveries.c.message.in_(ids)), deliveries.c.id)
    beside = _grouped(
        connection,
        every_column(message_attachments).where(message_attachments.c.message.in_(ids)),
        message_attachments.c.attachment,
    )
    hops = _hops(connection, {str(row["message_id"]) for row in batch})
    for row in batch:
        key = (row["sender"], row["message_id"])
        yield Held(row, tuple(copies[row["id"]]), tuple(beside[row["id"]]), tuple(hops[key]))


def _grouped(connection: Connection, query: Select[Any], order: Any) -> dict[int, list[Columns]]:
    found: dict[int, list[Columns]] = defaultdict(list)
    for row in connection.execute(query.order_by(order)).mappings():
        found[row["message"]].append(row)
    return found


def _hops(connection: Connection, message_ids: Iterable[str]) -> dict[tuple[str, str], list[Stored]]:
    found: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    query = every_column(ledger).where(ledger.c.message_id.in_(message_ids))
    for row in connection.execute(query.order_by(ledger.c.time_us, ledger.c.node, ledger.c.sequence)).mappings():
        found[row["sender"], row["message_id"]].append(stored_entry(row))
    return found


def orphans(connection: Connection) -> tuple[int, int]:
    """How many deliveries and how many attachments belong to no message."""
    counts = [  # by NOT IN, PostgreSQL would look through all messages once for each row as soon as they are many
        connection.scalar(
            select(func.count()).select_from(table).where(~exists().where(messages.c.id == table.c.message))
        )
        for table in (deliveries, message_attachments)
    ]
    return counts[0] or 0, counts[1] or 0


def keys_astray(connection: Connection) -> int:
    """How many messages have no key of their own, and keys no message of theirs, together."""
    same = and_(
        message_keys.c.sender == messages.c.sender,
        message_keys.c.message_id == messages.c.message_id,
        message_keys.c.message == messages.c.id,
    )
    bare = select(func.count()).select_from(messages.outerjoin(message_keys, same))
    void = select(func.count()).select_from(message_keys.outerjoin(messages, same))
    return (connection.scalar(bare.where(message_keys.c.message.is_(None))) or 0) + (
        connection.scalar(void.where(messages.c.id.is_(None))) or 0
    )


def known_messages(connection: Connection, message_ids: Iterable[str]) -> set[tuple[str, str]]:
    """Those (sender, message id) that are stored, of messages with these ids."""
    columns = (messages.c.sender, messages.c.message_id)
    found = connection.execute(select(*columns).where(messages.c.message_id.in_(list(message_ids))))
    return {(row.sender, row.message_id) for row in found}


def kept(connection: Connection, digests: Iterable[str], message: Any = None) -> set[str]:
    """Those of `digests` under which a document is kept, or kept as one of the message with this row id."""
    table, own = _place(message)
    found: set[str] = set()
    for some in batches(iter(digests), LIST):
        found.update(connection.scalars(select(table.c.digest).where(table.c.digest.in_(some), own)))
    return found


def content(connection: Connection, digest: str, message: Any = None) -> bytes | None:
    """The bytes kept as evidence under a digest, or as a document of the message with this row id."""
    month = _month(message)
    wanted = {"digest": digest, "month": month} if month else {"digest": digest}
    found = (_BODY if month else _DOCUMENT).execute(connection, wanted).first()
    return None if found is None else cast(bytes, fitting(found[0], "bytes"))


def _place(message: Any) -> tuple[Table, ColumnElement[bool]]:
    month = _month(message)
    return (bodies, bodies.c.month == month) if month else (documents, true())


def _month(message: Any) -> int:
    return month_of_message(message) if isinstance(message, int) else 0
