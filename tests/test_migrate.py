"""Moving an installation to another database: all of it arrives, or the other database stays empty."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

import commands.migrate
import hub.store.copying
from commands.frame.exits import ExitCode
from connectors.serving.serving_lock import node_lock
from hub.errors import Misconfigured
from hub.settings.file import load_settings
from hub.settings.settings import Settings
from hub.settings.text import settings_text, with_database
from hub.store.copying import Sum, copy, departing
from hub.store.engine import opened
from hub.store.faults import translate, translated
from hub.store.presence import NODES
from hub.store.store import Store
from hub.store.tables import deliveries, messages, metadata
from hub.store.upgrade import upgrade
from tests.admin import NOW, Administrator
from tests.first_layout import database, first, rows
from tests.postgres import Server
from tests.test_postgres_store import tables

__all__ = ["first"]


@pytest.fixture
def grown(first: Administrator) -> Administrator:
    """An installation with 28 entries on SQLite, of this program's layout."""
    upgrade(f"sqlite:///{first.folder / 'hub.db'}")
    return first


def unordered(path: Path) -> dict[str, list[str]]:
    return {table: sorted(map(str, found)) for table, found in rows(path).items()}


def settings_of(admin: Administrator) -> Settings:
    return load_settings((admin.folder / "hub.yaml").read_text())


def test_an_installation_goes_to_postgresql_and_back(grown: Administrator, server: Server) -> None:
    before = unordered(grown.folder / "hub.db")
    url = server.url(server.database()).replace("owner@", "owner:s3cret@")
    moved = grown.json("migrate", "--from", "sqlite:///hub.db", "--to", url, "--switch")
    assert moved["switched"]
    assert moved["rows"] == sum(map(len, before.values())) + 2  # `version` and `oldest` in meta
    assert {line["table"]: line["rows"] for line in moved["tables"]}["ledger"] == 28
    assert "s3cret" not in str(moved)
    assert settings_of(grown).database == url
    assert stat.S_IMODE((grown.folder / "hub.yaml").stat().st_mode) == 0o600
    assert not [found for found in grown.folder.iterdir() if found.name.startswith(".hub.yaml")]
    assert grown.json("ledger", "audit")["clean"]
    assert grown.json("database", "show")["kind"] == "postgresql"

    back = grown.json("migrate", "--to", "sqlite:///back.db", "--switch")
    assert settings_of(grown).database == "sqlite:///back.db"
    after = unordered(grown.folder / "back.db")
    grew = {table: len(after[table]) - len(kept) for table, kept in before.items()}
    assert all(set(kept) <= set(after[table]) for table, kept in before.items())
    assert {table: more for table, more in grew.items() if more} == {"ledger": 2, "documents": 2}  # the two moves
    sums, sums_back = ({line["table"]: line["sum"] for line in one["tables"]} for one in (moved, back))
    assert {table for table in sums if sums[table] != sums_back[table]} == {"ledger", "documents"}
    found = grown.json("ledger", "audit")
    assert (found["clean"], found["rows"]["entry"]) == (True, 30)


def test_the_database_that_was_left_is_not_opened_again(grown: Administrator) -> None:
    kept = (grown.folder / "hub.yaml").read_text()
    grown.done("migrate", "--to", "sqlite:///new.db", "--switch")
    (grown.folder / "hub.yaml").write_text(kept)
    assert grown.refused("store.moved", "ledger", "audit") == ExitCode.MISCONFIGURED
    assert grown.refused("store.moved", "migrate", "--to", "sqlite:///newer.db") == ExitCode.MISCONFIGURED


def test_without_switch_nothing_here_changes(grown: Administrator) -> None:
    before = rows(grown.folder / "hub.db"), (grown.folder / "hub.yaml").read_bytes()
    said = grown.type("migrate", "--to", "sqlite:///copy.db", lang="zh")
    assert said.exit_code == 0, said.output
    assert "原数据库仍在使用" in said.output
    assert before == (rows(grown.folder / "hub.db"), (grown.folder / "hub.yaml").read_bytes())
    assert unordered(grown.folder / "copy.db") == unordered(grown.folder / "hub.db")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory, server: Server) -> str:
    """The address of a copy on PostgreSQL, for tests that leave it as it is."""
    file, url = tmp_path_factory.mktemp("first") / "hub.db", server.url(server.database())
    file.write_bytes(database())
    upgrade(f"sqlite:///{file}")
    with departing(f"sqlite:///{file}", "hub") as departure:
        copy(departure, url)
    return url


def test_new_rows_get_new_ids_after_the_move(copied: str) -> None:
    store = Store.open(copied)
    with store.transaction() as transaction:
        for table in (messages, deliveries):
            last = transaction.connection.scalar(select(func.max(table.c.id)))
            assert transaction.allocate(table) == [last + 1]
    store.close()


def test_a_served_installation_stays_where_it_is(grown: Administrator) -> None:
    with node_lock(grown.folder, "hub"):
        assert grown.refused("serve.running", "migrate", "--to", "sqlite:///new.db") == ExitCode.MISCONFIGURED
    assert not (grown.folder / "new.db").exists()


