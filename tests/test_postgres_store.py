"""An installation on PostgreSQL: made whole or not at all; what its role may do; every wrong address is named."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Text, event, text
from sqlalchemy.exc import OperationalError

import hub.administration.install
import hub.hub
from commands.frame.exits import ExitCode
from hub.administration.install import Plan, install
from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.hub import utc_now
from hub.settings.file import load_settings
from hub.settings.settings import DatabasePool
from hub.store import holdings
from hub.store.engine import connect, opened
from hub.store.faults import translate
from hub.store.migrations import revisions
from hub.store.roles import CHANGING, grants
from hub.store.store import Store
from hub.store.tables import VERSION, metadata
from tests.admin import Administrator
from tests.first_layout import Imagined
from tests.postgres import Server
from tests.postgres import limited_town as town
from tests.test_mailbox import confirm, fetch
from tests.test_sequence import drain, sequencer
from tests.town import Town

__all__ = ["town"]

NOW = datetime.now(UTC)


def tables(server: Server, database: str) -> int:
    query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')"
    return int(server.run(query, database=database)[0][0])


def test_the_role_of_the_hub_can_run_the_roads(town: Town) -> None:
    town.send("a", ["b", "m"])
    town.deliver()
    assert confirm(town, fetch(town)) == 1
    with pytest.raises(Refused):
        town.submit(b"<no/>")
    assert drain(sequencer(town))
    town.register(lambda registry: replace(registry, rights=()))
    town.check()


def test_the_role_of_the_hub_cannot_change_what_is_recorded(town: Town) -> None:
    town.send("a", "b")
    recorded = [table for table in metadata.sorted_tables if table not in CHANGING]
    assert {"ledger", "leaves", "checkpoints", "documents", "messages"} <= {table.name for table in recorded}
    for table in recorded:
        column = next(iter(table.columns)).name
        for harm in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(Misconfigured) as caught, town.hub.store.transaction() as transaction:
                transaction.connection.execute(text(harm))
            assert caught.value.code == "store.forbidden"
    town.check()


def test_the_rights_are_printed_for_the_owner_to_run(tmp_path: Path, server: Server) -> None:
    said = Administrator(tmp_path).done("database", "grants", 'odd "role"')
    name = server.database(server.with_tables)
    server.run('CREATE ROLE "odd ""role""" LOGIN')
    server.run(*said.split(";\n")[:-1], database=name)
    assert said.count(";\n") == len(grants("x"))
    Store.open(server.url(name, "odd%20%22role%22")).close()


def test_every_table_is_in_the_rights_once() -> None:
    words = " ".join(grants("hub")[1:]).replace(",", "").split()
    assert all(words.count(table.name) == 1 for table in metadata.sorted_tables)


def test_an_owner_upgrades_and_the_role_of_the_hub_goes_on(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = server.database()
    owner, mine = server.url(name), server.url(name, "servant")
    server.run("CREATE ROLE servant LOGIN")
    admin = Administrator(tmp_path / "d")
    admin.done("init", "--database", owner)
    settings = tmp_path / "d" / "hub.yaml"
    settings.write_text(settings.read_text().replace(owner, mine))
    server.run(f"UPDATE meta SET value = {VERSION - 1} WHERE key = 'version'", "DROP TABLE holds", database=name)
    server.run("GRANT SELECT ON meta TO servant", database=name)
    again = Imagined(VERSION, "0000_again", lambda op: op.create_table("holds", Column("kind", Text)))
    monkeypatch.setattr("hub.store.upgrade.revisions", lambda: (*revisions()[:-1], again))
    assert admin.refused("store.older", "dept", "list") == ExitCode.MISCONFIGURED
    assert admin.refused("store.forbidden", "database", "upgrade", "--yes") == ExitCode.MISCONFIGURED
    assert admin.json("database", "upgrade", "--yes", "--database", owner)["after"] == VERSION
    with opened(mine) as engine, engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM holds")


def test_init_makes_an_installation_that_doctor_finds_in_order(tmp_path: Path, server: Server) -> None:
    url = server.url(server.database()).replace("owner@", "owner:s3cret@")
    admin = Administrator(tmp_path / "d")
    said = admin.type("init", "--hub", "CENTER", "--port", "18999", "--database", url)
    assert said.exit_code == 0, said.output
    assert "s3cret" not in said.output
    settings = tmp_path / "d" / "hub.yaml"
    assert load_settings(settings.read_text()).database == url
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    checks = {check["name"]: check["level"] for check in admin.json("doctor")}
    assert "database role" in admin.type("--lang", "en", "doctor").stdout
    assert set(checks.values()) <= {"ok", "warn"}
    assert checks["database"] == "ok"
    assert admin.json("ledger", "verify")["clean"]
    admin.department("A", 1)
    assert [one.code for one in admin.registry().departments] == ["A", "CENTER"]


def test_settings_without_a_password_are_written_as_ever(tmp_path: Path, server: Server) -> None:
    install(tmp_path / "d", Plan(database=server.url(server.database())), NOW)
    assert stat.S_IMODE((tmp_path / "d" / "hub.yaml").stat().st_mode) & 0o044


def test_a_database_with_anything_in_it_is_not_touched(tmp_path: Path, server: Server) -> None:
    name = server.database()
    server.run("CREATE TABLE theirs (n int)", database=name)
    with pytest.raises(Misconfigured) as caught:
        install(tmp_path / "d", Plan(database=server.url(name)), NOW)
    assert (caught.value.code, tables(server, name)) == ("store.exists", 1)
    assert list(tmp_path.iterdir()) == []


def test_an_installation_that_fails_leaves_an_empty_database(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Misconfigured("registry.name")

    monkeypatch.setattr(hub.administration.install, "write_registry", fail)
    name = server.database()
    with pytest.raises(Misconfigured):
        install(tmp_path / "d", Plan(database=server.url(name)), NOW)
    assert (tables(server, name), list(tmp_path.iterdir())) == (0, [])


def code_of(url: str) -> str:
    with pytest.raises(HubError) as caught:
        Store.open(url).close()
    assert caught.value.sentence("en").count("/tmp") == 0
    return caught.value.code


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        ("SELECT 1", "store.absent"),
        ("CREATE TABLE meta (nothing int)", "store.foreign"),
        ("CREATE TABLE meta (key text, value text)", "store.foreign"),
        ("CREATE TABLE meta AS SELECT unnest('{version,hub,ledger,registry}'::text[]) key, '99' value", "store.newer"),
    ],
)
def test_a_database_that_is_not_ours_is_named(server: Server, prepare: str, code: str) -> None:
    name = server.database()
    server.run(prepare, database=name)
    assert code_of(server.url(name)) == code


