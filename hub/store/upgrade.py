"""Brings the database of an older program to this program's layout, one revision and one transaction after another.

The number in `meta` is the only record of where a database stands: it changes in the same transaction as the tables,
and Alembic's own table is not used. Two upgraders wait for each other; who comes second finds nothing left to do.
Taking a copy first is the caller's part, and on SQLite also seeing that no hub serves where that matters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, delete, event, func, insert, literal, select

from hub.errors import Misconfigured
from hub.settings.settings import DatabasePool
from hub.store.engine import check_owner, opened, read_facts
from hub.store.faults import translated
from hub.store.migrations import Revision, revisions
from hub.store.serving import check_not_served
from hub.store.tables import meta

_LIMITS = DatabasePool(connections=2, statement_timeout=0, lock_timeout=5.0, idle_timeout=0)
"""A statement may take as long as it must, but nobody waits long for a table that is locked: others wait behind it."""
_LOCK = literal(0x687562_00_75706772, BigInteger)
"""The name of the upgraders' advisory lock: `hub`, a zero, `upgr`, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database is, and what would bring it to this program."""

    version: int
    oldest: int
    waiting: tuple[Revision, ...]

    @property
    def alone(self) -> bool:
        """Whether programs of the present layout cannot work on the new one, so that none may be serving."""
        return any(revision.oldest > self.version for revision in self.waiting)


def standing(url: str, hub_id: str) -> Standing:
    """Where the database of a hub is. Errors: Misconfigured store.absent, foreign, other-hub, newer."""
    with opened(url, _LIMITS) as engine:
        check_owner(read_facts(engine), hub_id)
        return _standing(engine)


def upgrade(url: str, passed: Callable[[Revision], None] = lambda _: None) -> Standing:
    """Apply what is missing, and tell where the database stood before; `passed` is told each revision that is done.

    Errors: Misconfigured store.*, Unavailable store.*. What was done before an error stays done and recorded.
    """
    with opened(url, _LIMITS) as engine:
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _let_go_of_references)
        before = _standing(engine)
        if before.alone:
            with translated(), engine.connect() as connection:
                check_not_served(connection)
        for revision in before.waiting:
            _apply(engine, revision)
            passed(revision)
        return before


def _standing(engine: Engine) -> Standing:
    facts = read_facts(engine)
    version, plan = int(facts["version"]), revisions()
    if version > plan[-1].number:
        raise Misconfigured("store.newer", expected=str(plan[-1].number), got=str(version))
    return Standing(version, int(facts["oldest"]), tuple(r for r in plan if r.number > version))


def _apply(engine: Engine, revision: Revision) -> None:
    sqlite = engine.dialect.name == "sqlite"
    with translated(), engine.execution_options(hub_writes=True).begin() as connection:
        if not sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        version = connection.scalar(select(meta.c.value).where(meta.c.key == "version"))
        if version != str(revision.number - 1):
            return  # another upgrader was here while this one waited
        run(connection, revision)
        if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise Misconfigured("store.damaged", operator=f"{revision.name} would leave references to nothing")


def run(connection: Connection, revision: Revision) -> None:
    """Apply one revision within the transaction that is open, and record it in `meta`."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    revision.apply(Operations(MigrationContext.configure(connection)))
    facts = {"version": str(revision.number), "oldest": str(revision.oldest)}
    connection.execute(delete(meta).where(meta.c.key.in_(facts)))
    connection.execute(insert(meta), [{"key": key, "value": value} for key, value in facts.items()])


def _let_go_of_references(connection: Any, record: Any) -> None:
    """SQLite changes a table by copying it, and would take the old one's end for the end of what refers to it."""
    connection.execute("PRAGMA foreign_keys=OFF")


def keep_copy(url: str) -> Path | None:
    """Copy an SQLite file as it is now, beside it under its layout's number. None for PostgreSQL: it has its own ways.

    Errors: Misconfigured store.*; Unavailable store.full and others of the disk's.
    """
    with opened(url) as engine:
        if engine.dialect.name != "sqlite":
            return None
        place = Path(str(engine.url.database))
        copy = _free_name(place, read_facts(engine)["version"])
        try:
            with translated(), engine.connect() as connection, closing(sqlite3.connect(copy)) as target:
                _driver(connection).backup(target)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return copy


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _free_name(place: Path, version: str) -> Path:
    endings = chain([""], (f"-{number}" for number in count(2)))
    names = (place.with_name(f"{place.name}.layout-{version}{ending}") for ending in endings)
    return next(name for name in names if not name.exists())
