"""A whole installation with its default settings, on SQLite or PostgreSQL, for measuring what `hub serve` runs."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from bench.material import HUB, authority, keys, registry
from connectors.front_door import PATH
from hub.administration.edit import edit_registry
from hub.administration.install import Identity, Plan, install
from hub.hub import open_store, read_settings
from hub.message import DeliveryState
from hub.registry.registry import Registry
from hub.store.operate import Order
from hub.store.store import Store
from hub.store.tables import deliveries
from tests.berth import Berth
from tests.faults.processes import Cold, send_signal, until_open

_CONNECTIONS = "database_pool: {connections: 8}\n"
OPEN = [str(DeliveryState.WAITING), str(DeliveryState.LEASED)]
"""States of a delivery that has not ended."""


@dataclass(slots=True)
class Serving:
    """One `hub serve` process, under its own node name and port."""

    folder: Path
    node: str
    berth: Berth
    running: Cold

    @property
    def url(self) -> str:
        """Where departments call it."""
        return f"http://127.0.0.1:{self.berth.port}{PATH}"

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self.running.pid is not None
        return self.running.pid

    def until_open(self) -> None:
        """Wait until it listens."""
        until_open(self.berth.port, self.running)

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        send_signal(self.running, number)
        assert self.running.end(30) is not None

    def again(self) -> None:
        """Start it anew, on the same port."""
        self.running = _started(self.folder, self.node, self.berth.port)


def found(folder: Path, receivers: dict[str, str], database: str = "") -> Path:
    """Install a hub with a sender and these receivers; return its data directory."""
    home, at = folder / "hub", datetime.now(UTC)
    own = keys(HUB)
    anchors = "".join(map(ssl.DER_cert_to_PEM_cert, authority().anchors)).encode()
    identity = Identity(own.key_pem, own.certificate_pem, anchors)
    install(home, Plan(HUB, identity=identity, database=database), at)
    with (home / "hub.yaml").open("a", encoding="utf-8") as settings:
        settings.write(_CONNECTIONS)
    further = registry(receivers)

    def joined(before: Registry) -> Registry:
        return replace(
            before,
            departments=(*before.departments, *(one for one in further.departments if one.code != HUB)),
            endpoints=further.endpoints,
            certificates=(*before.certificates, *(one for one in further.certificates if one.department != HUB)),
            rights=further.rights,
        )

    with opened(home) as store:
        edit_registry(store, joined, Order(HUB, "bench"), at)
    return home


@contextmanager
def opened(home: Path) -> Iterator[Store]:
    """The installation's database, from outside of its nodes."""
    store = open_store(home, read_settings(home), "outside")
    try:
        yield store
    finally:
        store.close()


@contextmanager
def serving(home: Path, nodes: int) -> Iterator[list[Serving]]:
    """So many `hub serve` processes, listening."""
    running: list[Serving] = []
    try:
        for number in range(1, nodes + 1):
            berth = Berth()
            running.append(Serving(home, f"node{number}", berth, _started(home, f"node{number}", berth.port)))
        for one in running:
            one.until_open()
        yield running
    finally:
        for one in running:
            one.end(signal.SIGKILL)
            one.berth.close()


def _started(home: Path, node: str, port: int) -> Cold:
    words = ("--data", str(home), "serve", "--node", node, "--port", str(port))
    return Cold(*words, log=home.parent / f"{node}.log")


def undelivered(store: Store) -> int:
    """How many deliveries wait or are under way."""
    with store.reading() as connection:
        query = select(func.count()).select_from(deliveries).where(deliveries.c.state.in_(OPEN))
        return int(connection.scalar(query) or 0)
