"""What every scene is given, and how its people call the hub and the receivers: real SOAP and HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import aiohttp

from connectors.exchange_client import ExchangeClient, Fetched
from connectors.front_door import PATH
from demo.people import City
from demo.processes import Children
from demo.screen import Screen

T = TypeVar("T")
PATIENCE = 60.0
_STEP = 0.1
_BATCH = 30


@dataclass(frozen=True, slots=True)
class Handed:
    """One message as a receiving system has it; `attachments` by id with their SHA-256, `times` it was delivered."""

    digest: str
    attachments: tuple[tuple[str, str], ...]
    times: int


@dataclass(frozen=True, slots=True)
class Stage:
    """The city, its processes, the screen and the clock."""

    city: City
    children: Children
    screen: Screen
    clock: Callable[[], datetime]

    def office(self, code: str) -> ExchangeClient:
        """A department's own client of the hub, with its own key; to be closed."""
        return ExchangeClient(self.city.hub_url + PATH, self.city.signer(code), code)


async def until(look: Callable[[], Awaitable[T]], enough: Callable[[T], bool], patience: float = PATIENCE) -> T:
    """Look again and again until it is enough or patience ends; return what was seen last."""
    end = time.monotonic() + patience
    while not enough(seen := await look()) and time.monotonic() < end:
        await asyncio.sleep(_STEP)
    return seen


async def collect(client: ExchangeClient, number: int, patience: float = PATIENCE) -> list[Fetched]:
    """Fetch and confirm until `number` messages are there or patience ends; those that came, in their order."""
    found: list[Fetched] = []
    end = time.monotonic() + patience
    while len(found) < number and time.monotonic() < end:
        if batch := await client.fetch(max=_BATCH):
            await client.confirm(batch)
            found += batch
        else:
            await asyncio.sleep(_STEP)
    return found


async def handed_over(port: int, codes: Iterable[str], message_id: str) -> dict[str, list[Handed]]:
    """What receiving systems themselves say that they were handed of a message, by department."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        found = {}
        for code in codes:
            async with session.get(f"http://127.0.0.1:{port}/dept/{code}/received") as answer:
                messages = (await answer.json())["messages"]
            found[code] = [_handed(one) for one in messages if one["messageId"] == message_id]
        return found


def _handed(message: Mapping[str, Any]) -> Handed:
    return Handed(message["digest"], tuple(message["attachments"].items()), message["times"])
