"""Which nodes have ended, as far as the database can tell.

On PostgreSQL a serving process holds its node's name as long as its standing connection lives (`hub.store.presence`).
A name that nobody holds says that its process is gone, but not right after the database itself was away: then every
process has to take its name anew. On SQLite nothing tells a process that is slow from one that has ended.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import text

from hub.store.presence import NODES
from hub.store.transaction import Transaction

BACK = timedelta(seconds=15)
"""Who has held his own name for so long takes it that everybody else who lives has his."""
_ENDED = text(
    """
    WITH held AS (
        SELECT objid AS number, backend_start AS since
        FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND classid = :kind AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ), asked AS (
        SELECT name, (hashtext(name)::bigint & 4294967295)::oid AS number
        FROM unnest(CAST(:nodes AS text[])) AS name
    )
    SELECT name FROM asked WHERE name <> :node AND number NOT IN (SELECT number FROM held) AND EXISTS (
        SELECT 1 FROM asked JOIN held USING (number) WHERE name = :node AND since < clock_timestamp() - :back
    )
    """
)


def ended(transaction: Transaction, nodes: Collection[str]) -> set[str]:
    """Of these other nodes, those whose process is gone; none as long as this node cannot tell."""
    if not nodes or transaction.connection.dialect.name == "sqlite":
        return set(nodes)
    asked = {"nodes": [*nodes, transaction.node], "node": transaction.node, "kind": NODES, "back": BACK}
    return set(transaction.connection.scalars(_ENDED, asked))
