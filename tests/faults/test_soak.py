"""R18: a long time under load, with kills and partitions: what a process holds does not grow."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Found
from tests.faults.fault_proxy import FaultProxy, spoiling
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, under_load
from tests.faults.town_of_processes import Node
from tests.postgres import Server

FEW_DESCRIPTORS = 20
MORE_MEMORY = 1.25
PAGE = os.sysconf("SC_PAGE_SIZE")


def held_by(node: Node) -> tuple[int, int]:
    """Bytes of memory and the number of open descriptors of a process."""
    place = Path(f"/proc/{node.process.pid}")
    pages = int((place / "statm").read_text(encoding="utf-8").split()[1])
    return pages * PAGE, len(list((place / "fd").iterdir()))


def hurt_in_turn(killed: Node, watched: Node, proxy: FaultProxy, sizes: Sizes) -> list[tuple[int, int]]:
    """Kill one node and part the other from its receivers, ten times; what the watched one held each time."""
    held = []
    for _ in range(10):
        end = time.monotonic() + sizes.soak_seconds / 10
        killed.kill()
        killed.up()
        proxy.parted = True
        time.sleep(min(2.0, sizes.soak_seconds / 40))
        proxy.parted = False
        time.sleep(max(0.0, end - time.monotonic()))
        held.append(held_by(watched))
    return held


def test_r18_soak_with_kills_and_partitions(
    found_town: Found, server: Server, sizes: Sizes, all_is_well: Check
) -> None:
    if sizes.name == "short":
        pytest.skip("nothing grows in a moment: medium and long form")
    town = found_town(server, nodes=2)
    watched, killed = town.nodes
    for node in town.nodes:
        node.up()
    town.receive()
    with spoiling(town.receivers.port) as proxy:
        town.through(dict.fromkeys(TO, proxy.port))
        held: list[tuple[int, int]] = []
        each = max(1, sizes.messages // 4)
        asyncio.run(under_load(town, each, lambda: held.extend(hurt_in_turn(killed, watched, proxy, sizes))))
        drained = town.drain(120)
        (early, descriptors), (late, last) = held[2], held[-1]
        all_is_well(
            town,
            seconds=f"{sizes.soak_seconds:.0f}",
            memory=f"{early >> 20} to {late >> 20} MiB",
            descriptors=f"{descriptors} to {last}",
            drained_in=f"{drained:.1f} s",
        )
    assert late < early * MORE_MEMORY
    assert last < descriptors + FEW_DESCRIPTORS
