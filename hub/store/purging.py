"""Rows of retention: which messages' documents may go, the removal itself, and holds against it.

Promises: a message goes only if all its deliveries have ended, nobody holds it and it has not gone before, looked at
in the transaction that removes it. A document that another message of its month still has stays; so does one that
proves an entry, if it is from before there were months. Message rows, deliveries, stamps, entries and evidence are
never touched. All messages that one call is about are of one month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)

from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.message import DeliveryState
from hub.month import BITS
from hub.store.kept import month_of_message
from hub.store.tables import (
    bodies,
    deliveries,
    documents,
    holds,
    ledger,
    message_attachments,
    messages,
    purges,
    uploads,
)
from hub.store.transaction import Transaction

_UNFINISHED = [str(s) for s in (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.HELD)]
_LIST = 500
ENVELOPE = "envelope"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message whose deliveries have all ended, the last of them at `ended`, and that nobody holds."""

    row: int
    sender: str
    message_id: str
    type: str
    classification: str
    ended: datetime
    size: int

    @property
    def name(self) -> str:
        """SENDER/ID."""
        return f"{self.sender}/{self.message_id}"


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of some messages' documents: digest -> bytes of those that go, and the digests of those that stay."""

    gone: Mapping[str, int]
    shared: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hold:
    """That nothing of a `message` (SENDER/ID), a `case` or a `document` number may go."""

    kind: str
    name: str
    reason: str
    who: str
    since: datetime


_NAME = messages.c.sender + literal("/") + messages.c.message_id
_HOLDING = exists().where(
    or_(
        and_(holds.c.kind == "message", holds.c.name == _NAME),
        and_(holds.c.kind == "case", holds.c.name == messages.c.case_number),
        and_(holds.c.kind == "document", holds.c.name == messages.c.document_number),
    )
)
_OPEN = exists().where(deliveries.c.message == messages.c.id, deliveries.c.state.in_(_UNFINISHED))
_GONE = exists().where(purges.c.message == messages.c.id)
_LAST = select(func.max(deliveries.c.done_us)).where(deliveries.c.message == messages.c.id).scalar_subquery()


def read_candidates(
    connection: Connection, received_by: datetime, after: int = 0, most: int = _LIST
) -> tuple[list[Candidate], int]:
    """Candidates among the next `most` messages with a row id above `after`, received by then, in order of row id.

    With them the row id to go on from; 0 when there are no more.
    """
    span = select(messages.c.id).where(messages.c.id > after, messages.c.received_us <= to_microseconds(received_by))
    ids = list(connection.scalars(span.order_by(messages.c.id).limit(most)))
    if not ids:
        return [], 0
    within = messages.c.id.between(ids[0], ids[-1])
    found = _candidates(connection, and_(within, messages.c.received_us <= to_microseconds(received_by)))
    return found, ids[-1] if len(ids) == most else 0


def candidates(connection: Connection, rows: Sequence[int]) -> list[Candidate]:
    """Those of these messages that are candidates, in order of row id."""
    return _candidates(connection, messages.c.id.in_(rows))


def _candidates(connection: Connection, where: object) -> list[Candidate]:
    ended = func.coalesce(_LAST, messages.c.received_us).label("ended")
    size = (messages.c.size + messages.c.beside_size).label("whole")
    columns = [messages.c[n] for n in ("id", "sender", "message_id", "type", "classification")]
    query = select(*columns, ended, size).where(where, ~_OPEN, ~_GONE, ~_HOLDING).order_by(messages.c.id)  # type: ignore[arg-type]
    return [
        Candidate(r.id, r.sender, r.message_id, r.type, r.classification, from_microseconds(r.ended), r.whole)
        for r in connection.execute(query)
    ]


def hold_still(transaction: Transaction) -> None:
    """On PostgreSQL, let nobody store a document or a hold until this transaction ends; SQLite has one writer.

    So none is removed that a commit under way counts on. It needs the rights of the tables' owner.
    """
    connection = transaction.connection
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE bodies, documents, holds IN SHARE ROW EXCLUSIVE MODE")
    else:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is gone must not lie in the file's free pages


def lock_candidates(transaction: Transaction, rows: Sequence[int]) -> list[Candidate]:
    """Those of these messages that still are candidates, and stay so until this transaction ends.

    `hold_still` comes before it. A message that somebody is at work on is passed over: waiting for it could go in a
    circle.
    """
    connection = transaction.connection
    copies = select(deliveries.c.id, deliveries.c.message).where(deliveries.c.message.in_(rows))
    free = {row.id for row in connection.execute(copies.with_for_update(skip_locked=True))}
    busy = {row.message for row in connection.execute(copies) if row.id not in free}
    return candidates(connection, [row for row in rows if row not in busy])


def read_documents(connection: Connection, rows: Sequence[int]) -> dict[int, dict[str, str]]:
    """The digests of messages' documents by row id: of the envelope, and of each attachment beside it by its id."""
    envelopes = connection.execute(select(messages.c.id, messages.c.digest).where(messages.c.id.in_(rows)))
    found = {row.id: {ENVELOPE: row.digest} for row in envelopes}
    beside = select(message_attachments).where(message_attachments.c.message.in_(rows))
    for row in connection.execute(beside.order_by(message_attachments.c.attachment)):
        found[row.message][f"attachment {row.attachment}"] = row.digest
    return found


def incomplete(connection: Connection, rows: Sequence[int]) -> set[int]:
    """Those of these messages that lack a document though nobody purged them."""
    _, digest, own = _kept(rows)
    envelopes = select(messages.c.id).where(messages.c.id.in_(rows), ~exists().where(own, digest == messages.c.digest))
    there = exists().where(own, digest == message_attachments.c.digest)
    uploaded = exists().where(uploads.c.id == message_attachments.c.upload)
    beside = select(message_attachments.c.message).where(message_attachments.c.message.in_(rows), ~there, ~uploaded)
    return {*connection.scalars(envelopes), *connection.scalars(beside)}


