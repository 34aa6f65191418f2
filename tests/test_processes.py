"""Many processes of one hub: roles, node names, waking each other, and stopping in order."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import health_door
from connectors.serving import process
from connectors.serving.server import serve_hub
from connectors.serving.serving_lock import node_lock, serving_lock
from hub.errors import Misconfigured
from hub.hub import Hub
from hub.ledger import sequence
from hub.schema.schema import Schemas
from hub.settings.file import load_settings, override
from hub.settings.settings import ROLES
from hub.store import ended_nodes, notify, presence
from hub.store.store import Store
from tests.house import PATIENCE, Served, connector, lay_out, served, turn_clock_of_loop, until
from tests.postgres import Server
from tests.serving import UNPREPARED
from tests.town import FakeConnector, Town, found_town


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of refusals are not prepared: it takes a second of each process, and nobody is refused here.

    And a database is not said to hang because the machine does.
    """
    monkeypatch.setattr(Schemas, "warm", lambda self: None)
    monkeypatch.setattr(health_door, "LONGEST", PATIENCE)


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch) -> FakeConnector:
    """Every process of the test delivers to these."""
    made = connector()
    monkeypatch.setattr(process, "SoapSender", lambda tls: made)
    return made


@pytest.fixture
def writer(tmp_path: Path) -> Town:
    """Signs what is sent; its own hub is not used."""
    place = tmp_path / "writer"
    place.mkdir()
    made = found_town(place)
    made.close()
    return made


@pytest.fixture
def shared(tmp_path: Path, server: Server) -> Path:
    """A data directory on PostgreSQL in which nothing is swept within the test."""
    place = tmp_path / "shared"
    place.mkdir()
    url = server.url(server.database(server.with_tables))
    return lay_out(place, url=url, settings="delivery: {sweep: 3600}\nledger: {interval: 60}\n")


def handed(receivers: FakeConnector) -> list[str]:
    return [consignment.message_id for consignment in receivers.handed]


# roles


def test_all_roles_are_played_unless_told_otherwise() -> None:
    settings = load_settings("hub: x")
    assert all(settings.plays(role) for role in ROLES)
    chosen = override(settings, roles="deliver, accept", node="front-1", database="sqlite:///x.db")
    assert (chosen.roles, chosen.node, chosen.database) == ("accept,deliver", "front-1", "sqlite:///x.db")
    assert not chosen.plays("sequence")
    assert override(settings, metrics_port=9464).metrics.port == 9464


@pytest.mark.parametrize(("key", "value"), [("roles", "accept,dance"), ("roles", ","), ("node", "a/b"), ("node", ".")])
def test_a_role_or_node_name_that_is_none_is_refused(key: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=r"settings\.value") as caught:
        override(load_settings("hub: x"), **{key: value})
    assert caught.value.where == key


def test_a_process_that_only_delivers_takes_no_calls(tmp_path: Path, receivers: FakeConnector, writer: Town) -> None:
    async def play() -> None:
        async with served(lay_out(tmp_path / "x"), roles="deliver") as back:
            assert await back.submit(writer.signed("a", "b")) in (404, 405)
            status, page = await back.get("/readyz")
            assert (status, page["roles"]) == (200, ["deliver"])

    (tmp_path / "x").mkdir()
    asyncio.run(play())


def test_two_processes_share_one_sqlite_file_by_role(tmp_path: Path, receivers: FakeConnector, writer: Town) -> None:
    async def play() -> None:
        (tmp_path / "x").mkdir()
        folder = lay_out(tmp_path / "x", settings="delivery: {sweep: 0.05}\n")
        async with (
            served(folder, roles="accept,sequence", node="front") as front,
            served(folder, roles="deliver,supervise", node="back"),
        ):
            assert await front.submit(writer.signed("a", ["b", "c"], message_id="one")) == 200
            await until(lambda: handed(receivers) == ["one", "one"])

    asyncio.run(play())


# node names


