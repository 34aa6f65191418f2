"""When what waits goes: set anew after a clock was put back, or for a turn of its own.

Promises: nothing that is leased or has ended is touched, and what another transaction is at work on is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import bindparam, select, update

from hub.ledger.ledger import to_microseconds
from hub.message import DeliveryState
from hub.store.outbox import free
from hub.store.prepared import Prepared
from hub.store.tables import deliveries
from hub.store.transaction import Transaction

_WAITING = str(DeliveryState.WAITING)
_PUT_OFF = Prepared(
    update(deliveries).where(deliveries.c.id == bindparam("delivery")).values(next_us=bindparam("then"))
)


def hurry(transaction: Transaction, at: datetime, latest: datetime) -> None:
    """Make due what waits for a moment after `latest`: its time was set by a clock that has been put back since."""
    beyond = deliveries.c.next_us > to_microseconds(latest)
    found = free(select(deliveries.c.id).where(deliveries.c.state == _WAITING, beyond))
    transaction.connection.execute(
        update(deliveries).where(deliveries.c.id.in_(found)).values(next_us=to_microseconds(at))
    )


def waiting_for(transaction: Transaction, causes: Collection[str]) -> list[tuple[int, str, str]]:
    """What waits after these causes, by id, endpoint and cause, in the order in which it would go; locked for
    `put_off`."""
    waiting = deliveries.c.state == _WAITING, deliveries.c.cause.in_(causes)
    query = select(deliveries.c.id, deliveries.c.endpoint, deliveries.c.cause).where(*waiting)
    found = transaction.connection.execute(free(query.order_by(deliveries.c.next_us, deliveries.c.id)))
    return [(row.id, row.endpoint, row.cause) for row in found]


def put_off(transaction: Transaction, turns: Mapping[int, datetime]) -> None:
    """Let deliveries go at these times, by id."""
    if turns:
        rows = [{"delivery": delivery, "then": to_microseconds(at)} for delivery, at in turns.items()]
        _PUT_OFF.execute_many(transaction.connection, rows)
