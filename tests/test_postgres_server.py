"""Servers, databases and roles of PostgreSQL that will not do: each has its code, and none is waited for in vain."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.serving.server import serve_hub
from hub.errors import HubError, Misconfigured, Unavailable
from hub.store import server as accepted
from hub.store.roles import give_rights
from hub.store.store import Store
from tests.admin import Administrator
from tests.house import lay_out, until
from tests.postgres import OWNER, Server, server
from tests.town import HUB

__all__ = ["server"]
WEAK = "weak"


@pytest.fixture
def name(server: Server) -> str:
    return server.database(server.with_tables)


@pytest.fixture
def weak(server: Server, name: str) -> Iterator[str]:
    """The address of the hub's database for a role that may log in, and nothing else."""
    server.run(f"CREATE ROLE {WEAK} LOGIN")
    yield server.url(name, WEAK)
    server.run(f"DROP OWNED BY {WEAK}", database=name)
    server.run(f"DROP ROLE {WEAK}")


def refused(url: str) -> HubError:
    with pytest.raises(HubError) as caught:
        Store.open(url, HUB, hub_id=HUB).close()
    return caught.value


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_CN"])
def test_a_database_of_another_encoding_is_refused_before_anything_is_written(server: Server, encoding: str) -> None:
    name = f"in_{encoding.lower()}"
    server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    with pytest.raises(Misconfigured, match=r"store\.encoding") as caught:
        Store.create(server.url(name), hub_id=HUB, ledger_id="town")
    assert (caught.value.expected, caught.value.got) == ("UTF8", encoding)
    assert refused(server.url(name)).code == "store.encoding"
    assert server.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=name) == [(0,)]
    left = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    asyncio.run(until(lambda: server.run(left) == [(0,)]))


def test_a_server_that_is_too_old_is_refused(server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepted, "OLDEST", 99)
    error = refused(server.url(name))
    assert (error.code, error.expected) == ("store.server", ">= 99")
    assert re.fullmatch(r"\d+\.\d+", error.got)


def test_a_role_that_may_not_enter_the_database_is_not_waited_for(server: Server, name: str, weak: str) -> None:
    server.run(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    assert isinstance(refused(weak), Misconfigured)
    assert refused(weak).code == "store.forbidden"


def test_a_role_that_may_not_use_the_schema_is_told_so_and_not_to_install(server: Server, name: str, weak: str) -> None:
    server.run("REVOKE USAGE ON SCHEMA public FROM PUBLIC", database=name)
    assert (refused(weak).code, refused(weak).got) == ("store.forbidden", "USAGE ON SCHEMA")


def test_a_role_with_too_few_connections_and_a_closed_database_are_waited_for(
    server: Server, name: str, weak: str
) -> None:
    server.run(f"ALTER ROLE {WEAK} CONNECTION LIMIT 0")
    assert isinstance(refused(weak), Unavailable)
    assert refused(weak).code == "store.busy"
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    assert isinstance(refused(server.url(name)), Unavailable)
    assert refused(server.url(name)).code == "store.unreachable"
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_an_option_that_is_none_is_an_address_that_is_not_right(server: Server, name: str) -> None:
    assert refused(f"{server.url(name)}&nonsense=1").code == "store.url"


def test_a_hub_whose_role_lacks_a_right_does_not_start_and_doctor_names_it(
    tmp_path: Path, server: Server, name: str, weak: str
) -> None:
    folder = lay_out(tmp_path, url=server.url(name))
    give_rights(server.url(name), WEAK)
    settings = folder / "hub.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(f"{OWNER}@", f"{WEAK}@"), "utf-8")
    assert role_check(folder) == ("ok", "the database role has all the rights that serving needs")
    server.run(f"REVOKE INSERT ON ledger FROM {WEAK}", database=name)
    server.run(f"REVOKE USAGE ON SEQUENCE messages_id_seq FROM {WEAK}", database=name)
    with pytest.raises(Misconfigured) as caught:
        asyncio.run(serve_hub(folder, asyncio.Event()))
    assert caught.value.code == "store.forbidden"
    assert set(caught.value.got.split(", ")) == {"INSERT ON ledger", "USAGE ON messages_id_seq"}
    level, said = role_check(folder)
    assert level == "fail"
    assert "INSERT ON ledger" in said


def role_check(folder: Path) -> tuple[str, str]:
    """What `hub doctor` says of the role, in English."""
    said = json.loads(Administrator(folder).type("-o", "json", "doctor").stdout)
    (found,) = [one for one in said if one["name"] == "role"]
    return found["level"], found["message"]["en"]
