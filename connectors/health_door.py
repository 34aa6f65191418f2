"""`/healthz`, that this process is alive, and `/readyz`, whether calls may be sent to it and what is wrong if not.

Promises: `/readyz` answers 200 or 503 within `LONGEST` seconds even if the database hangs; it measures at most once in
`FRESH` seconds however often it is asked; nothing in it is for the operator only. How a thing is judged is
`hub.health.health`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub import __version__
from hub.health.health import Measured, as_page
from hub.health.measure import measure
from hub.hub import Hub

FRESH = 2.0
LONGEST = 5.0
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Told:
    """What the process knows of itself and nobody can measure; see `hub.health.health.Measured`."""

    draining: bool = False
    node_lost: bool = False
    closed: bool = False
    rules: str = ""
    stamp: str = ""
    tls: tuple[tuple[str, str], ...] = ()


class HealthDoor:
    """Answers for the hub that `current` gives; `told` is what the process knows of itself."""

    def __init__(self, current: Callable[[], Hub], folder: Path, told: Callable[[], Told]) -> None:
        self._current = current
        self._folder = folder
        self._told = told
        self._measuring: asyncio.Task[Measured] | None = None
        self._measured_at = 0.0

    @property
    def routes(self) -> list[BaseRoute]:
        """Where it is served."""
        return [Route("/healthz", self.alive, methods=["GET"]), Route("/readyz", self.ready, methods=["GET"])]

    async def alive(self, request: Request) -> Response:
        """Say that this process serves, for whom and with which ledger."""
        hub = self._current()
        known = {"ok": True, "hub": hub.id, "version": __version__, "ledger": hub.store.ledger_id}
        return JSONResponse(known, headers=_NO_STORE)

    async def ready(self, request: Request) -> Response:
        """Say whether calls may come, and name each part that is not as it should be."""
        page = as_page(await self.measured(), self._current().settings)
        return JSONResponse(page, status_code=200 if page["ready"] else 503, headers=_NO_STORE)

    async def measured(self) -> Measured:
        """How things are, with what the process knows of itself as it is now."""
        now = time.monotonic()
        if self._measuring is None or (self._measuring.done() and now - self._measured_at > FRESH):
            self._measured_at = now
            self._measuring = asyncio.create_task(self._measure())
        try:
            found = await asyncio.wait_for(asyncio.shield(self._measuring), LONGEST)
        except TimeoutError:
            found = self._hanging()
        return replace(found, **asdict(self._told()))

    async def _measure(self) -> Measured:
        return await asyncio.to_thread(measure, self._current(), self._folder)

    def _hanging(self) -> Measured:
        """What can be said while the database does not answer."""
        return measure(self._current(), self._folder, reading=False)
