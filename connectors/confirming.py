"""What a served hub does so that its ledger is confirmed from outside: time-stamps, and the watch that closes its door.

Promises: settings that cannot work are met before anything is served. Witnesses come by themselves to `ledger_door`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connectors.timestamp_client import TimestampClient
from hub.hub import Hub
from hub.timestamping import Timestamping, open_timestamping
from hub.unconfirmed import Unconfirmed, open_unconfirmed


@dataclass(frozen=True, slots=True)
class Confirming:
    """`timestamping` is None if no authority is configured."""

    unconfirmed: Unconfirmed
    timestamping: Timestamping | None

    async def run(self, stop: asyncio.Event) -> None:
        """Do it until `stop`."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self.unconfirmed.run(stop))
            if self.timestamping is not None:
                together.create_task(self.timestamping.run(stop))


async def open_confirming(hub: Callable[[], Hub], folder: Path) -> Confirming:
    """For an installation, after a first look. Errors: Misconfigured settings.value, timestamp.anchors."""
    unconfirmed = open_unconfirmed(hub)
    await unconfirmed.look()
    url = hub().settings.ledger.timestamp_url
    return Confirming(unconfirmed, open_timestamping(hub, folder, TimestampClient(url)) if url else None)
