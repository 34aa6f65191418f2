"""Rows of the way out: leases, outcomes, and what an operator does to a delivery.

A lease is a promise of one node to bring one delivery to an end before `lease_until_us`; when that time passes, any
node may take it. Order is kept per conversation and recipient: a later delivery is not leased while an earlier one of
the same pair is still waiting, leased or held.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, exists, or_, select, update

from hub.errors import Misconfigured
from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.message import Consignment, DeliveryState, Reference, Role
from hub.store.kept import read_own
from hub.store.prepared import Prepared
from hub.store.tables import deliveries, message_attachments, messages, uploads
from hub.store.transaction import Transaction

_earlier = deliveries.alias("earlier")
_WAITING = str(DeliveryState.WAITING)
_UNFINISHED = [str(s) for s in (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.HELD)]


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery in this node's hands until `until`. `attempts` counts earlier ones, `cause` ended the last.

    `holder` is the node that had leased it before; `lost` names what must be there of the message and is not, or is
    not as it was; `size` is the bytes of all that it consists of.
    """

    consignment: Consignment
    endpoint: str
    until: datetime
    attempts: int
    first_at: datetime
    expires: datetime | None
    ordered: bool
    cause: str = ""
    holder: str = ""
    lost: str = ""
    size: int = 0


_ROWS: Select[Any] = select(
    deliveries,
    messages.c.sender,
    messages.c.message_id,
    messages.c.type,
    messages.c.digest,
    messages.c.stamp,
    messages.c.size,
    messages.c.beside,
    messages.c.beside_size,
).join(messages, messages.c.id == deliveries.c.message)

_BLOCKED = exists().where(
    _earlier.c.recipient == deliveries.c.recipient,
    _earlier.c.conversation == deliveries.c.conversation,
    _earlier.c.id < deliveries.c.id,
    or_(*(_earlier.c.state == state for state in _UNFINISHED)),
)
_DUE = Prepared(
    _ROWS.where(
        deliveries.c.endpoint == bindparam("endpoint"),
        deliveries.c.state == _WAITING,
        deliveries.c.next_us <= bindparam("now"),
        or_(deliveries.c.conversation.is_(None), ~_BLOCKED),
    )
    .order_by(deliveries.c.next_us, deliveries.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=deliveries)
)
_LEASE = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"))
    .values(
        state=bindparam("new_state"),
        lease_node=bindparam("holder"),
        lease_until_us=bindparam("until"),
    )
)
_ATTACHMENTS = Prepared(
    select(message_attachments.c.attachment, message_attachments.c.digest)
    .where(message_attachments.c.message == bindparam("message"), message_attachments.c.upload.is_(None))
    .order_by(message_attachments.c.attachment)
)
_REFERENCES = Prepared(
    select(message_attachments.c.attachment, message_attachments.c.digest, message_attachments.c.upload, uploads.c.size)
    .join(uploads, uploads.c.id == message_attachments.c.upload)
    .where(message_attachments.c.message == bindparam("message"))
    .order_by(message_attachments.c.attachment)
)


def lease(
    transaction: Transaction,
    endpoints: Iterable[tuple[str, int]],
    at: datetime,
    until: datetime,
    most_bytes: float = math.inf,
) -> list[Leased]:
    """Lease for this node what is due now at each (endpoint, at most n), oldest first.

    Of one endpoint no more follows what makes `most_bytes` or more together.
    """
    connection = transaction.connection
    rows = [row for one in endpoints for row in _filling(_due(connection, [one], at), most_bytes)]
    return _take(transaction, rows, until, transaction.node)


def _filling(rows: Iterable[Row[Any]], most_bytes: float) -> Iterator[Row[Any]]:
    total = 0
    for row in rows:
        yield row
        total += row.size + row.beside_size
        if total >= most_bytes:
            return


