"""R9: a network that parts the hub from its receivers or its database, and heals. Nobody is told while it lasts."""

from __future__ import annotations

import asyncio
import time

from tests.faults.conftest import Found
from tests.faults.fault_proxy import FaultProxy, spoiling
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check
from tests.faults.test_time import PATIENT, check_order
from tests.faults.town_of_processes import Town
from tests.postgres import Server

APART = 0.1
"""Seconds between two messages of the conversation: it goes one by one, and more would only wait longer."""


def send_while_parted(town: Town, proxy: FaultProxy, sizes: Sizes) -> int:
    """Send one conversation while the two sides of a proxy are parted and joined again; how many were acknowledged."""

    async def send() -> int:
        taken = 0
        end = time.monotonic() + 3 * sizes.stopped_seconds
        pause = 3 * sizes.stopped_seconds / sizes.messages if sizes.name == "short" else APART
        async with town.sender("a") as sender:
            while time.monotonic() < end or taken < sizes.messages:
                taken += await sender.send(TO, conversation="case")
                await asyncio.sleep(pause)
        return taken

    async def work() -> int:
        sending = asyncio.create_task(send())
        for parted in (True, False):
            await asyncio.sleep(sizes.stopped_seconds)
            proxy.parted = parted
        return await sending

    return asyncio.run(work())


def test_r9_parted_from_receivers(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(profile=PATIENT)
    town.receive()
    town.node.up()
    with spoiling(town.receivers.port) as proxy:
        town.through(dict.fromkeys(TO, proxy.port))
        sent = send_while_parted(town, proxy, sizes)
        zeros = all_is_well(town, parted=f"{sizes.stopped_seconds} s")
        assert zeros.acknowledged == sent
        check_order(town)


def test_r9_parted_from_the_database(found_town: Found, server: Server, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(server, profile=PATIENT)
    with spoiling(server.folder / ".s.PGSQL.5432") as proxy:
        settings = town.node.folder / "hub.yaml"
        text = settings.read_text(encoding="utf-8")
        beyond = text.replace(f"?host={server.folder}", f"?host=127.0.0.1&port={proxy.port}")
        assert beyond != text
        settings.write_text(beyond, encoding="utf-8")
        town.receive()
        town.node.up()
        sent = send_while_parted(town, proxy, sizes)
        zeros = all_is_well(town, parted=f"{sizes.stopped_seconds} s")
        assert zeros.acknowledged == sent
        check_order(town)
        town.node.kill()
