"""Whether a database takes writes at this moment: a standby, a read-only server and a read-only file do not."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import func, select

from hub.store.store import Store

_RECOVERING = select(func.pg_is_in_recovery())
_CLOSED = select(func.current_setting("default_transaction_read_only"))


def takes_writes(store: Store) -> bool:
    """Ask it, without writing. Errors: Unavailable store.*"""
    if store.engine.dialect.name == "sqlite":
        path = store.engine.url.database
        return path is None or (os.access(path, os.W_OK) and os.access(Path(path).parent, os.W_OK))
    with store.reading() as connection:
        return not connection.scalar(_RECOVERING) and connection.scalar(_CLOSED) == "off"


def is_local(store: Store) -> bool:
    """Whether the database is a file, so that the disk under it is this machine's."""
    return bool(store.engine.dialect.name == "sqlite")
