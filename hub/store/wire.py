"""Statements that go to PostgreSQL all together, by libpq itself: prepared, with binary values, in one pipeline.

Promises: one journey to the server and back however many calls there are; either all are executed, or the first that
fails is raised and the transaction is at its end; if none was open, they are one together, committed with the last of
them, and what fails at the commit is raised too. A connection in an unknown state is never used again.

psycopg's cursors do the same at four times the processor time here and more in the server. What they give besides, rows
of any type, is not needed by who writes: whatever the calls give is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from select import POLLIN, POLLOUT, poll
from struct import Struct
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, String

Row = Mapping[str, Any]
_Encode = Callable[[Any], bytes]
_AS_SENT: tuple[tuple[type, int, _Encode], ...] = (
    (String, 25, str.encode),
    (BigInteger, 20, Struct(">q").pack),
    (Integer, 23, Struct(">i").pack),
    (LargeBinary, 17, bytes),
    (Boolean, 16, Struct("?").pack),
)
"""PostgreSQL's number of each type and its binary form. Text is binary, too: as text it would end at a zero byte."""
_DONE = (1, 2)
_SYNC = 10
"""libpq's numbers for what a result says: a command or rows without an error; the end of a pipeline."""
_KNOWN = "hub_wire"
"""Where a connection keeps which of our statements its server has prepared."""


@dataclass(frozen=True, slots=True)
class Wired:
    """One statement with numbered parameters, of the given types; `names` and `encode` are what each is made from."""

    name: bytes
    text: bytes
    types: tuple[int, ...]
    formats: tuple[int, ...]
    names: tuple[str, ...]
    encode: tuple[_Encode, ...]
    fixed: Row

    def values(self, row: Row) -> list[bytes | None]:
        """The values of a row as they are sent. Errors: those of a value that is not of its column's type."""
        given = {**self.fixed, **row} if self.fixed else row
        return [
            None if (value := given[name]) is None else encode(value)
            for name, encode in zip(self.names, self.encode, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Call:
    """One execution of a statement."""

    statement: Wired
    values: list[bytes | None]


def wired(compiled: Any) -> Wired:
    """What SQLAlchemy compiled with numbered parameters (`numeric_dollar`)."""
    text, names = str(compiled).encode(), tuple(compiled.positiontup or ())
    sent = [_as_sent(compiled.binds[name].type) for name in names]
    return Wired(
        name=b"hub_" + sha256(text).hexdigest()[:24].encode(),
        text=text,
        types=tuple(number for number, _ in sent),
        formats=(1,) * len(names),
        names=names,
        encode=tuple(encode for _, encode in sent),
        fixed={name: value for name, value in compiled.params.items() if name in names and value is not None},
    )


def _as_sent(of: Any) -> tuple[int, _Encode]:
    return next((number, encode) for kind, number, encode in _AS_SENT if isinstance(of, kind))


def is_idle(connection: Connection) -> bool:
    """Whether no transaction is open."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.pgconn.transaction_status == 0)


def forget(connection: Connection) -> None:
    """Take note of a rollback, after which psycopg drops what is prepared, ours as well."""
    if not connection.invalidated:
        connection.info.pop(_KNOWN, None)


def travel(connection: Connection, calls: Sequence[Call]) -> None:
    """Execute in turn, and wait for the last. Errors: the driver's, of the first call that failed."""
    driver: Any = connection.connection.driver_connection
    try:
        failed = _exchange(driver.pgconn, calls, _known(connection, driver.pgconn))
    except BaseException as error:
        connection.invalidate(error)
        raise
    if failed is not None:
        module: Any = connection.dialect.dbapi
        raise module.errors.error_from_result(failed)


def _known(connection: Connection, libpq: Any) -> set[bytes]:
    """The names of what is prepared, which the server is asked for once and after each rollback."""
    known: set[bytes] | None = connection.info.get(_KNOWN)
    if known is None:
        result = libpq.exec_(b"SELECT name FROM pg_prepared_statements WHERE name LIKE 'hub\\_%'")
        known = {result.get_value(row, 0) for row in range(result.ntuples)}
        if result.status in _DONE:
            connection.info[_KNOWN] = known
    return known


def _exchange(libpq: Any, calls: Sequence[Call], known: set[bytes]) -> Any:
    """Send all and take what comes; the first result that is an error, or None."""
    libpq.enter_pipeline_mode()
    for call in calls:
        statement = call.statement
        if statement.name not in known:
            libpq.send_prepare(statement.name, statement.text, statement.types)
            known.add(statement.name)
        libpq.send_query_prepared(statement.name, call.values, statement.formats)
    libpq.pipeline_sync()
    failed = None
    try:
        for result in _results(libpq):
            if failed is None and result.status not in _DONE:
                failed = result
    except Exception:
        if failed is None:  # else the server said why, before it closed the connection
            raise
        libpq.finish()
        return failed
    libpq.exit_pipeline_mode()
    return failed


def _results(libpq: Any) -> Iterator[Any]:
    """What the server answers until the end of the pipeline, waiting without holding up other threads."""
    listening = poll()
    listening.register(libpq.socket, POLLIN | POLLOUT)
    while libpq.flush():
        if any(event & ~POLLOUT for _, event in listening.poll()):
            libpq.consume_input()
    listening.modify(libpq.socket, POLLIN)
    while True:
        while libpq.is_busy():
            listening.poll()
            libpq.consume_input()
        result = libpq.get_result()
        if result is None:  # between two calls
            if libpq.status:  # or for ever, of a connection that is lost: this raises
                libpq.consume_input()
            continue
        if result.status == _SYNC:
            return
        yield result
