"""Opens a database: SQLite (WAL, full fsync) or PostgreSQL (psycopg 3).

Refuses a database of a newer layout, one that belongs to nobody, and a folder that cannot be written, before anything
is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import POLLIN, poll
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError

from hub.errors import Misconfigured
from hub.store.faults import translated
from hub.store.tables import VERSION, meta, metadata

_OURS = {"version", "hub", "ledger", "registry"}
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,  # seconds, per address
    "keepalives_idle": 30,  # a primary that vanished without a word is noticed within a minute or so
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "fallback_application_name": "hub",
}


def connect(url: str) -> Engine:
    """An engine for `url`, not yet opened. Errors: Misconfigured store.url, store.driver."""
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgresql+psycopg"):
            return _postgresql(parsed.set(drivername="postgresql+psycopg"))
        if parsed.drivername != "sqlite":
            raise ArgumentError("neither sqlite nor postgresql+psycopg")
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise Misconfigured("store.url", operator=str(error)) from None
    except ImportError as error:
        raise Misconfigured("store.driver", operator=str(error)) from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def has_password(url: str) -> bool:
    """Whether a database URL holds a password, so that what it is written in must be closed to others."""
    try:
        parsed = make_url(url) if url else None
    except (ArgumentError, ValueError):
        return True
    return parsed is not None and bool(parsed.password or "password" in parsed.query)


def _postgresql(url: URL) -> Engine:
    arguments = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    engine = create_engine(url, connect_args=arguments, isolation_level="READ COMMITTED")
    event.listen(engine, "checkout", _check_idle)
    return engine


def _check_idle(connection: Any, record: Any, given: Any) -> None:
    """Give up a connection that was lost while it was idle, before that costs a message its answer.

    A server says nothing to an idle connection but that it is over, so that there is something to read is enough to
    know: asking the server instead (`pool_pre_ping`) would cost each transaction a third more journeys.
    """
    listening = poll()
    listening.register(connection.fileno(), POLLIN)
    if listening.poll(0):
        raise DisconnectionError("the server has closed the connection")


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")
    except Exception:  # a file that is no database: nobody else would close what was opened for it
        connection.close()
        raise


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("hub_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine whose connections are closed at the end."""
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def create(url: str, facts: dict[str, str]) -> None:
    """Create all tables and write `facts` into `meta`, or change nothing. Errors: Misconfigured store.exists."""
    with opened(url) as engine:
        _create(engine, facts)


def _create(engine: Engine, facts: dict[str, str]) -> None:
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and Path(path).exists() and Path(path).stat().st_size:
        raise Misconfigured("store.exists")
    with translated(), engine.execution_options(hub_writes=True).begin() as connection:
        if inspect(connection).get_table_names():
            raise Misconfigured("store.exists", operator=str(engine.url))
        metadata.create_all(connection)
        rows = {"version": str(VERSION), **facts}
        connection.execute(insert(meta), [{"key": k, "value": v} for k, v in rows.items()])


def discard(url: str) -> None:
    """Drop every table of ours, with all that is in it."""
    with opened(url) as engine, translated(), engine.execution_options(hub_writes=True).begin() as connection:
        metadata.drop_all(connection)


def read_meta(engine: Engine) -> dict[str, str]:
    """What `meta` says, after the checks that the database is one of ours and not newer than this program.

    Errors: Misconfigured store.absent, store.foreign, store.newer.
    """
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path not in (None, ":memory:") and not Path(str(path)).exists():
        raise Misconfigured("store.absent", operator=str(path))
    with translated(), engine.connect() as connection:
        if not inspect(connection).has_table("meta"):
            raise Misconfigured("store.absent", operator=str(engine.url))
        facts = {row.key: row.value for row in connection.execute(select(meta))}
    if not facts.keys() >= _OURS:
        raise Misconfigured("store.foreign", operator=str(engine.url))
    found = facts["version"]
    if not found.isdigit() or int(found) > VERSION:
        raise Misconfigured("store.newer", expected=str(VERSION), got=found)
    return facts
