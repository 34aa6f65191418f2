"""Makes a folder as a whole or not at all: built under a hidden name beside its place, and moved there at the end.

Promises: a folder with anything in it is never touched; after an error nothing is left, new parents included.
"""

from __future__ import annotations

import os
import secrets
import shutil
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
