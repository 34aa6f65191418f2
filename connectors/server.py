"""Runs what is served: one hub in one process, or any application, until SIGTERM or SIGINT.

Promises for the hub: the port is taken before the hub is opened; doors, way out and sequencer share one loop; changes
of registry, routing and CRLs are seen within a second, and a broken change is logged and leaves the hub as it was; on
stop no new call is taken, what is under way ends, and what was leased goes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from connectors.confirming import open_confirming
from connectors.front_door import front_door
from connectors.http_server import address_of, bind, serve_on, stop_on_signals
from connectors.ledger_door import ledger_door
from connectors.serving_lock import serving_lock
from connectors.soap_sender import SoapSender
from hub.dispatch import Dispatcher
from hub.errors import HubError
from hub.hub import Hub, open_hub, read_settings, refresh
from hub.sequence import Sequencer, open_sequencer

REFRESH_SECONDS = 1.0
Ready = Callable[[str], None]

log = logging.getLogger("hub.serve")


@dataclass(slots=True)
class Current:
    """The hub of this moment; swapped between two messages when its rules change."""

    hub: Hub

    def __call__(self) -> Hub:
        """The hub to use now."""
        return self.hub


def run_hub(folder: Path, host: str = "", port: int | None = None, *, ready: Ready = lambda address: None) -> None:
    """Serve the installation in `folder` until a signal; `ready` is told the address once it listens.

    Errors: Misconfigured listen.*, and whatever part of the installation is not right.
    """
    _run(lambda stop: serve_hub(folder, stop, host, port, ready=ready))


def serve(app: ASGIApp, host: str, port: int, *, ready: Ready = lambda address: None) -> None:
    """Serve any application until a signal. Errors: Misconfigured listen.*"""
    with contextlib.closing(bind(host, port)) as bound:
        ready(address_of(bound))
        _run(lambda stop: serve_on(bound, app, stop))


async def serve_hub(
    folder: Path, stop: asyncio.Event, host: str = "", port: int | None = None, *, ready: Ready = lambda address: None
) -> None:
    """As `run_hub`, within a running event loop and until `stop` is set."""
    listen = read_settings(folder).listen
    at = (host or listen.host, listen.port if port is None else port)
    with contextlib.closing(bind(*at)) as bound, serving_lock(folder):
        hub = open_hub(folder)
        taken = replace(listen, host=host or listen.host, port=int(bound.getsockname()[1]))
        current = Current(replace(hub, settings=replace(hub.settings, listen=taken)))
        try:
            await _serve(current, folder, stop, bound, ready)
        finally:
            current.hub.close()


async def _serve(current: Current, folder: Path, stop: asyncio.Event, bound: socket.socket, ready: Ready) -> None:
    sequencer = open_sequencer(current, folder)
    confirming = await open_confirming(current, folder)
    sender = SoapSender()
    dispatcher = Dispatcher(current, sender)
    front = front_door(current, dispatcher.wake, confirming.unconfirmed.check)
    app = Starlette(routes=[*front.routes, *ledger_door(current)])
    # Beside the loop, or the first refusal would keep everybody waiting for the second that finding its words takes.
    threading.Thread(target=current.hub.rules.schemas.warm, name="hub-warm", daemon=True).start()
    try:
        async with (
            _dispatching(dispatcher, stop),
            _sequencing(sequencer, stop),
            _beside(confirming.run(stop)),
            _beside(_refresh_always(current, folder)),
        ):
            ready(address_of(bound))
            log.info("listening", extra={"fields": {"address": address_of(bound), "hub": current.hub.id}})
            await serve_on(bound, app, stop)
    finally:
        await sender.close()
    log.info("stopped")


@contextlib.asynccontextmanager
async def _dispatching(dispatcher: Dispatcher, stop: asyncio.Event) -> AsyncIterator[None]:
    """The way out, beside the block; should it fail, the whole server stops rather than accept without delivering."""
    running = asyncio.create_task(dispatcher.run())
    running.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        dispatcher.stop()
        await running


@contextlib.asynccontextmanager
async def _sequencing(sequencer: Sequencer, stop: asyncio.Event) -> AsyncIterator[None]:
    """The sequencer, beside the block; at the end it finishes its step, so that no transaction is cut off."""
    running = asyncio.create_task(sequencer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _refresh_always(current: Current, folder: Path) -> None:
    told = ""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            before, current.hub = current.hub, refresh(current.hub, folder)
        except (HubError, OSError) as error:
            if str(error) != told:
                told = str(error)
                log.error("refresh", extra={"fields": {"code": getattr(error, "code", ""), "operator": told}})
            continue
        if current.hub is not before:
            told = ""
            log.info("refreshed", extra={"fields": {"rules": current.hub.rules.version}})


def _run(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    async def until_signal() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await work(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())
