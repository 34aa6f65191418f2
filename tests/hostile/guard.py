"""Sees whether anything opens a file or a connection while a hostile document is examined.

Python's own opens and connections are seen by an audit hook; the C library's by a canary file under inotify and a
port that listens. Documents name the canary as `guard.file_url` and the port as `guard.port`.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_IN_ACCESS_OR_OPEN = 0x01 | 0x20
_REACHING_OUT = ("open", "socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen", "os.system")
_armed: list[list[str]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed and event in _REACHING_OUT:
        _armed[-1].append(f"{event} {arguments[0]!r}")


sys.addaudithook(_hook)  # cannot be taken away again, so there is one, which sleeps


@dataclass
class Guard:
    """A canary file, a listening port, and what was seen."""

    canary: Path
    server: socket.socket
    watch: int
    seen: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        port: int = self.server.getsockname()[1]
        return port

    @property
    def file_url(self) -> str:
        return self.canary.as_uri()

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Fail if anything inside opens a file or a connection."""
        self.seen.clear()
        _armed.append(self.seen)
        try:
            yield
        finally:
            _armed.pop()
        assert self.seen == []
        assert not self.canary_was_read(), "the canary file was read"
        assert not self.port_was_called(), "a connection was made"

    def port_was_called(self) -> bool:
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def canary_was_read(self) -> bool:
        try:
            return bool(os.read(self.watch, 4096))
        except BlockingIOError:
            return False


@contextmanager
def guarding(folder: Path) -> Iterator[Guard]:
    """A guard whose canary lies in `folder`. Needs Linux."""
    canary = folder / "canary.txt"
    canary.write_text("密：金丝雀")
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(canary), _IN_ACCESS_OR_OPEN) >= 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield Guard(canary, server, watch)
    os.close(watch)
