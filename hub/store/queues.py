"""Which endpoints have deliveries in their queues: how many, for how long, and where something is due. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CTE, Connection, exists, func, select

from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.message import DeliveryState
from hub.store.tables import deliveries

_WAITING = str(DeliveryState.WAITING)
_OPEN = (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.HELD, DeliveryState.DEAD)


@dataclass(frozen=True, slots=True)
class Queue:
    """The deliveries of one endpoint that are not done; `waiting` counts the leased ones too."""

    waiting: int = 0
    held: int = 0
    dead: int = 0
    oldest: datetime | None = None


def read_queues(connection: Connection) -> dict[str, Queue]:
    """Queues by endpoint code, those with anything in them; `oldest` is the first one still waiting."""
    found: dict[str, dict[DeliveryState, tuple[int, int]]] = {}
    rows = connection.execute(
        select(deliveries.c.endpoint, deliveries.c.state, func.count(), func.min(deliveries.c.first_us))
        .where(deliveries.c.state.in_([str(state) for state in _OPEN]))
        .group_by(deliveries.c.endpoint, deliveries.c.state)
    )
    for endpoint, state, count, first in rows:
        found.setdefault(endpoint, {})[DeliveryState(state)] = (count, first)
    return {endpoint: _queue(by_state) for endpoint, by_state in found.items()}


def read_oldest(connection: Connection) -> datetime | None:
    """When the first of all deliveries was put into its queue that still waits or is being sent; None if none is."""
    waiting = [str(DeliveryState.WAITING), str(DeliveryState.LEASED)]
    first = connection.scalar(select(func.min(deliveries.c.first_us)).where(deliveries.c.state.in_(waiting)))
    return None if first is None else from_microseconds(first)


def _queue(by_state: dict[DeliveryState, tuple[int, int]]) -> Queue:
    waiting = [by_state[s] for s in (DeliveryState.WAITING, DeliveryState.LEASED) if s in by_state]
    return Queue(
        waiting=sum(count for count, _ in waiting),
        held=by_state.get(DeliveryState.HELD, (0, 0))[0],
        dead=by_state.get(DeliveryState.DEAD, (0, 0))[0],
        oldest=from_microseconds(min(first for _, first in waiting)) if waiting else None,
    )


def endpoints_due(connection: Connection, at: datetime) -> list[str]:
    """Every endpoint that has a waiting delivery which is due, found by skipping from one endpoint to the next.

    One index seek per endpoint with waiting rows, however many rows wait.
    """
    due = exists().where(
        deliveries.c.state == _WAITING,
        deliveries.c.endpoint == _skip.c.endpoint,
        deliveries.c.next_us <= to_microseconds(at),
    )
    return list(connection.scalars(select(_skip.c.endpoint).where(_skip.c.endpoint.is_not(None), due)))


def _skipping() -> CTE:
    waiting = deliveries.c.state == _WAITING
    first = select(func.min(deliveries.c.endpoint).label("endpoint")).where(waiting)
    skip = first.cte("skip", recursive=True)
    following = (
        select(func.min(deliveries.c.endpoint))
        .where(waiting, deliveries.c.endpoint > skip.c.endpoint)
        .scalar_subquery()
    )
    return skip.union_all(select(following).where(skip.c.endpoint.is_not(None)))


_skip = _skipping()