def test_a_node_is_served_once_in_a_data_directory(tmp_path: Path) -> None:
    with node_lock(tmp_path, "x"):
        with pytest.raises(Misconfigured, match=r"node\.taken") as caught, node_lock(tmp_path, "x"):
            pass
        with pytest.raises(Misconfigured, match=r"serve\.running"), serving_lock(tmp_path):
            pass
        with node_lock(tmp_path, "y"):
            pass
    assert caught.value.got == "x"
    with serving_lock(tmp_path), pytest.raises(Misconfigured, match=r"serve\.running"), node_lock(tmp_path, "x"):
        pass


@pytest.mark.parametrize("beside", ["hub.yaml", ""], ids=["in a data directory", "by itself"])
def test_a_node_is_served_once_in_a_file_that_several_data_directories_name(tmp_path: Path, beside: str) -> None:
    home, first, second = (tmp_path / name for name in ("home", "first", "second"))
    for folder in (home, first, second):
        folder.mkdir()
    database = home / "hub.db"
    database.touch()
    if beside:
        (home / beside).touch()
        first = home
    with node_lock(first, "x", database):
        with pytest.raises(Misconfigured, match=r"node\.taken") as caught, node_lock(second, "x", database):
            pass
        with node_lock(second, "y", database):
            pass
        (home / "other.db").touch()
        with nullcontext() if beside else node_lock(second, "x", home / "other.db"):
            pass
    assert caught.value.got == "x"
    with node_lock(first, "x", tmp_path / "none" / "hub.db"), node_lock(second, "x", tmp_path / "none" / "hub.db"):
        pass  # whoever opens it will say that it is absent


def test_two_installations_do_not_serve_one_node_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    one, two = lay_out(tmp_path / "one"), tmp_path / "two"
    shutil.copytree(one, two, ignore=shutil.ignore_patterns("hub.db*"))
    with (two / "hub.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"database: sqlite:///{one / 'hub.db'}\n")

    async def play() -> None:
        async with served(one), asyncio.timeout(60):
            await serve_hub(two, asyncio.Event())

    with pytest.raises(Misconfigured, match=r"node\.taken"):
        asyncio.run(play())


def test_a_data_directory_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "serving.lock").mkdir()
    with pytest.raises(Misconfigured, match=r"settings\.unwritable"), node_lock(tmp_path, "x"):
        pass


def test_a_node_is_served_once_in_a_database_whatever_the_machine(
    shared: Path, tmp_path: Path, receivers: FakeConnector
) -> None:
    """Two folders, as two machines have them."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("hub.yaml", "routing.yaml"):
        (elsewhere / name).write_bytes((shared / name).read_bytes())
    (elsewhere / "keys").symlink_to(shared / "keys")

    async def play() -> None:
        async with served(shared):
            with pytest.raises(Misconfigured, match=r"node\.taken"):
                async with served(elsewhere):
                    pass
            async with served(elsewhere, node="other"):
                pass
        async with served(elsewhere):
            pass

    asyncio.run(play())


# waking each other


def test_what_one_process_accepts_another_delivers_without_a_sweep(
    shared: Path, receivers: FakeConnector, writer: Town
) -> None:
    async def play() -> None:
        async with (
            served(shared, roles="deliver", node="back") as back,
            served(shared, roles="accept", node="front") as front,
        ):
            assert (await front.get("/readyz"))[0] == (await back.get("/readyz"))[0] == 200
            for name in ("one", "two", "three"):  # the first may be found by the look that each start begins with
                assert await front.submit(writer.signed("a", "b", message_id=name)) == 200
                await until(lambda name=name: handed(receivers)[-1:] == [name])

    asyncio.run(play())


def test_a_lost_connection_is_made_again_and_what_was_not_heard_is_found(
    shared: Path, receivers: FakeConnector, writer: Town, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "AGAIN", 0.01)

    async def play() -> None:
        async with (
            served(shared, roles="deliver", node="back") as back,
            served(shared, roles="accept", node="front") as front,
        ):
            assert await front.submit(writer.signed("a", "b", message_id="one")) == 200
            await until(lambda: handed(receivers) == ["one"])
            await asyncio.to_thread(cut_standing, server)
            assert await front.submit(writer.signed("a", "b", message_id="two")) == 200
            await until(lambda: handed(receivers)[-1:] == ["two"])
            assert await front.submit(writer.signed("a", "b", message_id="three")) == 200
            await until(lambda: handed(receivers)[-1:] == ["three"])
            assert not back.task.done()

    asyncio.run(play())


def cut_standing(server: Server) -> None:
    """End every connection that holds a node's name, as a server that restarts does."""
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_locks"
        f" WHERE locktype = 'advisory' AND classid = {presence.NODES} AND granted"
    )


