"""An installation on PostgreSQL: made whole or not at all; what its role may do; every wrong address is named."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import hub.install
from commands.frame.exits import ExitCode
from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.install import Plan, install
from hub.settings import load_settings
from hub.store.faults import translate
from hub.store.roles import CHANGING, grants
from hub.store.store import Store
from hub.store.tables import metadata
from hub.store.writer import Writer
from tests.admin import Administrator
from tests.postgres import Server, server
from tests.test_mailbox import confirm, fetch
from tests.test_sequence import drain, sequencer
from tests.town import Town, found_town

__all__ = ["server"]

ROOT = Path(hub.install.__file__).parent.parent
NOW = datetime.now(UTC)


@pytest.fixture
def town(tmp_path: Path, server: Server) -> Iterator[Town]:
    """A town whose hub logs in with a role that may only add to the ledger."""
    name = server.database(server.with_tables)
    founded = found_town(tmp_path, url=server.url(name))
    founded.hub.close()
    role = f"role of {name}"
    server.run(f'CREATE ROLE "{role}" LOGIN')
    for _ in range(2):
        server.run(*grants(role), database=name)
    store = Store.open(server.url(name, role.replace(" ", "%20")))
    founded.hub = replace(founded.hub, store=store, writer=Writer(store))
    yield founded
    founded.close()


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


def test_the_page_shows_the_statements_as_they_are() -> None:
    shown = (ROOT / "docs" / "postgresql.md").read_text(encoding="utf-8")
    for statement in grants("hub"):
        assert f"{statement};" in " ".join(shown.split())


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

    monkeypatch.setattr(hub.install, "write_registry", fail)
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
