"""What a database knows of backups: when the last was taken, and, if restored itself, which chains are closed.

A node that went on with its old chain would give numbers out again that stand in stamps of the lost time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from hub.administration.administered import NODE, Deed
from hub.ledger.ledger import from_microseconds
from hub.message import Hop
from hub.store.tables import ledger, messages, meta

CLOSED = "closed"
"""The key in `meta` of the names of the closed chains, with spaces between."""


def close_chains(connection: Connection, also: str) -> tuple[str, ...]:
    """Close every chain that is there but that of administrators' acts, of which nobody holds stamps; their names.

    `also` is the node of the backup's settings, which may have begun its chain only in the time that is lost.
    """
    nodes = select(ledger.c.node).where(ledger.c.node != NODE).distinct()
    before = connection.scalar(select(meta.c.value).where(meta.c.key == CLOSED)) or ""
    names = tuple(sorted({*connection.scalars(nodes), *before.split(), also}))
    connection.execute(delete(meta).where(meta.c.key == CLOSED))
    connection.execute(insert(meta), {"key": CLOSED, "value": " ".join(names)})
    return names


def last_backup(connection: Connection) -> datetime | None:
    """When the last backup was put on record; None if there is none."""
    taken = (ledger.c.node == NODE, ledger.c.kind == str(Hop.ADMIN), ledger.c.detail == str(Deed.BACKUP_TAKEN))
    query = select(ledger.c.time_us).where(*taken).order_by(ledger.c.sequence.desc()).limit(1)
    found = connection.scalar(query)
    return None if found is None else from_microseconds(found)


def has_messages(connection: Connection) -> bool:
    """Whether there is anything yet that a backup would save."""
    return connection.scalar(select(messages.c.id).limit(1)) is not None