def lease_to_owner(
    transaction: Transaction,
    mailboxes: Sequence[str],
    owner: str,
    at: datetime,
    until: datetime,
    most: int,
    most_bytes: int,
) -> tuple[list[Leased], bool]:
    """Lease to the department that owns these mailboxes; say also whether more is waiting.

    At most `most` messages and `most_bytes` together, but one message at least, however large.
    """
    rows = _due(transaction.connection, [(code, most + 1) for code in mailboxes], at)
    total = 0
    chosen: list[Row[Any]] = []
    for row in rows[:most]:
        total += row.size + row.beside_size
        if chosen and total > most_bytes:
            break
        chosen.append(row)
    return _take(transaction, chosen, until, owner), len(chosen) < len(rows)


def _due(connection: Connection, endpoints: Iterable[tuple[str, int]], at: datetime) -> list[Row[Any]]:
    now = to_microseconds(at)
    return [
        row
        for endpoint, most in endpoints
        for row in _DUE.execute(connection, {"endpoint": endpoint, "now": now, "most": most})
    ]


def lease_expired(transaction: Transaction, at: datetime, until: datetime, most: int = 100) -> list[Leased]:
    """Lease waiting deliveries whose message has expired, to be ended as dead letters."""
    expired = _ROWS.where(deliveries.c.state == _WAITING, deliveries.c.expires_us <= to_microseconds(at))
    rows = transaction.connection.execute(free(expired.limit(most))).all()
    return _take(transaction, rows, until, transaction.node)


def lease_lost(transaction: Transaction, at: datetime, until: datetime, *, own: bool = False) -> list[Leased]:
    """Lease anew what a node had leased and left without an outcome: lapsed, with `own` also all of this node's.

    For settling only: they come without their content, in the order in which they were to go. What a department has
    fetched is not a node's.
    """
    lapsed = deliveries.c.lease_until_us < to_microseconds(at)
    lost = or_(lapsed, deliveries.c.lease_node == transaction.node) if own else lapsed
    of_node = deliveries.c.lease_node != deliveries.c.recipient
    leased = _ROWS.where(deliveries.c.state == str(DeliveryState.LEASED), lost, of_node)
    rows = transaction.connection.execute(free(leased.order_by(deliveries.c.next_us, deliveries.c.id))).all()
    return _take(transaction, rows, until, transaction.node, full=False)


def free(query: Select[Any]) -> Select[Any]:
    """Only rows that no other transaction is at work on, locked for this one."""
    return query.with_for_update(skip_locked=True, of=deliveries)


def _take(
    transaction: Transaction, rows: Sequence[Row[Any]], until: datetime, holder: str, *, full: bool = True
) -> list[Leased]:
    if not rows:
        return []
    lease = {"new_state": str(DeliveryState.LEASED), "holder": holder, "until": to_microseconds(until)}
    _LEASE.execute_many(transaction.connection, [{**lease, "delivery": row.id} for row in rows])
    return _consign(transaction, rows if full else (), rows, until)


def _consign(
    transaction: Transaction, full: Sequence[Row[Any]], rows: Sequence[Row[Any]], until: datetime
) -> list[Leased]:
    """The rows as leased; only those in `full` with their content. One whose content is lost keeps no other back."""
    content = {row.message: row for row in full}
    found = {message: _read_all(transaction.connection, row) for message, row in content.items()}
    return [_leased(row, found.get(row.message, _NOTHING), until) for row in rows]


@dataclass(frozen=True, slots=True)
class _Content:
    """What a message consists of; `lost` is the digest of what of it is not there."""

    envelope: bytes = b""
    beside: tuple[tuple[str, bytes], ...] = ()
    uploaded: tuple[Reference, ...] = ()
    lost: str = ""


_NOTHING = _Content()


