"""Who serves a data directory: any number of nodes at once, each of them in one process, or somebody who is alone.

The locks are the operating system's and end with their process, however that ends; the files themselves mean nothing.
A node that is served from another data directory is met at the database: on PostgreSQL by `hub.store.presence`, and
for an SQLite file that lies elsewhere here, by a lock in its folder.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hub.errors import Misconfigured
from hub.settings.settings import FILE as SETTINGS

FILE = "serving.lock"


@contextmanager
def serving_lock(folder: Path) -> Iterator[None]:
    """Be alone in a data directory for the block: nobody serves it.

    Errors: Misconfigured serve.running, settings.unwritable.
    """
    with ExitStack() as held:
        _hold(held, folder / FILE, fcntl.LOCK_EX, "serve.running", "")
        yield


@contextmanager
def node_lock(folder: Path, node: str, database: Path | None = None) -> Iterator[None]:
    """Be the one process that serves this node of a data directory, and of the SQLite file that is its database.

    Errors: Misconfigured node.taken; serve.running while somebody is alone in it; settings.unwritable.
    """
    with ExitStack() as held:
        _hold(held, folder / FILE, fcntl.LOCK_SH, "serve.running", "")
        _hold(held, folder / _name(node), fcntl.LOCK_EX, "node.taken", node)
        if database is not None and database.resolve().is_file() and database.resolve().parent != folder.resolve():
            _hold(held, _at(database.resolve(), node), fcntl.LOCK_EX, "node.taken", node)
        yield


def _name(node: str) -> str:
    return f"serving-{node}.lock"


def _at(database: Path, node: str) -> Path:
    """The lock of a node beside a database: that of the data directory it lies in, if it lies in one."""
    owned = (database.parent / SETTINGS).is_file()
    return database.parent / (_name(node) if owned else f"{database.name}-{_name(node)}")


def _hold(held: ExitStack, path: Path, kind: int, taken: str, name: str) -> None:
    try:
        opened = held.enter_context(path.open("a"))
    except OSError as error:
        raise Misconfigured("settings.unwritable", where=path.name, operator=str(error)) from None
    try:
        fcntl.flock(opened, kind | fcntl.LOCK_NB)
    except OSError:
        raise Misconfigured(taken, got=name, operator=str(path.parent)) from None
