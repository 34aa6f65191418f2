"""Prints the resident megabytes of a hub with 10,000 endpoints after it has taken 50 messages."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from bench import road
from bench.material import authority, found_hub, message, registry
from hub.store.registry import read_registry, write_registry
from hub.trust.trust import Trust

ENDPOINTS = 10_000


def resident() -> float:
    """This process's resident set in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def main() -> None:
    """Measure and print one number."""
    with tempfile.TemporaryDirectory() as place:
        hub = found_hub(Path(place), {"d0": "http://127.0.0.1:9/d0"})
        with hub.store.transaction() as transaction:
            before = read_registry(transaction.connection)
            write_registry(transaction.connection, before, registry({"d0": "http://127.0.0.1:9/d0"}, ENDPOINTS))
            known = read_registry(transaction.connection)
        trust = Trust.build(authority().anchors, known.certificates)
        hub = replace(hub, rules=replace(hub.rules, directory=known.directory(), trust=trust))
        asyncio.run(road.accept_all(hub, [message(number, 8) for number in range(50)]))
        print(f"{resident():.1f}")
        hub.close()


if __name__ == "__main__":
    main()
