"""What an operator does to deliveries: release what is held, resend what ended. Every change is a ledger entry as well.

The order (who, why) is kept as a document, whose digest is the evidence of the entry. A resent copy gets its whole time
again; the count of its attempts goes on, as the ledger's does. Nothing is sent from here; a serving hub does that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select, update

from hub.directory import Directory
from hub.errors import Refused
from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.message import DeliveryState, Hop
from hub.store.purging import purged_of
from hub.store.tables import deliveries, messages
from hub.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Order:
    """Who orders a change, and why, in the operator's own words; `hub` is the hub's address."""

    hub: str
    by: str
    reason: str = ""

    def written(self, action: Hop, at: datetime) -> bytes:
        """The order as the document that is kept: JSON with sorted keys, UTF-8."""
        words = {"action": str(action), "at": at.isoformat(), "by": self.by, "reason": self.reason}
        return json.dumps(words, ensure_ascii=False, sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class Resent:
    """How many deliveries are under way again, and how many could not be: their message has expired, or was purged."""

    resent: int
    expired: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One delivery that was given up."""

    sender: str
    message_id: str
    recipient: str
    endpoint: str
    cause: str
    attempts: int
    ended: datetime
    expires: datetime | None


def list_dead(connection: Connection, of: str = "", most: int = 100) -> list[DeadLetter]:
    """Dead letters, oldest first; `of` is a cause or an endpoint."""
    query = _dead("", "").order_by(deliveries.c.id).limit(most)
    if of:
        query = query.where(or_(deliveries.c.cause == of, deliveries.c.endpoint == of))
    return [
        DeadLetter(
            sender=row.sender,
            message_id=row.message_id,
            recipient=row.recipient,
            endpoint=row.endpoint,
            cause=row.cause or "",
            attempts=row.attempts,
            ended=from_microseconds(row.done_us or 0),
            expires=from_microseconds(row.expires_us) if row.expires_us is not None else None,
        )
        for row in connection.execute(query)
    ]


def _rows() -> Select[Any]:
    columns = (messages.c.sender, messages.c.message_id, messages.c.digest)
    return select(deliveries, *columns).join(messages, messages.c.id == deliveries.c.message)


def release_held(
    transaction: Transaction, sender: str, message_id: str, order: Order, at: datetime, recipient: str = ""
) -> int:
    """Let a held message go, to all its recipients or to one; return how many copies were held.

    Errors: Refused delivery.state if none was.
    """
    query = _of_message(sender, message_id, recipient).where(deliveries.c.state == str(DeliveryState.HELD))
    rows = transaction.connection.execute(_locked(query)).all()
    if not rows:
        raise Refused("delivery.state", expected=DeliveryState.HELD, where=recipient or message_id)
    _start(transaction, rows, Hop.RELEASED, order, at)
    return len(rows)


def resend(
    transaction: Transaction,
    sender: str,
    message_id: str,
    recipient: str,
    directory: Directory,
    order: Order,
    at: datetime,
    *,
    again: bool = False,
) -> None:
    """Deliver to one recipient once more, after its delivery was given up; with `again` also after it succeeded.

    Errors: Refused delivery.recipient, delivery.state, delivery.expired, message.purged.
    """
    row = transaction.connection.execute(_locked(_of_message(sender, message_id, recipient))).first()
    if row is None:
        raise Refused("delivery.recipient", got=recipient, where=message_id)
    ended = [DeliveryState.DEAD, DeliveryState.DELIVERED] if again else [DeliveryState.DEAD]
    if row.state not in ended:
        raise Refused("delivery.state", expected=" | ".join(ended), got=row.state, where=recipient)
    if purged_of(transaction.connection, [row.message]):
        raise Refused("message.purged", where=message_id)
    if _expired(row, at):
        raise Refused("delivery.expired", where=recipient)
    _start(transaction, [row], Hop.RESENT, order, at, directory)


def resend_dead(
    transaction: Transaction,
    directory: Directory,
    order: Order,
    at: datetime,
    *,
    cause: str = "",
    endpoint: str = "",
    after: int = 0,
    most: int = 500,
) -> tuple[Resent, int]:
    """Resend up to `most` dead letters of a cause, an endpoint or both, oldest first, with an id above `after`.

    Returns the counts and the id to go on from; 0 when there are no more.
    """
    rows = transaction.connection.execute(
        _locked(_dead(cause, endpoint).where(deliveries.c.id > after).order_by(deliveries.c.id).limit(most))
    ).all()
    gone = purged_of(transaction.connection, {row.message for row in rows})
    alive = [row for row in rows if not _expired(row, at) and row.message not in gone]
    _start(transaction, alive, Hop.RESENT, order, at, directory)
    return Resent(len(alive), len(rows) - len(alive)), rows[-1].id if len(rows) == most else 0


def _locked(query: Select[Any]) -> Select[Any]:
    return query.with_for_update(of=deliveries)


def _dead(cause: str, endpoint: str) -> Select[Any]:
    query = _rows().where(deliveries.c.state == str(DeliveryState.DEAD))
    if cause:
        query = query.where(deliveries.c.cause == cause)
    return query.where(deliveries.c.endpoint == endpoint) if endpoint else query


def _of_message(sender: str, message_id: str, recipient: str) -> Select[Any]:
    query = _rows().where(messages.c.sender == sender, messages.c.message_id == message_id)
    return query.where(deliveries.c.recipient == recipient) if recipient else query


def _expired(row: Row[Any], at: datetime) -> bool:
    return row.expires_us is not None and row.expires_us <= to_microseconds(at)


def _start(
    transaction: Transaction,
    rows: Sequence[Row[Any]],
    hop: Hop,
    order: Order,
    at: datetime,
    directory: Directory | None = None,
) -> None:
    if not rows:
        return
    written = order.written(hop, at)
    evidence = hashlib.sha256(written).hexdigest()
    transaction.stage_document(evidence, written)
    for row in rows:
        transaction.append(
            hop,
            at,
            sender=row.sender,
            message_id=row.message_id,
            source=order.hub,
            target=row.recipient,
            document=row.digest,
            evidence=evidence,
        )
        _requeue(transaction, row, at, _endpoint(row, directory))


def _endpoint(row: Row[Any], directory: Directory | None) -> str:
    """Where it goes now: its endpoint may have been replaced since."""
    if directory is None or row.endpoint in directory.endpoints:
        return str(row.endpoint)
    found = directory.endpoint_for(row.recipient)
    return found.code if found is not None else str(row.endpoint)


def _requeue(transaction: Transaction, row: Row[Any], at: datetime, endpoint: str) -> None:
    now = to_microseconds(at)
    transaction.connection.execute(
        update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(
            state=str(DeliveryState.WAITING),
            endpoint=endpoint,
            first_us=now,
            next_us=now,
            lease_node=None,
            lease_until_us=None,
            done_us=None,
            evidence=None,
        )
    )
