"""R13: a message that ends every process which sends it is set aside after three turns of its own; the others go on."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from connectors.soap.sender import SoapSender
from hub import supervise
from hub.store.tables import deliveries
from tests.faults.conftest import Found
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, send_to
from tests.faults.town_of_processes import Town

POISON = "poison"
MOST = 50
"""Ends of the process: at worst each is of one turn that did not end before the next."""


def die_of_poison() -> None:
    """Let the sending of one message end the process, as a fault in a C library would."""
    deliver = SoapSender.deliver

    async def dying(self: SoapSender, endpoint: Any, consignment: Any) -> bytes:
        if consignment.message_id == POISON and consignment.sender != "hub":
            os.kill(os.getpid(), signal.SIGKILL)
        return await deliver(self, endpoint, consignment)

    SoapSender.deliver = dying  # type: ignore[method-assign]
    supervise._quiet = lambda answer, cause: timedelta()  # nothing else ends these processes
    supervise.APART = timedelta(seconds=1)


def restart_while_it_dies(town: Town) -> int:
    """Stand in for the supervisor until nothing waits; how often the process had ended."""
    ends = 0
    while town.unfinished():
        if town.node.process.end(0.02) is not None:
            ends += 1
            assert ends < MOST
            town.node.up(prepare=die_of_poison)
    return ends


def test_r13_a_message_that_kills_its_worker(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town()
    town.node.up()
    each = 1 if sizes.name == "short" else 3  # what was in hand with it is tried one a second

    async def send_poison() -> None:
        async with town.sender("a") as sender:
            assert await sender.send(["c"], message_id=POISON)

    send_to(town, TO, each)
    asyncio.run(send_poison())
    send_to(town, TO, each)
    town.node.stop()
    town.receive()
    town.node.up(prepare=die_of_poison)
    ends = restart_while_it_dies(town)
    zeros = all_is_well(town, dead=1, ends_of_the_process=ends)
    assert 5 <= ends < MOST  # more than five if what is suspected with it is still in hand when its turn comes
    assert zeros.acknowledged == 4 * each + 1
    with town.store() as store, store.reading() as connection:
        assert connection.scalar(select(deliveries.c.cause).where(deliveries.c.state == "dead")) == "delivery.poison"
