"""Opens a database: SQLite (WAL, full fsync) or PostgreSQL (psycopg 3).

Refuses a database of another layout, one that belongs to nobody, and a folder that cannot be written, before anything
is changed. Of several servers in an address, the one that takes writes is used: a standby that was promoted is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from select import POLLIN, poll
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError

from hub.errors import Misconfigured
from hub.settings.settings import DatabasePool
from hub.store.faults import translated
from hub.store.migrations import latest
from hub.store.server import connect_checked
from hub.store.tables import VERSION, meta, metadata
from hub.store.wire import forget

UNLIMITED = DatabasePool(statement_timeout=0, lock_timeout=0, idle_timeout=0)
"""For what an administrator starts and watches."""
MOVED = "moved"
"""The key in `meta` of a database whose installation goes on in another: when it left."""
_OURS = {"version", "hub", "ledger", "registry"}
_SEVERAL = re.compile(
    r"(?P<before>[^:/]+://(?:[^@/]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<name>/[^?]*)?(?:\?(?P<query>.*))?"
)
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,  # seconds, per address
    "keepalives_idle": 30,  # a primary that vanished without a word is noticed within a minute or so
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds; and so is one that vanished while it was being told something
}


def connect(url: str, pool: DatabasePool = UNLIMITED) -> Engine:
    """An engine for `url`, not yet opened. Errors: Misconfigured store.url, store.driver."""
    try:
        parsed = make_url(_with_hosts_apart(url))
        if parsed.drivername in ("postgresql", "postgresql+psycopg"):
            return _postgresql(parsed.set(drivername="postgresql+psycopg"), pool)
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


def _with_hosts_apart(url: str) -> str:
    """An address with several servers, as libpq writes it (`//a:5432,b:5432/name`), in the form SQLAlchemy takes."""
    found = _SEVERAL.fullmatch(url)
    if found is None or not url.startswith("postgresql"):
        return url
    hosts = [*(f"host={host}" for host in found["hosts"].split(",")), *filter(None, [found["query"]])]
    return f"{found['before']}{found['name'] or '/'}?{'&'.join(hosts)}"


def has_password(url: str) -> bool:
    """Whether a database URL holds a password, so that what it is written in must be closed to others."""
    try:
        parsed = make_url(_with_hosts_apart(url)) if url else None
    except (ArgumentError, ValueError):
        return True
    return parsed is not None and bool(parsed.password or "password" in parsed.query)


def user_of(url: str) -> str:
    """Whom a database URL logs in, as far as it says. Errors: Misconfigured store.url."""
    with opened(url) as engine:
        return engine.url.username or ""


def _postgresql(url: URL, pool: DatabasePool) -> Engine:
    defaults = {**_POSTGRESQL, "fallback_application_name": f"hub {VERSION}"}
    if _servers(url) > 1:
        defaults["target_session_attrs"] = "read-write"
    arguments = {name: value for name, value in defaults.items() if name not in url.query}
    arguments["options"] = " ".join([*_limits(pool), *url.normalized_query.get("options", ())])
    url = url.difference_update_query(["options"])
    engine = create_engine(
        url,
        connect_args=arguments,
        isolation_level="READ COMMITTED",
        pool_size=pool.connections,
        max_overflow=0,
        pool_timeout=pool.wait or None,
    )
    event.listen(engine, "do_connect", connect_checked)
    event.listen(engine, "checkout", _check_idle)
    event.listen(engine, "rollback", forget)
    return engine


def _servers(url: URL) -> int:
    """How many servers an address names."""
    return sum(len(host.split(",")) for host in url.normalized_query.get("host", (url.host or "",)))


def _limits(pool: DatabasePool) -> Iterator[str]:
    """The server's settings for our sessions; what the address sets itself comes later, and counts."""
    yield "-c default_transaction_isolation=read\\ committed"
    for name, seconds in (
        ("statement_timeout", pool.statement_timeout),
        ("lock_timeout", pool.lock_timeout),
        ("idle_in_transaction_session_timeout", pool.idle_timeout),
    ):
        yield f"-c {name}={round(seconds * 1000)}"


