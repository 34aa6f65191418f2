"""One state of the database for several processes that read it.

On PostgreSQL exactly one, as the server exports it. SQLite exports none: a process that joins sees a state of its own,
a moment younger. So it may only be asked for rows that the first one has counted, and rows that a hub changes must be
held against others of that same state only.
"""

from __future__ import annotations

from sqlalchemy import Connection

from hub.store.engine import connect
from hub.store.faults import translated

_WRITE_NOTHING = "PRAGMA query_only = ON"


def export_state(connection: Connection) -> str:
    """The name under which other processes can join what `connection` sees, until it ends; empty on SQLite."""
    if connection.dialect.name == "sqlite":
        return ""
    # It does nothing while the others work, which may take longer than `database_pool.idle_timeout`.
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    return str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one())


def join_state(address: str, state: str) -> Connection:
    """A connection that reads the database at `address` and never writes. Errors: Misconfigured, Unavailable store.*"""
    engine = connect(address)
    with translated():
        if not state:
            connection = engine.connect()
            connection.exec_driver_sql(_WRITE_NOTHING)
            return connection
        connection = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True).connect()
        connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{state}'")  # must be the first statement
        return connection
