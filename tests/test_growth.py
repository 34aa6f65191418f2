"""A full hub does no more than an empty one: no statement of the roads, a trace or a watch reads a whole table."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bench.generated import generate, name_of
from bench.material import HUB, found_hub, message
from commands.frame.pick import read_traced
from hub import supervise
from hub.accept import accept
from hub.hub import Hub
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.message import DeliveryState
from hub.store import chain_holdings, entries, outbox, queues, refusals, trace, tree_standing
from hub.store.settlement import Settlement, settle

STORED = 40
_LARGE = re.compile(r"SCAN (ledger|messages|deliveries|documents|leaves|checkpoints|other|refusals)\b")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with stored messages."""
    found = found_hub(tmp_path, {"d0": "http://127.0.0.1:9/d0"})
    generate(found, tmp_path, STORED)
    yield found
    found.close()


@contextmanager
def watched(hub: Hub) -> Iterator[list[str]]:
    """Every statement that reaches the database, with its values."""
    said: list[str] = []

    def listen(connection: Any, *_: object) -> None:
        connection.set_trace_callback(said.append)

    event.listen(hub.store.engine, "checkout", listen)
    try:
        yield said
    finally:
        event.remove(hub.store.engine, "checkout", listen)


def whole_tables(hub: Hub, said: list[str]) -> list[str]:
    """Those of the statements that read all of a table that grows."""
    address = str(hub.store.engine.url.database)
    with sqlite3.connect(address) as connection:
        plans = {
            statement: [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in dict.fromkeys(said)
            if re.match(r"SELECT|UPDATE|DELETE|WITH|INSERT", statement)
        }
    connection.close()
    assert plans
    return [f"{step}: {said}" for said, plan in plans.items() for step in plan if _reads_all(step, said)]


def _reads_all(step: str, statement: str) -> bool:
    """Whether a step of a plan reads a whole table, and not only the first row of an index."""
    return bool(_LARGE.match(step)) and not (" USING " in step and "LIMIT 1 " in statement)


QUESTIONS: dict[str, Callable[[Connection], Any]] = {
    "trace": lambda c: read_traced(c, name_of(7)),
    "trace of an id": lambda c: read_traced(c, "g-7"),
    "document number": lambda c: trace.find_messages(c, ["办发〔2026〕7号"]),
    "tail": lambda c: entries.entries_after(c, {HUB: 2 * STORED - 2}),
    "latest entries": lambda c: entries.latest_entries(c, 3),
    "some entries": lambda c: chain_holdings.some_entries(c, most=3),
    "heads": chain_holdings.heads,
    "refusals": refusals.list_refusals,
    "standing": tree_standing.read_standing,
    "queues": queues.read_queues,
    "dead letters": trace.dead_letters,
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_reads_no_whole_table(hub: Hub, name: str) -> None:
    with watched(hub) as said, hub.store.reading() as connection:
        QUESTIONS[name](connection)
    assert whole_tables(hub, said) == []


def test_the_roads_read_no_whole_table(hub: Hub, tmp_path: Path) -> None:
    at = hub.clock()
    with watched(hub) as said:
        asyncio.run(accept(hub, message(1, 2)))
        with hub.store.reading() as connection:
            assert queues.endpoints_due(connection, at + timedelta(seconds=9)) == ["d0"]
        with hub.store.transaction() as transaction:
            [leased] = outbox.lease(transaction, [("d0", 16)], at + timedelta(seconds=9), at + timedelta(seconds=99))
            assert settle(transaction, leased.consignment.delivery_id, Settlement(DeliveryState.DELIVERED, at))
        asyncio.run(supervise.sweep(hub))
        assert asyncio.run(Sequencer(lambda: hub, checkpoint_signers(hub, tmp_path)).step()) is not None
    assert whole_tables(hub, said) == []


def test_what_is_found_is_what_was_stored(hub: Hub) -> None:
    with hub.store.reading() as connection:
        traced = read_traced(connection, name_of(7))
        assert [hop.sequence for hop in traced.hops] == [13, 14]
        assert [entry.sequence for entry in entries.latest_entries(connection, 3)] == [78, 79, 80]
        assert [stored.entry.sequence for stored in chain_holdings.some_entries(connection, most=3)] == [78, 79, 80]
        assert [stored.entry.sequence for stored in chain_holdings.some_entries(connection, first=5, most=2)] == [5, 6]
        assert {stored.entry.node: stored.entry.sequence for stored in chain_holdings.heads(connection)} == {HUB: 80}