def test_a_wrong_address_is_named(server: Server, tmp_path: Path) -> None:
    assert code_of("postgresql+psycopg2://h/x") == "store.url"
    assert code_of("mysql://h/x") == "store.url"
    assert code_of("postgresql+psycopg://h:port/x") == "store.url"
    assert code_of(f"postgresql+psycopg:///x?host={tmp_path}") == "store.unreachable"
    assert code_of("postgresql+psycopg://hub:geheim@127.0.0.1:9/x?connect_timeout=2") == "store.unreachable"
    assert code_of(server.url("nowhere")) == "store.absent"
    assert code_of(server.url("postgres", "stranger")) == "store.login"


def test_what_the_operator_is_told_holds_no_password() -> None:
    with pytest.raises(Unavailable) as caught:
        Store.open("postgresql+psycopg://hub:geheim@127.0.0.1:9/x")
    assert "geheim" not in caught.value.operator
    assert "127.0.0.1" in caught.value.operator


def test_an_address_without_a_driver_takes_ours(server: Server) -> None:
    url = server.url(server.with_tables).replace("+psycopg", "")
    store = Store.open(url)
    assert store.hub_id == "hub"
    store.close()


def test_init_at_a_wrong_address_ends_with_one_line(tmp_path: Path) -> None:
    admin = Administrator(tmp_path / "d")
    assert admin.refused("store.url", "init", "--database", "oracle://x") == ExitCode.MISCONFIGURED
    unreachable = f"postgresql+psycopg:///x?host={tmp_path}"
    assert admin.refused("store.unreachable", "init", "--database", unreachable) == ExitCode.UNAVAILABLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("23505", "store.raced"),
        ("40001", "store.raced"),
        ("40P01", "store.raced"),
        ("55P03", "store.busy"),
        ("57014", "store.slow"),
        ("25P03", "store.slow"),
        ("53300", "store.busy"),
        ("53100", "store.full"),
        ("25006", "store.read-only"),
        ("58030", "store.io"),
        ("57P01", "store.unreachable"),
        ("28P01", "store.login"),
        ("3D000", "store.absent"),
        ("42501", "store.forbidden"),
        ("22001", "store.value"),
        ("XX001", "store.damaged"),
    ],
)
def test_postgresql_is_understood_by_its_states_not_its_words(state: str, code: str) -> None:
    class Driver(Exception):
        sqlstate = state

    assert translate(OperationalError("select", {}, Driver("数据库错误: database is locked"))).code in (code,)


def test_a_database_file_whose_folder_takes_no_other_is_read_only() -> None:
    opening = OperationalError("select", {}, Exception("unable to open database file"))
    assert translate(opening).code == "store.read-only"


def test_each_connection_has_its_limits(server: Server) -> None:
    pool = DatabasePool(connections=3, statement_timeout=7, lock_timeout=0.25, idle_timeout=11)
    with opened(server.url(server.with_tables), pool) as engine, engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        }
        assert engine.pool.size() == 3  # type: ignore[attr-defined]
    assert list(shown.values()) == ["7s", "250ms", "11s", f"hub {VERSION}"]


def test_what_the_address_sets_itself_counts(server: Server) -> None:
    url = server.url(server.with_tables) + "&options=-c%20statement_timeout%3D3s&application_name=mine"
    with opened(url, DatabasePool()) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "3s"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "10s"
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "mine"


def refused_by(store: Store, *statements: str) -> str:
    with pytest.raises(HubError) as caught, store.transaction() as transaction:
        [transaction.connection.execute(text(statement)) for statement in statements]
    assert isinstance(caught.value, Unavailable)
    return caught.value.code


