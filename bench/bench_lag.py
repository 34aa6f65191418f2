"""How long an entry waits for its place in the tree while the hub is busy: until its checkpoint can be fetched.

A real hub with default settings takes messages of 2 KB over HTTP as fast as it can and delivers them; another process
asks for the latest checkpoint all the time. An entry waits from its own time to the first answer that covers it.
Run: python -m bench.bench_lag [MESSAGES]
"""

from __future__ import annotations

import contextlib
import http.client
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from sqlalchemy import select

from bench import processor
from bench.installation import found, opened, serving, undelivered
from bench.receivers import receivers
from bench.sending import sender
from connectors.ledger_door import PREFIX
from hub.store.store import Store
from hub.store.tables import leaves, ledger
from tests.postgres import started

MESSAGES = 3_000
RECEIVERS = 16
_LOOK = 0.005


class Watching(threading.Thread):
    """Asks for the latest checkpoint until it is told to stop; knows when each size was first seen."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._address = urlsplit(url)
        self.stopped = threading.Event()
        self.sizes = [0]
        self.seen = [0.0]

    def run(self) -> None:
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port or 80)
        while not self.stopped.wait(_LOOK):
            connection.request("GET", f"{PREFIX}/checkpoint")
            answer = connection.getresponse()
            lines = answer.read().split(b"\n")
            if answer.status == 200 and int(lines[1]) > self.sizes[-1]:
                self.sizes.append(int(lines[1]))
                self.seen.append(time.time())
        connection.close()


def measure(database: str, messages: int) -> str:
    """One run on a new installation."""
    codes = [f"d{number}" for number in range(RECEIVERS)]
    with tempfile.TemporaryDirectory() as place, receivers(codes, Path(place)) as addresses:
        home = found(Path(place), addresses, database)
        with serving(home, 1) as [node], opened(home) as store, watching(node.url) as watched:
            with sender(Path(place), [node.url], messages, kilobytes=2, receivers=RECEIVERS) as sending:
                before, sizes = processor.of_processes([node.pid]), len(watched.sizes)
                sending.start()
                handed = sending.result()
                while undelivered(store):
                    time.sleep(_LOOK)
                seconds = time.monotonic() - handed.began
                used = processor.of_processes([node.pid]) - before
                checkpoints = len(watched.sizes) - sizes
            waited = sorted(_waits(store, watched))
    steps = quantiles(waited, n=100)
    return (
        f"{messages / seconds:,.0f} messages/s, {used / messages * 1000:.2f} ms CPU of the hub each,"
        f" {checkpoints / seconds:.1f} checkpoints/s; {len(waited)} entries waited"
        f" {steps[49] * 1000:.0f} ms (median), {steps[98] * 1000:.0f} ms (p99), {waited[-1] * 1000:.0f} ms (most)"
    )


@contextlib.contextmanager
def watching(url: str) -> Iterator[Watching]:
    """Someone who looks at every checkpoint."""
    one = Watching(url)
    one.start()
    try:
        yield one
    finally:
        one.stopped.set()
        one.join()


def _waits(store: Store, watched: Watching) -> Iterator[float]:
    """Seconds that each entry waited which came while somebody looked; all have their places now."""
    beside = (ledger.c.node == leaves.c.node) & (ledger.c.sequence == leaves.c.sequence)
    with store.reading() as connection:
        wanted = connection.execute(select(leaves.c.place, ledger.c.time_us).join(ledger, beside)).all()
    while watched.sizes[-1] < len(wanted):
        time.sleep(_LOOK)
    first = watched.sizes[1]
    for place, time_us in wanted:
        if place >= first:
            yield watched.seen[bisect_right(watched.sizes, place)] - time_us / 1e6


def main() -> None:
    """Measure and print."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    print(f"SQLite: {measure('', messages)}", flush=True)
    with started() as server:
        print(f"PostgreSQL: {measure(server.url(server.database()), messages)}", flush=True)


if __name__ == "__main__":
    main()
