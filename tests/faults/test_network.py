"""R10 and R11: a network that delays, cuts, resets, drips, half-closes, flips bytes, and swallows answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.faults.conftest import Found
from tests.faults.fault_proxy import GOOD, KINDS, Spoil, spoiling
from tests.faults.five_zeros import FiveZeros
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, closed
from tests.faults.town_of_processes import SENDERS, Town, load

FEW_ANSWERS = 5_000
REQUEST, ANSWER = 3_000, 900
"""A call and its answer are longer than this, in bytes."""


def send_through(town: Town, port: int, each: int) -> int:
    """Let every sender reach the hub by another port; how many messages were acknowledged."""

    async def work() -> int:
        url = town.node.url.replace(str(town.node.port), str(port))
        senders = [town.sender(code, [url]) for code in SENDERS]
        try:
            return await load(senders, each, TO)
        finally:
            await closed(senders)

    return asyncio.run(work())


def spoils(seed: int, most: int) -> Callable[[int], Spoil]:
    """Every kind of spoil in turn, at any place, for the first `most` connections."""
    chance = random.Random(seed)

    def choose(number: int) -> Spoil:
        if number >= most:
            return GOOD
        side, length = chance.choice((("request", REQUEST), ("answer", ANSWER)))
        what = KINDS[number % len(KINDS)]
        if what == "swallow":
            return Spoil(what, "answer")
        return Spoil(what, side, chance.randrange(length), 0.001 if what == "drip" else 0.05)

    return choose


def test_r10_bad_network_on_both_sides_of_the_hub(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town()
    town.receive()
    town.node.up()
    most = sizes.broken_connections // 2
    with spoiling(town.node.port, spoils(1, most)) as before, spoiling(town.receivers.port, spoils(2, most)) as behind:
        town.through(dict.fromkeys(TO, behind.port))
        sent = 0
        while before.connections + behind.connections < 2 * most:  # the hub keeps good connections for long
            sent += send_through(town, before.port, max(2, sizes.messages // 8))
        assert set(before.spoiled) | set(behind.spoiled) == {*KINDS} - {"none"}
        zeros: FiveZeros = all_is_well(town, spoiled=before.spoiled.total() + behind.spoiled.total())
    assert zeros.acknowledged == sent


def test_r11_only_the_answer_to_a_delivery_is_lost(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town()
    town.receive()
    town.node.up()

    def now_and_then(number: int) -> Spoil:
        return Spoil("swallow", "answer", 0 if number % 2 == 0 else FEW_ANSWERS)

    with spoiling(town.receivers.port, now_and_then) as proxy:
        town.through(dict.fromkeys(TO, proxy.port))
        while proxy.spoiled["swallow"] < sizes.lost_answers:
            send_through(town, town.node.port, max(1, sizes.messages // 10))
            town.drain()
        zeros = all_is_well(town, lost_answers=proxy.spoiled["swallow"])
    assert zeros.handed_again >= proxy.spoiled["swallow"]  # more if an answer took the receiver too long
