"""Ledger entries a second with 1, 4 and 8 writers, each a process with its own chain, on SQLite and on PostgreSQL.

Every transaction is committed with full fsync. The server is a fresh one with the settings it comes with.
Run: python -m bench.bench_ledger_pg [SECONDS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

from bench.material import HUB, NOW
from hub.errors import Unavailable
from hub.message import Hop
from hub.store.store import Store
from tests.postgres import started

SECONDS = 3.0
WRITERS = (1, 4, 8)
TOGETHER = (1, 10)
_DIGEST = "5a" * 32


def write(url: str, node: str, together: int, seconds: float, start: Barrier) -> int:
    """Append for some seconds, `together` entries a transaction; how many were committed."""
    store = Store.open(url, node)
    commit(store, together)
    start.wait()
    until, written = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        written += commit(store, together)
    store.close()
    return written


def commit(store: Store, together: int) -> int:
    """One transaction; 0 if the database was too busy for it."""
    try:
        with store.transaction(expecting=True) as transaction:
            for _ in range(together):
                transaction.append(
                    Hop.DELIVERED, NOW, sender="sender", message_id="m-1", source=HUB, target="d0", document=_DIGEST
                )
    except Unavailable:
        return 0
    return together


def measure(url: str, writers: int, together: int, seconds: float) -> float:
    """Entries a second of all writers."""
    context = get_context("spawn")
    with context.Manager() as manager:
        start = manager.Barrier(writers)
        work = [(url, f"{writers}-{together}-{number}", together, seconds, start) for number in range(writers)]
        with context.Pool(writers) as pool:
            return sum(pool.starmap(write, work, chunksize=1)) / seconds


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An empty database of each kind."""
    with tempfile.TemporaryDirectory() as folder, started() as server:
        sqlite = f"sqlite:///{Path(folder) / 'hub.db'}"
        Store.create(sqlite, hub_id=HUB, ledger_id="bench")
        yield {"SQLite": sqlite, "PostgreSQL": server.url(server.with_tables)}


def main() -> None:
    """Measure and print one line for each kind and number of writers."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with databases() as urls:
        for kind, url in urls.items():
            for writers in WRITERS:
                rates = [measure(url, writers, together, seconds) for together in TOGETHER]
                one, ten = (f"{rate:8,.0f}" for rate in rates)
                print(f"{kind:10} {writers} writers: {one} entries/s one at a time, {ten} in tens", flush=True)


if __name__ == "__main__":
    main()
