"""Has the portions of an audit looked at, here or by processes of their own, and gives the answers in order.

A process that dies or cannot open the database answers no, and then all is looked at here; none of them outlives this
one, and none listens to the keyboard.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import get_context, parent_process
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hub.audit.finding import Finding
from hub.audit.report import Looked, Seen
from hub.errors import HubError
from hub.store.one_state import export_state, join_state
from hub.store.plain_rows import as_stored
from hub.store.store import Store
from hub.store.tree_holdings import entry_count

Answer_co = TypeVar("Answer_co", covariant=True)


class Portion(Protocol[Answer_co]):
    """Some of the rows."""

    def look(self, connection: Connection) -> Answer_co:
        """What they come to."""


class Share(Protocol):
    """A way to have portions looked at."""

    def __call__(self, portions: Sequence[Portion[Answer_co]]) -> Iterator[Answer_co | None]:
        """The answer to each, in order; None where another process could give none, and the last thing if it died."""


WORTH_IT = 100_000
"""Entries; below, to start processes takes longer than to look at chains and tree."""
WORTH_IT_DEEP = 10_000
"""So it is for the messages too, with three signatures each."""
_MOST = 8


def jobs_for(connection: Connection, worth_it: int) -> int:
    """How many processes to look at this ledger with: as many as processors, or 1 below `worth_it` entries."""
    try:
        entries = entry_count(connection)
    except DBAPIError:  # a damaged file is for the look itself to find
        return 1
    # Only Linux tells which processors this process may use.
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(_MOST, processors) if entries >= worth_it else 1


@contextmanager
def sharing(store: Store, connection: Connection, jobs: int) -> Iterator[tuple[Share, ...]]:
    """Ways to look, the quickest first: by `jobs` processes if that is more than 1, and by this one on `connection`."""
    alone = partial(_look_here, connection)
    if jobs <= 1 or store.engine.url.database in (None, "", ":memory:") or not store.address:
        yield (alone,)
        return
    look = partial(_look, store.address, export_state(connection))
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _attend)
    try:
        yield partial(_answers, pool, look), alone
    finally:
        pool.shutdown(cancel_futures=True)


def looked(shares: Sequence[Share], seen: Seen, portions: Sequence[Portion[Looked]]) -> Iterator[Finding]:
    """What is wrong in portions, in their order; those that no other process could look at are looked at here."""
    done = 0
    for share in shares:
        if done == len(portions):
            return
        for answer in share(portions[done:]):
            if answer is None:
                break
            done += 1
            yield from answer.findings
            for row, number in answer.rows.items():
                seen(row, number)


def _look_here(connection: Connection, portions: Sequence[Portion[Any]]) -> Iterator[Any]:
    return (portion.look(connection) for portion in portions)


def _answers(
    pool: ProcessPoolExecutor, look: Callable[[Portion[Any]], Any], portions: Sequence[Portion[Any]]
) -> Iterator[Any]:
    try:
        yield from pool.map(look, portions)
    except BrokenProcessPool:
        yield None


def _look(address: str, state: str, portion: Portion[Any]) -> Any:
    try:
        connection = _joined(address, state)
        with as_stored(connection):
            return portion.look(connection)
    except (DBAPIError, HubError):  # whoever asked will meet it too, and say what it is
        return None


@cache
def _joined(address: str, state: str) -> Connection:
    """One connection for all portions of a process, open to its end."""
    return join_state(address, state)


def _attend() -> None:
    """Leave the keyboard to the first process, and end with it, whatever its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
