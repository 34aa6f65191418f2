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

from bench import processor, road
from bench.material import found_hub, message
from bench.receivers import receiving
from connectors.soap.sender import SoapSender
from hub.accept import accept
from hub.deliver import Delivered, Outcome
from hub.dispatch import Dispatcher
from hub.hub import Hub
from hub.message import DeliveryState
from hub.store.kept import KEPT
from hub.store.outbox import Leased
from hub.store.tables import deliveries, messages


@dataclass(frozen=True, slots=True)
class Fanout:
    """Wall and CPU seconds of the hub, CPU seconds of the receivers; how many envelopes were stored, and bytes.

    `sent` are the bodies of all calls, `stored` is by how much the database grew.
    """

    recipients: int
    wall: float
    cpu: float
    documents: int
    receivers_cpu: float
    stamp: int
    sent: int
    stored: int


def measure_fanout(recipients: int) -> Fanout:
    """Send one 8 KB document to a group of `recipients` departments that another process serves."""
    codes = [f"d{number}" for number in range(recipients)]
    with tempfile.TemporaryDirectory() as place, receiving(codes, Path(place)) as others:
        hub = found_hub(Path(place), others.addresses)
        try:
            raw = message(0, 8, ("group:all",), prefix="fan")
            before, empty = processor.of_processes([others.pid]), _size(hub)
            spent = road.timed(_send(hub, raw, recipients))
            receivers = processor.of_processes([others.pid]) - before
            stamp = _stamp(hub)
            [body] = road.delivery_bodies([raw], [""], stamp)
            return Fanout(
                _delivered(hub),
                spent.wall,
                spent.cpu,
                _envelopes(hub),
                receivers,
                len(stamp),
                len(body) * recipients,
                _size(hub) - empty,
            )
        finally:
            hub.close()


async def _send(hub: Hub, raw: bytes, recipients: int) -> None:
    """Deliver as a serving process does, to the last one."""
    sender = SoapSender()
    left = recipients

    def seen(leased: Leased, outcome: Outcome, seconds: float) -> None:
        nonlocal left
        left -= isinstance(outcome, Delivered)
        if not left:
            dispatcher.stop()

    dispatcher = Dispatcher(lambda: hub, sender, seen)
    receipt = await accept(hub, raw)
    dispatcher.wake(receipt.endpoints)
    await dispatcher.run()
    await sender.close()
    await asyncio.sleep(0)


def _stamp(hub: Hub) -> bytes:
    with hub.store.reading() as connection:
        return bytes(connection.scalar(select(messages.c.stamp)) or b"")


def _size(hub: Hub) -> int:
    """Bytes of the database, its log not counted."""
    with hub.store.reading() as connection:
        pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("page_count", "page_size"))
        return int(pages or 0) * int(size or 0)


def _delivered(hub: Hub) -> int:
    done = select(func.count()).where(deliveries.c.state == str(DeliveryState.DELIVERED))
    with hub.store.reading() as connection:
        return int(connection.scalar(done) or 0)


def _envelopes(hub: Hub) -> int:
    stored = select(func.count()).where(KEPT.c.digest.in_(select(messages.c.digest)))
    with hub.store.reading() as connection:
        return int(connection.scalar(stored) or 0)


def main() -> None:
    """Measure and report; all receivers are one process."""
    print(json.dumps(asdict(measure_fanout(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))))


if __name__ == "__main__":
    main()
