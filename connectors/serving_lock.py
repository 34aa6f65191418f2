"""One serving process per data directory: the second one is told so, before it opens anything.

The lock is the operating system's and ends with its process, however that ends; the file itself means nothing.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import Misconfigured

FILE = "serving.lock"


@contextmanager
def serving_lock(folder: Path) -> Iterator[None]:
    """Hold the data directory's lock for the block. Errors: Misconfigured serve.running, settings.unreadable."""
    try:
        held = (folder / FILE).open("a")
    except OSError as error:
        raise Misconfigured("settings.unreadable", where=FILE, operator=str(error)) from None
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("serve.running", operator=str(folder)) from None
        yield