def _kept(rows: Sequence[int]) -> tuple[Table, Column[str], ColumnElement[bool]]:
    """Where the documents of these messages are kept: the table, its digests, and which of its rows."""
    month = month_of_message(rows[0]) if rows else 0
    return (bodies, bodies.c.digest, bodies.c.month == month) if month else (documents, documents.c.digest, true())


def weigh(connection: Connection, rows: Sequence[int], digests: Iterable[str]) -> Removed:
    """Which of these documents go with these messages, and which stay because others need them."""
    table, digest, own = _kept(rows)
    wanted = sorted(set(digests))
    shared: set[str] = set()
    sizes: dict[str, int] = {}
    for some in (wanted[i : i + _LIST] for i in range(0, len(wanted), _LIST)):
        shared |= _needed(connection, rows, some)
        length = func.length(table.c.content).label("size")
        kept = connection.execute(select(digest, length).where(own, digest.in_(some)))
        sizes |= {row.digest: row.size for row in kept}
    return Removed({d: size for d, size in sizes.items() if d not in shared}, frozenset(shared & sizes.keys()))


def _needed(connection: Connection, rows: Sequence[int], digests: Sequence[str]) -> set[str]:
    """Those that a message of their month beyond these and not gone has, or that an entry names as its evidence."""
    month = month_of_message(rows[0])
    stays = and_(messages.c.id.not_in(rows), ~_GONE, within(month))
    as_envelope = select(messages.c.digest).where(messages.c.digest.in_(digests), stays)
    beside = select(message_attachments.c.digest).join(messages, messages.c.id == message_attachments.c.message)
    found = {
        *connection.scalars(as_envelope),
        *connection.scalars(beside.where(message_attachments.c.digest.in_(digests), stays)),
    }
    if month:
        return found  # what proves an entry is kept elsewhere
    raw = [bytes.fromhex(digest) for digest in digests]
    as_evidence = select(ledger.c.evidence).where(func.length(ledger.c.evidence) > 0, ledger.c.evidence.in_(raw))
    return found | {bytes(evidence).hex() for evidence in connection.scalars(as_evidence)}


def within(month: int) -> ColumnElement[bool]:
    """For a query over `messages`: those whose row ids carry the month with this count."""
    return and_(messages.c.id >= month << BITS, messages.c.id < month + 1 << BITS)


def remove(transaction: Transaction, rows: Sequence[int], gone: Iterable[str]) -> None:
    """Remove documents of these messages."""
    table, digest, own = _kept(rows)
    wanted = sorted(gone)
    for some in (wanted[i : i + _LIST] for i in range(0, len(wanted), _LIST)):
        transaction.connection.execute(delete(table).where(own, digest.in_(some)))


def mark(transaction: Transaction, rows: Sequence[int], act: str, at: datetime) -> None:
    """Mark messages as purged by the act with this digest."""
    marks = [{"message": row, "act": act, "at_us": to_microseconds(at)} for row in rows]
    transaction.connection.execute(insert(purges), marks)


def purged_of(connection: Connection, rows: Iterable[int]) -> dict[int, tuple[datetime, str]]:
    """When and by which act (its digest) the documents of messages were purged; those that were not are left out."""
    found = connection.execute(select(purges).where(purges.c.message.in_(list(rows))))
    return {row.message: (from_microseconds(row.at_us), row.act) for row in found}


def purge_rows(connection: Connection, after: int = 0, most: int = _LIST) -> list[tuple[int, str, str]]:
    """The next messages that were purged, by row id: row id, SENDER/ID (empty if it is not there), act."""
    query = (
        select(purges.c.message, func.coalesce(_NAME, "").label("name"), purges.c.act)
        .outerjoin(messages, messages.c.id == purges.c.message)
        .where(purges.c.message > after)
    )
    found = connection.execute(query.order_by(purges.c.message).limit(most))
    return [(row.message, row.name, row.act) for row in found]


def add_hold(transaction: Transaction, hold: Hold) -> bool:
    """Keep a hold; False if there is one already. It waits for a purge that is under way."""
    where = and_(holds.c.kind == hold.kind, holds.c.name == hold.name)
    if transaction.connection.execute(select(holds.c.name).where(where)).first():
        return False
    row = {"kind": hold.kind, "name": hold.name, "reason": hold.reason, "who": hold.who}
    transaction.connection.execute(insert(holds).values(**row, since_us=to_microseconds(hold.since)))
    return True


def count_gone(connection: Connection, kind: str, name: str) -> int:
    """How many messages a hold comes too late for."""
    number = {"message": _NAME, "case": messages.c.case_number, "document": messages.c.document_number}[kind]
    gone = select(func.count()).select_from(messages).where(number == name, _GONE)
    return connection.scalar(gone) or 0


def take_hold(transaction: Transaction, kind: str, name: str) -> Hold | None:
    """End a hold and return it; None if there is none."""
    where = and_(holds.c.kind == kind, holds.c.name == name)
    row = transaction.connection.execute(select(holds).where(where)).first()
    if row is None:
        return None
    transaction.connection.execute(delete(holds).where(where))
    return Hold(row.kind, row.name, row.reason, row.who, from_microseconds(row.since_us))


def read_holds(connection: Connection) -> list[Hold]:
    """Every hold, oldest first."""
    found = connection.execute(select(holds).order_by(holds.c.since_us, holds.c.kind, holds.c.name))
    return [Hold(row.kind, row.name, row.reason, row.who, from_microseconds(row.since_us)) for row in found]