def test_a_slow_statement_and_a_lock_and_a_full_pool_are_told_apart(server: Server) -> None:
    url = server.url(server.database(server.with_tables))
    store = Store.open(url, pool=DatabasePool(connections=1, wait=0.01, lock_timeout=0.01))
    assert refused_by(store, "SET LOCAL statement_timeout = 10", "SELECT pg_sleep(60)") == "store.slow"
    with opened(url) as engine, engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE meta")
        assert refused_by(store, "SELECT * FROM meta") == "store.busy"
    with store.reading(), pytest.raises(Unavailable, match=r"store\.busy"), store.reading():
        pass
    store.close()


def test_a_transaction_in_which_nothing_happens_is_ended(server: Server) -> None:
    url = server.url(server.database(server.with_tables))
    store = Store.open(url)

    def dawdle() -> None:
        with store.transaction() as transaction:
            pid = transaction.connection.scalar(text("SELECT pg_backend_pid()"))
            transaction.connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 10"))
            while server.run(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
                pass
            transaction.connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable) as caught:
        dawdle()
    assert caught.value.code == "store.slow"
    with store.reading() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    store.close()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u@h1:5432,h2:5433/db", ("h1,h2", "5432,5433")),
        ("postgresql+psycopg://u:p@h1,h2/db?connect_timeout=3", ("h1,h2", ",")),
        ("postgresql://u@/db?host=h1:5432&host=h2:5433", ("h1,h2", "5432,5433")),
        ("postgresql://u@/db?host=h1,h2&port=5432,5433", ("h1,h2", "5432,5433")),
    ],
)
def test_several_servers_may_be_named(url: str, hosts: tuple[str, str]) -> None:
    engine = connect(url)
    _, given = engine.dialect.create_connect_args(engine.url)
    assert (given["host"], given["port"], given["dbname"], given["user"]) == (*hosts, "db", "u")


def test_of_several_servers_the_one_that_takes_writes_is_used(server: Server, tmp_path: Path) -> None:
    """The first is not there; a database that takes no writes stands for a standby."""
    name = server.database(server.with_tables)
    both = f"postgresql://owner@/{name}?host={tmp_path}&host={server.folder}"
    Store.open(both).close()
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert code_of(both) == "store.read-only"
    Store.open(f"{both}&target_session_attrs=any").close()
    server.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    Store.open(both).close()


def test_a_database_of_another_hub_is_named_before_anything_is_changed(tmp_path: Path, server: Server) -> None:
    url = server.url(server.database(server.with_tables))
    admin = Administrator(tmp_path / "d")
    admin.done("init", "--hub", "OTHER")
    settings = tmp_path / "d" / "hub.yaml"
    settings.write_text(f"{settings.read_text()}\ndatabase: {url}\n")
    for words in (("serve", "--check"), ("dept", "list"), ("ledger", "verify"), ("database", "upgrade", "--yes")):
        assert admin.refused("store.other-hub", *words) == ExitCode.MISCONFIGURED
    said = json.loads(admin.type("doctor", "-o", "json").stdout)
    assert {check["name"]: check["level"] for check in said}["database"] == "fail"


def test_the_databases_clock_is_compared_with_ours(server: Server, tmp_path: Path) -> None:
    store = Store.open(server.url(server.with_tables))
    assert store.clock_difference(utc_now) == timedelta()
    behind = store.clock_difference(lambda: utc_now() - timedelta(seconds=90))
    ahead = store.clock_difference(lambda: utc_now() + timedelta(seconds=90))
    assert behind.total_seconds() == pytest.approx(90, abs=30)
    assert ahead.total_seconds() == pytest.approx(-90, abs=30)
    store.close()
    Store.create(f"sqlite:///{tmp_path / 'hub.db'}", hub_id="hub", ledger_id="l")
    local = Store.open(f"sqlite:///{tmp_path / 'hub.db'}")
    assert local.clock_difference(lambda: NOW) == timedelta()
    local.close()


def test_doctor_tells_of_a_clock_that_is_wrong(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Administrator(tmp_path / "d")
    admin.done("init", "--database", server.url(server.database()))
    monkeypatch.setattr(hub.hub, "utc_now", lambda: utc_now() - timedelta(minutes=10))
    said = [one for one in json.loads(admin.type("doctor", "-o", "json").stdout) if one["name"] == "clock"]
    assert [one["level"] for one in said] == ["fail"]
    assert "behind" in json.dumps(said[0]["message"])


def test_no_count_of_an_audit_looks_through_one_table_for_each_row_of_another(server: Server) -> None:
    """A plan with a subplan is quick with few rows and takes hours with a million."""
    store = Store.open(server.url(server.database(server.with_tables)), "n")
    asked: list[str] = []
    with store.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        holdings.orphans(connection)
        holdings.keys_astray(connection)
        plans = [" ".join(connection.exec_driver_sql(f"EXPLAIN {one}").scalars()) for one in tuple(asked)]
    store.close()
    assert len(plans) == 4
    assert [plan for plan in plans if "SubPlan" in plan] == []
