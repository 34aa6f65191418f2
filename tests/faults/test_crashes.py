"""R2: processes that end at every step there is."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub import crash, supervise
from tests.faults.conftest import Found
from tests.faults.processes import PATIENCE, Running, until_open
from tests.faults.progress import counted
from tests.faults.senders import Remembered
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check
from tests.faults.town_of_processes import Town

HUB = Path(crash.__file__).parent
STEPS_OF_THE_DATABASE = ("store.flushed", "store.committed", "deliver.recorded", "sequence.signed")
PASSED_ONCE = {"dispatch.recovered", "sequence.held"}
"""By a process; what a lease is taken for goes on as long as the process."""


def named_steps() -> Iterator[str]:
    """Every step that the hub's code passes, by reading it."""
    for path in HUB.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "point"
            if called and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def test_every_named_step_is_in_the_code_once() -> None:
    assert sorted(named_steps()) == sorted(crash.POINTS)


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(ValueError, match="no such step: nowhere"):
        crash.armed("nowhere:1")
    assert crash.armed("")("deliver.sending") is None


def until_ended(running: Running, work: Callable[[], None]) -> int | None:
    """Give a process work until it ends; its exit status."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        work()
        status = running.end(0.1)
        if status is not None:
            return status
    return None


def blame_nobody() -> None:
    """Set nothing aside that is in hand at the end of a process: here each of them ends in the middle of something."""
    supervise.QUIET = timedelta(days=1)


def crash_at(town: Town, step: str, number: int) -> list[tuple[Remembered, bytes]]:
    """Start a node that ends at a step, and give it messages until it does; what was made, acknowledged or not."""
    handed_in: list[tuple[Remembered, bytes]] = []

    async def one_message() -> None:
        async with town.sender("a") as sender:
            handed_in.append(sender.make(TO))
            await sender.hand_in(*handed_in[-1], patience=0.05)

    town.node.start(crash_at=f"{step}:{number}", prepare=blame_nobody)
    with contextlib.suppress(AssertionError):  # it may end before it listens
        until_open(town.node.port, town.node.process)
    assert until_ended(town.node.process, lambda: asyncio.run(one_message())) == -signal.SIGKILL, step
    return handed_in


def hand_in_again(town: Town, left: list[tuple[Remembered, bytes]]) -> None:
    """As every sender does that has no receipt: the same bytes once more."""

    async def work() -> None:
        async with town.sender("a") as sender:
            for made, raw in left:
                assert await sender.hand_in(made, raw)

    asyncio.run(work())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_r2_crash_at_every_step(
    engine: str, found_town: Found, request: pytest.FixtureRequest, sizes: Sizes, all_is_well: Check
) -> None:
    on_postgres = engine == "postgresql"
    town = found_town(request.getfixturevalue("server") if on_postgres else None)
    town.receive()
    steps = STEPS_OF_THE_DATABASE if on_postgres and sizes.name == "short" else crash.POINTS
    crashes = 0
    for number in counted("rounds", sizes.crash_rounds):
        left: list[tuple[Remembered, bytes]] = []
        for step in steps:
            if step in PASSED_ONCE and number > 0:
                continue
            left += crash_at(town, step, number + 1)
            crashes += 1
        town.node.up()
        hand_in_again(town, left)
        town.drain()
        town.node.kill()
    town.node.up()
    all_is_well(town, steps=len(steps), crashes=crashes)