def _check_idle(connection: Any, record: Any, given: Any) -> None:
    """Give up a connection that was lost while it was idle, before that costs a message its answer.

    A server says nothing to an idle connection but that it is over, so that there is something to read is enough to
    know: asking the server instead (`pool_pre_ping`) would cost each transaction a third more journeys.
    """
    if is_over(connection):
        raise DisconnectionError("the server has closed the connection")


def is_over(connection: Any) -> bool:
    """Whether the server has closed an idle connection of its driver's."""
    listening = poll()
    listening.register(connection.fileno(), POLLIN)
    return bool(listening.poll(0))


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
def opened(url: str, pool: DatabasePool = UNLIMITED) -> Iterator[Engine]:
    """An engine whose connections are closed at the end."""
    engine = connect(url, pool)
    try:
        yield engine
    finally:
        engine.dispose()


def create(url: str, facts: dict[str, str]) -> None:
    """Create all tables and write `facts` into `meta`, or change nothing. Errors: Misconfigured store.exists."""
    with opened(url) as engine:
        check_absent(engine)
        with translated(), engine.execution_options(hub_writes=True).begin() as connection:
            create_tables(connection)
            rows = {"version": str(VERSION), "oldest": str(latest().oldest), **facts}
            connection.execute(insert(meta), [{"key": k, "value": v} for k, v in rows.items()])


def check_absent(engine: Engine) -> None:
    """Refuse a database in which anything is kept already. Errors: Misconfigured store.exists."""
    path = engine.url.database
    if engine.dialect.name == "sqlite":
        if path and Path(path).exists() and Path(path).stat().st_size:
            raise Misconfigured("store.exists")
        return
    with translated(), engine.connect() as connection:
        if inspect(connection).get_table_names():
            raise Misconfigured("store.exists", operator=str(engine.url))


def create_tables(connection: Connection) -> None:
    """Create all tables, in the same transaction. Errors: Misconfigured store.exists."""
    if inspect(connection).get_table_names():
        raise Misconfigured("store.exists", operator=str(connection.engine.url))
    metadata.create_all(connection)


def discard(url: str) -> None:
    """Drop every table of ours, with all that is in it."""
    with opened(url) as engine, translated(), engine.execution_options(hub_writes=True).begin() as connection:
        metadata.drop_all(connection)


def read_facts(engine: Engine) -> dict[str, str]:
    """What `meta` says, whatever the layout. Errors: Misconfigured store.absent, store.foreign."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path not in (None, ":memory:") and not Path(str(path)).exists():
        raise Misconfigured("store.absent", operator=str(path))
    with translated(), engine.connect() as connection:
        asked = inspect(connection)
        if asked.default_schema_name is None:  # PostgreSQL's, if the role may use none
            raise Misconfigured("store.forbidden", got="USAGE ON SCHEMA")
        if not asked.has_table("meta"):
            raise Misconfigured("store.absent", operator=str(engine.url))
        facts = {row.key: row.value for row in connection.execute(select(meta))}
    facts.setdefault("oldest", facts.get("version", ""))
    if not facts.keys() >= _OURS or not (facts["version"].isdigit() and facts["oldest"].isdigit()):
        raise Misconfigured("store.foreign", operator=str(engine.url))
    return facts


def check_owner(facts: Mapping[str, str], hub_id: str) -> None:
    """The database belongs to this hub. Errors: Misconfigured store.other-hub."""
    if facts["hub"] != hub_id:
        raise Misconfigured("store.other-hub", expected=hub_id, got=facts["hub"])


def read_meta(engine: Engine, hub_id: str = "") -> dict[str, str]:
    """What `meta` says, after the checks that this program can work with the database, for `hub_id` if that is given.

    A newer layout is worked with if it says that programs of this one still may. Errors: Misconfigured store.absent,
    store.foreign, store.other-hub, store.newer, store.older, store.moved.
    """
    facts = read_facts(engine)
    check_owner(facts, hub_id or facts["hub"])
    if int(facts["oldest"]) > VERSION:
        raise Misconfigured("store.newer", expected=str(VERSION), got=facts["version"])
    if int(facts["version"]) < VERSION:
        raise Misconfigured("store.older", expected=str(VERSION), got=facts["version"])
    if MOVED in facts:
        raise Misconfigured("store.moved", got=facts[MOVED])
    return facts
