"""Group commit: one thread runs waiting pieces of work in one transaction and answers them after the commit.

A piece of work that raises a `HubError` fails alone. If the transaction itself fails, each piece is tried by itself
once, so that one bad piece cannot take its neighbours with it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hub.errors import HubError, Unavailable
from hub.store.store import Store
from hub.store.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], T]


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Done:
    waiting: _Waiting
    value: Any = None
    error: BaseException | None = None


class Writer:
    """The only writer of a serving process. `group` bounds one transaction, `backlog` what may wait."""

    def __init__(self, store: Store, group: int = 64, backlog: int = 10_000) -> None:
        self._store = store
        self._group = group
        self._backlog = backlog
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="hub-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        """Run `work` in the next transaction and return its value after the commit.

        Errors: what `work` raised; `Unavailable` store.* if the transaction could not be committed.
        """
        if self._queue.qsize() >= self._backlog:
            raise Unavailable("store.busy", operator="the writer's backlog is full")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Waiting(work, loop, answer))
        return await answer

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            _answer(self._commit(batch))
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch = [first]
        while len(batch) < self._group:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _commit(self, batch: list[_Waiting]) -> list[_Done]:
        try:
            with self._store.transaction() as transaction:
                return [_perform(waiting, transaction) for waiting in batch]
        except Exception as error:  # noqa: BLE001  # whatever a piece of work raised goes to who waits for it
            if len(batch) == 1:
                return [_Done(batch[0], error=error)]
            return [done for waiting in batch for done in self._commit([waiting])]


def _perform(waiting: _Waiting, transaction: Transaction) -> _Done:
    mark = transaction.mark()
    try:
        return _Done(waiting, value=waiting.work(transaction))
    except HubError as error:
        transaction.rewind(mark)
        return _Done(waiting, error=error)


def _answer(done: list[_Done]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Done]] = {}
    for one in done:
        by_loop.setdefault(one.waiting.loop, []).append(one)
    for loop, some in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, some)


def _settle(done: list[_Done]) -> None:
    for one in done:
        if one.waiting.answer.done():
            continue
        if one.error is not None:
            one.waiting.answer.set_exception(one.error)
        else:
            one.waiting.answer.set_result(one.value)
