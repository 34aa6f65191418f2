"""The partitions by month in which PostgreSQL keeps what only grows: which there are, and making those to come.

Promises: nothing is refused for want of one: `TABLE_later` takes what has no partition of its own yet, and what it took
moves over when that is made. Only the tables' owner can make any. SQLite has none, and nothing here touches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select, text

from hub.errors import Unavailable
from hub.month import BITS, Month, month_of_id
from hub.settings.settings import DatabasePool
from hub.store.engine import opened
from hub.store.faults import RACED, translated
from hub.store.tables import bodies, messages, metadata

AHEAD = 12
"""Months that are made beyond the present one."""
_TRIES = 5
_LIMITS = DatabasePool(connections=2, statement_timeout=0, lock_timeout=5.0, idle_timeout=0)
"""Nobody waits long for a table that is locked: others wait behind it."""
_KEYS: dict[str, tuple[str, Callable[[Month], int]]] = {
    messages.name: ("id", lambda month: month.first_id),
    bodies.name: ("month", lambda month: month.count),
}
"""Each table in partitions, the column they go by, and the first value of a month."""
_FOUND = text("""
    SELECT p.relname AS parent, c.relname AS name FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
    WHERE p.relkind = 'p' AND p.relnamespace = current_schema()::regnamespace ORDER BY p.relname, c.relname""")
_WEIGHED = text("""
    SELECT greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)::bigint AS rows,
    pg_total_relation_size(c.oid) AS size FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = :name""")


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of `table`; `month` None: it holds what comes before or after all of those with one."""

    table: str
    name: str
    month: Month | None


@dataclass(frozen=True, slots=True)
class Weight:
    """About how many rows a partition has, as the server's statistics say, and its bytes with its indexes."""

    rows: int
    bytes: int


def partitions(connection: Connection) -> list[Partition]:
    """Every partition, by table and name."""
    if connection.dialect.name == "sqlite":
        return []
    return [Partition(row.parent, row.name, _month(row.parent, row.name)) for row in connection.execute(_FOUND)]


def weigh(connection: Connection, partition: Partition) -> Weight:
    """How large it is."""
    row = connection.execute(_WEIGHED, {"name": partition.name}).one()
    return Weight(row.rows, row.size)


def months_ahead(connection: Connection, at: datetime) -> int | None:
    """How many months after the present one have all their partitions, without a gap; None on SQLite."""
    if connection.dialect.name == "sqlite":
        return None
    found = {(one.table, one.month) for one in partitions(connection)}
    number, present = 0, Month.of(at).count
    while all((table, Month.counted(present + number + 1)) in found for table in _KEYS):
        number += 1
    return number


def make_ahead(url: str, at: datetime) -> list[str]:
    """Make what is missing of the present month and the coming `AHEAD` ones, as the owner; the names of those made.

    Each is made in a transaction of its own, so that a serving hub waits for none but its own month's. Errors:
    Misconfigured store.forbidden; Unavailable store.busy if a table was locked for long.
    """
    with opened(url, _LIMITS) as engine:
        if engine.dialect.name == "sqlite":
            return []
        made: list[str] = []
        for month in Month.of(at).following(AHEAD + 1):
            for attempt in range(1, _TRIES + 1):
                try:
                    with translated(), engine.begin() as connection:
                        made += make(connection, [month])
                    break
                except Unavailable as error:  # a circle of locks with a hub at work, of which the server ended this one
                    if error.code != RACED or attempt == _TRIES:
                        raise
        return made


def make_for(connection: Connection, original: Connection) -> None:
    """Make the partitions of the months in which `original` has messages, before they are copied here."""
    if connection.dialect.name == "sqlite":
        return
    coded = select(func.min(messages.c.id), func.max(messages.c.id)).where(messages.c.id >= 1 << BITS)
    first, last = (month_of_id(found or 0) for found in original.execute(coded).one())
    if first is not None and last is not None:
        make(connection, first.following(last.count - first.count + 1))


def make(connection: Connection, months: Iterable[Month]) -> list[str]:
    """Make what is missing of these months' partitions, in the transaction that is open; the names of those made."""
    there, made = {one.name for one in partitions(connection)}, []
    for month in months:
        for table in _KEYS:
            if (name := _name(table, month)) not in there:
                _make(connection, table, name, month)
                made.append(name)
    return made


def _make(connection: Connection, table: str, name: str, month: Month) -> None:
    column, first_of = _KEYS[table]
    first, end = first_of(month), first_of(Month.counted(month.count + 1))
    bounds, within = f"FOR VALUES FROM ({first}) TO ({end})", f"{column} >= {first} AND {column} < {end}"
    run = connection.exec_driver_sql
    if run(f"SELECT 1 FROM {table}_later WHERE {within} LIMIT 1").first() is None:  # noqa: S608
        run(f"CREATE TABLE {name} PARTITION OF {table} {bounds}")
        return
    references = _references(metadata.tables[table])
    for referring, reference, _ in references:  # the server would not let rows go that others refer to, not even so
        run(f"ALTER TABLE {referring} DROP CONSTRAINT {reference}")
    run(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)")
    moved = f"DELETE FROM {table}_later WHERE {within} RETURNING *"  # noqa: S608
    run(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved")  # noqa: S608
    run(f"ALTER TABLE {table} ATTACH PARTITION {name} {bounds}")
    for referring, reference, words in references:
        run(f"ALTER TABLE {referring} ADD CONSTRAINT {reference} {words}")


def _references(table: Table) -> list[tuple[str, str, str]]:
    """What refers to a table: which table, the name that the server gave the reference, and what it says."""
    return [
        (one.name, f"{one.name}_{column}_fkey", f"FOREIGN KEY ({column}) REFERENCES {table.name} (id)")
        for one in metadata.sorted_tables
        for key in one.foreign_key_constraints
        if key.referred_table is table
        for column in key.column_keys
    ]


def _name(table: str, month: Month) -> str:
    return f"{table}_{month.year:04}_{month.number:02}"


def _month(table: str, name: str) -> Month | None:
    try:
        return Month.read(name.removeprefix(f"{table}_").replace("_", "-"))
    except ValueError:
        return None
