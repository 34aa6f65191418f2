"""What people ask: one message with every hop, lists, dead letters. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from hub.ledger.ledger import Entry, from_microseconds
from hub.message import DeliveryState, Hop
from hub.month import BITS
from hub.store.entries import entry_of
from hub.store.kept import month_of_message, read_anywhere, read_own
from hub.store.tables import deliveries, ledger, message_attachments, message_keys, messages

_AT_ONCE = 1000
"""Rows that are asked for by id in one statement."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """An accepted message without its bytes."""

    id: int
    sender: str
    message_id: str
    type: str
    conversation: str | None
    in_reply_to: str | None
    document_number: str | None
    case_number: str | None
    urgency: str
    classification: str
    created: datetime
    expires: datetime | None
    received: datetime
    digest: str
    size: int
    signer: str
    stamp: bytes
    beside: int
    beside_size: int


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """One recipient's copy."""

    id: int
    message: int
    recipient: str
    role: str
    endpoint: str
    state: DeliveryState
    attempts: int
    next_at: datetime
    done_at: datetime | None
    cause: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A message with its recipients' copies."""

    message: StoredMessage
    deliveries: tuple[StoredDelivery, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """A message with everything that happened to it; hops in the order of their chain."""

    message: StoredMessage
    deliveries: tuple[StoredDelivery, ...]
    hops: tuple[Entry, ...]
    replies: tuple[StoredMessage, ...]

    @property
    def listed(self) -> str:
        """The digest of the list of recipients that the acceptance names; empty if the stamp itself names them."""
        return next((hop.evidence.hex() for hop in self.hops if hop.kind is Hop.ACCEPTED), "")


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Dead letters of one cause at one endpoint."""

    cause: str
    endpoint: str
    recipient: str
    count: int
    oldest: datetime


def message_of(row: Row[Any]) -> StoredMessage:
    """The message in a row of `messages`."""
    named = dict(row._mapping)
    for name in ("created", "expires", "received"):
        value = named.pop(f"{name}_us")
        named[name] = from_microseconds(value) if value is not None else None
    return StoredMessage(**named)


def delivery_of(row: Row[Any]) -> StoredDelivery:
    """The copy in a row of `deliveries`."""
    return StoredDelivery(
        id=row.id,
        message=row.message,
        recipient=row.recipient,
        role=row.role,
        endpoint=row.endpoint,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_at=from_microseconds(row.next_us),
        done_at=from_microseconds(row.done_us) if row.done_us is not None else None,
        cause=row.cause or "",
        evidence=row.evidence or "",
    )


def read_stored(connection: Connection, sender: str, message_id: str) -> StoredMessage | None:
    """One message without what happened to it."""
    key = (message_keys.c.sender == sender, message_keys.c.message_id == message_id)
    row_id = connection.scalar(select(message_keys.c.message).where(*key))
    row = connection.execute(select(messages).where(messages.c.id == row_id)).first()  # by its id: one partition
    return None if row is None else message_of(row)


def find_by_id(connection: Connection, message_id: str, sender: str = "") -> list[StoredMessage]:
    """The messages with an id, of one sender or of all that have used it; each is looked for in its own partition."""
    used = select(ledger.c.sender).where(ledger.c.message_id == message_id).distinct()
    senders = [sender] if sender else sorted(connection.scalars(used))
    found = (read_stored(connection, one, message_id) for one in senders)
    return [message for message in found if message is not None]


def read_standing(connection: Connection, sender: str, message_id: str) -> Standing | None:
    """One message with its deliveries."""
    message = read_stored(connection, sender, message_id)
    if message is None:
        return None
    return Standing(message, tuple(map(delivery_of, connection.execute(copies_of(message)))))


def read_message(connection: Connection, sender: str, message_id: str) -> Traced | None:
    """One message with its deliveries, hops and replies."""
    known = read_standing(connection, sender, message_id)
    if known is None:
        return None
    hops = tuple(map(entry_of, connection.execute(hops_of(known.message))))
    return Traced(known.message, known.deliveries, hops, tuple(_replies(connection, known.message)))


def copies_of(message: StoredMessage) -> Select[Any]:
    """Asks for the rows of a message's copies, in order."""
    return select(deliveries).where(deliveries.c.message == message.id).order_by(deliveries.c.id)


def hops_of(message: StoredMessage) -> Select[Any]:
    """Asks for the rows of a message's ledger entries, in order of time."""
    own = (ledger.c.message_id == message.message_id, ledger.c.sender == message.sender)
    return select(ledger).where(*own).order_by(ledger.c.time_us, ledger.c.node, ledger.c.sequence)


def _replies(connection: Connection, message: StoredMessage) -> list[StoredMessage]:
    """Replies to this very message: another sender's message of the same id may be answered too.

    Their ids come first, by themselves: a join with all months' partitions is planned anew each time.
    """
    earliest = max(0, month_of_message(message.id) - 1) << BITS  # a reply is later, or a clock was put back
    answers = (messages.c.in_reply_to == message.message_id, messages.c.id >= earliest)
    ids = connection.scalars(select(messages.c.id).where(*answers).order_by(messages.c.id)).all()
    found: list[StoredMessage] = []
    for some in (ids[first : first + _AT_ONCE] for first in range(0, len(ids), _AT_ONCE)):
        to_sender = (deliveries.c.message.in_(some), deliveries.c.recipient == message.sender)
        mine = connection.scalars(select(deliveries.c.message).where(*to_sender)).all()
        rows = connection.execute(select(messages).where(messages.c.id.in_(mine)).order_by(messages.c.id))
        found += map(message_of, rows)
    return found


def find_messages(connection: Connection, texts: Sequence[str], most: int = 100) -> list[StoredMessage]:
    """Messages whose id, case number or document number is one of `texts`, newest first."""
    found = connection.execute(
        select(messages)
        .where(
            or_(
                messages.c.message_id.in_(texts),
                messages.c.case_number.in_(texts),
                messages.c.document_number.in_(texts),
            )
        )
        .order_by(messages.c.id.desc())
        .limit(most)
    )
    return [message_of(row) for row in found]


def list_messages(
    connection: Connection,
    *,
    sender: str = "",
    recipient: str = "",
    type: str = "",
    state: str = "",
    before: int = 0,
    most: int = 50,
) -> list[StoredMessage]:
    """Messages by what is given, newest first; `before` is the id to page on from."""
    query: Select[Any] = select(messages)
    if sender:
        query = query.where(messages.c.sender == sender)
    if type:
        query = query.where(messages.c.type == type)
    if before:
        query = query.where(messages.c.id < before)
    if recipient or state:
        copies = select(deliveries.c.message)
        if recipient:
            copies = copies.where(deliveries.c.recipient == recipient)
        if state:
            copies = copies.where(deliveries.c.state == state)
        query = query.where(messages.c.id.in_(copies))
    return [message_of(row) for row in connection.execute(query.order_by(messages.c.id.desc()).limit(most))]


def list_deliveries(
    connection: Connection, *, endpoint: str = "", state: str = "", most: int = 100
) -> list[tuple[StoredDelivery, StoredMessage]]:
    """Deliveries with their messages, oldest first."""
    query = select(deliveries).order_by(deliveries.c.id).limit(most)
    if endpoint:
        query = query.where(deliveries.c.endpoint == endpoint)
    if state:
        query = query.where(deliveries.c.state == state)
    copies = [delivery_of(row) for row in connection.execute(query)]
    found = connection.execute(select(messages).where(messages.c.id.in_({c.message for c in copies})))
    by_id = {row.id: message_of(row) for row in found}
    return [(copy, by_id[copy.message]) for copy in copies]


def dead_letters(connection: Connection) -> list[DeadLetters]:
    """Dead letters grouped by cause and endpoint, most first."""
    count = func.count().label("n")
    rows = connection.execute(
        select(
            deliveries.c.cause,
            deliveries.c.endpoint,
            deliveries.c.recipient,
            count,
            func.min(deliveries.c.done_us).label("oldest"),
        )
        .where(deliveries.c.state == str(DeliveryState.DEAD))
        .group_by(deliveries.c.cause, deliveries.c.endpoint, deliveries.c.recipient)
        .order_by(count.desc(), deliveries.c.endpoint)
    )
    return [
        DeadLetters(row.cause or "", row.endpoint, row.recipient, row.n, from_microseconds(row.oldest)) for row in rows
    ]


def read_envelope(connection: Connection, message: StoredMessage) -> bytes | None:
    """A message's envelope, from its own month; None if retention let it go."""
    return read_own(connection, message.id, message.digest)


def read_document(connection: Connection, digest: str) -> bytes | None:
    """Stored bytes by their SHA-256."""
    found = read_anywhere(connection, digest)
    return None if found is None else bytes(found)


def read_attachments(connection: Connection, message: int) -> list[tuple[str, bytes]]:
    """The attachments that travel beside a message and are kept, by manifest id."""
    lines = select(message_attachments.c.attachment, message_attachments.c.digest)
    found = [
        (row.attachment, read_own(connection, message, row.digest))
        for row in connection.execute(lines.where(message_attachments.c.message == message))
    ]
    return [(attachment, content) for attachment, content in found if content is not None]
