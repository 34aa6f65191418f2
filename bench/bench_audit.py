"""How long audits take: of the ledger itself, with every chain, leaf, tile and checkpoint, of checkpoints over few
entries, and of delivered messages.

Run: python -m bench.bench_audit [ENTRIES [MESSAGES]]
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import uvloop

from bench.bench_tree import processor, sequence
from bench.material import HUB, NOW, found_hub, keys, message
from bench.receivers import receivers
from bench.road import accept_all, deliver_all
from hub.audit.audit import Report, report
from hub.audit.checkpoint import LogKey
from hub.audit.log import LogStandard
from hub.audit.message import Standard
from hub.hub import Hub
from hub.ledger.sequence import checkpoint_signers, origin_of
from hub.message import Hop
from hub.trust.certificate import thumbprint

ENTRIES = 1_000_000
MESSAGES = 10_000
CHECKPOINTS, FEW = 3_000, 20
_PAGE = 10_000


def fill(hub: Hub, entries: int) -> None:
    """Entries as a busy hub writes them, two a message."""
    digest = "ab" * 32
    for start in range(0, entries, _PAGE):
        with hub.store.transaction() as transaction:
            for number in range(start, min(start + _PAGE, entries)):
                transaction.append(
                    (Hop.ACCEPTED, Hop.DELIVERED)[number % 2],
                    NOW + timedelta(milliseconds=number),
                    sender="sender",
                    message_id=f"m-{number // 2}",
                    source=HUB,
                    target=f"d{number % 140}",
                    document=digest,
                    evidence=digest,
                    rules="s1/r1",
                    signer=digest,
                )


def spent() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return processor() + children.ru_utime + children.ru_stime


def timed(said: str, work: Callable[[], Report], many: int, what: str = "entry") -> Report:
    """Do it and print how long it took, with the processor time of its processes."""
    began, used = time.perf_counter(), spent()
    done = work()
    seconds, used = time.perf_counter() - began, spent() - used
    print(f"{said}: {seconds:.1f} s, {used:.1f} s CPU, {used / many * 1e6:.1f} us CPU each {what}")
    return done


def measure(hub: Hub, folder: Path, entries: int) -> None:
    """Print the figures of one run."""
    fill(hub, entries)
    steps = asyncio.run(sequence(hub, folder))
    keys = tuple(LogKey(signer.key) for signer in checkpoint_signers(hub, folder))
    log = LogStandard(origin_of(hub), keys)
    standard = Standard(HUB, hub.store.ledger_id, frozenset())
    print(f"{entries} entries, {len(steps)} checkpoints")
    for jobs in (1, len(os.sched_getaffinity(0))):
        chains = partial(report, hub.store, standard, deep=False, jobs=jobs)
        timed(f"chains alone, processes {jobs}", chains, entries)
        found = timed(f"chains and tree, processes {jobs}", partial(chains, log=log), entries)
        assert found.clean, found.findings
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def measure_checkpoints(hub: Hub, folder: Path) -> None:
    """Print what the audit spends on a checkpoint over few entries, as a hub with little to do signs them."""
    for _ in range(CHECKPOINTS):
        fill(hub, FEW)
        asyncio.run(sequence(hub, folder))
    keys = tuple(LogKey(signer.key) for signer in checkpoint_signers(hub, folder))
    log, standard = LogStandard(origin_of(hub), keys), Standard(HUB, hub.store.ledger_id, frozenset())
    for jobs in (1, len(os.sched_getaffinity(0))):
        look = partial(report, hub.store, standard, log, deep=False, jobs=jobs)
        said = f"{CHECKPOINTS} checkpoints of {FEW} entries, processes {jobs}"
        assert timed(said, look, CHECKPOINTS, "checkpoint").clean


def measure_messages(folder: Path, many: int) -> None:
    """Print the figures of signed documents of 2 KB, each delivered over real SOAP to one of four departments."""
    with receivers([f"d{number}" for number in range(4)], folder) as addresses:
        hub = found_hub(folder, addresses)
        try:
            uvloop.run(accept_all(hub, [message(number, 2, (f"d{number % 4}",)) for number in range(many)]))
            uvloop.run(deliver_all(hub))
            standard = Standard(HUB, hub.store.ledger_id, frozenset({thumbprint(keys(HUB).der)}))
            for jobs in (1, len(os.sched_getaffinity(0))):
                look = partial(report, hub.store, standard, jobs=jobs)
                found = timed(f"{many} delivered messages, processes {jobs}", look, many, "message")
                assert found.clean, found.findings
        finally:
            hub.close()


def main() -> None:
    """Measure in temporary directories."""
    entries, many = (list(map(int, sys.argv[1:])) + [ENTRIES, MESSAGES][len(sys.argv) - 1 :])[:2]
    for look in (partial(measure, entries=entries), measure_checkpoints):
        with tempfile.TemporaryDirectory() as folder:
            hub = found_hub(Path(folder), {"d0": "http://127.0.0.1:9/d0"})
            try:
                look(hub, Path(folder))
            finally:
                hub.close()
    with tempfile.TemporaryDirectory() as folder:
        measure_messages(Path(folder), many)


if __name__ == "__main__":
    main()
