"""R10 and R11: a network that delays, cuts, resets, drips, half-closes, flips bytes, and swallows answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

from tests.faults.conftest import Found
from tests.faults.fault_proxy import GOOD, KINDS, FaultProxy, Spoil, spoiling
from tests.faults.five_zeros import FiveZeros
from tests.faults.progress import tell
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, closed
from tests.faults.town_of_processes import SENDERS, Town, load

FEW_ANSWERS = 5_000
NEVER = 1_000_000
"""Failures in a row that open a breaker: it would rest, for longer each time, and nothing be spoiled meanwhile."""
ROUNDS = 25
"""About twice as many as it takes. At the end of each some deliveries wait for their last tries, by the clock."""
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


class Spoils:
    """Every kind of spoil in turn, at any place, for both sides of the hub, until `most` were met and each kind was.

    A connection that is given up early may meet nothing of its spoil; the kind comes again then.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._proxies: list[FaultProxy] = []

    def of(self, seed: int) -> Callable[[int], Spoil]:
        """What a proxy asks."""
        chance = random.Random(seed)

        def choose(number: int) -> Spoil:
            if self.enough:
                return GOOD
            side, length = chance.choice((("request", REQUEST), ("answer", ANSWER)))
            what = KINDS[number % len(KINDS)]
            if what == "swallow":
                return Spoil(what, "answer")
            return Spoil(what, side, chance.randrange(length), 0.001 if what == "drip" else 0.05)

        return choose

    def watch(self, *proxies: FaultProxy) -> None:
        """Count what these have spoiled."""
        self._proxies.extend(proxies)

    @property
    def met(self) -> Counter[str]:
        """How many connections met each kind."""
        return sum((proxy.spoiled for proxy in self._proxies), Counter())

    @property
    def enough(self) -> bool:
        on_both = all(proxy.spoiled for proxy in self._proxies)
        return on_both and self.met.total() >= self._most and set(self.met) == {*KINDS} - {"none"}


def test_r10_bad_network_on_both_sides_of_the_hub(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(breaker=NEVER)
    town.receive()
    town.node.up()
    spoils = Spoils(sizes.broken_connections)
    with spoiling(town.node.port, spoils.of(1)) as before, spoiling(town.receivers.port, spoils.of(2)) as behind:
        spoils.watch(before, behind)
        town.through(dict.fromkeys(TO, behind.port))
        sent, began = 0, time.monotonic()
        while not spoils.enough:  # each round opens new connections; the hub keeps good ones for long
            sent += send_through(town, before.port, max(2, sizes.messages // 8))
            tell("spoiled", spoils.met.total(), sizes.broken_connections, time.monotonic() - began)
        zeros: FiveZeros = all_is_well(town, spoiled=spoils.met.total())
    assert zeros.acknowledged == sent


def test_r11_only_the_answer_to_a_delivery_is_lost(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(breaker=NEVER)
    town.receive()
    town.node.up()

    def now_and_then(number: int) -> Spoil:
        return Spoil("swallow", "answer", 0 if number % 2 == 0 else FEW_ANSWERS)

    with spoiling(town.receivers.port, now_and_then) as proxy:
        town.through(dict.fromkeys(TO, proxy.port))
        began = time.monotonic()
        while proxy.spoiled["swallow"] < sizes.lost_answers:
            send_through(town, town.node.port, max(1, sizes.lost_answers // ROUNDS))
            town.drain()
            tell("lost answers", proxy.spoiled["swallow"], sizes.lost_answers, time.monotonic() - began)
        zeros = all_is_well(town, lost_answers=proxy.spoiled["swallow"])
    assert zeros.handed_again >= proxy.spoiled["swallow"]  # more if an answer took the receiver too long
