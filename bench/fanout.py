"""One document to many reachable departments: from the call to the last signed acknowledgement on record.

Run: python -m bench.fanout [RECIPIENTS]
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import func, select

from bench import road
from bench.material import found_hub, message
from bench.receivers import receivers
from connectors.soap_sender import SoapSender
from hub.accept import accept
from hub.dispatch import Dispatcher
from hub.hub import Hub
from hub.message import DeliveryState
from hub.store.tables import deliveries, documents, messages


@dataclass(frozen=True, slots=True)
class Fanout:
    """Wall and CPU seconds of the hub, and how many envelopes were stored."""

    recipients: int
    wall: float
    cpu: float
    documents: int


def measure_fanout(recipients: int) -> Fanout:
    """Send one 8 KB document to a group of `recipients` departments that another process serves."""
    codes = [f"d{number}" for number in range(recipients)]
    with tempfile.TemporaryDirectory() as place, receivers(codes, Path(place)) as addresses:
        hub = found_hub(Path(place), addresses)
        try:
            spent = road.timed(_send(hub, message(0, 8, ("group:all",), prefix="fan")))
            return Fanout(_delivered(hub), spent.wall, spent.cpu, _envelopes(hub))
        finally:
            hub.close()


async def _send(hub: Hub, raw: bytes) -> None:
    sender = SoapSender()
    dispatcher = Dispatcher(lambda: hub, sender)
    receipt = await accept(hub, raw)
    dispatcher.wake(receipt.endpoints)
    await dispatcher.drain()
    await sender.close()
    await asyncio.sleep(0)


def _delivered(hub: Hub) -> int:
    done = select(func.count()).where(deliveries.c.state == str(DeliveryState.DELIVERED))
    with hub.store.reading() as connection:
        return int(connection.scalar(done) or 0)


def _envelopes(hub: Hub) -> int:
    stored = select(func.count()).where(documents.c.digest.in_(select(messages.c.digest)))
    with hub.store.reading() as connection:
        return int(connection.scalar(stored) or 0)


def main() -> None:
    """Measure and report; all receivers are one process."""
    print(json.dumps(asdict(measure_fanout(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))))


if __name__ == "__main__":
    main()
