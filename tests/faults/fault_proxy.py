"""A TCP proxy with faults: it stands between two parties and spoils some of their connections, as it is told.

What it does to a connection is a `Spoil`: when, to which direction, and what. It knows no HTTP, except that what comes
from the side that was called is an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close by a reset


@dataclass(frozen=True, slots=True)
class Spoil:
    """What happens to one connection after `after` bytes of `side` ("request" or "answer").

    `what` is one of KINDS; `seconds` is how long a delay or a pause between dripping bytes lasts.
    """

    what: str = "none"
    side: str = "request"
    after: int = 0
    seconds: float = 0.0


KINDS = ("none", "delay", "cut", "reset", "drip", "half-close", "flip", "swallow")
GOOD = Spoil()
_DRIPPED = 64
_LOOK = 0.01
_LAST_WORDS = 1.0
"""Seconds for what is still to be sent at the end of a connection."""


class FaultProxy:
    """Listens on `port` once it runs, and forwards to `target`, a port or a socket's path.

    `choose` gives the spoil of the n-th connection. While `parted` nothing passes in either direction, nothing is lost,
    and nobody is told.
    """

    def __init__(self, target: int | Path, choose: Callable[[int], Spoil]) -> None:
        self._target = target
        self.choose = choose
        self.port = 0
        self.spoiled: Counter[str] = Counter()
        self.connections = 0
        self.parted = False
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, ready: Event) -> None:
        """Forward until `stop`; all connections are closed then."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        listening.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def stop(self) -> None:
        """End `serve`, from any thread."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        spoil = self.choose(self.connections)
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await self._reach()
            link = _Link(spoil, (writer, back), self.spoiled, self._together)
            try:
                await asyncio.gather(link.pump("request", reader, back), link.pump("answer", there, writer))
            except (ConnectionError, _Cut):
                pass
            finally:
                await asyncio.shield(_closed(writer, back))
        self._open.discard(task)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        await self._together()
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _together(self) -> None:
        """Wait until the two sides are not parted."""
        while self.parted:
            await asyncio.sleep(_LOOK)


async def _closed(*writers: asyncio.StreamWriter) -> None:
    """Close connections; what nobody takes any more is dropped. Their sockets are gone when this returns."""
    for writer in writers:
        writer.close()
    for limit in (_LAST_WORDS, None):
        with contextlib.suppress(TimeoutError):
            both = asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
            await asyncio.wait_for(both, limit)
        for writer in writers:
            writer.transport.abort()


class _Cut(Exception):
    """The connection is over."""


class _Link:
    """Both directions of one connection."""

    def __init__(
        self,
        spoil: Spoil,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        spoiled: Counter[str],
        together: Callable[[], Awaitable[None]],
    ) -> None:
        self._together = together
        self._spoil = spoil
        self._ends = ends
        self._spoiled = spoiled

    async def pump(self, side: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        passed = 0
        while chunk := await source.read(65536):
            await self._together()
            if side == self._spoil.side and self._spoil.what != "none" and passed + len(chunk) > self._spoil.after:
                await self._hurt(chunk, self._spoil.after - passed, sink)
            else:
                sink.write(chunk)
                await sink.drain()
            passed += len(chunk)
        if sink.can_write_eof():
            sink.write_eof()

    async def _hurt(self, chunk: bytes, place: int, sink: asyncio.StreamWriter) -> None:
        """Pass on a chunk of which the byte at `place`, if not negative, is the first to be spoiled."""
        place = max(place, 0)
        what = self._spoil.what
        if what != "drip":
            self._spoil, spoil = GOOD, self._spoil
        else:
            spoil = self._spoil
        self._spoiled[what] += 1
        await getattr(self, f"_{what.replace('-', '_')}")(chunk, place, sink, spoil)

    async def _delay(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        await asyncio.sleep(spoil.seconds)
        sink.write(chunk)

    async def _cut(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        sink.write(chunk[:place])
        with contextlib.suppress(ConnectionError):
            await sink.drain()
        raise _Cut

    async def _swallow(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        raise _Cut

    async def _reset(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        sink.write(chunk[:place])
        for end in self._ends:
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            end.transport.abort()
        raise _Cut

    async def _drip(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        sink.write(chunk[:-_DRIPPED])
        for number in range(len(chunk[-_DRIPPED:])):
            sink.write(chunk[-_DRIPPED:][number : number + 1])
            await sink.drain()
            await asyncio.sleep(spoil.seconds)

    async def _half_close(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        """Say that nothing more comes, and never say anything again; the other direction stays open for a while."""
        sink.write(chunk[:place])
        sink.write_eof()
        await asyncio.sleep(spoil.seconds)
        raise _Cut

    async def _flip(self, chunk: bytes, place: int, sink: asyncio.StreamWriter, spoil: Spoil) -> None:
        spoiled = bytearray(chunk)
        spoiled[min(place, len(chunk) - 1)] ^= 1 << (place % 8)
        sink.write(bytes(spoiled))


@contextmanager
def spoiling(target: int | Path, choose: Callable[[int], Spoil] = lambda number: GOOD) -> Iterator[FaultProxy]:
    """A running proxy in front of a port."""
    proxy = FaultProxy(target, choose)
    ready = Event()
    thread = Thread(target=lambda: asyncio.run(proxy.serve(ready)))
    thread.start()
    assert ready.wait(60)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
