"""Runs an ASGI application on a TCP port until it is told to stop.

Promises: the port is taken before anything else happens, or it says so; a caller who sends headers too slowly is cut
off; SIGTERM and SIGINT finish what is under way. With TLS the application finds the caller's certificate in its scope,
and when the files of TLS change, connections from before end after the answer under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connectors.changing_context import ChangingContext
from connectors.client_certificate import CLIENT_CERTIFICATE, shown_on
from hub.errors import Misconfigured

HANG_UP = "hub.hang-up"
"""The ASGI extension by which an application may cut its connection; pretend departments use it."""

HEADER_SECONDS = 15.0
"""How long a connection may take from its opening, from an answer or from the first byte of a request, to the end of
the headers that come next."""
DRAIN_SECONDS = 20
MOST_PORT = 65535
_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to an address; port 0 takes any free one. Errors: Misconfigured listen.*"""
    if not 0 <= port <= MOST_PORT:  # getaddrinfo would take it modulo 65536
        raise Misconfigured("listen.address", expected=f"0..{MOST_PORT}", got=str(port))
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, number)
    except (OSError, ValueError) as error:
        raise Misconfigured("listen.address", got=f"{host}:{port}", operator=str(error)) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Without listening here a second process could bind the same port before the server starts.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        code = "listen.port-in-use" if error.errno == errno.EADDRINUSE else "listen.address"
        raise Misconfigured(code, got=f"{host}:{port}", operator=str(error)) from None
    return bound


def address_of(bound: socket.socket, scheme: str = "http") -> str:
    """The address of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def serve_on(
    bound: socket.socket,
    app: ASGIApp,
    stop: asyncio.Event,
    *,
    drain: int = DRAIN_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until `stop` is set, then let calls under way finish for at most `drain` seconds; without `tls` plainly."""
    server = _QuietServer(_config(app, drain, tls))
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    stopping = asyncio.create_task(stop.wait())
    ending = partial(asyncio.get_running_loop().call_soon_threadsafe, server.end_connections)
    try:
        with tls.telling(ending) if isinstance(tls, ChangingContext) else contextlib.nullcontext():
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await serving


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


class _QuietServer(uvicorn.Server):
    """Leaves signals to `stop_on_signals`: uvicorn would raise them again and end the process before it has drained."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end_connections(self) -> None:
        """End those that are open: idle ones now, others after the answer under way."""
        for connection in tuple(self.server_state.connections):
            connection.shutdown()


def _config(app: ASGIApp, drain: int, tls: ssl.SSLContext | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_ImpatientProtocol,
        ws="none",
        lifespan="auto",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=drain,
        backlog=_BACKLOG,
        ssl_context_factory=(lambda config, default: tls) if tls is not None else None,
    )


class _ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP with a time limit on headers, and with extensions: hanging up, and the caller's certificate."""

    _deadline: asyncio.TimerHandle | None = None
    _certificate = b""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._certificate = shown_on(transport)
        self._start()
        context, secured = (transport.get_extra_info(name) for name in ("sslcontext", "ssl_object"))
        if isinstance(context, ChangingContext) and context.is_outdated(secured):
            transport.abort()  # the files changed between its first byte and now

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._start()
        super().on_message_begin()
        shown: dict[object, object] = {"der": self._certificate}
        self.scope["extensions"] = {HANG_UP: {"abort": self.transport.abort}, CLIENT_CERTIFICATE: shown}

    def on_headers_complete(self) -> None:
        self._end()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        # uvicorn's own limit is for silence, and any byte ends it: one of a body that was not read.
        if not self.pipeline:
            self._start()
        super().on_response_complete()

    def _start(self) -> None:
        self._end()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
