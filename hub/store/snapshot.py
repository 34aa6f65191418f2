"""A copy of a database as it is at one moment, made while hubs write to it; always an SQLite file, whatever the engine.

Promises: the copy is of one moment, and nobody waits for it. SQLite is copied page by page by its own online backup,
within one read transaction, so that writers do not make it begin anew; its write-ahead log grows meanwhile by what is
written. PostgreSQL is copied row by row from one REPEATABLE READ snapshot, and every row is read back and compared.
`frozen` opens such a file without changing a byte of it. What the copy says is not judged here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, select

from hub.administration.administered import NODE
from hub.store.copying import Original, check_known_whole, copy
from hub.store.engine import opened, read_facts, read_meta
from hub.store.faults import translated
from hub.store.store import Store
from hub.store.tables import meta
from hub.store.whole_month import look_at_all

_PAGES = 1024
"""Copied in one step, between two calls of the progress bar: 4 MB."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One state of a hub's database."""

    connection: Connection

    @property
    def engine(self) -> str:
        """What it is kept by: sqlite or postgresql."""
        return self.connection.dialect.name

    def steps(self) -> int:
        """How many steps the copy takes."""
        if self.engine == "sqlite":
            return int(self.connection.exec_driver_sql("PRAGMA page_count").scalar() or 0)
        return 2 * Original(self.connection).rows()

    def copy(self, to: Path, seen: Callable[[int], None] = lambda _: None) -> None:
        """Write the copy to a new file; `seen` is told how many more steps are done.

        Errors: Misconfigured store.*; Unavailable store.full and others of the disk's.
        """
        if self.engine == "sqlite":
            _copy_pages(self.connection, to, seen)
        else:
            copy(Original(self.connection), f"sqlite:///{to}", seen)


@contextmanager
def moment(url: str, hub_id: str) -> Iterator[Moment]:
    """Hold one state of a hub's database for the block. Errors: Misconfigured store.*; Unavailable store.*"""
    with opened(url) as engine:
        if engine.dialect.name == "sqlite":
            read_meta(engine, hub_id)
        else:
            check_known_whole(engine, hub_id)
        with translated(), _seeing_one_state(engine).begin() as connection:
            look_at_all(connection)
            connection.execute(select(meta)).all()  # the first look fixes what is seen
            yield Moment(connection)


def _seeing_one_state(engine: Engine) -> Engine:
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _copy_pages(connection: Connection, to: Path, seen: Callable[[int], None]) -> None:
    driver: Any = connection.connection.driver_connection
    before = 0

    def tell(_: int, remaining: int, total: int) -> None:
        nonlocal before
        done = total - remaining
        seen(done - before)
        before = done

    try:
        with closing(sqlite3.connect(to)) as target:
            driver.backup(target, pages=_PAGES, progress=tell, sleep=0)
    except sqlite3.Error as error:
        raise _of_the_driver(error) from error


def _of_the_driver(error: sqlite3.Error) -> Exception:
    from sqlalchemy.exc import DBAPIError

    from hub.store.faults import translate

    return translate(DBAPIError("backup", None, error))


@contextmanager
def frozen(path: Path) -> Iterator[Store]:
    """A store over a file that nobody writes to, open for reading only. Errors: Misconfigured store.*"""
    engine = _frozen(path)
    try:
        yield Store(engine, read_meta(engine), NODE)
    finally:
        engine.dispose()


def layout_of(path: Path) -> int:
    """The layout of the database in a file that nobody writes to. Errors: Misconfigured store.absent, store.foreign."""
    engine = _frozen(path)
    try:
        return int(read_facts(engine)["version"])
    finally:
        engine.dispose()


def _frozen(path: Path) -> Engine:
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)
