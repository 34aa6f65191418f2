"""A content store that is opened when it is first needed: a bucket out of reach keeps no hub from starting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from hub.errors import Misconfigured
from hub.store.content.content import Blob, ContentStore


class Later:
    """Opens with `open`, and tries again at the next call if that failed."""

    def __init__(self, open: Callable[[], ContentStore]) -> None:
        self._open = open
        self._opened: ContentStore | None = None
        self._lock = threading.Lock()

    def put(self, digest: str, content: bytes) -> None:
        """See ContentStore."""
        self._store().put(digest, content)

    def get(self, digest: str) -> bytes:
        """See ContentStore."""
        return self._store().get(digest)

    def has(self, digest: str) -> bool:
        """See ContentStore."""
        return self._store().has(digest)

    def delete(self, digest: str) -> None:
        """See ContentStore."""
        self._store().delete(digest)

    def blobs(self) -> Iterator[Blob]:
        """See ContentStore."""
        return self._store().blobs()

    def sweep(self, before: datetime) -> int:
        """See ContentStore."""
        return self._store().sweep(before)

    def _store(self) -> ContentStore:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened


def nowhere() -> ContentStore:
    """For a hub that was given no place. Errors: Misconfigured content.place, always."""
    raise Misconfigured("content.place", got="-")
