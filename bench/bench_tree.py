"""How fast the sequencer numbers entries on SQLite, and what a proof costs.

Run: python -m bench.bench_tree [ENTRIES]
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import select

from bench.material import NOW, found_hub
from hub.hub import Hub
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.message import Hop
from hub.store.tables import leaves
from hub.store.tree_proofs import read_consistency, read_inclusion
from hub.tree.merkle import proves_inclusion, root_of

ENTRIES = 100_000
_PAGE = 10_000


def fill(hub: Hub, entries: int) -> None:
    """Entries as the roads write them, many in a transaction."""
    for start in range(0, entries, _PAGE):
        with hub.store.transaction() as transaction:
            for _ in range(min(_PAGE, entries - start)):
                transaction.append(Hop.DELIVERED, NOW, sender="sender", message_id="m-1", source="hub", target="d0")


async def sequence(hub: Hub, folder: Path) -> list[float]:
    """Number all that waits; seconds of each step."""
    sequencer = Sequencer(lambda: hub, checkpoint_signers(hub, folder))
    taken: list[float] = []
    while True:
        began = time.perf_counter()
        if await sequencer.step() is None:
            return taken
        taken.append(time.perf_counter() - began)


def processor() -> float:
    """CPU seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(hub: Hub, folder: Path, entries: int) -> None:
    """Print the figures of one run."""
    fill(hub, entries)
    began, used = time.perf_counter(), processor()
    steps = asyncio.run(sequence(hub, folder))
    seconds, used = time.perf_counter() - began, processor() - used
    print(f"{entries} entries in {len(steps)} checkpoints: {entries / seconds:,.0f} entries/s, ", end="")
    print(f"{used / entries * 1e6:.1f} us CPU each, step median {sorted(steps)[len(steps) // 2] * 1000:.1f} ms")
    with hub.store.reading() as connection:
        began = time.perf_counter()
        found = read_inclusion(connection, "hub", entries // 3)
        made = time.perf_counter() - began
        proof = [part.hex() for part in found.proof]
        print(f"inclusion proof: {made * 1000:.2f} ms, {len(proof)} hashes, {len(json.dumps(proof))} bytes")
        checkpoint = found.checkpoint
        began = time.perf_counter()
        assert proves_inclusion(found.leaf, found.index, checkpoint.size, found.proof, checkpoint.root)
        print(f"inclusion verified: {(time.perf_counter() - began) * 1e6:.0f} us")
        began = time.perf_counter()
        read_consistency(connection, entries // 2 + 1)
        print(f"consistency proof: {(time.perf_counter() - began) * 1000:.2f} ms")
        began = time.perf_counter()
        assert root_of(list(connection.scalars(select(leaves.c.hash).order_by(leaves.c.place)))) == checkpoint.root
        print(f"root over all leaves read again: {time.perf_counter() - began:.2f} s")


def main() -> None:
    """Measure in a temporary directory."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        hub = found_hub(Path(folder), {"d0": "http://127.0.0.1:9/d0"})
        try:
            report(hub, Path(folder), entries)
        finally:
            hub.close()


if __name__ == "__main__":
    main()
