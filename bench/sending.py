"""A sending department in a process of its own: it signs all its envelopes first, then hands them in over real HTTP.

Run by `sender`: python -m bench.sending FOLDER COUNT KILOBYTES RECEIVERS PREFIX URL...; begins at a line on its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.material import keys, message
from connectors.exchange_client import ExchangeClient
from hub.errors import HubError
from hub.signing.signer import FileSigner

TOGETHER = 32
PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class Handed:
    """When the first call began and each receipt came, by the clock of `time.monotonic`; the calls that failed.

    `median_ms`: of the calls that were answered with a receipt.
    """

    began: float
    receipts: list[float]
    failed: int
    median_ms: float


class Sending:
    """A sender that is ready, waits for `start`, and tells at the end what it did."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self._line()  # it has signed everything

    def start(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self) -> Handed:
        """Wait until every message has its receipt; the process stays, so that its processor time can be read."""
        return Handed(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def sender(
    folder: Path, urls: Sequence[str], count: int, *, kilobytes: int = 8, receivers: int = 16, prefix: str = "m"
) -> Iterator[Sending]:
    """A process that will hand in `count` messages, each to one of the receivers in turn, at the hubs in turn."""
    made = keys("sender")
    (folder / "sender.key").write_bytes(made.key_pem)
    (folder / "sender.crt").write_bytes(made.certificate_pem)
    numbers = [str(count), str(kilobytes), str(receivers)]
    command = [sys.executable, "-m", "bench.sending", str(folder), *numbers, prefix, *urls]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Sending(process)
        finally:
            process.kill()


async def hand_in(raws: Sequence[bytes], urls: Sequence[str], together: int = TOGETHER) -> Handed:
    """Hand every envelope in until it has its receipt, `together` at a time."""
    clients = [ExchangeClient(url, None, "sender", seconds=5) for url in urls]
    waiting = list(enumerate(raws))[::-1]
    receipts: list[float] = []
    taken: list[float] = []
    failed = 0

    async def some() -> None:
        nonlocal failed
        while waiting:
            number, raw = waiting.pop()
            asked = time.monotonic()
            while not await _taken(clients[(number + failed) % len(clients)], raw):
                failed += 1
                await asyncio.sleep(PAUSE)
                asked = time.monotonic()
            receipts.append(time.monotonic())
            taken.append(receipts[-1] - asked)

    began = time.monotonic()
    await asyncio.gather(*(some() for _ in range(together)))
    for client in clients:
        await client.close()
    return Handed(began, receipts, failed, statistics.median(taken) * 1000)


async def _taken(client: ExchangeClient, raw: bytes) -> bool:
    try:
        await client.submit(raw, form="binary")
    except HubError:
        return False
    return True


def _main(folder: str, count: str, kilobytes: str, receivers: str, prefix: str, *urls: str) -> None:
    signer = FileSigner.load(Path(folder) / "sender.key", Path(folder) / "sender.crt")
    codes = [f"d{number}" for number in range(int(receivers))]
    raws = [
        message(number, int(kilobytes), (codes[number % len(codes)],), prefix, signer) for number in range(int(count))
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    found: Any = uvloop.run(hand_in(raws, urls))
    print(json.dumps(asdict(found)), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _main(*sys.argv[1:])
