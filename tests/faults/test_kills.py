"""R1: processes that end at any moment."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from tests.faults.conftest import Found
from tests.faults.five_zeros import FiveZeros
from tests.faults.progress import counted
from tests.faults.senders import Sender
from tests.faults.sizes import Sizes
from tests.faults.town_of_processes import SENDERS, Town, load
from tests.postgres import Server

TO = ("c", "d")
Check = Callable[..., FiveZeros]
NEARLY_ALL = 0.95
"""Of a thousand starts a few meet a moment in which the machine does something else."""
BUSY = 24.0
"""How much slower a machine may be that runs other tests at the same time."""


async def under_load(town: Town, each: int, hurt: Callable[[], None], *to: Sequence[str]) -> int:
    """Let every sender send while `hurt` runs in a thread; how many were acknowledged. Each message goes to TO, or to
    the next of `to`."""
    senders = [town.sender(code) for code in SENDERS]
    try:
        hurting = asyncio.create_task(asyncio.to_thread(hurt))
        acknowledged = 0
        while not hurting.done():
            loading = asyncio.create_task(load(senders, each, *(to or (TO,))))
            await asyncio.wait((loading, hurting), return_when=asyncio.FIRST_COMPLETED)
            if hurting.done() and hurting.exception() is not None:
                loading.cancel()  # nobody starts again what was ended: the senders would wait for long
                break
            acknowledged += await loading
        await hurting
        return acknowledged
    finally:
        await closed(senders)


async def closed(senders: list[Sender]) -> None:
    for sender in senders:
        await sender.close()


def send_to(town: Town, to: Sequence[str], each: int) -> int:
    """Send from everybody, and wait for every receipt."""

    async def work() -> int:
        senders = [town.sender(code) for code in SENDERS]
        try:
            return await load(senders, each, to)
        finally:
            await closed(senders)

    return asyncio.run(work())


def kill_in_turn(town: Town, kills: int, cold_each: int) -> list[float]:
    """Kill a node or the receivers again and again and start them at once; how long each hub took to answer."""
    seconds = 0.3 if kills < 5 else 1.0
    chance = random.Random(20260302)  # the same moments each time; where they hit is not the same
    back: list[float] = []
    for number in counted("kills", kills):
        time.sleep(chance.uniform(0, seconds))
        if number % 5 == 4:
            town.receive()
            continue
        node = chance.choice(town.nodes)
        node.kill()
        node.cold = cold_each > 0 and number % cold_each == 0
        back.append(node.up())
    return back


def hurt_and_check(town: Town, kills: int, sizes: Sizes, check: Check) -> None:
    for node in town.nodes:
        node.up()
    town.receive()
    back: list[float] = []
    each = max(4, sizes.messages // 4)
    asyncio.run(under_load(town, each, lambda: back.extend(kill_in_turn(town, kills, sizes.cold_each))))
    usual, late = (sorted(back)[int(len(back) * part)] for part in (0.5, NEARLY_ALL))
    zeros = check(
        town, kills=kills, back_in=f"{usual:.2f} s", nearly_all_in=f"{late:.2f} s", slowest_start=f"{max(back):.2f} s"
    )
    assert zeros.acknowledged > 0
    assert late < sizes.back_in


def test_r1_kill_9_on_sqlite(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    hurt_and_check(found_town(), sizes.kills, sizes, all_is_well)


def test_r1_kill_9_of_two_nodes_on_postgresql(
    found_town: Found, server: Server, sizes: Sizes, all_is_well: Check
) -> None:
    hurt_and_check(found_town(server, nodes=2), sizes.postgres_kills, sizes, all_is_well)
