"""A TLS context that may be changed while it is in use: each new connection goes by the one of the moment.

OpenSSL cannot take an authority out of a context, and a context remembers sessions that it once agreed to. So what is
read again makes a new one, and this stands for whichever is the latest.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Any


class ChangingContext(ssl.SSLContext):
    """Stays the same object; without files of its own, so that whoever passes its `latest` by gets no connection."""

    def __new__(cls, first: ssl.SSLContext) -> ChangingContext:
        """Of the same protocol as `first`."""
        return super().__new__(cls, first.protocol)

    def __init__(self, first: ssl.SSLContext) -> None:
        self.latest = first
        self._told: tuple[Callable[[], object], ...] = ()
        self.verify_mode = first.verify_mode
        self.minimum_version = first.minimum_version

    def change_to(self, context: ssl.SSLContext) -> None:
        """From now on connections go by `context`."""
        self.latest = context
        for tell in self._told:
            tell()

    @contextlib.contextmanager
    def telling(self, whom: Callable[[], object]) -> Iterator[None]:
        """Meanwhile call `whom` after each change: who keeps connections open ends those from before."""
        self._told = (*self._told, whom)
        try:
            yield
        finally:
            self._told = tuple(one for one in self._told if one is not whom)

    def is_outdated(self, connection: Any) -> bool:
        """Whether a connection (its `ssl_object`) goes by another context than the latest."""
        return connection is not None and connection.context is not self.latest

    def wrap_socket(self, *args: Any, **named: Any) -> ssl.SSLSocket:
        """As of the latest context."""
        return self.latest.wrap_socket(*args, **named)

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:
        """As of the latest context."""
        return self.latest.wrap_bio(*args, **named)


def latest_of(context: ssl.SSLContext | None) -> ssl.SSLContext | None:
    """The context of the moment, for whoever keeps connections apart by the context that they were made with."""
    return context.latest if isinstance(context, ChangingContext) else context
