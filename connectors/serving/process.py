"""One serving process: the parts that its roles ask for, on one loop, from their start to their orderly end.

Promises: changes of registry, routing and CRLs are seen within a second, and a broken change is told on `/readyz` and
leaves the hub as it was; files of TLS are seen so too, but broken authorities leave nobody believed. Asked to stop, it
says so on `/readyz` first and, after `drain` seconds, takes no new call; what is under way ends, what was leased goes
back, and its node name last of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from connectors.attachments.door import AttachmentDoor
from connectors.front_door import front_door
from connectors.health_door import HealthDoor, Told
from connectors.inquiry import inquiry
from connectors.ledger_door import ledger_door
from connectors.serving.beside import beside, ending_by, to_its_end
from connectors.serving.confirming import Confirming, open_confirming
from connectors.serving.http_server import address_of, serve_on
from connectors.serving.load import Load
from connectors.serving.metrics import Meters, MetricsDoor
from connectors.serving.on_record import OnRecord
from connectors.serving.tracing import open_tracing
from connectors.soap.door import Outcome as Called
from connectors.soap.sender import SoapSender
from connectors.tls import TlsEdges, context_of
from hub import supervise
from hub.catalogue import CATALOGUE
from hub.connector import Connector
from hub.deliver import Outcome
from hub.dispatch import Dispatcher
from hub.errors import HubError, Unavailable
from hub.hub import Hub, refresh
from hub.ledger.sequence import Sequencer, open_sequencer
from hub.store.notify import Heard
from hub.store.outbox import Leased
from hub.store.presence import Presence, open_presence
from hub.store.roles import check_rights
from hub.trouble import Trouble

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


@dataclass(frozen=True, slots=True)
class Begun:
    """What needs the database to be there, had before anything is served. `parts` end with the process, `hub` after."""

    hub: Hub
    parts: contextlib.AsyncExitStack
    confirming: Confirming
    sequencer: Sequencer | None


class Process:
    """The parts of one process that serves `current`: first `begin`, then `serve`."""

    def __init__(self, current: Current, folder: Path, tls: TlsEdges) -> None:
        self._current = current
        self._folder = folder
        self._stop = asyncio.Event()
        self._draining = False
        self._wrong_rules = ""
        self._changed = asyncio.Event()
        self._load = Load()
        self._meters = Meters()
        current.hub.writer.seen = self._meters.committed
        self._tracing = open_tracing(current.hub.settings)
        self._tls = tls
        self._sender: Connector = SoapSender(context_of(tls.outgoing))
        traced = self._tracing.around(self._sender) if self._tracing is not None else self._sender
        self._dispatcher = Dispatcher(current, traced, self._attempted)
        self._presence: Presence | None = None

    async def begin(self) -> Begun:
        """Take the node's name and look what is to be served. What fails leaves nothing open, and ends this process.

        Errors: Misconfigured node.taken, settings.value, tree.key and whatever part is not right; Unavailable store.*
        """
        hub = self._current.hub
        async with contextlib.AsyncExitStack() as parts:
            if self._tracing is not None:
                parts.push_async_callback(asyncio.to_thread, self._tracing.close)
            parts.push_async_callback(self._sender.close)
            self._presence = await open_presence(hub.store, self._hear)
            if self._presence is not None:
                await parts.enter_async_context(ending_by(self._presence.close, self._presence.run(), self._stop))
            await to_its_end(partial(_check_rights, hub))
            confirming = await open_confirming(self._current, self._folder, self._alone)
            opening = partial(open_sequencer, self._current, self._folder)
            sequencer = await to_its_end(opening) if hub.settings.plays("sequence") else None
            return Begun(hub, parts.pop_all(), confirming, sequencer)

    async def serve(
        self,
        begun: Begun,
        bound: socket.socket,
        watched: socket.socket | None,
        asked: asyncio.Event,
        drain: float,
        ready: Ready,
    ) -> None:
        """Serve calls on `bound`, and metrics on `watched`, until `asked` to stop; `drain` in seconds."""
        hub, plays = self._current.hub, self._current.hub.settings.plays
        confirming = begun.confirming
        async with begun.parts as parts:
            if plays("deliver"):
                await parts.enter_async_context(ending_by(self._dispatcher.stop, self._dispatcher.run(), self._stop))
            if plays("supervise"):
                await parts.enter_async_context(beside(supervise.run(self._current, self._stop)))
            if begun.sequencer is not None:
                await parts.enter_async_context(ending_by(self._stop.set, begun.sequencer.run(self._stop)))
            await parts.enter_async_context(beside(confirming.run(self._stop)))
            await parts.enter_async_context(beside(self._refresh_always()))
            await parts.enter_async_context(beside(self._tls.watch(hub.clock)))
            await parts.enter_async_context(beside(self._wind_down(asked, drain)))

            def check() -> None:
                confirming.unconfirmed.check()
                self._check_backlog()

            health = HealthDoor(self._current, self._folder, lambda: self._told(confirming.closed, confirming.pending))
            if watched is not None:
                metrics = MetricsDoor(self._current, self._meters, health, self._load.now)
                app = Starlette(routes=[*health.routes, *metrics.routes])
                await parts.enter_async_context(ending_by(self._stop.set, serve_on(watched, app, self._stop, drain=1)))
            app = Starlette(routes=[*health.routes, *self._doors(check), *ledger_door(self._current)])
            address = address_of(bound, hub.settings.listen.scheme)
            ready(address)
            fields = {"address": address, "hub": hub.id, "node": hub.settings.node}
            log.info("listening", extra={"fields": {**fields, "roles": hub.settings.roles}})
            if plays("accept"):
                threading.Thread(target=_warm, args=(hub,), name="hub-warm", daemon=True).start()
            await serve_on(bound, app, self._stop, tls=context_of(self._tls.incoming))
        log.info("stopped")

    def _doors(self, check: Callable[[], None]) -> list[BaseRoute]:
        """What departments call."""
        if not self._current.hub.settings.plays("accept"):
            return []
        front = front_door(self._current, self._wake, check, load=self._load, seen=self._called)
        # Questions are answered while new messages are not taken: that is when departments ask.
        inquiries = inquiry.inquiry_door(self._current, load=self._load, seen=self._called)
        return [*front.routes, inquiries.route, *AttachmentDoor(self._current, check, self._load).routes]

    def _wake(self, endpoints: Iterable[str]) -> None:
        """Deliver to these endpoints soon: here, or wherever else it is done."""
        if self._current.hub.settings.plays("deliver"):
            self._dispatcher.wake(endpoints)
        elif self._presence is not None:
            self._presence.announce(endpoints)

    def _hear(self, heard: Heard) -> None:
        if heard.rules:
            self._changed.set()
        if heard.everything:
            self._dispatcher.look()
        elif heard.endpoints:
            self._dispatcher.wake(heard.endpoints)

    async def _alone(self, duty: str) -> bool:
        """Whether this process is the one that has a duty which one process has at a time."""
        return self._presence is None or await self._presence.holds(duty)

    def _check_backlog(self) -> None:
        hub = self._current.hub
        if hub.writer.waiting >= hub.settings.limits.backlog:
            raise Unavailable("store.busy", operator=f"{hub.writer.waiting} pieces of work wait for the database")

    def _told(self, closed: bool, pending: str) -> Told:
        return Told(
            draining=self._draining,
            node_lost=self._presence is not None and self._presence.lost,
            closed=closed,
            rules=self._wrong_rules,
            tls=self._tls.wrong,
            stamp=pending if pending in CATALOGUE or not pending else "hub.internal",
        )

    def _called(self, outcome: Called, seconds: float) -> None:
        self._meters.called(outcome.event, outcome.code, seconds)
        if self._tracing is not None:
            self._tracing.called(outcome, seconds)

    def _attempted(self, leased: Leased, outcome: Outcome, seconds: float) -> None:
        self._meters.attempted(leased, outcome, self._current.hub.clock(), seconds)

    async def _wind_down(self, asked: asyncio.Event, drain: float) -> None:
        await asked.wait()
        self._draining = True
        if drain > 0:
            log.info("draining", extra={"fields": {"seconds": f"{drain:g}"}})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), drain)
        self._stop.set()

    async def _refresh_always(self) -> None:
        current, told, on_record = self._current, "", OnRecord(self._folder)
        recording = Trouble(log, "file-changed")
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), REFRESH_SECONDS)
            self._changed.clear()
            try:
                before = current.hub
                current.hub = await to_its_end(partial(refresh, before, self._folder))
            except Exception as error:  # whatever it is: who looks no more takes what was revoked for ever
                unforeseen = "settings.unreadable" if isinstance(error, OSError) else "hub.internal"
                self._wrong_rules = error.code if isinstance(error, HubError) else unforeseen
                if repr(error) != told:
                    told = repr(error)
                    fields = {"code": self._wrong_rules, "operator": str(error)}
                    log.error("refresh", exc_info=self._wrong_rules == "hub.internal", extra={"fields": fields})
                continue
            self._wrong_rules = ""
            if current.hub is not before:
                told = ""
                log.info("refreshed", extra={"fields": {"rules": current.hub.rules.version}})
            with recording.told_once():
                await to_its_end(partial(on_record.look, current.hub))


def _warm(hub: Hub) -> None:
    """Make what the first question and the first refusal would wait for, a second or two each, beside the loop."""
    inquiry.service()
    hub.rules.schemas.warm()


def _check_rights(hub: Hub) -> None:
    with hub.store.reading() as connection:
        check_rights(connection)
