"""The audit of definitions: silent on whatever the hub itself made or upgraded, and it names what somebody changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from hub.audit.layout import check_layout
from hub.store.engine import opened
from hub.store.store import Store
from hub.store.upgrade import upgrade
from tests.first_layout import database
from tests.postgres import Server
from tests.town import HUB


@pytest.fixture(params=["sqlite", "postgresql"])
def changed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A connection to a new database, in a transaction that is not kept."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    if request.param == "postgresql":
        running: Server = request.getfixturevalue("server")
        url = running.url(running.database(running.with_tables))
    else:
        Store.create(url, hub_id=HUB, ledger_id="town")
    with opened(url) as engine, engine.connect() as connection:
        yield connection
        connection.rollback()


def found(connection: Connection, *statements: str) -> list[tuple[str, str, str]]:
    """What is told after some statements: where, what should be there, what is."""
    for statement in statements:
        connection.execute(text(statement))
    findings = list(check_layout(connection))
    assert {one.code for one in findings} <= {"audit.layout"}
    return [(one.what, one.expected, one.got) for one in findings]


def test_a_new_database_is_as_it_should_be(changed: Connection) -> None:
    assert found(changed) == []


def test_an_upgraded_database_is_as_good_as_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(database())
    upgrade(f"sqlite:///{path}")
    with opened(f"sqlite:///{path}") as engine, engine.connect() as connection:
        assert found(connection) == []


def test_what_is_missing_is_told(changed: Connection) -> None:
    told = found(changed, "DROP INDEX messages_by_digest", "DROP TABLE nonces")
    assert ("messages: index messages_by_digest", "digest", "") in told
    assert ("nonces: table", "there", "") in told


def test_what_is_too_much_is_told(changed: Connection) -> None:
    told = found(changed, "ALTER TABLE messages ADD COLUMN back_door INTEGER", "CREATE TABLE aside (id INTEGER)")
    assert ("messages: column back_door", "", "INTEGER") in told
    assert ("aside: table", "", "there") in told


def test_what_has_another_name_is_told(changed: Connection) -> None:
    told = found(changed, "ALTER TABLE refusals RENAME COLUMN operator TO operatos")
    assert [where for where, _, _ in told] == ["refusals: column operator", "refusals: column operatos"]


def test_a_view_is_told(changed: Connection) -> None:
    assert ("view aside", "", "-") in found(changed, "CREATE VIEW aside AS SELECT 1 AS one")


def test_a_trigger_is_told(changed: Connection) -> None:
    if changed.dialect.name == "sqlite":
        made = ["CREATE TRIGGER aside AFTER INSERT ON ledger BEGIN DELETE FROM refusals; END"]
    else:
        body = "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        made = [body, "CREATE TRIGGER aside AFTER INSERT ON ledger EXECUTE FUNCTION act()"]
    assert ("trigger aside", "", "-") in found(changed, *made)


def test_another_kind_of_column_is_told(changed: Connection) -> None:
    if changed.dialect.name == "sqlite":
        spoil = "UPDATE sqlite_master SET sql = replace(sql, 'size BIGINT', 'size BIGINU') WHERE name = 'messages'"
        told = found(changed, "PRAGMA writable_schema = ON", spoil, "PRAGMA writable_schema = RESET")
    else:
        told = found(changed, "ALTER TABLE messages ALTER COLUMN size TYPE numeric")
    assert "messages: column size" in [where for where, _, _ in told]
