"""Where in memory the tests may put their folders: full fsync costs nothing there."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Bytes free in memory, below which the tests write to the disk as usual."""


@cache
def memory() -> str | None:
    """The file system in memory, where there is one with room."""
    with suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
            return str(MEMORY)
    return None
