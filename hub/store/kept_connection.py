"""The connection with which a writer goes on from one transaction to the next; kept on PostgreSQL only.

To take one from the pool each time and give it back costs as much processor time as all else that Python does for a
small transaction. Promises: a connection that was lost meanwhile, or on which anything failed, is not used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from hub.store.engine import is_over

_SPARED = 3
"""A pool with no more connections than this lends each for one transaction only."""


class KeptConnection:
    """Of one engine, for transactions one after another; one within another has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        pool: Any = engine.pool
        self._keeps = engine.dialect.name == "postgresql" and pool.size() > _SPARED
        self._kept: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction, committed at the end of the block, or rolled back by any exception."""
        connection = self._taken() or self._engine.connect()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        if self._keeps and self._kept is None:
            self._kept = connection
        else:
            connection.close()

    def close(self) -> None:
        """Give it back."""
        if self._kept is not None:
            self._kept.close()

    def _taken(self) -> Connection | None:
        connection, self._kept = self._kept, None
        if connection is None or not is_over(connection.connection):
            return connection
        connection.invalidate()
        connection.close()
        return None
