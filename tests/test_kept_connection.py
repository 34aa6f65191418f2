"""The writer's connection is kept from one transaction to the next, and never after anything went wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.errors import Misconfigured, Unavailable
from hub.settings.settings import DatabasePool
from hub.store.store import Store
from hub.store.transaction import Transaction
from tests.postgres import Server, server
from tests.test_chain_postgres import database, sequences, write, write_with
from tests.test_wire import store

__all__ = ["database", "server", "store"]


def session(store: Store) -> int:
    """The server process that serves the writer's next transaction."""
    with store.transaction(expecting=True) as transaction:
        driver: Any = transaction.connection.connection.driver_connection
        return int(driver.pgconn.backend_pid)


def lent(store: Store) -> int:
    pool: Any = store.engine.pool
    return int(pool.checkedout())


def test_one_transaction_after_another_has_the_same(store: Store) -> None:
    first = session(store)
    write(store, 2)
    assert session(store) == first
    assert lent(store) == 1
    with store.reading():
        assert lent(store) == 2


def test_one_within_another_has_its_own_and_gives_it_back(store: Store) -> None:
    outer = session(store)
    with store.transaction(expecting=True):
        assert session(store) != outer
    assert lent(store) == 1


def test_after_an_error_it_goes_back_to_the_pool(store: Store) -> None:
    write(store)
    with pytest.raises(Misconfigured):
        write_with(store, lambda transaction: transaction.stage_document("a\0b", b""))
    assert lent(store) == 0
    write(store)
    assert sequences(store) == [1, 2]


def test_one_that_was_lost_while_idle_is_replaced_and_nobody_notices(store: Store, server: Server) -> None:
    write(store)
    first = session(store)
    server.run(f"SELECT pg_terminate_backend({first}, 60000)")
    write(store)
    assert session(store) != first
    assert sequences(store) == [1, 2]


@pytest.mark.parametrize(("connections", "keeps"), [(1, 0), (3, 0), (4, 1)])
def test_a_small_pool_has_all_its_connections_back(server: Server, database: str, connections: int, keeps: int) -> None:
    store = Store.open(server.url(database), "n", pool=DatabasePool(connections=connections))
    write(store)
    assert lent(store) == keeps
    store.close()
    assert lent(store) == 0


def test_what_fails_at_the_commit_alone_is_told_and_nothing_is_stored(
    store: Store, server: Server, database: str
) -> None:
    server.run(
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'late'; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION late()",
        database=database,
    )
    write(store)

    def work(transaction: Transaction) -> None:
        transaction.stage_document("d" * 64, b"")

    with pytest.raises(Unavailable):
        write_with(store, work)
    write(store)
    assert sequences(store) == [1, 2]


def test_a_servers_own_isolation_is_not_ours(server: Server, database: str) -> None:
    server.run(f"ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'")
    store = Store.open(server.url(database), "n")
    write(store)
    with store.transaction(expecting=True) as transaction:
        assert transaction.connection.exec_driver_sql("SHOW default_transaction_isolation").scalar() == "read committed"
    store.close()
