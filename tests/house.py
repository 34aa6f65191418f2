"""A data directory as `hub init` leaves it, served by real processes' parts in one test: on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from connectors.serving.server import serve_hub
from connectors.soap import writer as write
from connectors.soap.soap import EXCHANGE, SOAP_11
from hub.hub import read_settings
from hub.settings.file import override
from tests.town import CENTURIES, ROUTING, START, FakeConnector, authority, found_town

CODES = ("a", "b", "c", "d", "m", "s")
PATIENCE = 60.0
"""Seconds to wait for what must come; on a busy machine it comes late."""


def lay_out(folder: Path, *, url: str = "", settings: str = "") -> Path:
    """Found a town in `folder`, with the keys and files that serving needs; `settings`: more lines of `hub.yaml`."""
    found_town(folder, CODES, url).close()
    issued = authority().issue("hub", "hub", START, CENTURIES)
    (folder / "keys").mkdir()
    (folder / "keys" / "hub.key").write_bytes(issued.key_pem)
    (folder / "keys" / "hub.crt").write_bytes(issued.certificate_pem)
    (folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    database = f"database: {json.dumps(url)}\n" if url else ""
    (folder / "hub.yaml").write_text(f"hub: hub\nlisten: {{port: 0}}\n{database}{settings}", encoding="utf-8")
    return folder


@dataclass
class Served:
    """One process that serves, and how it is told to stop."""

    address: str
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and body of a GET, read as JSON if it is."""
        return await asyncio.to_thread(get, self.address + path)

    async def submit(self, raw: bytes) -> int:
        """The HTTP status of handing an envelope in."""
        body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Submit", [write.holder("document", raw)]))
        return await asyncio.to_thread(_post, f"{self.address}/exchange/v1", body)


@asynccontextmanager
async def served(folder: Path, *, drain: float = 0.0, **told: str) -> AsyncIterator[Served]:
    """Serve a data directory; `told`: node, roles, database."""
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    settings = override(read_settings(folder), **told)
    task = asyncio.create_task(serve_hub(folder, stop, settings=settings, drain=drain, ready=address.set_result))
    try:
        done, _ = await asyncio.wait((task, address), return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        yield Served(await address, stop, task)
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
    task.result()


async def until(said: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not said():
            await asyncio.sleep(0.005)


def turn_clock_of_loop(seconds: float) -> None:
    """Let whatever waits on the running loop for a time come to its end so much sooner."""
    loop = asyncio.get_running_loop()
    right = loop.time
    loop.time = lambda: right() + seconds  # type: ignore[method-assign]


def connector() -> FakeConnector:
    """What stands for the receiving systems."""
    from tests.town import Clock, signer_of

    return FakeConnector({code: signer_of(code)[0] for code in CODES}, Clock())


def get(url: str) -> tuple[int, Any]:
    """Status and body of a GET, read as JSON if it is."""
    try:
        with urlopen(url) as answer:
            status, body = answer.status, answer.read()
    except HTTPError as error:
        with error:
            status, body = error.code, error.read()
    return status, json.loads(body) if body.startswith(b"{") else body.decode()


def _post(url: str, body: bytes) -> int:
    try:
        with urlopen(Request(url, body, {"Content-Type": "text/xml"})) as answer:
            answer.read()
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