def test_one_that_is_served_from_another_machine_stays_too(copied: str) -> None:
    with opened(copied) as engine, engine.connect() as elsewhere:
        elsewhere.exec_driver_sql(f"SELECT pg_advisory_lock({NODES}, 1)")
        with pytest.raises(Misconfigured, match=r"serve\.running"), departing(copied, "hub"):
            pass
    with departing(copied, "hub") as departure:
        assert departure.rows() > 28


def test_who_begins_to_serve_meanwhile_is_not_left_behind(copied: str) -> None:
    with departing(copied, "hub") as departure, opened(copied) as engine, engine.connect() as elsewhere:
        elsewhere.exec_driver_sql(f"SELECT pg_advisory_lock({NODES}, 1)")
        with pytest.raises(Misconfigured, match=r"serve\.running"):
            departure.leave(NOW)
    Store.open(copied).close()


def test_nobody_writes_while_it_is_copied(copied: str, grown: Administrator) -> None:
    file = f"sqlite:///{grown.folder / 'hub.db'}"
    for url, patience in ((copied, "SET lock_timeout = 10"), (file, "PRAGMA busy_timeout = 10")):
        with departing(url, "hub"), opened(url) as engine, translated(), engine.connect() as other:
            other.exec_driver_sql(patience)
            with pytest.raises(DBAPIError) as caught:
                other.exec_driver_sql("INSERT INTO documents VALUES ('x', '')")
            assert translate(caught.value).code == "store.busy"


@pytest.mark.parametrize("step", ["_compare_heads", "_switch"])
def test_whatever_fails_the_target_is_empty_again(
    grown: Administrator, server: Server, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any) -> None:
        raise Misconfigured("store.uneven", where="ledger")

    before = rows(grown.folder / "hub.db"), (grown.folder / "hub.yaml").read_bytes()
    monkeypatch.setattr(commands.migrate, step, fail)
    name = server.database()
    for url in (server.url(name), "sqlite:///new.db"):
        assert grown.refused("store.uneven", "migrate", "--to", url, "--switch") == ExitCode.MISCONFIGURED
    assert tables(server, name) == 0
    assert not list(grown.folder.glob("new.db*"))
    assert before == (rows(grown.folder / "hub.db"), (grown.folder / "hub.yaml").read_bytes())


def test_a_row_that_arrives_changed_undoes_the_copy(
    grown: Administrator, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = server.database()
    whole = hub.store.copying.create_tables

    def forgetful(connection: Any) -> None:
        whole(connection)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE RULE lose AS ON INSERT TO leaves WHERE NEW.place = 3 DO INSTEAD NOTHING")
        else:
            connection.exec_driver_sql(
                "CREATE TRIGGER change AFTER INSERT ON leaves WHEN NEW.place = 3 BEGIN"
                " UPDATE leaves SET hash = x'00' WHERE place = 3; END"
            )

    monkeypatch.setattr(hub.store.copying, "create_tables", forgetful)
    for url in (server.url(name), "sqlite:///new.db"):
        assert grown.refused("store.uneven", "migrate", "--to", url) == ExitCode.MISCONFIGURED
    assert tables(server, name) == 0
    assert not list(grown.folder.glob("new.db*"))


def test_an_unsound_ledger_is_not_moved(grown: Administrator) -> None:
    with opened(f"sqlite:///{grown.folder / 'hub.db'}") as engine, engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger SET detail = 'changed' WHERE sequence = 7")
    assert grown.refused("migrate.unsound", "migrate", "--to", "sqlite:///new.db") == ExitCode.MISCONFIGURED
    assert not (grown.folder / "new.db").exists()


def test_a_database_with_anything_in_it_is_no_target(grown: Administrator, server: Server) -> None:
    name = server.database()
    server.run("CREATE TABLE theirs (n int)", database=name)
    assert grown.refused("store.exists", "migrate", "--to", server.url(name)) == ExitCode.MISCONFIGURED
    assert tables(server, name) == 1
    assert grown.refused("store.exists", "migrate", "--to", "sqlite:///hub.db") == ExitCode.MISCONFIGURED
    assert grown.json("ledger", "audit")["clean"]


def test_an_older_database_is_upgraded_before_it_moves(first: Administrator) -> None:
    assert first.refused("store.older", "migrate", "--to", "sqlite:///new.db") == ExitCode.MISCONFIGURED


def test_a_sum_tells_rows_apart_and_knows_no_order() -> None:
    one, two = (1, "a", b"a", None, True), ("1", "a", "a", "None", 1)
    assert Sum().plus(one) != Sum().plus(two)
    assert Sum().plus(("ab", "c")) != Sum().plus(("a", "bc"))
    assert Sum().plus(one).plus(two) == Sum().plus(two).plus(one)
    assert Sum().plus(one).plus(one) != Sum()


def test_the_settings_keep_all_but_the_address() -> None:
    for text in (
        settings_text("hub", "n", "h", 1),
        settings_text("hub", "n", "h", 1, database="sqlite:///x.db"),
        "hub: a",
    ):
        changed = with_database(text, "postgresql://u:p@h/n")
        assert load_settings(changed).database == "postgresql://u:p@h/n"
        assert len(set(text.splitlines()) - set(changed.splitlines())) <= 1


def test_every_table_has_a_key_to_copy_by() -> None:
    assert all(table.primary_key.columns for table in metadata.sorted_tables)
