"""Statements of the hot road, written in SQLAlchemy Core and compiled once for each dialect.

Saves what Core spends on every execution to build, key and look up a statement it knows: about half the
cost of a small statement. Values go to the driver as they are, so only text, numbers and bytes may take part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Table

Row = Mapping[str, Any]


class _Text(NamedTuple):
    """A statement as the driver takes it: `names` where parameters go by position, `fixed` values of its own."""

    text: str
    names: tuple[str, ...]
    fixed: Row


class Prepared:
    """One Core statement whose changing values are named `bindparam`s."""

    __slots__ = ("_compiled", "_statement")

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, _Text] = {}

    def _compile(self, connection: Connection) -> Any:
        return self._statement.compile(dialect=connection.dialect)

    def _text(self, connection: Connection) -> _Text:
        found = self._compiled.get(connection.dialect.name)
        if found is None:
            compiled = self._compile(connection)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            found = _Text(str(compiled), tuple(compiled.positiontup or ()), fixed)
            self._compiled[connection.dialect.name] = found
        return found

    def execute(self, connection: Connection, row: Row) -> CursorResult[Any]:
        """Run with one set of values."""
        text, names, fixed = self._text(connection)
        values = {**fixed, **row}
        return connection.exec_driver_sql(text, tuple(values[name] for name in names) if names else values)

    def execute_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run with many sets of values."""
        text, names, _ = self._text(connection)
        values: Any = [tuple(row[name] for name in names) for row in rows] if names else [dict(row) for row in rows]
        connection.exec_driver_sql(text, values)


class Inserting(Prepared):
    """An insert of the given columns; with `once`, a row whose key is already there is left as it is."""

    __slots__ = ("_columns", "_once")

    def __init__(self, table: Table, columns: Sequence[str], *, once: bool = False) -> None:
        super().__init__(table)
        self._columns = list(columns)
        self._once = once

    def _compile(self, connection: Connection) -> Any:
        # Only the dialect in use is imported: the other would cost every command a tenth of a second.
        statement = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(self._statement)
        if self._once:
            statement = statement.on_conflict_do_nothing()
        return statement.compile(dialect=connection.dialect, column_keys=self._columns)
