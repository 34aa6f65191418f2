"""A disk whose power can be cut: an image with a file system of its own, at a place that any account may reach.

Cutting is what ext4 has for it (`EXT4_IOC_SHUTDOWN`, journal not flushed): from that moment nothing reaches the image
any more, and whoever waits for it gets EIO. Mounted again, the file system holds what was on the disk by then, and
nothing that an fsync had not brought there; it writes nothing back by itself meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import tools
from tests.keeper import unmount_at_end, wipe_at_end

_SHUTDOWN, _WITHOUT_JOURNAL = 0x8004587D, 2
_SELDOM = "commit=3600"
"""Seconds between two flushes of the journal that nobody asked for."""
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Disk:
    """An image, and the place where it is mounted while it has power."""

    image: Path
    place: Path

    @contextmanager
    def powered(self) -> Iterator[Path]:
        """Mounted for the block. Whoever uses it has to have ended at the end of the block."""
        try:
            tools.run("mount", "-o", f"loop,{_SELDOM}", self.image, self.place)
        except RuntimeError as error:
            pytest.skip(f"needs mount: {error}")
        unmount_at_end(self.place)
        try:
            yield self.place
        except BaseException:
            tools.run("umount", "-l", self.place)  # something may still run that the fault did not let end
            raise
        self._unmount()

    def _unmount(self) -> None:
        """Wholly: an image that is in use somewhere must not be mounted again."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return tools.run("umount", self.place)
            except RuntimeError:  # what was killed is still ending
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def sync(self) -> None:
        """Bring everything onto the disk."""
        tools.run("sync", "-f", self.place)

    def cut(self) -> None:
        """Cut the power."""
        place = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(place, _SHUTDOWN, struct.pack("I", _WITHOUT_JOURNAL))
        finally:
            os.close(place)


@contextmanager
def disk(megabytes: int, parent: str | None) -> Iterator[Disk]:
    """An empty disk, in a new folder in `parent`, wiped at the end. Skips who may not mount."""
    tools.need_root("mounts an image")
    tools.need("mkfs.ext4")
    folder = wipe_at_end(Path(tempfile.mkdtemp(prefix="hub-disk-", dir=parent)))
    folder.chmod(0o711)  # PostgreSQL runs under another account
    made = Disk(folder / "image", folder / "place")
    made.place.mkdir()
    with made.image.open("wb") as file:
        file.truncate(megabytes << 20)
    tools.run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", made.image)
    try:
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
