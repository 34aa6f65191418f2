"""The content store in a folder: `ab/cd…`, one file a blob, written beside and moved into place.

A crash leaves at most a `.part` file, which a later `blobs` passes over and `sweep` removes. Several processes, and
hosts with a shared folder, may use it at the same time: two that write the same blob write the same bytes.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import EDQUOT, ENOSPC
from pathlib import Path

from hub.errors import Unavailable
from hub.store.content.content import DIGEST, Blob, checked

_PART = ".part"


class Folder:
    """Blobs under `root`, which is made when the first one comes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, digest: str, content: bytes) -> None:
        """See ContentStore. Errors: Unavailable content.full, content.io."""
        place = self._place(digest)
        with _translated(digest):
            if place.exists() and place.stat().st_size == len(content):
                return
            _make(place.parent)
            part = place.with_name(f"{place.name}.{uuid.uuid4().hex}{_PART}")
            try:
                _write(part, content)
                part.replace(place)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _sync_folder(place.parent)

    def get(self, digest: str) -> bytes:
        """See ContentStore."""
        with _translated(digest):
            content = self._place(digest).read_bytes()
        return checked(digest, content)

    def has(self, digest: str) -> bool:
        """See ContentStore."""
        return self._place(digest).exists()

    def delete(self, digest: str) -> None:
        """See ContentStore."""
        with _translated(digest):
            self._place(digest).unlink(missing_ok=True)

    def blobs(self) -> Iterator[Blob]:
        """See ContentStore."""
        for path in self._files():
            digest = path.parent.name + path.name
            if DIGEST.fullmatch(digest):
                with suppress(FileNotFoundError):  # deleted since it was listed
                    found = path.stat()
                    yield Blob(digest, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def sweep(self, before: datetime) -> int:
        """See ContentStore."""
        old = 0
        for path in self._files():
            with suppress(FileNotFoundError):  # moved into place since it was listed, or swept by another
                if path.suffix == _PART and path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    old += 1
        return old

    def _files(self) -> Iterator[Path]:
        yield from self._root.glob("[0-9a-f][0-9a-f]/*")

    def _place(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"no digest: {digest!r}")
        return self._root / digest[:2] / digest[2:]


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """A name is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(digest: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Unavailable("content.missing", where=digest) from None
    except OSError as error:
        code = "content.full" if error.errno in (ENOSPC, EDQUOT) else "content.io"
        raise Unavailable(code, where=digest, operator=str(error)) from None
