"""A hub that starts while its database is away waits for it; what waiting does not mend ends it at once."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors import health_door
from connectors.serving import opening, process
from connectors.serving.server import serve_hub
from hub.errors import Misconfigured
from hub.schema.schema import Schemas
from tests.house import get, lay_out, until
from tests.postgres import OWNER, Server, server

__all__ = ["server"]
SOCKET = ".s.PGSQL.5432"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schemas, "warm", lambda self: None)
    monkeypatch.setattr(opening, "AGAIN", 0.01)
    monkeypatch.setattr(health_door, "LONGEST", 60.0)


@pytest.fixture
def away(tmp_path: Path, server: Server) -> Path:
    """A data directory whose database is on a server that cannot be reached: its socket is not where it should be."""
    place = tmp_path / "x"
    place.mkdir()
    url = server.url(server.database(server.with_tables))
    folder = lay_out(place, url=url, settings="metrics: {port: 1}\n")
    settings = folder / "hub.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(str(server.folder), str(tmp_path)), "utf-8")
    return folder


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses at which anything listens, in the order in which that was taken; any port will do."""
    from connectors.serving import server as serving

    taken: list[str] = []
    bind = serving.bind

    def noted(host: str, port: int) -> socket.socket:
        bound = bind(host, 0)
        taken.append(f"http://127.0.0.1:{bound.getsockname()[1]}")
        return bound

    monkeypatch.setattr(serving, "bind", noted)
    return taken


def test_it_waits_for_its_database_and_goes_on(
    away: Path, server: Server, doors: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="hub.serve"):
        asyncio.run(_waited_and_went_on(away, server, doors, caplog))
    assert [r.getMessage() for r in caplog.records if r.getMessage() in ("waiting", "opened")] == ["waiting", "opened"]


async def _waited_and_went_on(away: Path, server: Server, doors: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """Serve: it waits, then its database is back and it goes on; then stop it."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_hub(away, stop, ready=ready.set_result))
    await until(lambda: [r for r in caplog.records if r.getMessage() == "waiting"] or serving.done(), 60)
    for door in doors:
        await _check_waiting(door)
    (away.parent / SOCKET).symlink_to(server.folder / SOCKET)
    address = await asyncio.wait_for(ready, 60)
    assert [address, (await asyncio.to_thread(get, f"{address}/readyz"))[0]] == [doors[0], 200]
    stop.set()
    await serving


async def _check_waiting(door: str) -> None:
    alive, page = await asyncio.to_thread(get, f"{door}/healthz")
    assert (alive, page["ok"], page["hub"]) == (200, True, "hub")
    ready, page = await asyncio.to_thread(get, f"{door}/readyz")
    assert (ready, page["ready"]) == (503, False)
    assert (page["parts"][0]["part"], page["parts"][0]["code"]) == ("database", "store.unreachable")
    assert (await asyncio.to_thread(get, f"{door}/exchange/v1"))[0] == 503


def test_it_stops_while_it_waits(away: Path, doors: list[str], caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve_hub(away, stop))
        await until(lambda: [r for r in caplog.records if r.getMessage() == "waiting"] or serving.done(), 60)
        stop.set()
        await serving

    asyncio.run(play())


@pytest.mark.parametrize("step", ["open_presence", "open_confirming", "open_sequencer"])
def test_a_database_lost_while_it_begins_is_waited_for_too(
    away: Path,
    server: Server,
    doors: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    here, begin = away.parent / SOCKET, getattr(process, step)
    (name,) = re.findall(r"@/(\w+)\?", (away / "hub.yaml").read_text(encoding="utf-8"))
    here.symlink_to(server.folder / SOCKET)

    def lost_once(*words: Any) -> Any:
        monkeypatch.setattr(process, step, begin)
        here.unlink()
        server.run(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{name}'")
        return begin(*words)

    monkeypatch.setattr(process, step, lost_once)
    asyncio.run(_waited_and_went_on(away, server, doors, caplog))
    left = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    asyncio.run(until(lambda: server.run(left) == [(0,)], 60))


def newer(server: Server, name: str) -> None:
    server.run("UPDATE meta SET value = '999' WHERE key IN ('version', 'oldest')", database=name)


def elsewhere(server: Server, name: str) -> None:
    server.run("UPDATE meta SET value = 'other' WHERE key = 'hub'", database=name)


def foreign(server: Server, name: str) -> None:
    server.run("DELETE FROM meta", database=name)


def absent(server: Server, name: str) -> None:
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(newer, "store.newer"), (elsewhere, "store.other-hub"), (foreign, "store.foreign"), (absent, "store.absent")],
)
def test_what_waiting_does_not_mend_ends_it_at_once(
    tmp_path: Path, server: Server, spoil: Callable[[Server, str], None], code: str
) -> None:
    name = server.database(server.with_tables)
    folder = lay_out(tmp_path, url=server.url(name))
    spoil(server, name)
    with pytest.raises(Misconfigured) as caught:
        asyncio.run(serve_hub(folder, asyncio.Event()))
    assert caught.value.code == code


def test_an_unknown_account_ends_it_at_once(tmp_path: Path, server: Server) -> None:
    folder = lay_out(tmp_path, url=server.url(server.database(server.with_tables)))
    settings = folder / "hub.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(f"{OWNER}@", "nobody-here@"), "utf-8")
    with pytest.raises(Misconfigured, match=r"store\.login"):
        asyncio.run(serve_hub(folder, asyncio.Event()))
