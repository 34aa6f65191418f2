"""What a served hub does so that its ledger is confirmed from outside: time-stamps, and the watch that closes its door.

Promises: settings that cannot work are met before anything is served. Of several processes one asks for time-stamps.
Witnesses come by themselves to `ledger_door`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from connectors.timestamp_client import TimestampClient
from hub.errors import Unavailable
from hub.hub import Hub
from hub.ledger.timestamping import Timestamping, open_timestamping
from hub.ledger.unconfirmed import Unconfirmed, open_unconfirmed

DUTY = "timestamp"


@dataclass(frozen=True, slots=True)
class Confirming:
    """`timestamping` is None if no authority is configured, or it is another process's work."""

    unconfirmed: Unconfirmed
    timestamping: Timestamping | None

    @property
    def closed(self) -> bool:
        """Whether the front door takes nothing because the ledger is unconfirmed for too long."""
        try:
            self.unconfirmed.check()
        except Unavailable:
            return True
        return False

    @property
    def pending(self) -> str:
        """What keeps a due time-stamp waiting, or nothing."""
        return self.timestamping.pending if self.timestamping is not None else ""

    async def run(self, stop: asyncio.Event) -> None:
        """Do it until `stop`."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self.unconfirmed.run(stop))
            if self.timestamping is not None:
                together.create_task(self.timestamping.run(stop))


async def open_confirming(hub: Callable[[], Hub], folder: Path, alone: Callable[[str], Awaitable[bool]]) -> Confirming:
    """For an installation, after a first look; `alone` says whether a duty is this process's.

    Errors: Misconfigured settings.value, timestamp.anchors.
    """
    unconfirmed = open_unconfirmed(hub)
    await unconfirmed.look()
    settings = hub().settings
    url = settings.ledger.timestamp_url
    if not url or not settings.plays("supervise"):
        return Confirming(unconfirmed, None)
    return Confirming(unconfirmed, open_timestamping(hub, folder, TimestampClient(url), partial(alone, DUTY)))
