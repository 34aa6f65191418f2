"""The database of one installation: opens it once, and gives out read connections and write transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from hub.store.engine import connect, create, discard, read_meta
from hub.store.faults import translated
from hub.store.transaction import Transaction


class Store:
    """An open database. `node` names the chain that this process writes."""

    def __init__(self, engine: Engine, meta: dict[str, str], node: str) -> None:
        self.engine = engine
        self.node = node
        self.ledger_id = meta["ledger"]
        self.hub_id = meta["hub"]
        self._writing = engine.execution_options(hub_writes=True)
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
    def open(cls, url: str, node: str = "hub") -> Store:
        """Open an existing database. Errors: Misconfigured store.* if it is not one of ours or not usable."""
        engine = connect(url)
        try:
            return cls(engine, read_meta(engine), node)
        except BaseException:
            engine.dispose()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction: committed at the end of the block, or rolled back by any exception."""
        with translated(), self._writing.begin() as connection:
            transaction = Transaction(connection, self.ledger_id, self.node)
            yield transaction
            transaction.flush()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and writes nothing."""
        with translated(), self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
