"""Makes a folder or a file as a whole or not at all: built under a hidden name beside its place, then moved there.

Promises: a folder with anything in it is never touched; after an error nothing is left, new parents included.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import Misconfigured


@contextmanager
def whole_folder(folder: Path, prefix: str) -> Iterator[Path]:
    """Give a hidden folder to build in, named from `prefix`; it becomes `folder`, which must be absent or empty.

    Errors: Misconfigured install.not-empty; OSError.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise Misconfigured("install.not-empty", operator=str(folder))
    folder = folder.absolute()
    made = list(_make_parents(folder.parent))
    partial = folder.with_name(f"{prefix}{secrets.token_hex(4)}")
    try:
        partial.mkdir(mode=0o700)
        yield partial
        os.replace(partial, folder)  # an empty folder is replaced, one that got filled meanwhile is not
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        for parent in reversed(made):
            parent.rmdir()
        raise


def _make_parents(folder: Path) -> Iterator[Path]:
    if not folder.exists():
        yield from _make_parents(folder.parent)
        folder.mkdir()
        yield folder


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that is closed to others from its first byte on. Errors: OSError, also if it exists."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def replace_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file anew so that it is the old or the new one at any moment; `private` closes it to others.

    Errors: OSError.
    """
    partial = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        write_private(partial, content)
        partial.chmod(0o600 if private else stat.S_IMODE(path.stat().st_mode))
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
