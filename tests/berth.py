"""A port that is reserved for a process, before it listens there and while it is dead."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self


class Berth:
    """Bound and not listening: calls are refused, and only who sets SO_REUSEADDR too may listen here."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()