def test_a_process_whose_name_another_has_taken_stops(
    shared: Path, receivers: FakeConnector, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "AGAIN", 0.01)
    monkeypatch.setattr(presence, "PATIENCE", 0.05)

    async def play() -> None:
        store = Store.open(override(load_settings((shared / "hub.yaml").read_text())).database)
        standing = store.engine.raw_connection()
        with pytest.raises(Misconfigured, match=r"node\.taken"):
            await lose(standing.cursor())
        standing.close()
        store.close()

    async def lose(cursor: Any) -> None:
        """Whoever waits for the name gets it before the process can ask for it again."""
        take = f"SELECT pg_advisory_lock({presence.NODES}, hashtext('hub'))"
        waits = f"SELECT 1 FROM pg_locks WHERE classid = {presence.NODES} AND NOT granted"
        async with served(shared) as one:
            taking = asyncio.create_task(asyncio.to_thread(cursor.execute, take))
            await until(lambda: server.run(waits))
            await asyncio.to_thread(cut_standing, server)
            await taking
            await asyncio.wait({one.task}, timeout=PATIENCE)

    asyncio.run(play())


def test_a_change_of_the_registry_is_heard_before_the_next_look(
    shared: Path, receivers: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "REFRESH_SECONDS", 3600.0)
    seen: list[str] = []
    before = process.refresh
    monkeypatch.setattr(process, "refresh", lambda hub, folder: seen.append("look") or before(hub, folder))

    async def play() -> None:
        from hub.store.registry import touch

        async with served(shared) as one:
            assert await one.get("/healthz")
            store = Store.open(override(load_settings((shared / "hub.yaml").read_text())).database)
            with store.transaction() as transaction:
                touch(transaction.connection)
            store.close()
            await until(lambda: seen)

    asyncio.run(play())


def test_words_are_few_and_short() -> None:
    assert notify.words_for([]) == []
    assert notify.words_for(["a", "b", "a"]) == ["a b"]
    some = [f"department-{number}" for number in range(1000)]
    words = notify.words_for(some)
    assert all(len(word.encode()) < 8000 for word in words)
    assert [code for word in words for code in notify.read_word(notify.DUE, word).endpoints] == some
    many = notify.words_for(f"department-{number}" for number in range(10_000))
    assert many == [notify.ALL]
    assert notify.read_word(notify.DUE, many[0]).everything


# one at a time


def test_one_process_at_a_time_has_a_duty_and_its_end_passes_it_on(shared: Path) -> None:
    url = override(load_settings((shared / "hub.yaml").read_text())).database
    stores = [Store.open(url, node) for node in ("one", "two")]

    async def play() -> None:
        one, two = [await presence.open_presence(store, lambda heard: None) for store in stores]
        assert one is not None
        assert two is not None
        running, other = asyncio.create_task(one.run()), asyncio.create_task(two.run())
        assert [await one.holds("stamp"), await two.holds("stamp"), await one.holds("stamp")] == [True, False, True]
        one.close()
        await running
        assert not await one.holds("stamp")
        async with asyncio.timeout(PATIENCE):
            while not await two.holds("stamp"):
                await asyncio.sleep(0.005)
        two.close()
        await other

    asyncio.run(play())
    for store in stores:
        store.close()


