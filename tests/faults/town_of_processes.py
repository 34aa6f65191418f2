"""A town of real processes: hub nodes on SQLite or PostgreSQL, receiving departments, and senders that remember.

Everything is small and impatient (retries after a tenth of a second, leases of seconds) so that what takes minutes in a
ministry takes a moment here; nothing is switched off. The memories lie beside the hub's data directories, not in them.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from connectors.front_door import PATH
from connectors.serving.server import run_hub
from hub import crash, supervise
from hub.administration.administered import NODE
from hub.administration.edit import edit_registry
from hub.administration.install import CA_FOLDER, Plan, install
from hub.codes import make_uscc
from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.hub import database_url, open_store, read_settings
from hub.message import DeliveryState
from hub.registry.registry import Registry
from hub.signing.signer import FileSigner
from hub.store.engine import connect
from hub.store.operate import Order
from hub.store.store import Store
from hub.store.tables import deliveries, leaves, ledger
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate, split_certificates, thumbprint
from tests.berth import Berth
from tests.faults.processes import (
    PATIENCE,
    Cold,
    Running,
    Warm,
    answers,
    is_open,
    send_signal,
    until_open,
)
from tests.faults.receivers import receive
from tests.faults.senders import Sender
from tests.keeper import wipe_at_end
from tests.postgres import Server

CODES = ("a", "b", "c", "d")
SENDERS = ("a", "b")
_SETTINGS = """
delivery: {{lease: 3, sweep: 0.2, breaker_failures: {breaker}, breaker_pause: 0.3}}
ledger: {{interval: 0.05}}
node: {node}
"""
QUIET, APART = timedelta(seconds=1), timedelta(seconds=0.1)
"""What `hub.supervise` calls so, in a warm process: longer than one lives that is ended again and again."""
PROFILE = Profile(form="binary", timeout=1.0, parallel=4, first_retry=0.1, longest_retry=0.4)


@dataclass
class Node:
    """One hub process: its data directory, its port, and how it is started next. `cold` starts the command itself."""

    name: str
    folder: Path
    berth: Berth = field(default_factory=Berth)
    cold: bool = False
    running: Running | None = None

    @property
    def port(self) -> int:
        return self.berth.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.name}.log"

    def start(self, crash_at: str = "", prepare: Callable[[], None] | None = None) -> None:
        """Start; `crash_at` is a step for hub.crash, `prepare` runs in the process first."""
        if self.cold:
            words = ("--data", str(self.folder), "serve", "--port", str(self.port))
            self.running = Cold(*words, log=self.log, environment={crash.VARIABLE: crash_at})
        else:
            self.running = Warm(serve_node, self.folder, self.port, crash_at, prepare, log=self.log)

    def up(self, **options: Any) -> float:
        """Start and wait until it answers; the seconds that it took."""
        self.start(**options)
        return until_open(self.port, self.process, answers)

    @property
    def process(self) -> Running:
        assert self.running is not None
        return self.running

    def signal(self, number: signal.Signals) -> None:
        send_signal(self.process, number)

    def kill(self) -> None:
        """End it by `kill -9`."""
        self.signal(signal.SIGKILL)
        assert self.process.end(PATIENCE) is not None

    def stop(self) -> int | None:
        """Ask it to end."""
        self.signal(signal.SIGTERM)
        return self.process.end(PATIENCE)


def serve_node(folder: Path, port: int, crash_at: str, prepare: Callable[[], None] | None) -> None:
    """What a warm hub process does."""
    from connectors.serving.logs import set_up_logs

    crash.point = crash.armed(crash_at)
    supervise.QUIET, supervise.APART = QUIET, APART
    if prepare is not None:
        prepare()
    set_up_logs("warning")
    run_hub(folder, "127.0.0.1", port)


@dataclass
class Town:
    """Nodes, receivers and senders, with the database that the nodes share."""

    folder: Path
    nodes: list[Node]
    receivers: Berth
    codes: tuple[str, ...]
    receiving: Running | None = None
    senders: list[Sender] = field(default_factory=list)

    @property
    def node(self) -> Node:
        return self.nodes[0]

    @property
    def memories(self) -> Path:
        """The folder of what senders and receivers remember, with their keys."""
        return self.folder / "memories"

    def receive(self, faults: Mapping[str, str] | None = None) -> None:
        """Start the receiving departments, some of them with a fault, in place of those that run."""
        self.stop_receiving()
        work = (receive, self.receivers.port, self.memories, self.codes, dict(faults or {}))
        self.receiving = Warm(*work, log=self.folder / "receivers.log")
        until_open(self.receivers.port, self.receiving)

    def stop_receiving(self) -> None:
        if self.receiving is not None:
            send_signal(self.receiving, signal.SIGKILL)
            self.receiving.end(PATIENCE)
            self.receiving = None

    def sender(self, code: str, urls: Iterable[str] = ()) -> Sender:
        """A sending department that remembers; by default it may use every node."""
        signer = FileSigner.load(self.memories / f"{code}.key", self.memories / f"{code}.crt")
        where = [*urls] or [node.url for node in self.nodes]
        count = len(list(self.memories.glob(f"sent-{code}*")))
        made = Sender(code, where, signer, self.hub_mark, self.memories / f"sent-{code}-{count}.jsonl")
        self.senders.append(made)
        return made

    @property
    def acknowledged(self) -> int:
        """How many receipts its senders have got."""
        return sum(sender.acknowledged for sender in self.senders)

    @property
    def hub_mark(self) -> str:
        """The thumbprint of the hub's certificate."""
        path = self.node.folder / read_settings(self.node.folder).certificate
        return thumbprint(split_certificates(path.read_bytes())[0])

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, opened from outside of the nodes."""
        opened = open_store(self.node.folder, read_settings(self.node.folder), "outside")
        try:
            yield opened
        finally:
            opened.close()

    def register(self, change: Callable[[Registry], Registry]) -> None:
        """Change the registry as it stands."""
        _edit(self.node.folder, change)

    def through(self, ports: Mapping[str, int]) -> None:
        """Let the hub reach these departments by another port, where a proxy stands."""

        def moved(endpoint: Endpoint) -> Endpoint:
            port = ports.get(endpoint.code)
            return endpoint if port is None else replace(endpoint, url=delivery_url(port, endpoint.code))

        self.register(lambda found: replace(found, endpoints=tuple(map(moved, found.endpoints))))

    def unfinished(self) -> int:
        """How many deliveries wait or are leased; if none, how many entries have no place in the tree."""
        with self.store() as store:
            return _unfinished(store)

    def drain(self, patience: float = 120.0) -> float:
        """Wait until nothing waits any more, for delivery or for its place; the seconds that it took.

        `patience` is for as long as nothing moves: after a thousand kills very much may wait.
        """
        began = end = time.monotonic()
        least = math.inf
        with self.store() as store:
            while left := _unfinished(store):
                if left < least:
                    least, end = left, time.monotonic() + patience
                assert time.monotonic() < end, f"{left} still wait"
                time.sleep(0.05)
        return time.monotonic() - began

    def close(self) -> None:
        for node in self.nodes:
            if node.running is not None:
                node.signal(signal.SIGCONT)
                node.kill()
            node.berth.close()
        self.stop_receiving()
        self.receivers.close()


def _unfinished(store: Store) -> int:
    states = (str(DeliveryState.WAITING), str(DeliveryState.LEASED))
    with store.reading() as connection:
        query = select(func.count()).select_from(deliveries).where(deliveries.c.state.in_(states))
        waiting = int(connection.scalar(query) or 0)
        if waiting:
            return waiting
        entries, placed = (connection.scalar(select(func.count()).select_from(t)) or 0 for t in (ledger, leaves))
        return int(entries - placed)


def delivery_url(port: int, code: str) -> str:
    return f"http://127.0.0.1:{port}/dept/{code}/delivery/v1"


def found(
    folder: Path,
    server: Server | None = None,
    *,
    standby: Server | None = None,
    nodes: int = 1,
    profile: Profile = PROFILE,
    codes: Sequence[str] = CODES,
    breaker: int = 4,
    settings: str = "",
) -> Town:
    """Found a town in an empty folder, on SQLite or in a new database of `server`; nothing runs yet.

    `standby` follows the server and may take its place; so many failures in a row open a `breaker`; `settings` are
    further lines of hub.yaml.
    """
    ground = _ground(tuple(codes))
    url = ""
    if server is not None:
        url = server.url(server.database())
        if standby is not None:
            url += f"&host={standby.folder}"
    town = Town(folder, [], Berth(), tuple(codes))
    shutil.copytree(ground / "memories", town.memories)
    for number in range(nodes):
        name = f"node{number + 1}"
        home = shutil.copytree(ground / "hub", folder / name)
        _settle(home, url, _SETTINGS.format(node=name, breaker=breaker) + settings)
        town.nodes.append(Node(name, home))
    if server is not None:
        _move(ground / "hub", url)
    endpoints = tuple(
        Endpoint(code, code, Kind.PUSH, delivery_url(town.receivers.port, code), profile=profile) for code in codes
    )
    town.register(lambda registry: replace(registry, endpoints=endpoints))
    return town


def _settle(home: Path, url: str, settings: str) -> None:
    path = home / "hub.yaml"
    text = path.read_text(encoding="utf-8")
    if url:
        text = text.replace("# database: sqlite:///hub.db", f'database: "{url}"')
        (home / "hub.db").unlink()
    path.write_text(text + settings, encoding="utf-8")


def _move(ground: Path, url: str) -> None:
    """Copy the rows of a new installation into an empty database."""
    from hub.store.tables import metadata

    source = connect(database_url(ground, read_settings(ground)))
    target = connect(url)
    metadata.create_all(target)
    with source.connect() as old, target.begin() as new:
        for table in metadata.sorted_tables:
            rows: list[Any] = [dict(row) for row in old.execute(select(table)).mappings()]
            if rows:
                new.execute(table.insert(), rows)
    source.dispose()
    target.dispose()


@cache
def _ground(codes: tuple[str, ...]) -> Path:
    """A new installation with departments and rights, and their keys beside it; made once, to be copied."""
    place = wipe_at_end(Path(tempfile.mkdtemp(prefix="hub-ground-")))
    at = datetime.now(UTC) - timedelta(days=1)  # a clock that is put back finds certificates valid
    install(place / "hub", Plan(), at, "test")
    ca = DemoCa.load(place / "hub" / CA_FOLDER)
    (place / "memories").mkdir()
    enrolled = []
    for code in codes:
        issued = ca.issue(code, code, at)
        (place / "memories" / f"{code}.key").write_bytes(issued.key_pem)
        (place / "memories" / f"{code}.crt").write_bytes(issued.certificate_pem)
        enrolled.append(EnrolledCertificate(code, issued.der))
    with_them = [Department(c, f"单位{c}", make_uscc(f"11440300{n:08d}"), "440300") for n, c in enumerate(codes, 1)]

    def joined(before: Registry) -> Registry:
        return replace(
            before,
            departments=(*before.departments, *with_them),
            certificates=(*before.certificates, *enrolled),
            rights=(*before.rights, Right("*", "*", "*")),
        )

    _edit(place / "hub", joined)
    return place


def _edit(home: Path, change: Callable[[Registry], Registry]) -> None:
    store = open_store(home, read_settings(home), NODE)
    try:
        edit_registry(store, change, Order("hub", "test"), datetime.now(UTC))
    finally:
        store.close()


async def load(senders: Sequence[Sender], each: int, *to: Sequence[str], together: int = 4) -> int:
    """Send `each` messages from every sender, some at a time, each to the next of `to`; how many were acknowledged."""
    recipients = cycle(to)

    async def some(sender: Sender, number: int) -> int:
        return sum([await sender.send(next(recipients)) for _ in range(number)])

    shares = [each // together + (part < each % together) for part in range(together)]
    done = await asyncio.gather(*(some(sender, share) for sender in senders for share in shares))
    return sum(done)


__all__ = ["CODES", "PROFILE", "SENDERS", "Node", "Town", "found", "is_open", "load"]
