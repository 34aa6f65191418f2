"""The database of one installation: opens it once, and gives out read connections and write transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, Engine, cast, extract, func, select

from hub import crash
from hub.errors import Misconfigured
from hub.ledger.ledger import from_microseconds
from hub.settings.settings import DatabasePool
from hub.store.backups import CLOSED
from hub.store.engine import UNLIMITED, connect, create, discard, read_meta
from hub.store.faults import translated
from hub.store.kept_connection import KeptConnection
from hub.store.prepared import count_changes
from hub.store.transaction import Head, Transaction

LARGEST_CLOCK_DIFFERENCE = timedelta(seconds=60)
"""What two clocks may differ: leases, deadlines and signatures go by a process's own, and are read by others."""
_CLOCK = select(cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger))


class Store:
    """An open database. `node` names the chain that this process writes; with `address` another process can open it."""

    def __init__(self, engine: Engine, meta: dict[str, str], node: str, address: str = "") -> None:
        self.engine = engine
        self.address = address
        self._left: Head | None = None
        self.node = node
        self.ledger_id = meta["ledger"]
        self.hub_id = meta["hub"]
        self._writing = engine.execution_options(hub_writes=True)
        count_changes(self._writing)
        self._kept = KeptConnection(self._writing)
        # SQLite's readers see one state by nature; PostgreSQL's see each commit unless told otherwise.
        one_state = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = engine.execution_options(**one_state) if engine.dialect.name == "postgresql" else engine

    @classmethod
    def create(cls, url: str, *, hub_id: str, ledger_id: str) -> None:
        """Create an empty database. Errors: Misconfigured store.exists, store.url; Unavailable store.*."""
        create(url, {"hub": hub_id, "ledger": ledger_id, "registry": "1"})

    @classmethod
    def discard(cls, url: str) -> None:
        """Take back a database that was created just now. Errors: Unavailable store.*."""
        discard(url)

    @classmethod
    def open(cls, url: str, node: str = "hub", *, hub_id: str = "", pool: DatabasePool = UNLIMITED) -> Store:
        """Open an existing database, which belongs to `hub_id` if that is given.

        Errors: Misconfigured store.* if it is not one of ours, another hub's, or not usable; node.closed if a
        restoration closed the chain of this node.
        """
        engine = connect(url, pool)
        try:
            meta = read_meta(engine, hub_id)
            if node in meta.get(CLOSED, "").split():
                raise Misconfigured("node.closed", got=node)
            return cls(engine, meta, node, url)
        except BaseException:
            engine.dispose()
            raise

    @contextmanager
    def transaction(self, *, expecting: bool = False) -> Iterator[Transaction]:
        """A write transaction: committed at the end of the block, or rolled back by any exception.

        With `expecting` the chain is taken to end where the last such transaction left it, which saves PostgreSQL a
        journey; if another process wrote it meanwhile, this ends in Unavailable store.raced, and may be tried again.
        """
        expected, self._left = (self._left, None) if expecting else (None, None)
        begin = self._kept.begin if expecting else self._writing.begin
        with translated(), begin() as connection:
            transaction = Transaction(connection, self.ledger_id, self.node, expected)
            yield transaction
            transaction.commit()
        crash.point("store.committed")
        if expecting and connection.dialect.name == "postgresql":
            self._left = transaction.head

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and writes nothing."""
        with translated(), self._reading.begin() as connection:
            yield connection

    def clock_difference(self, clock: Callable[[], datetime]) -> timedelta:
        """How far the database's clock is ahead of `clock`, or behind, if below zero.

        What the journey there may explain is left out. SQLite goes by the same clock as its program.
        """
        if self.engine.dialect.name == "sqlite":
            return timedelta()
        with self.reading() as connection:
            connection.scalar(select(1))  # the first statement of a connection takes a journey more
            sent = clock()
            there = from_microseconds(int(connection.scalar(_CLOCK) or 0))
            answered = clock()
        return max(there - answered, timedelta()) + min(there - sent, timedelta())

    def close(self) -> None:
        """Close all connections."""
        self._kept.close()
        self.engine.dispose()
