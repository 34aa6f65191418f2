"""Copies a whole database into an empty one, of the same engine or the other, and proves that both hold the same rows.

Promises: the original is copied as it is at one moment, and while it is being left nobody else writes to it; the copy
is there whole or not at all; the rows of every table are counted and summed up on both sides, the copy's as they are
read back. It does not judge what it copies: a ledger that was wrong is as wrong as before; its audit is another's part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select

from hub.errors import Misconfigured
from hub.month import BITS
from hub.store.engine import MOVED, check_absent, create_tables, discard, opened, read_meta
from hub.store.faults import translated
from hub.store.partitions import make_for
from hub.store.serving import check_not_served
from hub.store.tables import SEQUENCES, VERSION, meta, metadata

Seen = Callable[[int], None]
"""Told how many more rows went by; each row goes by twice, once copied and once read back."""
_ROWS, _WIDE_ROWS = 500, 8
"""Rows read at once; of tables with whole documents few, as one row may be as large as the largest message."""
_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sum:
    """How many rows a table has, and the sum of their hashes, which does not depend on their order."""

    rows: int = 0
    digest: int = 0

    def plus(self, row: Iterable[Any]) -> Sum:
        """With one row more, each value of which counts with its kind and length."""
        values = list(row)
        hashed = hashlib.sha256(repr([(len(v),) if isinstance(v, bytes) else v for v in values]).encode())
        for value in values:
            if isinstance(value, bytes):
                hashed.update(value)
        return Sum(self.rows + 1, (self.digest + int.from_bytes(hashed.digest())) % 2**256)


@dataclass(frozen=True, slots=True)
class Original:
    """A database in one state, for as long as the block that gave this lasts."""

    connection: Connection

    def rows(self) -> int:
        """How many rows there are to copy."""
        return sum(self.connection.scalar(select(func.count()).select_from(table)) or 0 for table in _tables())


@dataclass(frozen=True, slots=True)
class Departure(Original):
    """A database that is being left: nobody else writes to it until the block that gave this ends."""

    def leave(self, at: datetime) -> None:
        """Write down that the installation goes on elsewhere: no hub opens this database again.

        Errors: Misconfigured serve.running, for one that came meanwhile and has written nothing yet.
        """
        check_not_served(self.connection)
        self.connection.execute(insert(meta), {"key": MOVED, "value": at.isoformat(timespec="seconds")})


@contextmanager
def departing(url: str, hub_id: str) -> Iterator[Departure]:
    """Hold a hub's database against all other writers for the block; what the block writes is kept if it ends well.

    Errors: Misconfigured store.*, serve.running; Unavailable store.*.
    """
    with opened(url) as engine:
        check_known_whole(engine, hub_id)
        with translated(), _alone(engine) as connection:
            check_not_served(connection)
            yield Departure(connection)


def check_known_whole(engine: Engine, hub_id: str) -> None:
    """This program knows all that is in a hub's database. Errors: Misconfigured store.*"""
    version = read_meta(engine, hub_id)["version"]
    if version != str(VERSION):
        raise Misconfigured("store.newer", expected=str(VERSION), got=version)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    options = {"hub_writes": True} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.execution_options(**options).begin() as connection:
        if engine.dialect.name == "postgresql":  # before the first look, which would fix what is seen
            connection.exec_driver_sql(f"LOCK TABLE {', '.join(table.name for table in _tables())} IN SHARE MODE")
        yield connection


def copy(source: Original, url: str, seen: Seen = lambda _: None) -> dict[str, Sum]:
    """Copy everything to the empty database at `url` in one transaction; the sum of each table.

    Errors: Misconfigured store.exists, store.uneven, store.*; Unavailable store.*. After any of them it is empty again.
    """
    with opened(url) as engine:
        check_absent(engine)
        try:
            with translated(), engine.execution_options(hub_writes=True).begin() as target:
                create_tables(target)
                make_for(target, source.connection)
                return {table.name: _copied(table, source.connection, target, seen) for table in _tables()}
        except BaseException:
            if engine.dialect.name == "sqlite":  # an empty file would be left
                engine.dispose()
                _remove(engine)
            raise


def abandon(url: str) -> None:
    """Take back a finished copy. Errors: Unavailable store.*"""
    with opened(url) as engine:
        if engine.dialect.name == "sqlite":
            _remove(engine)
            return
    discard(url)


def _copied(table: Table, source: Connection, target: Connection, seen: Seen) -> Sum:
    before = Sum()
    for batch in _batches(_rows(source, table)):
        for row in batch:
            before = before.plus(row)
        target.execute(insert(table), [dict(row._mapping) for row in batch])
        seen(len(batch))
    after = Sum()
    for row in _rows(target, table):
        after = after.plus(row)
        seen(1)
    if before != after:
        raise Misconfigured("store.uneven", where=table.name, expected=str(before.rows), got=str(after.rows))
    if target.dialect.name == "postgresql" and (sequence := SEQUENCES.get(table.name)):
        last = target.scalar(select(func.max(table.c.id % (1 << BITS))))
        target.execute(select(func.setval(sequence.name, last or 1, last is not None)))
    return after


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    query = select(table).order_by(*table.primary_key.columns)
    many = _WIDE_ROWS if "content" in table.c else _ROWS
    yield from connection.execute(query, execution_options={"stream_results": True, "yield_per": many})


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes))
        if len(batch) >= _ROWS or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _tables() -> list[Table]:
    return metadata.sorted_tables


def _remove(engine: Engine) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{engine.url.database}{ending}").unlink(missing_ok=True)
