"""Group commit: waiting pieces of work run together in one transaction and are answered after its commit.

A piece of work that raises a `HubError` fails alone, and nothing of it stays: if it had changed rows past the staging,
the transaction is rolled back, and each piece runs in one of its own. If the transaction itself fails, each piece is
tried by itself once, so that one bad piece cannot take its neighbours with it; and some times more if another node was
quicker with the same, because then it sees what that one did. If it could not even begin, because the database is away
or locked, that is nobody's fault, and all are told so at once: each asking by itself would keep the last one waiting
for minutes.

A commit that the disk answered with an error is never tried again, and on SQLite the writer takes no more work until
the process is started anew: after a failed fsync, one that succeeds proves nothing about what was written before.

What may block (waiting for the write lock, fsync, a database elsewhere) happens in a thread of the writer's own. On
SQLite the pieces themselves run on the event loop: their statements take microseconds, and two threads that pass the
interpreter's lock to and fro for each statement cost a third of the whole road.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from hub import crash
from hub.errors import HubError, Unavailable
from hub.store.faults import RACED
from hub.store.store import Store
from hub.store.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], T]
Seen = Callable[[int, float], None]
"""Is told of each transaction how many pieces of work it held and how many seconds it took."""
BROKEN = "store.io"
_AGAIN = 3
"""How often a piece of work is tried again that met another node's on its way."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work[Any]
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Done:
    waiting: _Waiting
    value: Any = None
    error: BaseException | None = None


class _Spoilt(Exception):
    """A piece of work failed with `error` after it had changed rows that only a rollback takes back."""

    def __init__(self, error: HubError) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """The only writer of a serving process. `group` bounds one transaction, `backlog` what may wait."""

    def __init__(self, store: Store, group: int = 32, backlog: int = 10_000) -> None:
        self._store = store
        self._group = group
        self._backlog = backlog
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hub-writer")
        self._serving: asyncio.Task[None] | None = None
        self._on_loop = store.engine.dialect.name == "sqlite"
        self._fault = ""
        self._begun = True
        self.seen: Seen = lambda pieces, seconds: None

    @property
    def fault(self) -> str:
        """The code of what the last transaction failed with, or nothing."""
        return self._fault

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for their transaction."""
        return len(self._queue)

    async def run(self, work: Work[T]) -> T:
        """Run `work` in the next transaction and return its value after the commit.

        Errors: what `work` raised; `Unavailable` store.* if the transaction could not be committed.
        """
        if self._on_loop and self._fault == BROKEN:
            raise Unavailable(BROKEN, operator="an earlier commit failed on the disk; start the hub anew")
        if len(self._queue) >= self._backlog:
            raise Unavailable("store.busy", operator="the writer's backlog is full")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(work, answer))
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await answer

    def close(self) -> None:
        """Wait for the transaction under way, then stop."""
        self._thread.shutdown()

    async def _serve(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(self._group, len(self._queue)))]
            began = time.perf_counter()
            _answer(await self._commit(batch))
            self.seen(len(batch), time.perf_counter() - began)
            crash.point("writer.answered")

    async def _commit(self, batch: list[_Waiting], again: int = 0) -> list[_Done]:
        if self._on_loop and self._fault == BROKEN:
            return [_Done(waiting, error=Unavailable(BROKEN)) for waiting in batch]
        try:
            done = await (self._commit_on_loop(batch) if self._on_loop else self._in_thread(self._commit_all, batch))
        except _Spoilt as spoilt:  # of the database it says nothing
            if len(batch) == 1:
                return [_Done(batch[0], error=spoilt.error)]
            return await self._one_by_one(batch, again + 1)
        except Exception as error:  # noqa: BLE001  # whatever a piece of work raised goes to who waits for it
            self._fault = error.code if isinstance(error, HubError) else ""
            alone = len(batch) == 1 and (again >= _AGAIN or not _was_raced(error))
            if self._fault == BROKEN or alone or not self._begun:
                return [_Done(waiting, error=error) for waiting in batch]
            return await self._one_by_one(batch, again + 1)
        self._fault = ""
        return done

    async def _one_by_one(self, batch: list[_Waiting], again: int) -> list[_Done]:
        done: list[_Done] = []
        for waiting in batch:
            if self._begun:
                done += await self._commit([waiting], again)
            else:
                done.append(_Done(waiting, error=done[-1].error))
        return done

    async def _commit_on_loop(self, batch: list[_Waiting]) -> list[_Done]:
        self._begun = False
        scope = self._store.transaction()
        transaction = await self._in_thread(scope.__enter__)
        self._begun = True
        try:
            done = [_perform(waiting, transaction) for waiting in batch]
        except BaseException as error:
            if not await self._in_thread(scope.__exit__, type(error), error, error.__traceback__):
                raise
        await self._in_thread(scope.__exit__, None, None, None)
        return done

    def _commit_all(self, batch: list[_Waiting]) -> list[_Done]:
        self._begun = False
        with self._store.transaction(expecting=True) as transaction:
            self._begun = True
            return [_perform(waiting, transaction) for waiting in batch]

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run in the writer's thread to its end, even if who asked is cancelled: a transaction is never left open."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments))


def _was_raced(error: Exception) -> bool:
    return isinstance(error, HubError) and error.code == RACED


def _perform(waiting: _Waiting, transaction: Transaction) -> _Done:
    mark = transaction.mark()
    try:
        return _Done(waiting, value=waiting.work(transaction))
    except HubError as error:
        if not transaction.rewind(mark):
            raise _Spoilt(error) from error
        return _Done(waiting, error=error)


def _answer(done: list[_Done]) -> None:
    for one in done:
        if one.waiting.answer.done():
            continue
        if one.error is not None:
            one.waiting.answer.set_exception(one.error)
        else:
            one.waiting.answer.set_result(one.value)
