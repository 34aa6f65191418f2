"""Has the latest checkpoint time-stamped (RFC 3161) by an outside authority, every `ledger.timestamp_interval`.

Promises: what is kept was verified against the configured roots, over the note as the hub signed it; an authority that
does not answer leaves the time-stamp pending, said once, asked for again, and disturbs nothing else. A quiet ledger is
not stamped again. What a long outage means for the front door is `hub.ledger.unconfirmed`'s to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from cryptography.x509 import Certificate

from hub.errors import HubError, Misconfigured
from hub.hub import Hub
from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.ledger.timestamp import Token, ask_for, check, read_anchors
from hub.store.timestamps import Unstamped, keep_timestamp, read_unstamped

RETRY = 30.0
"""Seconds between two looks whether a time-stamp is due, at most."""

Alone = Callable[[], Awaitable[bool]]
"""Whether of all processes of this hub it is this one that asks."""
Authority = Callable[[bytes], Awaitable[bytes]]
"""A request (DER) -> the response. Errors: Unavailable timestamp.unreachable, Undelivered timestamp.answer."""

log = logging.getLogger("hub.timestamp")


class Timestamping:
    """Asks one authority for one ledger."""

    def __init__(
        self, hub: Callable[[], Hub], authority: Authority, anchors: Sequence[Certificate], alone: Alone | None = None
    ) -> None:
        self._hub = hub
        self._alone = alone
        self._authority = authority
        self._anchors = anchors
        self._pending = ""

    @property
    def pending(self) -> str:
        """The code of what keeps a due time-stamp waiting, or nothing."""
        return self._pending

    async def run(self, stop: asyncio.Event) -> None:
        """Have what is due time-stamped until `stop`."""
        while not stop.is_set():
            try:
                if self._alone is None or await self._alone():
                    await self.step()
                else:
                    self._pending = ""
            except HubError as error:
                self._wait(error.code, error.operator or error.sentence())
            except Exception as error:
                if self._pending != repr(error):
                    log.exception("timestamp")
                self._pending = repr(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(RETRY, self._hub().settings.ledger.timestamp_interval))

    async def step(self) -> Token | None:
        """Have the latest checkpoint time-stamped, if that is due; None if not.

        Errors: Unavailable timestamp.unreachable, store.*; Undelivered timestamp.*
        """
        hub = self._hub()
        found = await asyncio.to_thread(_look, hub)
        if found is None:
            self._pending = ""  # what kept this look from being made is over
            return None
        question = ask_for(found.note)
        response = await self._authority(question.request)
        token = check(response, found.note, self._anchors, question.nonce)
        stated = to_microseconds(token.at)
        await hub.writer.run(lambda transaction: keep_timestamp(transaction, found.size, response, stated))
        log.info("stamped", extra={"fields": {"size": found.size, "at": token.at.isoformat()}})
        self._pending = ""
        return token

    def _wait(self, code: str, operator: str) -> None:
        if code != self._pending:
            log.warning("pending", extra={"fields": {"code": code, "operator": operator}})
        self._pending = code


def open_timestamping(
    hub: Callable[[], Hub], folder: Path, authority: Authority, alone: Alone | None = None
) -> Timestamping:
    """With the roots that the settings name. Errors: Misconfigured settings.value, timestamp.anchors."""
    settings = hub().settings.ledger
    if not settings.timestamp_anchors:
        raise Misconfigured("settings.value", where="ledger.timestamp_anchors", expected="PEM")
    if settings.timestamp_interval <= 0:
        got = f"{settings.timestamp_interval:g}"
        raise Misconfigured("settings.value", where="ledger.timestamp_interval", expected="> 0", got=got)
    return Timestamping(hub, authority, read_anchors(folder / settings.timestamp_anchors), alone)


def _look(hub: Hub) -> Unstamped | None:
    """The latest checkpoint, if the last stamped one was signed an interval ago."""
    with hub.store.reading() as connection:
        found = read_unstamped(connection)
    if found is None:
        return None
    due = from_microseconds(found.last_us) + timedelta(seconds=hub.settings.ledger.timestamp_interval)
    return found if hub.clock() >= due else None
