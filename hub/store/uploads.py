"""Rows of uploads: who uploads what, of which parts it consists, and tickets to download it.

Promises: a part's row is committed before its blob is stored, and `bind` holds an upload until its transaction ends, so
that a sweep (`hub.store.sweeping`) never takes what somebody counts on. It holds no bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.message import DeliveryState
from hub.store.tables import deliveries, message_attachments, messages, purges, tickets, upload_parts, uploads
from hub.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Upload:
    """One attachment that a department uploads, or has uploaded. `until` is when its token, or all of it, lapses."""

    id: str
    department: str
    digest: str
    size: int
    part_bytes: int
    complete: bool
    until: datetime

    @property
    def parts(self) -> int:
        """How many parts it has."""
        return -(-self.size // self.part_bytes)

    def size_of(self, number: int) -> int:
        """How many bytes part `number` (from 1) has: all parts are alike but the last."""
        return min(self.part_bytes, self.size - (number - 1) * self.part_bytes)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an upload: a blob of the content store."""

    number: int
    digest: str
    size: int


def hashed(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_of(connection: Connection, department: str, digest: str) -> Upload | None:
    """A department's own upload of some content."""
    return _read(connection, and_(uploads.c.department == department, uploads.c.digest == digest))


def find_by_token(connection: Connection, token: str, at: datetime) -> Upload | None:
    """The upload that a token stands for, unless it has lapsed."""
    return _read(connection, _of_token(token, at))


def hold_by_token(transaction: Transaction, token: str, at: datetime) -> Upload | None:
    """The upload that a token stands for, which nobody finishes until this transaction ends."""
    return _read(transaction.connection, _of_token(token, at), held=True)


def _of_token(token: str, at: datetime) -> ColumnElement[bool]:
    return and_(uploads.c.token == hashed(token), uploads.c.until_us > to_microseconds(at))


def find(connection: Connection, id: str) -> Upload | None:
    """An upload by its row id."""
    return _read(connection, uploads.c.id == id)


def _read(connection: Connection, where: Any, *, held: bool = False) -> Upload | None:
    query = select(uploads).where(where)
    row = connection.execute(query.with_for_update() if held else query).first()
    return None if row is None else _upload(row)


def _upload(row: Any) -> Upload:
    until = from_microseconds(row.until_us)
    return Upload(row.id, row.department, row.digest, row.size, row.part_bytes, bool(row.complete), until)


def add(transaction: Transaction, upload: Upload, token: str) -> None:
    """Begin an upload."""
    row = {
        "id": upload.id,
        "department": upload.department,
        "digest": upload.digest,
        "size": upload.size,
        "part_bytes": upload.part_bytes,
        "token": hashed(token),
        "complete": upload.complete,
        "until_us": to_microseconds(upload.until),
    }
    transaction.connection.execute(insert(uploads).values(**row))


def renew(transaction: Transaction, id: str, token: str, until: datetime) -> None:
    """Give an upload a new token; its earlier one ends."""
    values = {"token": hashed(token), "until_us": to_microseconds(until)}
    transaction.connection.execute(update(uploads).where(uploads.c.id == id).values(**values))


def drop(transaction: Transaction, id: str) -> None:
    """Forget an upload and its parts; a sweep finds the blobs."""
    transaction.connection.execute(delete(upload_parts).where(upload_parts.c.upload == id))
    transaction.connection.execute(delete(uploads).where(uploads.c.id == id))


def bytes_under_way(connection: Connection, department: str) -> int:
    """The sizes of a department's uploads that no message refers to, complete or not."""
    bound = exists().where(message_attachments.c.upload == uploads.c.id)
    total = select(func.sum(uploads.c.size)).where(uploads.c.department == department, ~bound)
    return int(connection.scalar(total) or 0)


def expect_part(transaction: Transaction, id: str, part: Part) -> None:
    """Note that a part's blob is about to be stored; an earlier one of this number is forgotten."""
    place = and_(upload_parts.c.upload == id, upload_parts.c.number == part.number)
    transaction.connection.execute(delete(upload_parts).where(place))
    row = {"upload": id, "number": part.number, "digest": part.digest, "size": part.size, "stored": False}
    transaction.connection.execute(insert(upload_parts).values(**row))


def part_stored(transaction: Transaction, id: str, part: Part, until: datetime) -> None:
    """Note that a part's blob is stored, and that its upload is alive until then."""
    place = and_(
        upload_parts.c.upload == id, upload_parts.c.number == part.number, upload_parts.c.digest == part.digest
    )
    transaction.connection.execute(update(upload_parts).where(place).values(stored=True))
    alive = update(uploads).where(uploads.c.id == id, uploads.c.complete.is_(False))
    transaction.connection.execute(alive.values(until_us=to_microseconds(until)))


def read_parts(connection: Connection, id: str) -> list[Part]:
    """The parts that are stored, in order."""
    query = select(upload_parts).where(upload_parts.c.upload == id, upload_parts.c.stored.is_(True))
    return [Part(r.number, r.digest, r.size) for r in connection.execute(query.order_by(upload_parts.c.number))]


def finish(transaction: Transaction, id: str, parts: Sequence[Part], until: datetime) -> bool:
    """Mark an upload as complete, if its parts are still these; it stays without a message until then."""
    if _hold(transaction, id) is None or read_parts(transaction.connection, id) != list(parts):
        return False
    values = {"complete": True, "until_us": to_microseconds(until)}
    transaction.connection.execute(update(uploads).where(uploads.c.id == id).values(**values))
    return True


def drop_parts(transaction: Transaction, id: str, parts: Sequence[Part]) -> None:
    """Forget an upload whose parts do not make what it should be, unless it has others by now."""
    upload = _hold(transaction, id)
    if upload is not None and not upload.complete and read_parts(transaction.connection, id) == list(parts):
        drop(transaction, id)


def _hold(transaction: Transaction, id: str) -> Upload | None:
    """An upload by its row id, whose parts stay as they are until this transaction ends."""
    return _read(transaction.connection, uploads.c.id == id, held=True)


def bind(transaction: Transaction, department: str, digest: str, size: int) -> str | None:
    """The department's complete upload of this content, held for the message that this transaction stores."""
    own = (uploads.c.department == department, uploads.c.digest == digest, uploads.c.size == size)
    query = select(uploads.c.id).where(*own, uploads.c.complete.is_(True)).with_for_update(read=True)
    return transaction.connection.scalar(query)


def entitled(connection: Connection, department: str, digest: str) -> Upload | None:
    """An upload of this content whose message the department sent, or was to get and may know of."""
    mine = exists().where(
        deliveries.c.message == messages.c.id,
        deliveries.c.recipient == department,
        deliveries.c.state != str(DeliveryState.HELD),
    )
    gone = exists().where(purges.c.message == messages.c.id)
    query = (
        select(uploads)
        .join(message_attachments, message_attachments.c.upload == uploads.c.id)
        .join(messages, messages.c.id == message_attachments.c.message)
        .where(message_attachments.c.digest == digest, ~gone, or_(messages.c.sender == department, mine))
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _upload(row)


def add_ticket(
    transaction: Transaction, token: str, upload: str, department: str, at: datetime, until: datetime
) -> None:
    """Let a department download an upload until then; tickets that have lapsed go."""
    transaction.connection.execute(delete(tickets).where(tickets.c.until_us < to_microseconds(at)))
    row = {"token": hashed(token), "upload": upload, "department": department, "until_us": to_microseconds(until)}
    transaction.connection.execute(insert(tickets).values(**row))


def find_ticket(connection: Connection, token: str, at: datetime) -> tuple[Upload, str] | None:
    """The upload that a ticket opens, and for whom; None if it has lapsed or the content has gone."""
    query = (
        select(uploads, tickets.c.department.label("holder"))
        .join(tickets, tickets.c.upload == uploads.c.id)
        .where(tickets.c.token == hashed(token), tickets.c.until_us > to_microseconds(at))
    )
    row = connection.execute(query).first()
    return None if row is None else (_upload(row), row.holder)
