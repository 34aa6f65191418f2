"""Opens the hub of a serving process and begins with it; waits for a database that is away just then, however long.

Promises: while it waits, `/healthz` answers, `/readyz` says 503 and names the database, whoever calls anything else is
told to come again later, and the log says once why. What waiting does not mend (a wrong password, another hub's
database, a newer layout) is an error at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from connectors.serving.http_server import serve_on
from hub import __version__
from hub.errors import Unavailable
from hub.health.health import Measured, as_page
from hub.hub import Hub, open_hub, utc_now
from hub.settings.settings import Settings
from hub.signing.signer import FileSigner
from hub.trust.certificate import read_certificate

AGAIN = 0.25
"""Seconds between two tries; one that nobody answers costs some milliseconds."""
Door = tuple[socket.socket, ssl.SSLContext | None]
T = TypeVar("T")

log = logging.getLogger("hub.serve")


async def begun(
    folder: Path, settings: Settings, stop: asyncio.Event, doors: Iterable[Door], begin: Callable[[Hub], Awaitable[T]]
) -> T | None:
    """What `begin` makes of the hub, as soon as its database is there; None if `stop` was set before.

    A database that is lost while it begins is waited for too, and the hub opened anew. `doors` stay open.
    Errors: Misconfigured of whatever part is not right.
    """
    waiting: WaitingRoom | None = None
    async with contextlib.AsyncExitStack() as beside:
        while not stop.is_set():
            try:
                made = await _begun(folder, settings, begin)
            except Unavailable as error:
                if waiting is None:
                    waiting = WaitingRoom(folder, settings, error)
                    for bound, tls in doors:
                        await beside.enter_async_context(_serving(bound.dup(), waiting.app, tls))
                waiting.tell(error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), AGAIN)
            else:
                if waiting is not None:
                    log.info("opened")
                return made
    return None


async def _begun(folder: Path, settings: Settings, begin: Callable[[Hub], Awaitable[T]]) -> T:
    hub = await _open(folder, settings)
    try:
        return await begin(hub)
    except BaseException:
        hub.close()
        raise


async def _open(folder: Path, settings: Settings) -> Hub:
    """Open it in a thread: a server that is silent would hold up everything else. Who is cancelled leaves none open."""
    opening = asyncio.ensure_future(asyncio.to_thread(open_hub, folder, settings=settings))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Future[Hub]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


@contextlib.asynccontextmanager
async def _serving(bound: socket.socket, app: Starlette, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(serve_on(bound, app, stop, drain=1, tls=tls))
    try:
        yield
    finally:
        stop.set()
        await running


class WaitingRoom:
    """What is answered while there is no hub yet, because of `error`."""

    def __init__(
        self, folder: Path, settings: Settings, error: Unavailable, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings = settings
        self._error = error
        self._clock = clock
        self._told = ""
        signer = FileSigner.load(folder / settings.key, folder / settings.certificate)
        self._certificate = read_certificate(signer.certificate)
        routes = [Route("/healthz", self._alive), Route("/readyz", self._ready), Mount("/", self._later)]
        self.app = Starlette(routes=routes)

    def tell(self, error: Unavailable) -> None:
        """Say why it still waits; in the log, once while the reason is the same."""
        self._error = error
        if error.code != self._told:
            self._told = error.code
            log.warning("waiting", extra={"fields": {"code": error.code, "operator": error.operator}})

    async def _alive(self, request: Request) -> Response:
        return JSONResponse({"ok": True, "hub": self._settings.hub, "version": __version__, "ledger": ""})

    async def _ready(self, request: Request) -> Response:
        measured = Measured(
            at=self._clock(),
            key_from=self._certificate.not_before,
            key_until=self._certificate.not_after,
            store=self._error.code,
        )
        return JSONResponse(as_page(measured, self._settings), status_code=503)

    async def _later(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Retry-After": str(self._error.retry_after)}
        await JSONResponse(self._error.facts(), status_code=503, headers=headers)(scope, receive, send)
