"""Cleans up after a test process however that ended, `kill -9` included: processes, mounts, folders.

A small process of its own reads from a pipe what it is to clean, and begins when the pipe ends, which is when the test
process does. What is gone by then is passed over. Nothing that was not named to it is touched: a process is held by a
descriptor, so that another one with its number is safe. It does not outlive `kill -9` of itself.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

PATIENCE = 5.0
"""Seconds for a PostgreSQL server to stop."""


def wipe_at_end(folder: Path) -> Path:
    """Let a folder be wiped, after the PostgreSQL server whose data lies in it was stopped."""
    _tell(f"folder {folder}")
    return folder


def kill_at_end(pid: int | None) -> None:
    """Let a process be killed."""
    _tell(f"pid {pid}")


def unmount_at_end(place: Path) -> None:
    """Let something be unmounted."""
    _tell(f"mount {place}")


def _tell(line: str) -> None:
    pipe = _keeper().stdin
    assert pipe is not None
    os.write(pipe.fileno(), f"{line}\n".encode())  # at once, and in one piece also from a thread


@cache
def _keeper() -> subprocess.Popen[str]:
    """The keeper of this test process; a session of its own keeps Ctrl-C from it."""
    command = [sys.executable, "-I", "-S", __file__]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
    assert keeper.stdin is not None
    atexit.register(keeper.wait)
    atexit.register(keeper.stdin.close)  # runs first
    return keeper


def _keep() -> None:
    """What the keeper does."""
    processes: list[int] = []
    mounts: list[str] = []
    folders: list[Path] = []
    for line in sys.stdin:
        kind, _, value = line.rstrip("\n").partition(" ")
        if kind == "pid":
            processes = [process for process in processes if _runs(process)]
            with contextlib.suppress(OSError):
                processes.append(os.pidfd_open(int(value)))
        elif kind == "mount":
            mounts.append(value)
        else:
            folders.append(Path(value))
    for process in processes:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
    for place in reversed(mounts):
        if os.path.ismount(place):
            subprocess.run(["umount", "-l", place], check=False)
    for folder in folders:
        _stop_postgresql(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    """Whether a process has not ended; the descriptor of one that has is closed."""
    ended = bool(select.select([process], [], [], 0)[0])
    if ended:
        os.close(process)
    return not ended


def _stop_postgresql(folder: Path) -> None:
    """Stop the server of a data directory at once."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        process = os.pidfd_open(pid)
        if str(folder).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return  # the number is another's by now
        signal.pidfd_send_signal(process, signal.SIGQUIT)
        end = time.monotonic() + PATIENCE
        while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
            time.sleep(0.01)
        signal.pidfd_send_signal(process, signal.SIGKILL)


if __name__ == "__main__":
    _keep()
