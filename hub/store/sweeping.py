"""Takes away what no message and no upload needs: uploads that have lapsed, then blobs that nobody refers to.

Promises: while a blob is judged and deleted nobody can begin to count on it: rows of parts and of messages that bind an
upload wait until then (SQLite has one writer; on PostgreSQL the tables are locked), for some blobs at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, and_, delete, exists, func, select

from hub.ledger.ledger import to_microseconds
from hub.store.content.content import Blob
from hub.store.tables import message_attachments, purges, tickets, upload_parts, uploads
from hub.store.transaction import Transaction
from hub.store.uploads import Part

BATCH = 50
_NEEDED = exists().where(
    message_attachments.c.upload == uploads.c.id,
    ~exists().where(purges.c.message == message_attachments.c.message),
)


def lock(transaction: Transaction) -> None:
    """Let nobody begin or bind an upload, or note a part, until this transaction ends."""
    if transaction.connection.dialect.name == "postgresql":
        transaction.connection.exec_driver_sql("LOCK TABLE uploads, upload_parts IN EXCLUSIVE MODE")


def lapsed(connection: Connection, at: datetime) -> list[str]:
    """The uploads whose time is over and that no message needs, or only such whose documents were purged."""
    over = and_(uploads.c.until_us < to_microseconds(at), ~_NEEDED)
    return list(connection.scalars(select(uploads.c.id).where(over).order_by(uploads.c.id)))


def forget(transaction: Transaction, ids: Sequence[str]) -> None:
    """Remove uploads with their parts and tickets."""
    connection = transaction.connection
    for some in (ids[i : i + BATCH] for i in range(0, len(ids), BATCH)):
        connection.execute(delete(tickets).where(tickets.c.upload.in_(some)))
        connection.execute(delete(upload_parts).where(upload_parts.c.upload.in_(some)))
        connection.execute(delete(uploads).where(uploads.c.id.in_(some)))


def unneeded(connection: Connection, some: Sequence[Blob]) -> list[Blob]:
    """Those of some blobs that no upload has as a part."""
    digests = [blob.digest for blob in some]
    needed = set(connection.scalars(select(upload_parts.c.digest).where(upload_parts.c.digest.in_(digests))))
    return [blob for blob in some if blob.digest not in needed]


def in_batches(blobs: Iterable[Blob]) -> Iterator[list[Blob]]:
    """Some at a time."""
    found = iter(blobs)
    while some := list(islice(found, BATCH)):
        yield some


def kept_parts(connection: Connection) -> list[Part]:
    """Each blob that is to be there, once, as the part that it is."""
    query = select(upload_parts.c.digest, func.max(upload_parts.c.size).label("size"))
    rows = connection.execute(query.where(upload_parts.c.stored.is_(True)).group_by(upload_parts.c.digest))
    return [Part(0, row.digest, row.size) for row in rows]


def count(connection: Connection) -> dict[bool, tuple[int, int]]:
    """How many uploads there are and their bytes: those that are complete, and those under way."""
    query = select(uploads.c.complete, func.count().label("number"), func.sum(uploads.c.size).label("size"))
    found = connection.execute(query.group_by(uploads.c.complete))
    return {bool(row.complete): (row.number, int(row.size)) for row in found}


def uploaded(connection: Connection, message: int) -> set[str]:
    """The digests of a message's attachments whose upload is there, with all its parts."""
    parts = select(func.sum(upload_parts.c.size)).where(
        upload_parts.c.upload == uploads.c.id, upload_parts.c.stored.is_(True)
    )
    query = (
        select(uploads.c.digest)
        .join(message_attachments, message_attachments.c.upload == uploads.c.id)
        .where(
            message_attachments.c.message == message,
            message_attachments.c.digest == uploads.c.digest,
            uploads.c.complete.is_(True),
            parts.scalar_subquery() == uploads.c.size,
        )
    )
    return set(connection.scalars(query))
