"""Opens a database: SQLite (WAL, full fsync) or PostgreSQL, and turns its errors into ours.

Refuses a database of a newer layout, one that belongs to nobody, and a folder that cannot be written, before anything
is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from hub.errors import HubError, Misconfigured, Unavailable
from hub.store.tables import VERSION, meta, metadata

_BY_WORDS = (
    ("disk is full", "store.full"),
    ("No space left", "store.full"),
    ("readonly database", "store.read-only"),
    ("read-only transaction", "store.read-only"),
    ("disk I/O error", "store.io"),
    ("locked", "store.busy"),
)


def translate(error: DBAPIError) -> HubError:
    """The hub's own error for a driver's: what the operator must mend, or what passes by itself."""
    words = str(error.orig)
    for part, code in _BY_WORDS:
        if part in words:
            return Unavailable(code, operator=words)
    if "malformed" in words or "not a database" in words:
        return Misconfigured("store.damaged", operator=words)
    return Unavailable("store.unreachable", operator=words)


@contextmanager
def translated() -> Iterator[None]:
    """Let no driver's error pass as itself."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error) from error


def connect(url: str) -> Engine:
    """An engine for `url`, not yet opened. Errors: Misconfigured store.url."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError("neither sqlite nor postgresql")
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise Misconfigured("store.url", operator=str(error)) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("hub_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def create(url: str, facts: dict[str, str]) -> None:
    """Create all tables and write `facts` into `meta`. Errors: Misconfigured store.exists."""
    engine = connect(url)
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and Path(path).exists() and Path(path).stat().st_size:
        raise Misconfigured("store.exists")
    with translated(), engine.execution_options(hub_writes=True).begin() as connection:
        if inspect(connection).has_table("meta"):
            raise Misconfigured("store.exists")
        metadata.create_all(connection)
        rows = {"version": str(VERSION), **facts}
        connection.execute(insert(meta), [{"key": k, "value": v} for k, v in rows.items()])
    engine.dispose()


def read_meta(engine: Engine) -> dict[str, str]:
    """What `meta` says, after the checks that the database is one of ours and not newer than this program."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path not in (None, ":memory:") and not Path(str(path)).exists():
        raise Misconfigured("store.absent", operator=str(path))
    with translated(), engine.connect() as connection:
        if not inspect(connection).has_table("meta"):
            raise Misconfigured("store.absent", operator=str(engine.url))
        facts = {row.key: row.value for row in connection.execute(select(meta))}
    found = facts.get("version", "0")
    if not found.isdigit() or int(found) > VERSION:
        raise Misconfigured("store.newer", expected=str(VERSION), got=found)
    return facts
