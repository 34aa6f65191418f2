"""Work beside a block of a serving process: how it begins with the block, and how it ends with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that may be cut off anywhere; at the end it is cancelled."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def ending_by(
    end: Callable[[], None], work: Coroutine[Any, Any, None], needed_by: asyncio.Event | None = None
) -> AsyncIterator[None]:
    """Work that finishes its step once `end` was called, so that no transaction is cut off.

    `needed_by` is set whenever it ends: without this work the whole process has to stop.
    """
    running = asyncio.create_task(work)
    if needed_by is not None:
        running.add_done_callback(lambda _: needed_by.set())
    try:
        yield
    finally:
        end()
        await running


async def to_its_end(work: Callable[[], T]) -> T:
    """Do in a thread what a database that hangs may hold up; who is cancelled waits, so that nothing is left open."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait((working,))
        raise
