"""The hub's own roads in this process: accept in groups, then deliver over real SOAP to another process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import uvloop

from connectors.soap import writer as write
from connectors.soap.sender import SoapSender, delivery_fields
from connectors.soap.soap import DELIVERY, SOAP_11
from hub.accept import accept, examine
from hub.dispatch import Dispatcher
from hub.hub import Hub
from hub.message import Consignment, Role

IN_FLIGHT = 32
RECEIVERS = 16


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU and wall seconds of a whole run."""

    cpu: float
    wall: float


def timed(work: object) -> Spent:
    """Run a coroutine or call a function, and say what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    if asyncio.iscoroutine(work):
        uvloop.run(work)
    elif callable(work):
        work()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


async def accept_all(hub: Hub, raws: list[bytes]) -> None:
    """Take every message, at most `IN_FLIGHT` at a time, as a busy front door would."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(raw: bytes) -> None:
        async with gate:
            await accept(hub, raw)

    await asyncio.gather(*(one(raw) for raw in raws))


def examine_all(hub: Hub, raws: list[bytes]) -> None:
    """Steps 1 to 5 only."""
    at = hub.clock()
    for raw in raws:
        examine(raw, hub.rules, at, {})


async def deliver_all(hub: Hub) -> None:
    """Deliver everything that waits."""
    sender = SoapSender()
    await Dispatcher(lambda: hub, sender).drain()
    await sender.close()


def delivery_bodies(raws: list[bytes], digests: list[str], stamp: bytes) -> list[bytes]:
    """The SOAP bodies that the floor posts, written beforehand."""
    bodies = []
    for number, (raw, digest) in enumerate(zip(raws, digests, strict=True)):
        one = Consignment(number, "d0", Role.MAIN, "sender", f"f-{number}", "official-document-1", digest, raw, stamp)
        content = write.wrapper(DELIVERY, "Deliver", delivery_fields(one, "xml"))
        bodies.append(write.message(SOAP_11, content))
    return bodies
