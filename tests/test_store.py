"""The store: opening, refusing what is not ours, and group commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import OperationalError

from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.ledger.ledger import Stored
from hub.message import Hop
from hub.store.entries import latest_entries, read_chain
from hub.store.faults import translate
from hub.store.prepared import Prepared
from hub.store.store import Store
from hub.store.tables import VERSION, meta
from hub.store.transaction import Transaction
from hub.store.writer import Writer

AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'hub.db'}"
    Store.create(made, hub_id="hub", ledger_id="ledger-1")
    return made


def code_of(url: str) -> str:
    with pytest.raises(HubError) as caught:
        Store.open(url)
    return caught.value.code


def test_a_database_is_created_once(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"store\.exists"):
        Store.create(url, hub_id="hub", ledger_id="other")
    with closing(Store.open(url)) as store:
        assert store.ledger_id == "ledger-1"


def test_a_newer_database_is_refused(url: str) -> None:
    store = Store.open(url)
    with store.transaction() as transaction:
        newer = f"update meta set value = '{VERSION + 1}' where key in ('version', 'oldest')"
        transaction.connection.exec_driver_sql(newer)
    store.close()
    assert code_of(url) == "store.newer"


def test_an_absent_database_is_said_so_and_not_created(tmp_path: Path) -> None:
    assert code_of(f"sqlite:///{tmp_path / 'none.db'}") == "store.absent"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"not a database at all" * 100)
    assert code_of(f"sqlite:///{tmp_path / 'junk.db'}") == "store.damaged"


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t (x)")
    assert code_of(f"sqlite:///{path}") == "store.absent"


@pytest.mark.parametrize("bad", ["nonsense", "mysql://x/y", "sqlite"])
def test_a_wrong_address_is_said_so(bad: str) -> None:
    assert code_of(bad) == "store.url"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("database or disk is full", "store.full"),
        ("attempt to write a readonly database", "store.read-only"),
        ("disk I/O error", "store.io"),
        ("database is locked", "store.busy"),
        ("something else", "store.unreachable"),
    ],
)
def test_a_drivers_error_becomes_ours(words: str, code: str) -> None:
    ours = translate(OperationalError("insert", {}, Exception(words)))
    assert isinstance(ours, Unavailable)
    assert ours.code == code


def append(transaction: Transaction) -> Stored:
    return transaction.append(Hop.REFUSED, AT, detail="x")


def test_work_is_answered_after_the_commit_and_in_one_chain(url: str) -> None:
    store = Store.open(url)
    writer = Writer(store)

    async def many() -> list[Stored]:
        return list(await asyncio.gather(*(writer.run(append) for _ in range(200))))

    done = asyncio.run(many())
    with store.reading() as connection:
        assert len(latest_entries(connection, 500)) == 200
        assert [s.entry.sequence for s in read_chain(connection, "hub")] == sorted(s.entry.sequence for s in done)
    writer.close()
    store.close()


def test_a_refusal_takes_back_its_own_rows_only(url: str) -> None:
    store = Store.open(url)
    writer = Writer(store)

    def refuse(transaction: Transaction) -> None:
        append(transaction)
        raise Refused("message.unknown")

    async def mixed() -> list[object]:
        return await asyncio.gather(writer.run(append), writer.run(refuse), writer.run(append), return_exceptions=True)

    done = asyncio.run(mixed())
    assert [type(d) for d in done] == [Stored, Refused, Stored]
    with store.reading() as connection:
        assert [s.entry.sequence for s in read_chain(connection, "hub")] == [1, 2]
    writer.close()
    store.close()


@pytest.mark.parametrize("by", ["core", "driver", "prepared"])
def test_a_refusal_takes_back_what_was_changed_at_once(url: str, by: str) -> None:
    """Staged rows are forgotten; what a statement has changed already, only a rollback takes back."""
    row = {"key": "half", "value": "done"}
    prepared = Prepared(insert(meta).values(key=bindparam("key"), value=bindparam("value")))

    def refuse(transaction: Transaction) -> None:
        append(transaction)
        if by == "core":
            transaction.connection.execute(insert(meta).values(**row))
        elif by == "driver":
            transaction.connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('half', 'done')")
        else:
            prepared.execute(transaction.connection, row)
        raise Refused("message.unknown")

    async def mixed(writer: Writer) -> list[object]:
        alone = await asyncio.gather(writer.run(refuse), return_exceptions=True)
        works = (append, refuse, append)
        return [*alone, *await asyncio.gather(*map(writer.run, works), return_exceptions=True)]

    with closing(Store.open(url)) as store, closing(Writer(store)) as writer:
        assert [type(d) for d in asyncio.run(mixed(writer))] == [Refused, Stored, Refused, Stored]
        assert writer.fault == ""
        with store.reading() as connection:
            assert [s.entry.sequence for s in read_chain(connection, "hub")] == [1, 2]
            assert connection.scalar(select(meta.c.value).where(meta.c.key == "half")) is None


def test_a_piece_that_breaks_the_transaction_does_not_take_its_neighbours(url: str) -> None:
    store = Store.open(url)
    writer = Writer(store)

    def breaks(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql("insert into nowhere values (1)")

    async def mixed() -> list[object]:
        return await asyncio.gather(writer.run(append), writer.run(breaks), writer.run(append), return_exceptions=True)

    done = asyncio.run(mixed())
    assert [type(d) for d in done] == [Stored, Unavailable, Stored]
    writer.close()
    store.close()


@pytest.mark.parametrize("on_loop", [True, False])
def test_a_database_that_is_away_is_asked_once_and_not_by_each_piece(
    url: str, on_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With seconds for each try, as a server that is just being promoted takes, thirty pieces would wait a minute."""
    store = Store.open(url)
    tried: list[bool] = []

    @contextmanager
    def away(**_: bool) -> Iterator[Transaction]:
        tried.append(True)
        raise Unavailable("store.unreachable")
        yield

    async def many(writer: Writer) -> list[object]:
        return await asyncio.gather(*(writer.run(append) for _ in range(30)), return_exceptions=True)

    with closing(store), closing(Writer(store)) as writer, monkeypatch.context() as patched:
        writer._on_loop = on_loop
        patched.setattr(store, "transaction", away)
        assert {type(answer) for answer in asyncio.run(many(writer))} == {Unavailable}
        assert len(tried) == 1
        patched.undo()
        assert {type(answer) for answer in asyncio.run(many(writer))} == {Stored}


