"""Whether a full hub is as quick as an empty one: processor time a message, and times of questions, by stored messages.

Messages of 8 KB are accepted, delivered over real SOAP to another process, and given their places in the tree, in turn
by a hub with 10,000 stored messages and by one with many more, on the same engine: the ratio is the median over the
rounds. The stored messages are generated (bench/generated.py says what is real about them).
Run: python -m bench.bench_growth [--sizes 10000 100000 1000000] [--engines sqlite postgresql]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection

from bench import processor, road
from bench.generated import generate, name_of
from bench.installation import found, undelivered
from bench.material import message
from bench.receivers import receivers
from commands.frame.pick import read_traced
from hub.hub import Hub, open_hub
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.store import chain_holdings, entries, queues, trace, tree_standing
from tests.postgres import Server, started

SIZES = (10_000, 100_000, 1_000_000)
BASE = 10_000
ROUNDS = 7
MESSAGES = 200
QUESTIONS = 40
LATEST = Path(__file__).parent / "growth.json"
_NUMBERS = itertools.count()


@dataclass(slots=True)
class Filled:
    """A hub with so many stored messages; `server` is PostgreSQL's first process, 0 for SQLite."""

    hub: Hub
    home: Path
    total: int
    server: int


@dataclass(frozen=True, slots=True)
class Row:
    """Milliseconds: of processor time a message, in hub and database, and of each question. `ratio` is to `BASE`."""

    engine: str
    stored: int
    hub_ms: float
    database_ms: float
    ratio: float
    questions: dict[str, float]
    command_ms: float


@contextlib.contextmanager
def filled(total: int, addresses: dict[str, str], server: Server | None) -> Iterator[Filled]:
    """A new installation with `total` messages, wiped at the end."""
    place = Path(tempfile.mkdtemp(prefix="hub-growth-"))
    name = server.database() if server else ""
    home = found(place, addresses, server.url(name) if server else "")
    hub = open_hub(home)
    try:
        generate(hub, home, total)
        yield Filled(hub, home, total, server.pid if server else 0)
    finally:
        hub.close()
        if server:
            server.run(f"DROP DATABASE {name}")
        shutil.rmtree(place)


def one_round(one: Filled, codes: Sequence[str]) -> tuple[float, float]:
    """Milliseconds of processor time a message of hub and database: accept, deliver, sequence."""
    number = next(_NUMBERS)  # receivers know what they have by its id
    raws = [message(n, 8, (codes[n % len(codes)],), prefix=f"r{number}") for n in range(MESSAGES)]
    before = processor.of_family(one.server) if one.server else 0.0
    spent = road.timed(road.accept_all(one.hub, raws)).cpu + road.timed(road.deliver_all(one.hub)).cpu
    spent += road.timed(_sequence(one)).cpu
    beside = (processor.of_family(one.server) if one.server else 0.0) - before
    assert not undelivered(one.hub.store), _causes(one.hub)
    return spent * 1000 / MESSAGES, beside * 1000 / MESSAGES


def _causes(hub: Hub) -> str:
    """Why deliveries of a round did not end in it."""
    with hub.store.reading() as connection:
        found = trace.list_deliveries(connection, state="waiting")
    return ", ".join(sorted({copy.cause for copy, _ in found}))


async def _sequence(one: Filled) -> None:
    sequencer = Sequencer(lambda: one.hub, checkpoint_signers(one.hub, one.home))
    while await sequencer.step() is not None:
        pass


def ask(one: Filled) -> dict[str, float]:
    """Median milliseconds of what people and monitors ask of the database."""
    chosen = random.Random(1)
    sample = [chosen.randrange(1, one.total + 1) for _ in range(QUESTIONS)]
    hub = one.hub

    def of(work: Callable[[Connection, int], object]) -> float:
        taken = []
        for number in sample:
            began = time.perf_counter()
            with hub.store.reading() as connection:
                work(connection, number)
            taken.append(time.perf_counter() - began)
        return statistics.median(taken) * 1000

    with hub.store.reading() as connection:
        seen = {head.entry.node: head.entry.sequence for head in chain_holdings.heads(connection)}
    return {
        "trace SENDER/ID": of(lambda c, n: read_traced(c, name_of(n))),
        "trace ID": of(lambda c, n: read_traced(c, f"g-{n}")),
        "find by document number": of(lambda c, n: trace.find_messages(c, [f"办发〔2026〕{n}号"])),
        "list, newest": of(lambda c, n: trace.list_messages(c)),
        "list of one sender": of(lambda c, n: trace.list_messages(c, sender=f"s{n % 1000}")),
        "list of one recipient": of(lambda c, n: trace.list_messages(c, recipient=f"d{n % 16}")),
        "tail -f, one look": of(lambda c, n: entries.entries_after(c, seen)),
        "latest entry": of(lambda c, n: entries.latest_entries(c, 1)),
        "heads of chains": of(lambda c, n: chain_holdings.heads(c)),
        "queues": of(lambda c, n: queues.read_queues(c)),
        "standing of the tree": of(lambda c, n: tree_standing.read_standing(c)),
        "dead letters": of(lambda c, n: trace.dead_letters(c)),
    }


def command(one: Filled) -> float:
    """Median milliseconds of `hub msg trace` as a process, with its start."""
    words = [sys.executable, "-m", "cli", "--data", str(one.home), "-o", "json", "msg", "trace"]
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([*words, name_of(one.total // 2)], check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def measure(engine: str, base: Filled, grown: Filled, codes: Sequence[str], rounds: int) -> Row:
    """The rounds of both in turn, so that a slow moment of the machine meets both."""
    one_round(grown, codes)
    spent = []
    ratios = []
    for _ in range(rounds):
        reference, found_here = one_round(base, codes), one_round(grown, codes)
        ratios.append(sum(found_here) / sum(reference))
        spent.append(found_here)
    hub_ms, database_ms = (statistics.median(column) for column in zip(*spent, strict=True))
    return Row(engine, grown.total, hub_ms, database_ms, statistics.median(ratios), ask(grown), command(grown))


def grow(engine: str, sizes: Sequence[int], rounds: int, server: Server | None) -> Iterator[Row]:
    """One row for each size."""
    codes = [f"d{number}" for number in range(road.RECEIVERS)]
    with (
        tempfile.TemporaryDirectory() as place,
        receivers(codes, Path(place)) as addresses,
        filled(BASE, addresses, server) as base,
    ):
        one_round(base, codes)
        for size in sizes:
            began = time.perf_counter()
            with filled(size, addresses, server) as grown:
                print(f"{engine}: {size:,} messages generated in {time.perf_counter() - began:.0f} s", flush=True)
                yield measure(engine, base, grown, codes, rounds)


def show(row: Row) -> None:
    """Print one row."""
    print(f"{row.engine} {row.stored:,}: hub {row.hub_ms:.2f} + database {row.database_ms:.2f} ms CPU a message,")
    print(f"    {row.ratio:.2f} x that at {BASE:,}; `hub msg trace` {row.command_ms:.0f} ms with its start")
    for name, taken in row.questions.items():
        print(f"    {name:28} {taken:9.2f} ms", flush=True)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--engines", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    rows = []
    for engine in options.engines:
        with started() if engine == "postgresql" else contextlib.nullcontext() as server:
            for row in grow(engine, options.sizes, options.rounds, server):
                show(row)
                rows.append(asdict(row))
                LATEST.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
