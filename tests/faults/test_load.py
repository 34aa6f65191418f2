"""R17 and R22: more load than there is room for, and very many messages waiting for one dead department.

How long calls take is compared in the longer forms only: a share of a second beside other tests says nothing of it.
"""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import text

from tests.faults.conftest import Found, Tell
from tests.faults.processes import PATIENCE
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, closed
from tests.faults.town_of_processes import Town

ROOM = 4
"""How many calls the hub takes at a time here; five times as many come."""
TURNS = 3
TRIES = 5
"""How often a time is measured before it counts as too long: other work on the machine may be the reason."""
QUICK, QUICK_BESIDE_WAITING = 5.0, 1.2
"""How much longer than with room for all what is taken may take while five times as much comes, and than with nothing
that waits while very much does.

Senders and hub share the machine here: four fifths of it are busy with making and shedding the rest.
"""


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


async def hammer(town: Town, seconds: float, together: int, to: tuple[str, ...]) -> tuple[list[float], int]:
    """Hand in again and again, so many at a time, none waiting after a 503; seconds of what was taken, and the shed."""
    senders = [town.sender("a") for _ in range(together)]
    taken: list[float] = []
    shed = 0
    end = time.monotonic() + seconds

    async def one(number: int) -> None:
        nonlocal shed
        while time.monotonic() < end:
            made, raw = senders[number].make(to)
            began = time.monotonic()
            if await senders[number].hand_in(made, raw, patience=0.0):
                taken.append(time.monotonic() - began)
            else:
                assert senders[number].told in ("http.busy", "exchange.timeout"), senders[number].told
                shed += senders[number].told == "http.busy"

    try:
        await asyncio.gather(*(one(number) for number in range(together)))
    finally:
        await closed(senders)
    return taken, shed


def best_p99(town: Town, sizes: Sizes, together: int, to: tuple[str, ...]) -> float:
    """The least p99 of some turns: what other work on the machine adds to one of them is not the hub's."""
    return min(p99(asyncio.run(hammer(town, sizes.load_seconds, together, to))[0]) for _ in range(TURNS))


def test_r17_five_times_too_much_load(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(settings=f"limits: {{concurrent: {ROOM}}}\n")
    town.receive()
    town.node.up()
    if sizes.name == "short":
        taken, shed = until_shed(town, sizes.load_seconds)
        figures = {}
    else:
        taken, shed, figures = quick_under_load(town, sizes)
    zeros = all_is_well(town, shed=shed, **figures)
    assert shed > 0
    assert zeros.acknowledged >= taken > 0


def until_shed(town: Town, seconds: float) -> tuple[int, int]:
    """Overload the hub until it has taken some and shed some; the numbers."""
    taken = shed = 0
    end = time.monotonic() + PATIENCE
    while not (taken and shed):
        assert time.monotonic() < end, (taken, shed)
        some, more = asyncio.run(hammer(town, seconds, ROOM * 5, TO))
        taken, shed = taken + len(some), shed + more
    return taken, shed


def quick_under_load(town: Town, sizes: Sizes) -> tuple[int, int, dict[str, str]]:
    """Compare what is taken with room for all and under load: how many were taken and shed, and the times."""
    usual = best_p99(town, sizes, ROOM, TO)
    most = usual * QUICK
    for _ in range(TRIES):
        taken, shed = asyncio.run(hammer(town, sizes.load_seconds, ROOM * 5, TO))
        if shed and taken and p99(taken) < most:
            break
    assert p99(taken) < most
    times = {"p99_with_room": f"{usual * 1000:.0f} ms", "p99_of_the_taken": f"{p99(taken) * 1000:.0f} ms"}
    return len(taken), shed, times


def wait_for_the_dead(town: Town, many: int) -> None:
    """Let one department have very many copies waiting, written as rows: handing them in would take too long."""
    with town.store() as store, store.transaction() as transaction:
        connection = transaction.connection
        row = connection.execute(text("SELECT * FROM deliveries WHERE recipient = 'd'")).mappings().first()
        assert row is not None
        first = int(connection.scalar(text("SELECT max(id) FROM deliveries")) or 0) + 1
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        rows = [{**row, "id": first + number, "state": "waiting", "lease_node": None, "lease_until_us": None}
                for number in range(many)]  # fmt: skip
        connection.execute(text(f"INSERT INTO deliveries ({names}) VALUES ({places})"), rows)


def test_r22_many_waiting_for_one_dead_department(found_town: Found, sizes: Sizes, tell: Tell) -> None:
    town = found_town()
    town.receive({"d": "down"})
    town.node.up()
    asyncio.run(hammer(town, 0.1, 1, ("c", "d")))
    if sizes.name == "short":
        wait_for_the_dead(town, sizes.waiting)
        asyncio.run(hammer(town, sizes.load_seconds, 2, ("c",)))
        figures = {}
    else:
        figures = quick_beside_waiting(town, sizes)
    open_for_c = until_delivered(town, "c")
    tell(waiting=sizes.waiting, **figures)
    assert open_for_c == 0


def until_delivered(town: Town, code: str) -> int:
    """Wait until one department has all that is for it; how many it still has not when patience ends."""
    end = time.monotonic() + PATIENCE
    count = text("SELECT count(*) FROM deliveries WHERE recipient = :code AND state <> 'delivered'")
    with town.store() as store:
        while True:
            with store.reading() as connection:
                left = int(connection.scalar(count, {"code": code}) or 0)
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.05)


def quick_beside_waiting(town: Town, sizes: Sizes) -> dict[str, str]:
    """Compare how long calls take before and after very many copies wait; the times."""
    before = best_p99(town, sizes, 2, ("c",))
    wait_for_the_dead(town, sizes.waiting)
    for _ in range(TRIES):
        after = best_p99(town, sizes, 2, ("c",))
        if after < before * QUICK_BESIDE_WAITING:
            break
    ratio = after / before
    assert ratio < QUICK_BESIDE_WAITING
    return {"p99_before": f"{before * 1000:.0f} ms", "p99_after": f"{after * 1000:.0f} ms", "ratio": f"{ratio:.2f}"}