def test_a_node_has_ended_when_nobody_holds_its_name_and_only_who_has_his_own_can_tell(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = override(load_settings((shared / "hub.yaml").read_text())).database
    names = ("one", "two", "three")
    stores = dict(zip(names, (Store.open(url, node) for node in names), strict=True))

    def told(by: str) -> set[str]:
        with stores[by].transaction() as transaction:
            return ended_nodes.ended(transaction, set(names) - {by})

    async def play() -> None:
        one = await presence.open_presence(stores["one"], lambda heard: None)
        two = await presence.open_presence(stores["two"], lambda heard: None)
        assert one is not None
        assert two is not None
        assert told("one") == set()  # the database may just have come back, and "three" have to take its name anew
        monkeypatch.setattr(ended_nodes, "BACK", timedelta())
        assert told("one") == {"three"}
        assert told("three") == set()
        running = asyncio.create_task(two.run())
        two.close()
        await running
        await until(lambda: told("one") == {"two", "three"})  # the server lets a name go after its connection has ended
        one.close()
        await one.run()

    asyncio.run(play())
    for store in stores.values():
        store.close()


def test_a_sequencer_that_stops_in_order_lets_the_next_begin_at_once(
    shared: Path, receivers: FakeConnector, writer: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence, "LEASE", timedelta(minutes=10))  # far longer than the test waits
    (shared / "hub.yaml").write_text((shared / "hub.yaml").read_text().replace("interval: 60", "interval: 0.01"))

    async def play() -> None:
        async with served(shared, node="two", roles="accept"):
            async with served(shared, node="one", roles="accept,sequence") as one:
                assert await one.submit(writer.signed("a", "b")) == 200
                await numbered(one, 1)
            async with served(shared, node="three", roles="accept,sequence") as three:
                assert await three.submit(writer.signed("a", "b")) == 200
                await numbered(three, 2)

    async def numbered(at: Served, size: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while f"\n{size}\n" not in str((await at.get("/ledger/v1/checkpoint"))[1]):
                await asyncio.sleep(0.01)

    asyncio.run(play())


# stopping


def test_a_process_says_that_it_is_stopping_before_it_refuses(
    tmp_path: Path, receivers: FakeConnector, writer: Town
) -> None:
    async def play() -> None:
        (tmp_path / "x").mkdir()
        async with served(lay_out(tmp_path / "x"), drain=3600.0) as one:
            assert (await one.get("/readyz"))[0] == 200
            one.stop.set()
            await asyncio.sleep(0)
            status, page = await one.get("/readyz")
            assert (status, [part["code"] for part in page["parts"]]) == (503, ["health.draining"])
            assert (await one.get("/healthz"))[0] == 200
            assert await one.submit(writer.signed("a", "b")) == 200
            assert not one.task.done()
            turn_clock_of_loop(3600.0)
            await asyncio.wait_for(one.task, PATIENCE)

    asyncio.run(play())


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    folder = lay_out(tmp_path)
    program = (
        f"import pathlib, sys; from connectors.serving import logs, server; {UNPREPARED}; logs.set_up_logs();"
        "server.run_hub(pathlib.Path(sys.argv[1]), drain=600, ready=lambda a: print(a, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": ""},
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline().startswith("http://")
        started.send_signal(signal.SIGTERM)
        assert any("draining" in line for line in started.stderr)
        started.send_signal(signal.SIGTERM)
        assert started.wait(PATIENCE) == 128 + signal.SIGTERM


# a database that hangs


def test_a_look_at_the_rules_that_hangs_holds_nobody_up(
    tmp_path: Path, receivers: FakeConnector, writer: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, let_go = threading.Event(), threading.Event()

    def hang(hub: Hub, folder: Path) -> Hub:
        looking.set()
        let_go.wait(PATIENCE)
        return hub

    async def play() -> None:
        (tmp_path / "x").mkdir()
        async with served(lay_out(tmp_path / "x")) as front:
            assert await asyncio.to_thread(looking.wait, PATIENCE)
            assert await front.submit(writer.signed("a", "b", message_id="one")) == 200
            let_go.set()

    monkeypatch.setattr(process, "refresh", hang)
    monkeypatch.setattr(process, "REFRESH_SECONDS", 0.01)
    try:
        asyncio.run(play())
    finally:
        let_go.set()
