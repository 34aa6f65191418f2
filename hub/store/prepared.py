"""Statements of the hot road, written in SQLAlchemy Core and compiled once for each dialect.

They go to the driver's own cursor, inside the transaction that the connection has open: Core spends more on executing a
small statement than SQLite does. Values go to the driver as they are, so only text, numbers and bytes may take part.
A connection that turns out to be lost is given up, so that the next transaction gets a living one.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Engine, Table, event
from sqlalchemy.exc import DBAPIError

from hub.store import wire
from hub.store.wire import Call, Wired, wired

Row = Mapping[str, Any]
_NUMBERS = count(1)
_CHANGES = "hub_changes"
"""Where a connection keeps how often a statement changed rows on it."""


class Rows(list[Any]):
    """What a statement gave: rows with named fields, and how many rows it touched."""

    __slots__ = ("touched",)

    def __init__(self, rows: Sequence[Any] = (), touched: int = 0) -> None:
        super().__init__(rows)
        self.touched = touched

    def first(self) -> Any:
        """The first row, or None."""
        return self[0] if self else None

    def all(self) -> Rows:
        """Every row."""
        return self

    def scalar(self) -> Any:
        """The first field of the first row, or None."""
        return self[0][0] if self else None


class _Text(NamedTuple):
    """A statement as the driver takes it: `names` where parameters go by position, `fixed` values of its own."""

    text: str
    names: tuple[str, ...]
    fixed: Row
    row: Any


class Prepared:
    """One Core statement whose changing values are named `bindparam`s."""

    __slots__ = ("_compiled", "_statement", "_wired")

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, _Text] = {}
        self._wired: Wired | None = None

    def _compile(self, dialect: Dialect) -> Any:
        return self._statement.compile(dialect=dialect)

    def _text(self, connection: Connection) -> _Text:
        found = self._compiled.get(connection.dialect.name)
        if found is None:
            compiled = self._compile(connection.dialect)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            found = _Text(str(compiled), tuple(compiled.positiontup or ()), fixed, _row_type(compiled))
            self._compiled[connection.dialect.name] = found
        return found

    def execute(self, connection: Connection, row: Row) -> Rows:
        """Run with one set of values."""
        text, names, fixed, row_type = self._text(connection)
        values = {**fixed, **row}
        given = tuple(values[name] for name in names) if names else values
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, given)
            rows = [row_type(*found) for found in cursor.fetchall()] if row_type else ()
            if row_type is None:
                count_change(connection)
            return Rows(rows, cursor.rowcount)
        except Exception as error:
            raise _wrapped(error, connection, text) from error
        finally:
            cursor.close()

    def calls(self, connection: Connection, rows: Sequence[Row]) -> list[Call]:
        """One call with each set of values, for `hub.store.wire.travel`; PostgreSQL only."""
        if self._wired is None:
            dialect: Any = type(connection.dialect)
            self._wired = wired(self._compile(dialect(paramstyle="numeric_dollar")))
        return [Call(self._wired, self._wired.values(row)) for row in rows]

    def execute_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run with many sets of values."""
        text, names, _, _ = self._text(connection)
        values: Any = [tuple(row[name] for name in names) for row in rows] if names else [dict(row) for row in rows]
        cursor = connection.connection.cursor()
        try:
            if len(values) == 1:  # many at once are sent in a way that costs one alone twice as much
                cursor.execute(text, values[0])
            else:
                cursor.executemany(text, values)
            count_change(connection)
        except Exception as error:
            raise _wrapped(error, connection, text) from error
        finally:
            cursor.close()

    def batches(self, connection: Connection, row: Row, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield what a query gives as plain tuples, `size` at a time; never more of them are held."""
        text, names, fixed, _ = self._text(connection)
        values = {**fixed, **row}
        cursor = _reading_cursor(connection)
        try:
            cursor.execute(text, tuple(values[name] for name in names) if names else values)
            while batch := cursor.fetchmany(size):
                yield batch
        except Exception as error:
            raise _wrapped(error, connection, text) from error
        finally:
            cursor.close()


def count_change(connection: Connection) -> None:
    """Take note of a statement that changed rows, or may have."""
    connection.info[_CHANGES] = changes(connection) + 1


def changes(connection: Connection) -> int:
    """How often a statement has changed rows on this connection; only a difference of two such counts says anything."""
    return int(connection.info.get(_CHANGES, 0))


def count_changes(engine: Engine) -> None:
    """Have the statements that Core executes on this engine's connections counted as well."""

    @event.listens_for(engine, "after_cursor_execute")
    def note(connection: Connection, cursor: Any, text: str, values: Any, context: Any, many: bool) -> None:
        if cursor.description is None or context.isinsert or context.isupdate or context.isdelete:
            count_change(connection)


def _reading_cursor(connection: Connection) -> Any:
    """A cursor that is sent rows as they are fetched; by itself PostgreSQL sends all of them at once."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return driver.cursor()
    return driver.cursor(f"hub_{next(_NUMBERS)}", binary=True)


def travel(connection: Connection, calls: Sequence[Call]) -> None:
    """Execute calls on PostgreSQL in turn, all in one journey to the server and back, whatever they give."""
    try:
        wire.travel(connection, calls)
    except Exception as error:
        raise _wrapped(error, connection, "") from error


def execute_in_turn(connection: Connection, statements: Sequence[tuple[Prepared, Row]]) -> Rows:
    """Run statements on PostgreSQL one after another in one journey to the server and back; the rows of the last.

    Each sees what was committed before it began, not before the first of them did.
    """
    driver: Any = connection.connection.driver_connection
    text = ""
    try:
        with driver.pipeline():
            for statement, row in statements:
                text, _, fixed, row_type = statement._text(connection)
                cursor = driver.execute(text, {**fixed, **row})
            return Rows([row_type(*found) for found in cursor.fetchall()], cursor.rowcount)
    except Exception as error:
        raise _wrapped(error, connection, text) from error


def _row_type(compiled: Any) -> Any:
    """A named tuple for the columns that a statement gives, or None if it gives none."""
    columns = [column[0] for column in compiled._result_columns or ()]
    return namedtuple("Row", columns, rename=True) if columns else None  # made at run time


def _wrapped(error: Exception, connection: Connection, text: str) -> Exception:
    """A driver's error as SQLAlchemy gives it, so that `hub.store.faults` can translate it; others as they are."""
    module: Any = connection.dialect.dbapi
    if not isinstance(error, module.Error):
        return error
    lost = connection.dialect.is_disconnect
    if not connection.invalidated and lost(error, connection.connection.dbapi_connection, None):
        connection.invalidate(error)
    wrapped: Exception = DBAPIError.instance(text, None, error, module.Error, dialect=connection.dialect)
    return wrapped


class Inserting(Prepared):
    """An insert of the given columns; with `once`, a row whose key is already there is left as it is."""

    __slots__ = ("_columns", "_once")

    def __init__(self, table: Table, columns: Sequence[str], *, once: bool = False) -> None:
        super().__init__(table)
        self._columns = list(columns)
        self._once = once

    def _compile(self, dialect: Dialect) -> Any:
        # Only the dialect in use is imported: the other would cost every command a tenth of a second.
        statement = import_module(f"sqlalchemy.dialects.{dialect.name}").insert(self._statement)
        if self._once:
            statement = statement.on_conflict_do_nothing()
        return statement.compile(dialect=dialect, column_keys=self._columns)
