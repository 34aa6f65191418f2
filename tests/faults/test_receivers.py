"""R12: receivers that answer wrongly in every way. Nothing is called delivered without a right receipt."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from hub.store.tables import deliveries, ledger
from tests.faults.conftest import Found
from tests.faults.processes import PATIENCE
from tests.faults.progress import counted
from tests.faults.senders import Memory
from tests.faults.sizes import Sizes
from tests.faults.test_kills import Check, send_to
from tests.faults.town_of_processes import Town

WRONG = {
    "error": "error500",
    "hang": "hang",
    "other-signer": "wrong-signer",
    "unsigned": "unsigned",
    "other-message": "wrong-message",
    "endless": "endless",
    "bomb": "bomb",
    "garbage": "garbage",
    "fault": "fault",
    "down": "down",
}
GOOD = "good"


def states(town: Town) -> Counter[str]:
    """How many deliveries are in each state; those that wait or are just being tried are open."""
    with town.store() as store, store.reading() as connection:
        found = connection.scalars(select(deliveries.c.state))
        return Counter("open" if state in ("waiting", "leased") else state for state in found)


def tried(town: Town) -> set[str]:
    """Who has failed an attempt, by the ledger."""
    with town.store() as store, store.reading() as connection:
        return set(connection.scalars(select(ledger.c.target).where(ledger.c.kind == "attemptFailed").distinct()))


def test_r12_wrong_answers_of_every_kind(found_town: Found, sizes: Sizes, all_is_well: Check) -> None:
    town = found_town(codes=("a", "b", GOOD, *WRONG))
    town.receive(WRONG)
    town.node.up()
    for _ in counted("rounds", sizes.wrong_answers):
        send_to(town, (GOOD, *WRONG), 1)
    before = until_all_tried(town, 2 * sizes.wrong_answers)
    assert before == {"delivered": 2 * sizes.wrong_answers, "open": 2 * sizes.wrong_answers * len(WRONG)}
    town.receive()
    zeros = all_is_well(town, kinds=len(WRONG), wrongly_called_delivered=0)
    assert zeros.delivered == 2 * sizes.wrong_answers * (len(WRONG) + 1)


def test_a_line_that_a_kill_cut_off_is_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b'{"n": 1}\n{"n": ')
    for number in (2, 3):
        memory = Memory(file)
        memory.add({"n": number})
        memory.close()
    assert file.read_bytes() == b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'


def until_all_tried(town: Town, good: int) -> Counter[str]:
    """Wait until every wrong receiver has answered at least once, and the good one has its own."""
    end = time.monotonic() + PATIENCE
    while tried(town) < set(WRONG) or (found := states(town))["delivered"] < good:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found
