"""How far the ledger's tree is behind its entries, and who outside has confirmed it last: a witness, an authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from hub.ledger.ledger import from_microseconds
from hub.store.tables import checkpoints, cosignatures, timestamps
from hub.store.tree import read_queues


@dataclass(frozen=True, slots=True)
class Standing:
    """Moments, None where there is none; `begun`: whether there is a checkpoint.

    `waiting`: the oldest entry without a place in the tree; `witnessed`, `stamped`: the last cosignature and the last
    time-stamp of the largest checkpoint that has one, by their own word; `unstamped`, `unwitnessed`: when the oldest
    checkpoint was signed that none confirms.
    """

    waiting: datetime | None = None
    witnessed: datetime | None = None
    stamped: datetime | None = None
    unstamped: datetime | None = None
    unwitnessed: datetime | None = None
    begun: bool = False

    def lag(self, at: datetime) -> float:
        """For how many seconds an entry has waited for its place."""
        return age(self.waiting, at)

    def stamp_pending(self, at: datetime, interval: float) -> bool:
        """Whether a time-stamp has failed to come: a second one would be due already."""
        return age(self.unstamped, at) > 2 * interval


def read_standing(connection: Connection) -> Standing:
    """How it stands now."""
    waiting = (queue.entries[0].time_us for queue in read_queues(connection, 1))
    return Standing(
        waiting=_moment(min(waiting, default=None)),
        witnessed=_moment(_last(connection, cosignatures)),
        stamped=_moment(_last(connection, timestamps)),
        unstamped=_first_beyond(connection, timestamps),
        unwitnessed=_first_beyond(connection, cosignatures),
        begun=connection.scalar(select(checkpoints.c.size).limit(1)) is not None,
    )


def _last(connection: Connection, confirming: Table) -> int | None:
    """The last moment at which the largest confirmed checkpoint was confirmed there."""
    largest = select(func.max(confirming.c.size)).scalar_subquery()
    found: int | None = connection.scalar(select(func.max(confirming.c.at_us)).where(confirming.c.size == largest))
    return found


def _first_beyond(connection: Connection, confirming: Table) -> datetime | None:
    """When the smallest checkpoint was signed that is larger than all that are confirmed there."""
    confirmed = connection.scalar(select(func.max(confirming.c.size))) or 0
    later = select(checkpoints.c.signed_us).where(checkpoints.c.size > confirmed)
    return _moment(connection.scalar(later.order_by(checkpoints.c.size).limit(1)))


def age(since: datetime | None, at: datetime) -> float:
    """Seconds since a moment, 0 if there is none or it is to come."""
    return 0.0 if since is None else max(0.0, (at - since).total_seconds())


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_microseconds(time_us)
