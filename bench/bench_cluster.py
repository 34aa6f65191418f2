"""Messages a second through 1, 2 and 4 `hub serve` processes on one PostgreSQL, and whose processor time each takes.

A sender in its own process hands in signed 8 KB envelopes over real HTTP, 32 at a time, at the hubs in turn; another
process answers for all receivers. Hubs, database, sender and receivers share the machine's cores: read the processor
time per message, which says what machines of their own would do, before the messages a second, which say what this
machine does. The server is a fresh one with full fsync and the settings it comes with.
Run: python -m bench.bench_cluster [--messages N] [--hubs 1 2 4]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import processor
from bench.installation import found, opened, serving, undelivered
from bench.receivers import receiving
from bench.sending import Handed, sender
from hub.store.store import Store
from tests.postgres import Server, started

MESSAGES = 3000
HUBS = (1, 2, 4)
RECEIVERS = 16
WARM = 100
LATEST = Path(__file__).parent / "cluster.json"
_LOOK = 0.2
_REST = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One run. Rates a second; milliseconds of processor time a message; WAL bytes and commits a message.

    `idle_ms` is the processor time that one hub takes in a second in which nothing comes.
    """

    hubs: int
    messages: int
    accepted: float
    delivered: float
    receipt_ms: float
    hub_ms: float
    database_ms: float
    sender_ms: float
    receivers_ms: float
    wal_bytes: float
    commits: float
    failed: int
    idle_ms: float


@dataclass(frozen=True, slots=True)
class Used:
    """What has been used up to a moment: seconds of processor time, bytes of WAL, commits."""

    hub: float
    database: float
    sender: float
    receivers: float
    wal: float
    commits: float


def measure(server: Server, hubs: int, messages: int) -> Row:
    """One run on a new database."""
    codes = [f"d{number}" for number in range(RECEIVERS)]
    database = server.database()
    with tempfile.TemporaryDirectory() as place, receiving(codes, Path(place)) as towards:
        home = found(Path(place), towards.addresses, server.url(database))
        with serving(home, hubs) as nodes, opened(home) as store:
            urls = [node.url for node in nodes]
            with sender(Path(place), urls, WARM * hubs, receivers=RECEIVERS, prefix="warm") as warming:
                warming.start()
                warming.result()
                _until_delivered(store)
            with sender(Path(place), urls, messages, receivers=RECEIVERS) as sending:

                def used() -> Used:
                    wal, commits = server.run(
                        "SELECT pg_stat_force_next_flush()",
                        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float, xact_commit::float"
                        f" FROM pg_stat_database WHERE datname = '{database}'",
                    )[0]
                    return Used(
                        processor.of_processes(node.pid for node in nodes),
                        processor.of_family(server.pid),
                        processor.of_processes([sending.pid]),
                        processor.of_processes([towards.pid]),
                        wal,
                        commits,
                    )

                resting = used()
                time.sleep(_REST)
                before = used()
                idle = (before.hub - resting.hub) / _REST / hubs * 1000
                sending.start()
                handed = sending.result()
                ended = _until_delivered(store)
                return _row(hubs, messages, handed, ended, idle, before, used)


def _until_delivered(store: Store) -> float:
    while undelivered(store):
        time.sleep(_LOOK)
    return time.monotonic()


def _row(
    hubs: int, messages: int, handed: Handed, ended: float, idle: float, before: Used, used: Callable[[], Used]
) -> Row:
    time.sleep(1)  # the last entries get their places, and the server's figures are told once a second
    after = used()

    def each(name: str, factor: float = 1.0) -> float:
        return float(getattr(after, name) - getattr(before, name)) * factor / messages

    return Row(
        hubs=hubs,
        messages=messages,
        accepted=messages / (max(handed.receipts) - handed.began),
        delivered=messages / (ended - handed.began),
        receipt_ms=handed.median_ms,
        hub_ms=each("hub", 1000),
        database_ms=each("database", 1000),
        sender_ms=each("sender", 1000),
        receivers_ms=each("receivers", 1000),
        wal_bytes=each("wal"),
        commits=each("commits"),
        failed=handed.failed,
        idle_ms=idle,
    )


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_cluster", description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--hubs", type=int, nargs="*", default=list(HUBS))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores for all; CPU in ms a message; WAL in bytes a message, commits a message")
    print("hubs accepted/s delivered/s receipt ms    hub     db  sender receivers     WAL commits idle ms/s")
    rows = []
    with started() as server:
        for hubs in options.hubs:
            row = measure(server, hubs, options.messages)
            rows.append(row)
            print(
                f"{row.hubs:>4} {row.accepted:10.0f} {row.delivered:11.0f} {row.receipt_ms:10.1f} {row.hub_ms:6.2f}"
                f" {row.database_ms:6.2f} {row.sender_ms:7.2f} {row.receivers_ms:9.2f} {row.wal_bytes:7.0f}"
                f" {row.commits:7.2f} {row.idle_ms:9.1f}" + (f"  {row.failed} calls failed" if row.failed else ""),
                flush=True,
            )
    LATEST.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
