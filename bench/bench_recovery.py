"""What a `kill -9` of a loaded hub costs: seconds until the first new receipt, and until all it held is delivered.

A sender in its own process hands in 8 KB envelopes over real HTTP, and goes on trying while the hub is dead. The hub is
killed when a part has its receipts and many deliveries are open, and started again at once, as systemd would.
Run: python -m bench.bench_recovery [--messages N] [--runs N] [--engines sqlite postgresql]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import func, select

from bench.installation import OPEN, found, opened, serving
from bench.receivers import receivers
from bench.sending import sender
from hub.store.store import Store
from hub.store.tables import deliveries, messages
from tests.postgres import Server, started

MESSAGES = 1500
RUNS = 3
RECEIVERS = 16
PATIENCE = 120.0
LATEST = Path(__file__).parent / "recovery.json"
_LOOK = 0.01


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds from the kill. `open` is how many deliveries had not ended then."""

    engine: str
    open: int
    listening: float
    first_receipt: float
    all_delivered: float


def measure(engine: str, many: int, server: Server | None) -> Row:
    """One kill on a new installation."""
    codes = [f"d{number}" for number in range(RECEIVERS)]
    url = server.url(server.database()) if server else ""
    with tempfile.TemporaryDirectory() as place, receivers(codes, Path(place)) as addresses:
        home = found(Path(place), addresses, url)
        with (
            serving(home, 1) as [node],
            opened(home) as store,
            sender(Path(place), [node.url], many, receivers=RECEIVERS) as sending,
        ):
            sending.start()
            _until(lambda: _last(store) > many // 3)
            node.end(signal.SIGKILL)
            killed = time.monotonic()
            node.again()
            last, held = _last(store), _open(store, _last(store))
            node.until_open()
            listening = time.monotonic()
            _until(lambda: not _open(store, last))
            delivered = time.monotonic()
            first = min(at for at in sending.result().receipts if at > listening)  # earlier ones left before the kill
    return Row(engine, held, listening - killed, first - killed, delivered - killed)


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it did not come back"
        time.sleep(_LOOK)


def _last(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.scalar(select(func.max(messages.c.id))) or 0)


def _open(store: Store, last: int) -> int:
    query = select(func.count()).where(deliveries.c.state.in_(OPEN), deliveries.c.message <= last)
    with store.reading() as connection:
        return int(connection.scalar(query) or 0)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_recovery", description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--engines", nargs="*", default=["sqlite", "postgresql"])
    options = parser.parse_args()
    rows = []
    for engine in options.engines:
        with started() if engine == "postgresql" else contextlib.nullcontext() as server:
            found_here = [measure(engine, options.messages, server) for _ in range(options.runs)]
        middle = statistics.median
        print(
            f"{engine}: killed with {middle(row.open for row in found_here):.0f} deliveries open;"
            f" listening after {middle(row.listening for row in found_here):.2f} s,"
            f" first receipt after {middle(row.first_receipt for row in found_here):.2f} s,"
            f" all of them delivered after {middle(row.all_delivered for row in found_here):.2f} s",
            flush=True,
        )
        rows += found_here
    LATEST.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
