"""Whether somebody serves from a database now; asked before something that only one may do.

Serving processes hold their node's name in PostgreSQL (`hub.store.presence`), from whatever machine. Those of SQLite
serve from the data directory, whose lock files tell.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.errors import Misconfigured
from hub.store.presence import NODES

_HELD = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = :kind"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def check_not_served(connection: Connection) -> None:
    """Nobody serves from this database. Errors: Misconfigured serve.running."""
    if connection.dialect.name == "postgresql" and (held := connection.scalar(_HELD, {"kind": NODES})):
        raise Misconfigured("serve.running", operator=f"{held} nodes hold their names in the database")
