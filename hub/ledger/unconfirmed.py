"""Knows for how long the ledger has gone without confirmation from outside, and stops the front door if told to.

Promises: with `ledger.max_unwitnessed` at 0 it stops nothing. Otherwise new calls are answered `ledger.unwitnessed`
while the oldest checkpoint that neither a witness has cosigned nor an authority time-stamped, or an entry that is in no
checkpoint, is older than that. If it cannot look, what it saw last goes on ageing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from hub.errors import Misconfigured, Unavailable
from hub.hub import Hub
from hub.ledger.ledger import from_microseconds
from hub.store.timestamps import read_unconfirmed_since
from hub.store.tree import read_queues
from hub.trouble import Trouble

LOOK_SECONDS = 1.0

log = logging.getLogger("hub.unconfirmed")


class Unconfirmed:
    """Looks at the ledger of the hub that `hub` gives."""

    def __init__(self, hub: Callable[[], Hub]) -> None:
        self._hub = hub
        self._since: datetime | None = None
        self._closed = False

    def check(self) -> None:
        """Let a call pass, or not. Errors: Unavailable ledger.unwitnessed."""
        if self._too_old():
            raise Unavailable("ledger.unwitnessed")

    async def look(self) -> None:
        """Look how far the ledger is confirmed. Errors: Unavailable store.*"""
        if not self._hub().settings.ledger.max_unwitnessed:
            return
        try:
            since = await asyncio.to_thread(_since, self._hub())
            self._since = from_microseconds(since) if since is not None else None
        finally:
            self._say()

    async def run(self, stop: asyncio.Event) -> None:
        """Look every second until `stop`; a look that fails is logged once while it lasts."""
        trouble = Trouble(log, "look", logging.WARNING)
        while not stop.is_set():
            with trouble.told_once():
                await self.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    def _too_old(self) -> bool:
        most = self._hub().settings.ledger.max_unwitnessed
        return most > 0 and self._since is not None and self._hub().clock() - self._since > timedelta(seconds=most)

    def _say(self) -> None:
        closed = self._too_old()
        if closed != self._closed:
            fields = {"code": "ledger.unwitnessed" if closed else "", "since": self._since or ""}
            log.log(logging.ERROR if closed else logging.INFO, "closed" if closed else "open", extra={"fields": fields})
        self._closed = closed


def open_unconfirmed(hub: Callable[[], Hub]) -> Unconfirmed:
    """For an installation. Errors: Misconfigured settings.value if nobody could confirm in time."""
    settings = hub().settings.ledger
    if settings.max_unwitnessed > 0 and not (settings.witnesses or settings.timestamp_url):
        expected = "ledger.witnesses, ledger.timestamp_url"
        raise Misconfigured("settings.value", where="ledger.max_unwitnessed", expected=expected)
    if 0 < settings.max_unwitnessed <= settings.timestamp_interval and not settings.witnesses:
        expected = f"> ledger.timestamp_interval ({settings.timestamp_interval:g})"
        raise Misconfigured("settings.value", where="ledger.max_unwitnessed", expected=expected)
    return Unconfirmed(hub)


def _since(hub: Hub) -> int | None:
    """Since when something waits for confirmation: a checkpoint, or an entry that is in none."""
    with hub.store.reading() as connection:
        waiting = [queue.entries[0].time_us for queue in read_queues(connection, 1)]
        checkpoint = read_unconfirmed_since(connection)
    return min([*waiting, *([] if checkpoint is None else [checkpoint])], default=None)
