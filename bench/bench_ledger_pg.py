"""Ledger entries a second with 1, 4 and 8 writers, each a process with its own chain, on SQLite and on PostgreSQL.

Every transaction is committed with full fsync. The server is a fresh one with the settings it comes with. On PostgreSQL
the floor (`bench.floor_pg`) takes its turn after the hub with each number of writers; processor time is told for a
transaction, of the writing processes and of all of the server's. What the disk takes for one fdatasync is told as well:
one writer waits for it each time, several share it.
Run: python -m bench.bench_ledger_pg [SECONDS]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

from bench import processor
from bench.floor_pg import Chain
from bench.material import HUB, NOW
from hub.errors import Unavailable
from hub.message import Hop
from hub.store.store import Store
from tests.postgres import Server, started

SECONDS = 3.0
WRITERS = (1, 4, 8)
TOGETHER = (1, 10)
WARM = 50
_DIGEST = "5a" * 32
_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Rate:
    """Entries a second; microseconds of processor time and bytes of WAL a transaction."""

    entries: float
    writers_us: float
    server_us: float = 0.0
    wal: float = 0.0

    @property
    def cpu_us(self) -> float:
        """Of both sides."""
        return self.writers_us + self.server_us

    def __str__(self) -> str:
        return (
            f"{self.entries:8,.0f} entries/s, {self.writers_us:4.0f} + {self.server_us:3.0f} us, WAL {self.wal:5,.0f}"
        )


class HubChain:
    """A chain as a hub writes it."""

    def __init__(self, url: str, node: str) -> None:
        self._store = Store.open(url, node)
        self.close = self._store.close

    def commit(self, together: int) -> int:
        """One transaction; 0 if the database was too busy for it."""
        try:
            with self._store.transaction(expecting=True) as transaction:
                for _ in range(together):
                    transaction.append(
                        Hop.DELIVERED, NOW, sender="sender", message_id="m-1", source=HUB, target="d0", document=_DIGEST
                    )
        except Unavailable:
            return 0
        return together


Opened = Callable[[str, str], HubChain | Chain]


def write(opened: Opened, url: str, node: str, together: int, seconds: float, start: Barrier) -> tuple[int, float]:
    """Append for some seconds, `together` entries a transaction; how many were committed, and our processor seconds."""
    chain = opened(url, node)
    for _ in range(WARM):
        chain.commit(together)
    start.wait()
    until, written, before = time.monotonic() + seconds, 0, time.process_time()
    while time.monotonic() < until:
        written += chain.commit(together)
    used = time.process_time() - before
    chain.close()
    return written, used


def measure(opened: Opened, url: str, writers: int, together: int, seconds: float, server: Server | None) -> Rate:
    """All writers at once."""
    context = get_context("spawn")
    with context.Manager() as manager, context.Pool(writers) as pool:
        start = manager.Barrier(writers + 1)
        names = [f"{opened.__name__}-{writers}-{together}-{number}" for number in range(writers)]
        under_way = pool.starmap_async(
            write, [(opened, url, name, together, seconds, start) for name in names], chunksize=1
        )
        start.wait()
        before = _used(server)
        done = under_way.get()
        after = _used(server)
    entries = sum(written for written, _ in done)
    each = max(entries, 1) / together
    return Rate(
        entries / seconds,
        sum(used for _, used in done) / each * 1e6,
        (after[0] - before[0]) / each * 1e6,
        (after[1] - before[1]) / each,
    )


def _used(server: Server | None) -> tuple[float, float]:
    """The server's processor seconds and bytes of WAL so far."""
    if server is None:
        return 0.0, 0.0
    wal = server.run("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float")[0][0]
    return processor.of_family(server.pid), wal


def fdatasync_us(folder: Path, many: int = 300) -> float:
    """Microseconds that the disk takes for one block, written and forced; the median."""
    taken = []
    with (folder / "block").open("w+b", buffering=0) as file:
        for _ in range(many):
            began = time.perf_counter()
            os.pwrite(file.fileno(), bytes(_BLOCK), 0)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def on_sqlite(seconds: float) -> None:
    """Print one line for each number of writers."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'hub.db'}"
        Store.create(url, hub_id=HUB, ledger_id="bench")
        for writers in WRITERS:
            rates = [measure(HubChain, url, writers, together, seconds, None) for together in TOGETHER]
            one, ten = (f"{rate.entries:8,.0f}" for rate in rates)
            print(f"SQLite     {writers} writers: {one} entries/s one at a time, {ten} in tens", flush=True)


def on_postgresql(seconds: float) -> None:
    """Print one line for each number of writers and of entries a transaction."""
    with tempfile.TemporaryDirectory() as folder, started() as server:
        url = server.url(server.with_tables)
        print("PostgreSQL, a transaction: processor time of writers + server, bytes of WAL; ratio of processor times")
        for writers in WRITERS:
            for together in TOGETHER:
                hub, floor = (measure(kind, url, writers, together, seconds, server) for kind in (HubChain, Chain))
                ratio = hub.cpu_us / floor.cpu_us
                print(f"{writers} writers, {together:2} a transaction: hub {hub} | floor {floor} | {ratio:.2f}")
                print(f"  one fdatasync: {fdatasync_us(Path(folder)):,.0f} us", flush=True)


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    on_sqlite(seconds)
    on_postgresql(seconds)


if __name__ == "__main__":
    main()
