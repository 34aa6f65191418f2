"""Real processes to be hurt: each has its own pid, dies of `kill -9`, and ends with the tests at the latest.

A warm process is forked from a server that has imported the hub already (starting takes a tenth of a second instead of
one); a cold one is the command that an administrator types. Both run the same `run_hub`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from tests.keeper import kill_at_end

PATIENCE = 120.0
ROOT = Path(__file__).parent.parent.parent
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.preloaded"])


class Running(Protocol):
    """A started process."""

    @property
    def pid(self) -> int | None: ...

    def end(self, patience: float) -> int | None:
        """Wait for its end; its exit status (minus the signal's number), None if it still runs."""
        ...


class Warm:
    """A process forked from the server that has everything imported."""

    def __init__(self, work: Callable[..., None], *arguments: Any, log: Path) -> None:
        self._process: BaseProcess = _FORKS.Process(target=_forked, args=(work, arguments, log))
        self._process.start()
        kill_at_end(self.pid)

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def end(self, patience: float) -> int | None:
        self._process.join(patience)
        return self._process.exitcode


class Cold:
    """A process started from nothing, by its command line."""

    def __init__(self, *words: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-P", "-m", "cli", *words]
        found = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=found, start_new_session=True
            )
        kill_at_end(self.pid)

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def end(self, patience: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        return self._process.returncode


def send_signal(running: Running, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    assert running.pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, number)


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(port: int) -> bool:
    """Whether a hub answers there: it takes connections before it has opened its database."""
    asking = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        asking.request("GET", "/healthz")
        return asking.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        asking.close()


def until_open(port: int, running: Running, opened: Callable[[int], bool] = is_open) -> float:
    """Wait until a process listens, or whatever `opened` asks of its port; the seconds that it took."""
    began = time.monotonic()
    while not opened(port):
        if running.end(0.002) is not None or time.monotonic() > began + PATIENCE:
            raise AssertionError(f"nobody listens on port {port}; exit status {running.end(0)}")
    return time.monotonic() - began


def _forked(work: Callable[..., None], arguments: tuple[Any, ...], log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    work(*arguments)
