"""The processes of the demo: the hub and the receiving departments, each started by the command a user would type.

Promises: every port is free when it is chosen and stays reserved until its process takes it (elsewhere than on Linux:
until that starts); on leaving the block, for whatever reason, every process has ended. Each writes what it says to its
own file.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from hub.errors import Misconfigured

ROOT = Path(__file__).parent.parent
LOGS = "demo-logs"
PATIENCE = 60.0
_STEP = 0.05
_TAIL = 15


_SHARED = sys.platform == "linux"
"""Whether who sets SO_REUSEADDR may listen on a port that another, who set it too, has bound without listening."""


class Berth:
    """A reserved port on which nobody listens: a call to it is refused until a process has taken it."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        if _SHARED:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def admit(self) -> None:
        """Let a process of ours take the port."""
        if not _SHARED:
            self.release()

    def release(self) -> None:
        """Let anybody take the port."""
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Child:
    """One process with the file of what it says."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> list[str]:
        """The last lines that it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]

    def stop(self, patience: float = PATIENCE) -> int:
        """Ask it to end, wait, insist if it must be; return its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@dataclass(slots=True)
class Children:
    """All processes of one demo on one data directory; what they say is kept in its folder `LOGS`.

    `berths` are the ports they will listen on, by process name.
    """

    folder: Path
    berths: Mapping[str, Berth]
    started: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = [child for child in self.started if child.process.poll() is None]
        for child in running:
            child.process.terminate()
        for child in running:
            child.stop(PATIENCE / 4)
        for berth in self.berths.values():
            berth.release()

    def serve(self) -> Child:
        """Start the hub, as its settings say."""
        return self._start("hub", ["serve"])

    def receive(self, name: str, codes: Sequence[str], faults: Mapping[str, str] | None = None) -> Child:
        """Start one process that plays departments which sign for what they get, some of them with a fault."""
        chosen = [word for code, fault in (faults or {}).items() for word in ("--fault", f"{code}={fault}")]
        port = str(self.berths[name].port)
        return self._start(name, ["mock", "dept", *codes, "--port", port, *chosen, "--sign-for"])

    def tails(self) -> list[tuple[str, list[str]]]:
        """What each process said last."""
        return [(child.name, child.tail()) for child in self.started]

    def _start(self, name: str, words: Sequence[str]) -> Child:
        """Run `hub WORDS` on the data directory, on the port that was kept for it."""
        self.berths[name].admit()
        log = self.folder / LOGS / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as said:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter, our own program
                [sys.executable, "-P", "-m", "cli", "--data", str(self.folder), *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=environment,
                # Ctrl-C goes to the demo alone, which then ends its processes in order.
                start_new_session=True,
            )
        child = Child(name, process, log)
        self.started.append(child)
        return child


async def until_answering(child: Child, url: str) -> None:
    """Wait until a process answers at `url`. Errors: Misconfigured demo.process if it ends first, or never does."""
    end = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession(trust_env=False) as session:
        while child.process.poll() is None and time.monotonic() < end:
            try:
                async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)):
                    return
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_STEP)
    raise Misconfigured("demo.process", got=child.name, operator=" | ".join(child.tail()[-3:]))
