"""The standing connection of one serving process to PostgreSQL: it holds the node's name, listens, and tells others.

Promises: of all processes with one node name, on whatever machine, one has it, for as long as its connection lives (a
session's advisory lock: there is nothing to clean up after a crash). A lost connection is made again, by itself; a
process that finds its name taken by another for `PATIENCE` seconds is told to stop. Words to others go out after the
commit they speak of, and on this connection: a NOTIFY inside the transaction that accepts a message would make all
commits of the whole database wait for each other. It must not go through a pooler that shares connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy.exc import DBAPIError

from hub.errors import HubError, Misconfigured
from hub.store.faults import translate
from hub.store.notify import CHANNELS, DUE, Heard, read_word, words_for
from hub.store.store import Store

BEAT = 5.0
"""Seconds between two signs of life on a quiet connection."""
AGAIN = 1.0
PATIENCE = 60.0
NODES, _DUTIES = 0x687563, 0x687564
"""The first halves of our advisory locks' names; 0x687562 is that of a chain, in `hub.store.transaction`."""
_PREPARE = (
    "SET synchronous_commit = off",  # nothing but words goes over this connection
    "SET idle_session_timeout = 0",
    # A process that vanished with its machine would else keep its name for two hours.
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)

log = logging.getLogger("hub.presence")


class Presence:
    """What one process holds and hears. `heard` is called on the event loop."""

    def __init__(self, store: Store, heard: Callable[[Heard], None]) -> None:
        self._store = store
        self._heard = heard
        self._standing: Any = None
        self._words: list[str] = []
        self._notes: list[Heard] = []
        self._duties: set[str] = set()
        self._asked: list[tuple[str, asyncio.Future[bool]]] = []
        self._stirred = asyncio.Event()
        self._closing = False
        self._taken_since: float | None = None

    @property
    def lost(self) -> bool:
        """Whether the node's name is not held at this moment."""
        return self._standing is None

    def announce(self, endpoints: Iterable[str]) -> None:
        """Tell processes elsewhere that these endpoints may have something due."""
        if words := words_for(endpoints):
            self._words += words
            self._stirred.set()

    async def take(self) -> None:
        """Take the node's name. Errors: Misconfigured node.taken; Unavailable store.*"""
        await asyncio.to_thread(self._connect)

    async def holds(self, duty: str) -> bool:
        """Whether this process is the one that has a duty which only one may have; it is taken if it is free.

        Answered by `run`, which alone uses the connection while it waits on it.
        """
        if self._standing is None or self._closing:
            return False
        if duty in self._duties:
            return True
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked.append((duty, answer))
        self._stirred.set()
        return await answer

    async def run(self) -> None:
        """Listen and speak until `close`. Errors: Misconfigured node.taken, if the name stayed taken by another."""
        while not self._closing:
            try:
                if self._standing is None:
                    await asyncio.to_thread(self._connect)
                    self._again()
                await self._attend()
            except HubError as error:
                self._let_go(error)
                if self._taken_since is not None and time.monotonic() - self._taken_since > PATIENCE:
                    raise
                await self._wait(AGAIN)
        self._decline()
        await asyncio.to_thread(self._disconnect)

    def close(self) -> None:
        """End `run`."""
        self._closing = True
        self._stirred.set()

    def _again(self) -> None:
        self._taken_since = None
        log.info("held", extra={"fields": {"node": self._store.node}})
        self._heard(Heard(everything=True, rules=True))  # what was said meanwhile was not heard

    def _let_go(self, error: HubError) -> None:
        if self._standing is not None:
            log.warning("lost", extra={"fields": {"code": error.code, "operator": error.operator}})
        self._disconnect()
        self._decline()
        if error.code != "node.taken":
            self._taken_since = None
        elif self._taken_since is None:
            self._taken_since = time.monotonic()

    def _decline(self) -> None:
        """Have no duties, and say so to who asks."""
        self._duties.clear()
        asked, self._asked = self._asked, []
        for _, answer in asked:
            if not answer.done():
                answer.set_result(False)

    async def _attend(self) -> None:
        loop, number = asyncio.get_running_loop(), self._standing.fileno()
        while not self._closing:
            loop.add_reader(number, self._stirred.set)
            try:
                await self._wait(BEAT)
            finally:
                loop.remove_reader(number)
            words, self._words = self._words, []
            for heard in await asyncio.to_thread(self._exchange, words):
                self._heard(heard)
            while self._asked:
                duty, answer = self._asked[0]
                if await asyncio.to_thread(self._try_lock, self._standing, _DUTIES, duty):
                    self._duties.add(duty)
                if not answer.done():
                    answer.set_result(duty in self._duties)
                del self._asked[0]

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), seconds)
        self._stirred.clear()

    def _connect(self) -> None:
        try:
            standing = self._store.engine.raw_connection()
        except self._store.engine.dialect.loaded_dbapi.Error as error:  # as it is: raw_connection() wraps nothing
            raise translate(DBAPIError("", (), error)) from None
        connection: Any = standing.driver_connection
        standing.detach()  # from the pool, which would bound it and give it to others
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._standing = connection

    def _prepare(self, connection: Any) -> None:
        connection.rollback()
        connection.autocommit = True
        connection.add_notify_handler(lambda note: self._notes.append(read_word(note.channel, note.payload)))
        for statement in _PREPARE:
            self._execute(connection, statement)
        if not self._try_lock(connection, NODES, self._store.node):
            raise Misconfigured("node.taken", got=self._store.node)
        for channel in CHANNELS:
            self._execute(connection, f"LISTEN {channel}")

    def _try_lock(self, connection: Any, kind: int, name: str) -> bool:
        found = self._execute(connection, "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (kind, name))
        return bool(found.fetchone()[0])

    def _exchange(self, words: list[str]) -> list[Heard]:
        """Say what is to be said, or give a sign of life, and return what came in."""
        for word in words:
            self._execute(self._standing, "SELECT pg_notify(%s, %s)", (DUE, word))
        if not words:
            self._execute(self._standing, "SELECT 1")
        heard, self._notes = self._notes, []
        return heard

    def _execute(self, connection: Any, statement: str, values: tuple[Any, ...] = ()) -> Any:
        try:
            return connection.execute(statement, values)
        except self._store.engine.dialect.loaded_dbapi.Error as error:
            raise translate(DBAPIError(statement, values, error)) from None

    def _disconnect(self) -> None:
        standing, self._standing = self._standing, None
        if standing is not None:
            with contextlib.suppress(Exception):  # it may be long gone
                standing.close()


async def open_presence(store: Store, heard: Callable[[Heard], None]) -> Presence | None:
    """With the node's name taken; None on SQLite, where a file's lock holds it and everybody looks for himself.

    Errors: Misconfigured node.taken; Unavailable store.*
    """
    if store.engine.dialect.name == "sqlite":
        return None
    presence = Presence(store, heard)
    await presence.take()
    return presence
