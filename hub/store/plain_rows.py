"""Rows as the driver found them, for whoever judges what is stored: a value of a wrong type, or text that is not UTF-8,
is passed on and not hidden by an error, because it is just what an audit looks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, select, type_coerce
from sqlalchemy.types import NullType

from hub.audit.held import Columns
from hub.ledger.ledger import Entry, Stored

T = TypeVar("T")

_BEYOND = 2**64 - 1
"""Stands for a number that no byte form can hold."""


@contextmanager
def as_stored(connection: Connection) -> Iterator[None]:
    """Let text that is not UTF-8 be read, with its bytes escaped, instead of ending the reading."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    before, driver.text_factory = driver.text_factory, lambda raw: raw.decode("utf-8", "backslashreplace")
    try:
        yield
    finally:
        driver.text_factory = before


def every_column(table: Table) -> Select[Any]:
    """All columns without the driver's conversions: they fail on, or bend, what has the wrong type."""
    columns: list[Any] = [type_coerce(column, NullType()).label(column.name) for column in table.c]
    return select(*columns)


def stream(connection: Connection, query: Select[Any], size: int = 1000) -> Iterator[Columns]:
    """What a query gives, fetched `size` rows at a time."""
    with connection.execute(query, execution_options={"yield_per": size}) as found:  # closed though not read to its end
        yield from found.mappings()


def batches(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    """`size` of them at a time."""
    while batch := list(islice(rows, size)):
        yield batch


def stored_entry(row: Columns) -> Stored:
    """The entry in a row of the ledger, whatever stands in its columns."""
    values = {f.name: fitting(row[f.name], str(f.type)) for f in fields(Entry)}
    form, hashed = (fitting(row[name], "bytes") for name in ("form", "hash"))
    return Stored(Entry(**values), form, hashed)


def fitting(value: Any, kind: str) -> Any:
    """`value`, or if an entry cannot hold it, something of the right type that no writer would have written."""
    if kind == "int":
        return value if isinstance(value, int) and 0 <= value < 2**63 else _BEYOND
    if kind == "bytes":
        return value if isinstance(value, bytes) else repr(value).encode()
    return value if isinstance(value, str) else repr(value)
