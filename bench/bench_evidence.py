"""How large evidence and a month's archive are and how long they take to write and check, in a ledger of some size.

Run: python -m bench.bench_evidence [ENTRIES]
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import verify_evidence
from bench.bench_tree import fill, sequence
from bench.material import NOW, found_hub, message
from hub.accept import accept
from hub.evidence.archive import archive
from hub.evidence.export import export
from hub.hub import Hub
from hub.ledger.sequence import checkpoint_signers
from hub.month import Month
from hub.store.registry import read_anchors
from hub.store.trace import list_messages

ENTRIES = 20_000
ROUNDS = 50
KILOBYTES = 8


def median_ms(work: Callable[[], object]) -> float:
    """Median milliseconds of one call; the first, which loads things, is left out."""
    work()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def report(hub: Hub, folder: Path, entries: int) -> None:
    """Print the figures of one run."""
    asyncio.run(accept(hub, message(0, KILOBYTES, ("d0",))))
    fill(hub, entries)
    asyncio.run(sequence(hub, folder))
    keys = [signer.key for signer in checkpoint_signers(hub, folder)]
    with hub.store.reading() as connection:
        anchors = [der for _, _, der in read_anchors(connection)]
        found = list_messages(connection)
    dossier, raw = export(hub, folder, found, "bench", keys)
    texts = [key.text() for key in keys]
    said = verify_evidence.check(raw, texts, anchors, []).said
    proof = max(json.dumps([one.hex() for one in proven.proof]).encode() for proven in dossier.entries)
    archived = io.BytesIO()
    began = time.perf_counter()
    later = replace(hub, clock=lambda: NOW + timedelta(days=32))  # a month is archived when it is over
    archive(later, folder, Month(NOW.year, NOW.month), archived, keys)
    archive_s = time.perf_counter() - began
    began = time.perf_counter()
    judged = verify_evidence.check(archived.getvalue(), texts, anchors, []).said
    archive_verify_s = time.perf_counter() - began
    figures = {
        "entries": entries,
        "archive_bytes": len(archived.getvalue()),
        "archive_s": round(archive_s, 2),
        "archive_verify_s": round(archive_verify_s, 2),
        "archive_wrong": sum(mark == "[XX]" for mark, _, _ in judged),
        "container_bytes": len(raw),
        "proof_bytes": len(proof),
        "wrong": sum(mark == "[XX]" for mark, _, _ in said),
        "export_ms": round(median_ms(lambda: export(hub, folder, found, "bench", keys)), 1),
        "verify_ms": round(median_ms(lambda: verify_evidence.check(raw, texts, anchors, [])), 1),
    }
    print(json.dumps(figures))


def main() -> None:
    """Measure in a new folder."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as place:
        hub = found_hub(Path(place), {"d0": "http://127.0.0.1:9/"})
        try:
            report(hub, Path(place), entries)
        finally:
            hub.close()


if __name__ == "__main__":
    main()
