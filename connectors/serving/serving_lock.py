"""Who serves a data directory: any number of nodes at once, each of them in one process, or somebody who is alone.

The locks are the operating system's and end with their process, however that ends; the files themselves mean nothing.
A node that is served from another data directory is met in the database, by `hub.store.presence`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hub.errors import Misconfigured

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
def node_lock(folder: Path, node: str) -> Iterator[None]:
    """Be the one process that serves this node of a data directory.

    Errors: Misconfigured node.taken; serve.running while somebody is alone in it; settings.unwritable.
    """
    with ExitStack() as held:
        _hold(held, folder / FILE, fcntl.LOCK_SH, "serve.running", "")
        _hold(held, folder / f"serving-{node}.lock", fcntl.LOCK_EX, "node.taken", node)
        yield


def _hold(held: ExitStack, path: Path, kind: int, taken: str, name: str) -> None:
    try:
        opened = held.enter_context(path.open("a"))
    except OSError as error:
        raise Misconfigured("settings.unwritable", where=path.name, operator=str(error)) from None
    try:
        fcntl.flock(opened, kind | fcntl.LOCK_NB)
    except OSError:
        raise Misconfigured(taken, got=name, operator=str(path.parent)) from None
