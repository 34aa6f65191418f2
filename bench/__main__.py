"""`python -m bench`: the floor and the hub in one run; prints ratios and writes bench/latest.json."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import floor, road
from bench.fanout import measure_fanout
from bench.material import found_hub, message
from bench.receivers import receivers
from bench.stages import measure_stages
from bench.stages_out import measure_stages_out

SIZES = {2: 400, 8: 400, 64: 120, 1024: 12}
ROUNDS = 5
LATEST = Path(__file__).parent / "latest.json"


@dataclass(frozen=True, slots=True)
class Row:
    """Milliseconds of CPU per message, medians over the rounds, and the ratio of hub to floor in the same rounds."""

    kilobytes: int
    floor_accept: float
    hub_examine: float
    hub_accept: float
    accept_ratio: float
    floor_delivered: float
    hub_delivered: float
    delivered_ratio: float
    messages_per_core_second: float


def measure_size(kilobytes: int, count: int, rounds: int) -> Row:
    """Measure floor and hub in turn, so that a slow moment of the machine meets both."""
    libraries = floor.Libraries.load()
    codes = [f"d{number}" for number in range(road.RECEIVERS)]
    raws = [message(number, kilobytes, (codes[number % len(codes)],)) for number in range(count)]
    digests = [hashlib.sha256(raw).hexdigest() for raw in raws]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place, receivers(codes, Path(place)) as addresses:
        for number in range(rounds):
            folder = Path(place) / str(number)
            folder.mkdir()
            for name, spent in measure_round(folder, addresses, raws, digests, libraries).items():
                found.setdefault(name, []).append(spent * 1000 / count)
    return summed_up(kilobytes, found)


def measure_round(
    folder: Path, addresses: dict[str, str], raws: list[bytes], digests: list[str], libraries: floor.Libraries
) -> dict[str, float]:
    """CPU seconds of one round, by stage."""
    database = floor.open_database(folder / "floor.db")
    hub = found_hub(folder, addresses)
    bodies = road.delivery_bodies(raws, digests, raws[0])  # any signed document will do as the stamp
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    try:
        return {
            "floor_accept": road.timed(lambda: floor.accept_all(raws, database, libraries)).cpu,
            "hub_examine": road.timed(lambda: road.examine_all(hub, raws)).cpu,
            "hub_accept": road.timed(road.accept_all(hub, raws)).cpu,
            "floor_deliver": road.timed(floor.deliver_all(bodies, addresses["d0"], headers, database, libraries)).cpu,
            "hub_deliver": road.timed(road.deliver_all(hub)).cpu,
        }
    finally:
        database.close()
        hub.close()


def summed_up(kilobytes: int, found: dict[str, list[float]]) -> Row:
    """Medians, and the median of the ratios round by round."""
    whole_floor = [a + b for a, b in zip(found["floor_accept"], found["floor_deliver"], strict=True)]
    whole_hub = [a + b for a, b in zip(found["hub_accept"], found["hub_deliver"], strict=True)]
    median = statistics.median
    return Row(
        kilobytes,
        floor_accept=median(found["floor_accept"]),
        hub_examine=median(found["hub_examine"]),
        hub_accept=median(found["hub_accept"]),
        accept_ratio=median(h / f for h, f in zip(found["hub_accept"], found["floor_accept"], strict=True)),
        floor_delivered=median(whole_floor),
        hub_delivered=median(whole_hub),
        delivered_ratio=median(h / f for h, f in zip(whole_hub, whole_floor, strict=True)),
        messages_per_core_second=1000 / median(whole_hub),
    )


def measure_memory() -> float:
    """Resident megabytes of a fresh hub process with 10,000 endpoints registered, after 50 messages."""
    output = subprocess.run([sys.executable, "-m", "bench.memory"], capture_output=True, text=True, check=True)
    return float(output.stdout.strip())


def print_stages(way: str, parts: dict[str, float]) -> None:
    """One line for each stage, with its share."""
    whole = sum(parts.values())
    print(f"the {way} of one 8 KB message, by stage:")
    for name, spent in parts.items():
        print(f"  {name:32} {spent:6.0f} us {spent / whole:5.0%}")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="kilobytes")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {options.rounds} rounds")
    print("CPU ms a message; +d: with delivery; msg/s: per core, with delivery")
    print("   KB    floor  examine   accept  ratio    floor+d    hub+d  ratio   msg/s")
    rows = []
    for kilobytes in options.sizes:
        row = measure_size(kilobytes, SIZES.get(kilobytes, 100), options.rounds)
        rows.append(row)
        print(
            f"{row.kilobytes:>5} {row.floor_accept:8.3f} {row.hub_examine:8.3f} {row.hub_accept:8.3f}"
            f" {row.accept_ratio:6.2f}   {row.floor_delivered:8.3f} {row.hub_delivered:8.3f}"
            f" {row.delivered_ratio:6.2f} {row.messages_per_core_second:7.0f}",
            flush=True,
        )
    stages = {"way_in": measure_stages(), "way_out": measure_stages_out()}
    for way, parts in stages.items():
        print_stages(way.replace("_", " "), parts)
    fanout = measure_fanout(140)
    print(f"1 document to {fanout.recipients}: {fanout.wall:.2f} s, {fanout.cpu:.2f} s CPU, stored {fanout.documents}x")
    memory = measure_memory()
    print(f"resident with 10,000 endpoints: {memory:.0f} MB")
    report = {"rows": [asdict(r) for r in rows], "stages_us": stages, "fanout": asdict(fanout), "resident_mb": memory}
    LATEST.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
