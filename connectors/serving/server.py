"""Runs what is served: one process of a hub, or any application, until SIGTERM or SIGINT.

Promises for the hub: its ports and its node name are taken before it is opened, or it says so; a database that is away
then is waited for; the first signal stops it in order, a second one at once, which costs no more than a crash does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop
from starlette.types import ASGIApp

from connectors.serving.http_server import address_of, bind, serve_on
from connectors.serving.opening import begun
from connectors.serving.process import Begun, Current, Process, Ready
from connectors.serving.serving_lock import node_lock
from connectors.tls import TlsEdges, context_of
from hub.hub import Hub, database_file, read_settings
from hub.settings.settings import Measuring, Settings

log = logging.getLogger("hub.serve")


def run_hub(
    folder: Path,
    host: str = "",
    port: int | None = None,
    *,
    settings: Settings | None = None,
    drain: float = 0.0,
    ready: Ready = lambda address: None,
) -> None:
    """Serve the installation in `folder` until a signal; `ready` is told the address once it listens.

    `settings`: others than those in its `hub.yaml`. `drain`: seconds between the signal and the end of taking calls.
    Errors: Misconfigured listen.*, node.taken, and whatever part of the installation is not right.
    """
    _run(lambda stop: serve_hub(folder, stop, host, port, settings=settings, drain=drain, ready=ready))


def serve(app: ASGIApp, host: str, port: int, *, ready: Ready = lambda address: None) -> None:
    """Serve any application until a signal. Errors: Misconfigured listen.*"""
    with contextlib.closing(bind(host, port)) as bound:
        ready(address_of(bound))
        _run(lambda stop: serve_on(bound, app, stop))


async def serve_hub(
    folder: Path,
    stop: asyncio.Event,
    host: str = "",
    port: int | None = None,
    *,
    settings: Settings | None = None,
    drain: float = 0.0,
    ready: Ready = lambda address: None,
) -> None:
    """As `run_hub`, within a running event loop and until `stop` is set."""
    settings = settings or read_settings(folder)
    host, port = host or settings.listen.host, settings.listen.port if port is None else port
    tls = TlsEdges(folder, settings)
    with contextlib.ExitStack() as held:
        bound = held.enter_context(contextlib.closing(bind(host, port)))
        watched = _bind_metrics(held, settings.metrics)
        held.enter_context(node_lock(folder, settings.node, database_file(folder, settings)))
        taken = replace(settings.listen, host=host, port=int(bound.getsockname()[1]))
        doors = [(bound, context_of(tls.incoming)), *([(watched, None)] if watched else [])]

        async def begin(hub: Hub) -> tuple[Process, Begun]:
            process = Process(Current(hub), folder, tls)
            return process, await process.begin()

        made = await begun(folder, replace(settings, listen=taken), stop, doors, begin)
        if made is None:
            return
        process, parts = made
        try:
            await process.serve(parts, bound, watched, stop, drain, ready)
        finally:
            parts.hub.close()


def _bind_metrics(held: contextlib.ExitStack, where: Measuring) -> socket.socket | None:
    return held.enter_context(contextlib.closing(bind(where.host, where.port))) if where.port else None


def _run(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _asked, stop, number)
        await work(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


def _asked(stop: asyncio.Event, number: int) -> None:
    """Stop in order; asked again, end this moment: whatever is not committed was not acknowledged either."""
    if stop.is_set():
        log.warning("ended", extra={"fields": {"signal": number}})
        os._exit(128 + number)
    stop.set()
