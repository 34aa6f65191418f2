"""Statements by libpq itself: values arrive as they are, what is prepared is known, and no lost connection is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    select,
)

from hub.errors import Misconfigured, Unavailable
from hub.store import wire
from hub.store.prepared import Inserting, travel
from hub.store.store import Store
from hub.store.tables import documents, ledger
from hub.store.transaction import Transaction
from tests.postgres import Server, server
from tests.test_chain_postgres import append, database, write, write_with

__all__ = ["database", "server"]
LARGE = 4 << 20
"""More than the buffers of a socket on both sides hold."""


@pytest.fixture
def store(server: Server, database: str) -> Iterator[Store]:
    opened = Store.open(server.url(database), "n")
    yield opened
    opened.close()


def driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def prepared(store: Store) -> list[str]:
    """What the server has prepared of ours for the writer."""
    with store.transaction(expecting=True) as transaction:
        query = "SELECT name FROM pg_prepared_statements WHERE name LIKE 'hub%'"
        return sorted(name for (name,) in driver(transaction.connection).execute(query))


def kept(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(connection.scalars(select(ledger.c.sequence).order_by(ledger.c.sequence)))


def test_text_numbers_bytes_truths_and_nothing_arrive_as_they_are(store: Store, server: Server, database: str) -> None:
    server.run("CREATE TABLE odd (t text, b bigint, i integer, y bytea, o boolean, n text)", database=database)
    kinds = {"t": Text, "b": BigInteger, "i": Integer, "y": LargeBinary, "o": Boolean, "n": Text}
    odd = Table("odd", MetaData(), *(Column(name, kind) for name, kind in kinds.items()))
    rows = [
        {"t": "云府〔2026〕3号 %s $1", "b": -(2**63), "i": 2**31 - 1, "y": bytes(range(256)), "o": True, "n": None},
        {"t": "", "b": 0, "i": -1, "y": b"", "o": False, "n": "\\"},
    ]
    with store.transaction() as transaction:
        for row in rows:
            transaction.stage(odd, row)
    assert [tuple(row.values()) for row in rows] == server.run("SELECT * FROM odd", database=database)


def test_text_with_a_zero_byte_is_refused_and_not_cut(store: Store) -> None:
    with pytest.raises(Misconfigured) as refused:
        write_with(store, lambda transaction: transaction.stage_document("a\0b", b""))
    assert refused.value.code == "store.value"
    assert kept(store) == []


def undo(transaction: Transaction, selects: int) -> None:
    """Prepare statements of ours, and perhaps one of psycopg's own, and roll back."""
    for _ in range(selects):
        driver(transaction.connection).execute("SELECT 1")
    transaction.flush()
    raise KeyError


def test_what_is_prepared_is_known_after_a_rollback_and_prepared_once(store: Store) -> None:
    for _ in range(3):
        with pytest.raises(KeyError):  # after so many psycopg has prepared one, and then a rollback drops all
            write_with(store, lambda transaction: undo(transaction, 7))
        with pytest.raises(KeyError):  # here it has none, and drops nothing
            write_with(store, lambda transaction: undo(transaction, 0))
        write(store, 2)
        write(store)
    assert kept(store) == list(range(1, 10))
    assert len(prepared(store)) == 3  # the chain's end, an entry, COMMIT


def test_more_than_a_socket_holds_is_sent_and_answered(store: Store) -> None:
    with store.transaction() as transaction:
        for number in range(3):
            transaction.stage_document(f"{number}", bytes(LARGE))
            for _ in range(100):
                append(transaction)
    assert len(kept(store)) == 300
    with store.reading() as connection:
        assert [len(content) for content in connection.scalars(select(documents.c.content))] == [LARGE] * 3


def test_a_connection_that_is_ended_under_way_is_given_up(store: Store, server: Server) -> None:
    write(store)

    def end(transaction: Transaction) -> None:
        pid = driver(transaction.connection).pgconn.backend_pid
        server.run(f"SELECT pg_terminate_backend({pid}, 60000)")

    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            write_with(store, end)
        assert refused.value.code == "store.unreachable"
        write(store)
    assert kept(store) == [1, 2, 3]


def test_an_interrupted_journey_leaves_no_connection_in_an_unknown_state(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store)

    def interrupted(libpq: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(wire, "_results", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write(store)
    write(store)
    assert kept(store) in ([1, 2], [1, 2, 3])  # the server may have heard of the commit


def test_other_threads_go_on_while_a_journey_waits(store: Store, server: Server, database: str) -> None:
    """An event loop must not stand still for a lock or an fsync elsewhere."""
    other = Store.open(server.url(database), "n")
    with other.transaction() as holding:
        append(holding)
        holding.flush()
        writing = threading.Thread(target=write, args=(store,))
        writing.start()
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = '" + database + "'"
        until = time.monotonic() + 60
        while not server.run(waits):
            assert time.monotonic() < until
        assert writing.is_alive()
    writing.join(60)
    assert kept(store) == [1, 2]
    other.close()


def test_the_first_of_several_errors_is_told(store: Store) -> None:
    inserting = Inserting(documents, ("digest", "content"))
    rows = [{"digest": "d", "content": b""}] * 3
    with pytest.raises(Unavailable) as refused, store.transaction() as transaction:
        travel(transaction.connection, inserting.calls(transaction.connection, rows))
    assert refused.value.code == "store.raced"
    write(store)
