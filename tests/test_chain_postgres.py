"""One node's chain on PostgreSQL when its end is expected and not read: it neither forks nor has a gap, whoever else
writes it and whatever the database lost; and the audit by several processes sees one state of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.audit.audit import report
from hub.errors import Unavailable
from hub.message import Hop
from hub.settings.settings import DatabasePool
from hub.store import wire
from hub.store.chain_holdings import chains
from hub.store.faults import RACED
from hub.store.one_state import export_state, join_state
from hub.store.store import Store
from hub.store.tables import documents
from hub.store.transaction import Transaction
from hub.store.tree_holdings import entry_count
from hub.store.writer import Writer
from tests.postgres import Server
from tests.test_audit import STANDARD

AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def database(server: Server) -> str:
    return server.database(server.with_tables)


@pytest.fixture
def two(server: Server, database: str) -> Iterator[tuple[Store, Store]]:
    """Two processes of one node."""
    stores = Store.open(server.url(database), "n"), Store.open(server.url(database), "n")
    yield stores
    for store in stores:
        store.close()


def append(transaction: Transaction) -> int:
    return transaction.append(Hop.ADMIN, AT, sender="s").entry.sequence


def write(store: Store, many: int = 1) -> None:
    with store.transaction(expecting=True) as transaction:
        for _ in range(many):
            append(transaction)


def write_with(store: Store, work: Callable[[Transaction], object]) -> None:
    with store.transaction(expecting=True) as transaction:
        append(transaction)
        work(transaction)


def sequences(store: Store) -> list[int]:
    """The whole chain, after it was proven."""
    assert [f.code for f in report(store, STANDARD, deep=False).findings] == []
    with store.reading() as connection:
        return [stored.entry.sequence for stored in chains(connection)]


def journeys(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the driver waits for the server in one transaction."""
    import psycopg

    waits: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: (waits.append(name), real(*given))[1]

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "pipeline", counted("psycopg", psycopg.Connection.pipeline))
        patched.setattr(wire, "travel", counted("libpq", wire.travel))
        write(store)
    return len(waits)


def test_an_expected_end_saves_a_journey(two: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = two
    assert [journeys(store, monkeypatch) for _ in range(3)] == [2, 1, 1]
    assert sequences(store) == [1, 2, 3]


def test_what_another_process_wrote_meanwhile_is_noticed_and_nothing_is_kept(
    two: tuple[Store, Store], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two
    write(one, 2)
    write(other)
    with pytest.raises(Unavailable) as refused:
        write_with(one, lambda transaction: transaction.stage_document("d" * 64, b"lost with it"))
    assert refused.value.code == RACED
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    write(one, 3)  # what was expected is forgotten, and the end is read
    assert sequences(one) == [1, 2, 3, 4, 5, 6]
    with one.reading() as connection:
        assert connection.execute(documents.select()).first() is None


def test_an_end_that_the_database_lost_leaves_no_gap(two: tuple[Store, Store], server: Server, database: str) -> None:
    """A standby that took over may not have the last commits."""
    store, _ = two
    write(store, 3)
    server.run("DELETE FROM ledger WHERE sequence = 3", database=database)
    with pytest.raises(Unavailable) as refused:
        write(store)
    assert refused.value.code == RACED
    write(store)
    assert sequences(store) == [1, 2, 3]


def test_an_end_that_another_wrote_anew_is_not_built_upon(
    two: tuple[Store, Store], server: Server, database: str
) -> None:
    one, other = two
    write(one, 2)
    server.run("DELETE FROM ledger WHERE sequence = 2", database=database)
    with other.transaction() as transaction:
        transaction.append(Hop.ADMIN, AT, sender="another")
    with pytest.raises(Unavailable):
        write(one)
    write(one)
    assert sequences(one) == [1, 2, 3]


def test_two_writers_of_one_node_lose_nothing_and_fork_nothing(two: tuple[Store, Store]) -> None:
    """The writer tries again what met another's, so that who asked never hears of it."""

    async def both() -> list[int]:
        writers = [Writer(store, group=3) for store in two]
        try:
            return list(await asyncio.gather(*(writer.run(append) for _ in range(15) for writer in writers)))
        finally:
            for writer in writers:
                writer.close()

    told = asyncio.run(both())
    assert sorted(told) == sequences(two[0]) == list(range(1, 31))


def test_an_entry_that_another_wrote_during_the_work_is_noticed(two: tuple[Store, Store]) -> None:
    """Nobody builds on an end that another has gone beyond while the work was done."""
    one, other = two
    write(one)
    with pytest.raises(Unavailable) as refused:
        write_with(one, lambda _: write(other))
    assert refused.value.code == RACED
    assert sequences(one) == [1, 2]


def test_what_work_raises_undoes_all_and_is_raised_as_it_is(two: tuple[Store, Store]) -> None:
    store, _ = two
    write(store)
    with pytest.raises(ZeroDivisionError):
        write_with(store, lambda _: 1 // 0)
    write(store)
    assert sequences(store) == [1, 2]


def test_several_processes_see_the_state_that_the_first_one_saw(two: tuple[Store, Store]) -> None:
    store, other = two
    write(store, 2)
    with store.reading() as connection:
        assert entry_count(connection) == 2
        state = export_state(connection)
        write(other)
        joined = join_state(store.address, state)
        assert entry_count(joined) == 2
        joined.close()
        joined.engine.dispose()
    assert sequences(store) == [1, 2, 3]


def test_who_waits_for_other_processes_may_do_nothing_for_as_long_as_they_take(two: tuple[Store, Store]) -> None:
    impatient = Store.open(two[0].address, "impatient", pool=DatabasePool(idle_timeout=60))
    with closing(impatient), impatient.reading() as connection:
        assert limit(connection) == "1min"
        export_state(connection)
        assert limit(connection) == "0"


def limit(connection: Connection) -> str:
    return str(connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one())


def test_the_processes_of_an_audit_do_the_work_on_postgresql(
    two: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = two
    write(store, 20)
    monkeypatch.setattr("hub.audit.sharing._look_here", lambda *_: pytest.fail("looked at here"))
    assert report(store, STANDARD, deep=False, jobs=2).clean