def _leased(row: Row[Any], content: _Content, until: datetime) -> Leased:
    try:
        role, lost = Role(row.role), content.lost
        first_at = from_microseconds(row.first_us)
        expires = from_microseconds(row.expires_us) if row.expires_us else None
    except (ValueError, OverflowError):  # a row that was damaged keeps no other back
        role, lost, first_at, expires = Role.MAIN, f"delivery {row.id}", from_microseconds(0), None
    return Leased(
        Consignment(
            delivery_id=row.id,
            recipient=row.recipient,
            role=role,
            sender=row.sender,
            message_id=row.message_id,
            type=row.type,
            digest=row.digest,
            envelope=content.envelope,
            stamp=row.stamp,
            attachments=content.beside,
            references=content.uploaded,
        ),
        endpoint=row.endpoint,
        until=until,
        attempts=row.attempts,
        first_at=first_at,
        expires=expires,
        ordered=row.conversation is not None,
        cause=row.cause or "",
        holder=row.lease_node or "",
        lost=lost,
        size=row.size + row.beside_size,
    )


def _read_all(connection: Connection, row: Row[Any]) -> _Content:
    try:
        envelope = read_content(connection, row.message, row.digest)
        if not row.beside:
            return _Content(envelope)
        return _Content(envelope, _read_attachments(connection, row.message), read_references(connection, row.message))
    except Misconfigured as error:
        return _Content(lost=error.got)


def read_content(connection: Connection, message: int, digest: str) -> bytes:
    """The document with this SHA-256 of the message with this row id, if it still has it.

    Errors: Misconfigured store.lost.
    """
    found = read_own(connection, message, digest)
    if found is None or sha256(found).hexdigest() != digest:
        raise Misconfigured("store.lost", got=digest)
    return found


def _read_attachments(connection: Connection, message: int) -> tuple[tuple[str, bytes], ...]:
    found = _ATTACHMENTS.execute(connection, {"message": message})
    return tuple((row.attachment, read_content(connection, message, row.digest)) for row in found)


def read_references(connection: Connection, message: int) -> tuple[Reference, ...]:
    """The attachments of a message that were uploaded, by manifest id."""
    found = _REFERENCES.execute(connection, {"message": message})
    return tuple(Reference(row.attachment, row.digest, row.size, row.upload) for row in found)


@dataclass(frozen=True, slots=True)
class Found:
    """A delivery as its recipient may know it."""

    message_id: str
    sender: str
    type: str
    digest: str
    role: Role
    endpoint: str
    done: bool


def find(connection: Connection, delivery_id: int, recipient: str) -> Found | None:
    """The recipient's own delivery with this id, unless it is still held back from it."""
    row = connection.execute(
        _ROWS.where(
            deliveries.c.id == delivery_id,
            deliveries.c.recipient == recipient,
            deliveries.c.state != str(DeliveryState.HELD),
        )
    ).first()
    if row is None:
        return None
    done = row.state == str(DeliveryState.DELIVERED)
    return Found(row.message_id, row.sender, row.type, row.digest, Role(row.role), row.endpoint, done)


def reclaim(transaction: Transaction, at: datetime, *, own: bool = False) -> int:
    """Put deliveries whose lease ran out back in their queues; with `own`, also all of this node's. Returns how many.

    A starting node calls it with `own`: what it held when it died is waiting again at once.
    """
    lapsed = deliveries.c.lease_until_us < to_microseconds(at)
    if own:
        lapsed = or_(lapsed, deliveries.c.lease_node == transaction.node)
    # What another transaction holds is being settled or taken back there; waiting for it could go in a circle.
    found = free(select(deliveries.c.id).where(deliveries.c.state == str(DeliveryState.LEASED), lapsed))
    result = transaction.connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(found))
        .values(state=str(DeliveryState.WAITING), lease_node=None, lease_until_us=None)
    )
    return int(result.rowcount)


def release(transaction: Transaction, delivery_ids: Sequence[int]) -> None:
    """Give leases of this node back untried."""
    transaction.connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id.in_(delivery_ids),
            deliveries.c.state == str(DeliveryState.LEASED),
            deliveries.c.lease_node == transaction.node,
        )
        .values(state=_WAITING, lease_node=None, lease_until_us=None)
    )
