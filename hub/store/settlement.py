"""How a delivery's lease ends: delivered, waiting again, or dead. Knows the row, not what led to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, null, update

from hub.ledger.ledger import to_microseconds
from hub.message import DeliveryState
from hub.store.prepared import Prepared
from hub.store.tables import deliveries
from hub.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a lease ends: delivered with its evidence, waiting until `next_at`, or dead with its cause."""

    state: DeliveryState
    at: datetime
    next_at: datetime | None = None
    cause: str = ""
    evidence: str = ""


_SETTLED: dict[Any, Any] = {
    deliveries.c.state: bindparam("new_state"),
    deliveries.c.attempts: deliveries.c.attempts + 1,
    deliveries.c.next_us: bindparam("next"),
    deliveries.c.done_us: bindparam("done"),
    deliveries.c.cause: bindparam("why"),
    deliveries.c.evidence: bindparam("proof"),
    deliveries.c.lease_node: null(),
    deliveries.c.lease_until_us: null(),
}
_SETTLE = Prepared(
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("delivery"),
        deliveries.c.state == str(DeliveryState.LEASED),
        deliveries.c.lease_node == bindparam("holder"),
    )
    .values(_SETTLED)
)
_CONCLUDE = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"), deliveries.c.state != str(DeliveryState.DELIVERED))
    .values(_SETTLED)
)


def settle(transaction: Transaction, delivery_id: int, settlement: Settlement) -> bool:
    """End this node's lease; False if it holds the lease no longer, and then nothing may be recorded."""
    row = {**_settled(delivery_id, settlement), "holder": transaction.node}
    return _SETTLE.execute(transaction.connection, row).touched == 1


def conclude(transaction: Transaction, delivery_id: int, settlement: Settlement) -> bool:
    """End a delivery whoever holds it, on its recipient's own signed word; False if it has been delivered meanwhile."""
    return _CONCLUDE.execute(transaction.connection, _settled(delivery_id, settlement)).touched == 1


def _settled(delivery_id: int, settlement: Settlement) -> dict[str, object]:
    done = settlement.state in (DeliveryState.DELIVERED, DeliveryState.DEAD)
    return {
        "delivery": delivery_id,
        "new_state": str(settlement.state),
        "next": to_microseconds(settlement.next_at or settlement.at),
        "done": to_microseconds(settlement.at) if done else None,
        "why": settlement.cause or None,
        "proof": settlement.evidence or None,
    }
