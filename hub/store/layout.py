"""Whether the definitions in a database are those of the program's tables, as the database itself tells them.

Promises: a column, key, index or reference that is missing, of another kind, or too much is told, and whatever runs by
itself: a trigger, a view, a rule. How a definition is spelled does not matter, so that a database which was upgraded is
as good as a new one. The words of a partial index's condition are not compared. A database of a newer layout may have
more than this program knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, UniqueConstraint, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.store.partitions import partitions
from hub.store.tables import VERSION, meta, metadata

Parts = dict[str, str]
"""What a table is made of, by name, in words that can be compared."""
_TOLD = ("pk_constraint", "columns", "indexes", "unique_constraints", "foreign_keys")
_BY_ITSELF = {
    "sqlite": "SELECT type || ' ' || name FROM sqlite_master WHERE type NOT IN ('table', 'index')",
    "postgresql": """SELECT 'trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
        UNION ALL SELECT 'rule ' || rulename FROM pg_rules WHERE schemaname = current_schema()
        UNION ALL SELECT 'view ' || viewname FROM pg_views WHERE schemaname = current_schema()""",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """A part that is not as it should be: `where` names it; an empty `expected` is one too many, `got` one missing."""

    where: str
    expected: str
    got: str


def flaws(connection: Connection) -> Iterator[Flaw]:
    """Yield what differs from the tables of this program. Errors: Misconfigured store.damaged of an unreadable one."""
    found, wanted = _found(connection), _wanted(connection)
    newer = _is_newer(connection)
    for table in sorted(found.keys() | wanted.keys()):
        there, due = found.get(table, {}), wanted.get(table, {})
        for part in sorted(there.keys() | due.keys()):
            expected, got = due.get(part, ""), there.get(part, "")
            if expected != got and not (newer and not expected):
                yield Flaw(f"{table}: {part}", expected, got)
    for acting in connection.execute(text(_BY_ITSELF[connection.dialect.name])).scalars():
        yield Flaw(str(acting), "", "-")


def _is_newer(connection: Connection) -> bool:
    version = connection.scalar(select(meta.c.value).where(meta.c.key == "version"))
    return str(version).isdigit() and int(str(version)) > VERSION


def _wanted(connection: Connection) -> dict[str, Parts]:
    return {table.name: _as_written(connection, table) for table in metadata.sorted_tables}


def _as_written(connection: Connection, table: Table) -> Parts:
    parts = {"table": "there", "primary key": _names(table.primary_key.columns.keys())}
    for column in table.columns:
        parts[f"column {column.name}"] = _kind(column.type.compile(connection.dialect), column.nullable)
    for index in table.indexes:
        parts[f"index {index.name}"] = f"{_names(index.columns.keys())}{' unique' if index.unique else ''}"
    for one in table.constraints:
        if isinstance(one, UniqueConstraint) and _is_for(one, connection):
            parts[f"unique {_names(one.columns.keys())}"] = "there"
    for key in table.foreign_key_constraints:
        to = _names([element.column.name for element in key.elements])
        parts[f"reference {_names(key.column_keys)}"] = f"{key.referred_table.name} {to}"
    return parts


def _is_for(constraint: Any, connection: Connection) -> bool:
    """Whether this engine is to have it: some only one has."""
    wanted = constraint._ddl_if
    return wanted is None or wanted.dialect == connection.dialect.name


def _found(connection: Connection) -> dict[str, Parts]:
    """What the database says of itself; a definition that cannot be read is told by its table alone."""
    asked = inspect(connection)
    parts: dict[str, Parts] = {}
    aside = {part.name for part in partitions(connection)}  # each is as its table is, the server sees to that
    names = sorted({*asked.get_table_names()} - aside)
    # PostgreSQL tells of all tables at once, in a tenth of the time; of a damaged file each may be the one that fails.
    for together in [names] if connection.dialect.name == "postgresql" else [[name] for name in names]:
        try:
            told = {what: getattr(asked, f"get_multi_{what}")(filter_names=together) for what in _TOLD}
            parts |= {name: _as_found(connection, told, name, aside) for name in together}
        except (SQLAlchemyError, ValueError, TypeError, KeyError) as error:
            parts |= {name: {"table": type(error).__name__} for name in together}
    return parts


def _as_found(connection: Connection, told: Any, table: str, aside: set[str]) -> Parts:
    primary, columns, indexes, unique, references = (told[what][None, table] for what in _TOLD)
    parts = {"table": "there", "primary key": _names(primary["constrained_columns"])}
    for column in columns:
        parts[f"column {column['name']}"] = _kind(column["type"].compile(connection.dialect), column["nullable"])
    for index in indexes:
        if "duplicates_constraint" not in index:
            words = " unique" if index["unique"] else ""
            parts[f"index {index['name']}"] = f"{_names(index['column_names'])}{words}"
    for one in unique:
        parts[f"unique {_names(one['column_names'])}"] = "there"
    for key in (key for key in references if key["referred_table"] not in aside):
        to = f"{key['referred_table']} {_names(key['referred_columns'])}"
        parts[f"reference {_names(key['constrained_columns'])}"] = to
    return parts


def _kind(words: str, nullable: bool | None) -> str:
    return f"{words}{'' if nullable else ' NOT NULL'}"


def _names(names: Any) -> str:
    return ", ".join(str(name) for name in names)