def test_a_database_that_goes_away_meanwhile_is_asked_once_more(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(url)
    real, begun = store.transaction, []

    @contextmanager
    def lost(**options: bool) -> Iterator[Transaction]:
        begun.append(True)
        if len(begun) > 1:
            raise Unavailable("store.unreachable")
        with real(**options) as transaction:
            yield transaction
            raise Unavailable("store.unreachable")

    async def many(writer: Writer) -> list[object]:
        return await asyncio.gather(*(writer.run(append) for _ in range(30)), return_exceptions=True)

    with closing(store), closing(Writer(store)) as writer:
        monkeypatch.setattr(store, "transaction", lost)
        assert {type(answer) for answer in asyncio.run(many(writer))} == {Unavailable}
        assert len(begun) == 2


def test_a_read_only_database_refuses_writes_and_still_reads(url: str) -> None:
    store = Store.open(url)
    with store.reading() as connection:
        connection.exec_driver_sql("select 1")
    store.engine.dispose()
    import sqlalchemy

    @sqlalchemy.event.listens_for(store.engine, "connect")
    def only_read(connection: object, _: object) -> None:
        connection.execute("PRAGMA query_only=ON")  # type: ignore[attr-defined]

    with pytest.raises(Unavailable, match=r"store\.read-only"), store.transaction() as transaction:
        append(transaction)
    with store.reading() as connection:
        assert latest_entries(connection) == []
    store.close()
