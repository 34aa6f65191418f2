"""Each stage's share of one 8 KB message's way in, best of many repetitions, in microseconds."""

from __future__ import annotations

import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

from bench.material import found_hub, message
from hub import accept as road
from hub import envelope
from hub.attachments.attachments import check_attachments
from hub.hub import Hub
from hub.parser import parse

REPETITIONS = 200
ROUNDS = 15


def best(work: Callable[[], object]) -> float:
    """Microseconds of one call, in the quickest of several rounds."""
    return min(timeit.repeat(work, number=REPETITIONS, repeat=ROUNDS)) / REPETITIONS * 1e6


def measure_stages(kilobytes: int = 8) -> dict[str, float]:
    """Microseconds by stage; `prove` includes its own parse, which is taken off."""
    raw = message(0, kilobytes)
    with tempfile.TemporaryDirectory() as place:
        hub = found_hub(Path(place), {"d0": "http://127.0.0.1:9/d0"})
        try:
            return {**_examined(hub, raw), **_admitted(hub)}
        finally:
            hub.close()


def _examined(hub: Hub, raw: bytes) -> dict[str, float]:
    rules, at = hub.rules, hub.clock()
    root = parse(raw)
    payload = envelope.payload_of(root)
    proven = road.prove(parse(raw), raw, rules, at)
    parsing = best(lambda: parse(raw, rules.parse_limits))

    def check_contents() -> None:
        rules.schemas.check_payload("official-document-1", payload)
        check_attachments(proven.envelope.attachments, {})

    def decide() -> None:
        road.check_header(proven.header, rules, at)
        road.route(root, proven, rules)

    return {
        "1 parse": parsing,
        "2 envelope schema": best(lambda: rules.schemas.check_envelope(root)),
        "3 signature and certificate": best(lambda: road.prove(parse(raw), raw, rules, at)) - parsing,
        "4 payload schema, attachments": best(check_contents),
        "5 header, rights and routing": best(decide),
    }


def _admitted(hub: Hub) -> dict[str, float]:
    """Steps 6 to 9 in groups of 32, as a busy hub commits them."""
    at = hub.clock()
    examined = [road.examine(message(number, 8), hub.rules, at, {}) for number in range(320)]
    groups = iter([examined[start : start + 32] for start in range(0, len(examined), 32)])

    def group() -> None:
        with hub.store.transaction() as transaction:
            for one in next(groups):
                road.admit(transaction, one, hub, at)

    return {"6-9 store, countersign, commit": min(timeit.repeat(group, number=1, repeat=10)) / 32 * 1e6}
