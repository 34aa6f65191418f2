"""R18: a long time under load, with kills and partitions: what a process holds does not grow."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Found
from tests.faults.fault_proxy import FaultProxy, spoiling
from tests.faults.progress import tell
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, under_load
from tests.faults.town_of_processes import Node, Town
from tests.postgres import Server

FEW_DESCRIPTORS = 20
MORE_MEMORY = 1.25
ROUNDS = 10
"""At least; the long form goes on for its messages."""
PARTS = 1_000
"""How many times the load stops for a moment at most, to begin anew."""
EITHER = tuple((code,) for code in TO)
"""A million messages are not for two recipients each."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def held_by(node: Node) -> tuple[int, int]:
    """Bytes of memory and the number of open descriptors of a process."""
    place = Path(f"/proc/{node.process.pid}")
    pages = int((place / "statm").read_text(encoding="utf-8").split()[1])
    return pages * PAGE, len(list((place / "fd").iterdir()))


def hurt_in_turn(town: Town, proxy: FaultProxy, sizes: Sizes) -> list[tuple[int, int]]:
    """Kill one node and part the other from its receivers, ten times or more; what the watched one held each time."""
    watched, killed = town.nodes
    held: list[tuple[int, int]] = []
    began = time.monotonic()
    while len(held) < ROUNDS or town.acknowledged < sizes.soak_messages:
        before, end = town.acknowledged, time.monotonic() + sizes.soak_seconds / ROUNDS
        killed.kill()
        killed.up()
        proxy.parted = True
        time.sleep(min(2.0, sizes.soak_seconds / 40))
        proxy.parted = False
        time.sleep(max(0.0, end - time.monotonic()))
        held.append(held_by(watched))
        assert town.acknowledged > before
        if sizes.soak_messages:
            tell("messages", town.acknowledged, sizes.soak_messages, time.monotonic() - began)
    return held


def test_r18_soak_with_kills_and_partitions(
    found_town: Found, server: Server, sizes: Sizes, all_is_well: Check
) -> None:
    if sizes.name == "short":
        pytest.skip("nothing grows in a moment: medium and long form")
    town = found_town(server, nodes=2)
    for node in town.nodes:
        node.up()
    town.receive()
    with spoiling(town.receivers.port) as proxy:
        town.through(dict.fromkeys(TO, proxy.port))
        held: list[tuple[int, int]] = []
        to = EITHER if sizes.soak_messages else (TO,)
        each = max(sizes.messages, sizes.soak_messages // PARTS)
        asyncio.run(under_load(town, each, lambda: held.extend(hurt_in_turn(town, proxy, sizes)), *to))
        drained = town.drain(120)
        (early, descriptors), (late, last) = held[2], held[-1]
        all_is_well(
            town,
            minutes=f"{len(held) * sizes.soak_seconds / ROUNDS / 60:.0f}",
            memory=f"{early >> 20} to {late >> 20} MiB",
            descriptors=f"{descriptors} to {last}",
            drained_in=f"{drained:.1f} s",
        )
    assert late < early * MORE_MEMORY
    assert last < descriptors + FEW_DESCRIPTORS
