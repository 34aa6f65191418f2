"""The layout's revisions: together they make the tables of the program, and bring an older database there intact."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, inspect

from commands.frame.exits import ExitCode
from connectors.serving.serving_lock import node_lock
from hub.errors import Misconfigured
from hub.store.engine import connect, opened
from hub.store.migrations import Revision, latest, revisions
from hub.store.migrations.__main__ import differences, written
from hub.store.partitions import partitions
from hub.store.store import Store
from hub.store.tables import SEQUENCES, VERSION, meta, metadata
from hub.store.upgrade import run, upgrade
from tests.admin import Administrator
from tests.first_layout import Imagined, first, rows
from tests.postgres import Server

__all__ = ["first"]

RECIPE = """
The revisions do not make the tables of hub/store/tables. Whoever changes a table adds a revision:

    python -m hub.store.migrations "words that say what it does"

and looks through the file that it writes (see CONTRIBUTING.md)."""


def revision(number: int, work: Callable[[Any], None], oldest: int = 1) -> Revision:
    return Imagined(number, f"{number:04}_imagined", work, oldest)


def plan_of(monkeypatch: pytest.MonkeyPatch, *plan: Revision) -> None:
    """Let these be all revisions there are, and the program that of the last."""
    whole = plan if plan[0].number == 1 else (*revisions()[: plan[0].number - 1], *plan)
    monkeypatch.setattr("hub.store.layout.VERSION", VERSION)  # to the audit's tables, what a revision adds is newer
    monkeypatch.setattr("hub.store.upgrade.revisions", lambda: whole)
    monkeypatch.setattr("hub.store.engine.VERSION", whole[-1].number)
    monkeypatch.setattr("hub.store.tables.VERSION", whole[-1].number)
    monkeypatch.setattr("hub.store.layout.VERSION", VERSION)  # the tables stay those of this program


@pytest.fixture
def widened(monkeypatch: pytest.MonkeyPatch) -> Revision:
    """One more revision than there is, with a column, an index, a table and rows to change."""

    def widen(op: Any) -> None:
        op.add_column("messages", sa.Column("colour", sa.String(10)))
        op.create_index("messages_by_colour", "messages", ["colour"])
        op.create_table("colours", sa.Column("name", sa.String(10), primary_key=True))
        op.execute("UPDATE messages SET colour = 'red'")

    one = revision(VERSION + 1, widen)
    plan_of(monkeypatch, *revisions(), one)
    return one


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """An empty database on each engine."""
    if request.param == "sqlite":
        return connect(f"sqlite:///{tmp_path / 'empty.db'}")
    running: Server = request.getfixturevalue("server")
    return connect(running.url(running.database()))


def layout(connection: Connection) -> dict[str, Any]:
    """All of a database's layout but the order of a table's columns, which no statement of ours goes by."""
    found = inspect(connection)
    aside = {part.name for part in partitions(connection)}
    tables = {table: _table(found, table, aside) for table in found.get_table_names() if table not in aside}
    postgresql = connection.dialect.name == "postgresql"
    return {"tables": tables, "sequences": sorted(found.get_sequence_names()) if postgresql else []}


def _table(found: Any, table: str, aside: set[str]) -> dict[str, Any]:
    unique = [tuple(item["column_names"]) for item in found.get_unique_constraints(table)]
    return {
        "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(table)},
        "key": found.get_pk_constraint(table)["constrained_columns"],
        "unique": sorted(unique),
        "references": sorted(str((f["constrained_columns"], f["referred_table"], f["referred_columns"], f["options"]))
                             for f in found.get_foreign_keys(table) if f["referred_table"] not in aside),
        "indexes": sorted(str((i["name"], i["column_names"], i["unique"], _options(i)))
                          for i in found.get_indexes(table)),
        "checks": sorted(str(check["sqltext"]) for check in found.get_check_constraints(table)),
        "options": found.get_table_options(table),
    }  # fmt: skip


def _options(index: Any) -> dict[str, str]:
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


def made(engine: Engine, work: Callable[[Connection], None]) -> dict[str, Any]:
    """The layout that some work makes of an empty database, which is then empty again."""
    with engine.connect() as connection:
        work(connection)
        found = layout(connection)
        connection.rollback()
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    return found


def all_revisions(connection: Connection) -> None:
    for revision in revisions():
        run(connection, revision)


def test_the_revisions_make_the_tables_of_the_program(empty: Engine) -> None:
    revised, wanted = made(empty, all_revisions), made(empty, metadata.create_all)
    for table in revised["tables"].keys() | wanted["tables"].keys():
        assert revised["tables"].get(table) == wanted["tables"].get(table), table + RECIPE
    assert revised["sequences"] == wanted["sequences"], RECIPE
    assert len(wanted["tables"]) >= 20
    if empty.dialect.name == "postgresql":
        assert len(wanted["sequences"]) == len(SEQUENCES)


def test_alembic_finds_no_difference_either() -> None:
    assert differences().strip() == "pass", differences() + RECIPE


def test_revisions_are_numbered_without_gaps() -> None:
    assert [revision.number for revision in revisions()] == list(range(1, VERSION + 1)), "two files with one number?"
    assert latest().number == VERSION
    for before, after in zip(revisions(), revisions()[1:], strict=False):
        assert 1 <= before.oldest <= after.oldest <= after.number
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+", revision.name) for revision in revisions())


def test_a_database_of_the_first_layout_is_upgraded_whole(first: Administrator, widened: Revision) -> None:
    database = first.folder / "hub.db"
    before = rows(database)
    assert len(before["ledger"]) == 28
    assert first.refused("store.older", "ledger", "audit") == ExitCode.MISCONFIGURED
    assert first.json("database", "show")["version"] == 1
    done = first.json("database", "upgrade", "--yes")
    assert (done["before"], done["after"]) == (1, widened.number)
    after = rows(database)
    for table, kept in before.items():
        wide = len(kept[0]) if kept else 0  # columns are added at the end
        assert [row[:wide] for row in after[table][: len(kept)]] == kept, table
    assert after["ledger"][-1][-4] == "database.upgraded"
    assert rows(Path(done["copy"])) == before
    found = first.json("ledger", "audit")
    assert found["clean"]
    assert found["rows"]["entry"] == 29
    assert first.json("database", "show")["waiting"] == []


def test_an_upgrade_is_asked_for_and_comes_once(first: Administrator, widened: Revision) -> None:
    before = rows(first.folder / "hub.db")
    assert first.type("database", "upgrade", answer="n\n").exit_code == ExitCode.DECLINED
    assert rows(first.folder / "hub.db") == before
    said = first.type("database", "upgrade", lang="zh", answer="y\n")
    assert f"从 1 升级到 {widened.number}" in said.output
    assert "已是最新" in first.done("database", "upgrade", lang="zh")
    assert len(list(first.folder.glob("hub.db.layout-1*"))) == 1


def test_an_upgrade_that_fails_leaves_the_layout_and_the_rows(
    first: Administrator, widened: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(op: Any) -> None:
        op.drop_table("refusals")
        op.add_column("no such table", sa.Column("c", sa.Integer()))

    before = rows(first.folder / "hub.db")
    plan_of(monkeypatch, revision(2, fail))
    assert first.type("database", "upgrade", "--yes").exit_code != 0
    assert rows(first.folder / "hub.db") == before


def test_a_copied_table_keeps_what_refers_to_it(first: Administrator, monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(op: Any) -> None:
        with op.batch_alter_table("messages", recreate="always") as batch:
            batch.alter_column("urgency", type_=sa.String(30))

    before = rows(first.folder / "hub.db")
    assert before["deliveries"]
    plan_of(monkeypatch, revision(2, narrow))
    upgrade(f"sqlite:///{first.folder / 'hub.db'}")
    assert rows(first.folder / "hub.db") == before


def test_the_next_program_lets_this_one_work_on_unless_it_says_otherwise(
    first: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{first.folder / 'hub.db'}"
    upgrade(url)
    newer = VERSION + 1
    plan_of(monkeypatch, *revisions(), revision(newer, lambda op: None, oldest=VERSION))
    upgrade(url)
    monkeypatch.undo()
    Store.open(url).close()
    assert first.json("ledger", "audit")["clean"]
    plan_of(monkeypatch, *revisions(), revision(newer, lambda op: None), revision(newer + 1, lambda op: None, newer))
    upgrade(url)
    monkeypatch.undo()
    assert first.refused("store.newer", "ledger", "audit") == ExitCode.MISCONFIGURED
    assert first.refused("store.newer", "database", "upgrade") == ExitCode.MISCONFIGURED


def test_what_ends_the_work_of_older_programs_waits_until_none_serves(
    first: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_of(monkeypatch, revision(2, lambda op: None, oldest=2))
    with node_lock(first.folder, "hub"):
        assert first.refused("serve.running", "database", "upgrade", "--yes") == ExitCode.MISCONFIGURED
    assert first.json("database", "upgrade", "--yes")["after"] == 2


def test_another_hubs_database_is_not_upgraded(first: Administrator) -> None:
    (first.folder / "hub.yaml").write_text("hub: other\n")
    before = rows(first.folder / "hub.db")
    for words in (("database", "upgrade", "--yes"), ("database", "show"), ("ledger", "audit")):
        assert first.refused("store.other-hub", *words) == ExitCode.MISCONFIGURED
    assert rows(first.folder / "hub.db") == before
    assert not list(first.folder.glob("hub.db.layout-1*"))


def test_two_upgraders_on_postgresql_do_not_meet(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.url(server.database(server.with_tables))
    runs: list[int] = []

    def grow(op: Any) -> None:
        runs.append(1)
        op.create_table("grown", sa.Column("id", sa.Integer(), primary_key=True))

    plan_of(monkeypatch, *revisions(), revision(VERSION + 1, grow))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: upgrade(url), range(4)))
    assert len(runs) == 1


def test_a_database_of_the_first_layout_is_upgraded_on_postgresql(server: Server) -> None:
    name = server.database()
    with opened(server.url(name)) as engine, engine.begin() as connection:
        run(connection, revisions()[0])
        connection.execute(meta.insert(), [{"key": key, "value": key} for key in ("hub", "ledger", "registry")])
    server.run("INSERT INTO documents VALUES ('ab', '\\x00')", database=name)
    if VERSION > 1:
        with pytest.raises(Misconfigured, match=r"store\.older"):
            Store.open(server.url(name))
    upgrade(server.url(name))
    Store.open(server.url(name)).close()
    assert server.run("SELECT digest FROM documents", database=name) == [("ab",)]


def test_a_new_revision_is_written_with_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = sa.MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(changed)
    sa.Table("visitors", changed, sa.Column("code", sa.String(64), primary_key=True))
    monkeypatch.setattr("hub.store.tables.metadata", changed)
    path = written("Visitors, at last!", tmp_path)
    assert path.name == f"{VERSION + 1:04}_visitors_at_last.py"
    text = path.read_text()
    assert "op.create_table('visitors'" in text
    compile(text, path.name, "exec")
    with pytest.raises(FileExistsError):
        written("Visitors, at last!", tmp_path)
