"""What still waits at endpoints, to be shown beside them and before one of them goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from commands.frame.command import Phrase, Session

if TYPE_CHECKING:
    from hub.store.queues import Queue


def queues_of(session: Session) -> dict[str, Queue]:
    """The queues by endpoint code, those with anything in them."""
    from commands.frame.opened import opened_store
    from hub.store.queues import read_queues

    with opened_store(session) as store, store.reading() as connection:
        return read_queues(connection)


def warn_of_waiting(session: Session, codes: Iterable[str]) -> None:
    """Say how many messages still wait at endpoints that are about to go."""
    queues = queues_of(session)
    waiting = sum(queues[code].waiting + queues[code].held for code in codes if code in queues)
    if waiting:
        session.note(Phrase(f"注意：还有 {waiting} 份报文尚未投递", f"mind: {waiting} messages are not delivered yet"))
