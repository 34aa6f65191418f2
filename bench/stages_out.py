"""Each stage's share of one 8 KB message's way out, in microseconds of this process's CPU.

Every stage is run by itself over the same messages as the dispatcher runs it: leases of 16 for each of 16 endpoints, 64
posts at a time over real SOAP to another process, commits in groups of 16. The whole road is run over its own messages
in the same rounds; what it takes beyond its stages is shown as a stage too: tasks, futures, threads, and transactions
with fewer pieces of work than 16 in them.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from bench import road
from bench.material import found_hub, message
from bench.receivers import receivers
from connectors.soap.sender import SoapSender
from hub import deliver
from hub.dispatch import RUN
from hub.hub import Hub
from hub.message import Consignment
from hub.store import outbox
from hub.store.outbox import Leased
from hub.store.tables import messages

MESSAGES = RUN * road.RECEIVERS
ROUNDS = 5
TOGETHER = 64
GROUP = 16


def measure_stages_out(kilobytes: int = 8) -> dict[str, float]:
    """Microseconds by stage, medians over the rounds."""
    codes = [f"d{number}" for number in range(road.RECEIVERS)]
    raws = [message(number, kilobytes, (codes[number % len(codes)],)) for number in range(MESSAGES)]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place, receivers(codes, Path(place)) as addresses:
        for number in range(ROUNDS):
            folder = Path(place) / str(number)
            for name, spent in _measure_round(folder, addresses, raws).items():
                found.setdefault(name, []).append(spent / MESSAGES * 1e6)
    stages = {name: statistics.median(spent) for name, spent in found.items()}
    whole = stages.pop("whole")
    return {**stages, "around: tasks, threads, groups": max(0.0, whole - sum(stages.values()))}


def _measure_round(folder: Path, addresses: dict[str, str], raws: Sequence[bytes]) -> dict[str, float]:
    spent = {"whole": 0.0}
    for name in ("whole", "stages"):
        place = folder / name
        place.mkdir(parents=True)
        hub = found_hub(place, addresses)
        try:
            road.timed(road.accept_all(hub, list(raws)))
            if name == "whole":
                spent["whole"] = road.timed(road.deliver_all(hub)).cpu
            else:
                spent |= _stage_by_stage(hub, list(addresses))
        finally:
            hub.close()
    return spent


def _stage_by_stage(hub: Hub, codes: list[str]) -> dict[str, float]:
    leased: list[Leased] = []
    answers: list[bytes] = []
    outcomes: list[deliver.Outcome] = []
    leasing = road.timed(lambda: leased.extend(_lease(hub, codes))).cpu
    loading = road.timed(lambda: _load(hub, leased)).cpu
    sending = road.timed(_send(hub, leased, answers)).cpu
    checking = road.timed(lambda: outcomes.extend(_check(hub, leased, answers))).cpu
    settling = road.timed(lambda: _settle(hub, leased, outcomes)).cpu
    return {
        "1 lease": leasing - loading,
        "1 load": loading,
        "2 send": sending,
        "3 check answer": checking,
        "4-5 record, settle, commit": settling,
    }


def _lease(hub: Hub, codes: list[str]) -> list[Leased]:
    """All endpoints in one transaction, as the dispatcher leases for those that are ready; it loads too."""
    at = hub.clock()
    with hub.store.transaction() as transaction:
        return outbox.lease(transaction, [(code, RUN) for code in codes], at, at + timedelta(minutes=5))


def _load(hub: Hub, leased: list[Leased]) -> None:
    with hub.store.reading() as connection:
        wanted = messages.c.digest.in_([one.consignment.digest for one in leased])
        for message, digest in connection.execute(select(messages.c.id, messages.c.digest).where(wanted)).all():
            outbox.read_content(connection, message, digest)


async def _send(hub: Hub, leased: list[Leased], answers: list[bytes]) -> None:
    sender = SoapSender()
    gate = asyncio.Semaphore(TOGETHER)

    async def one(consignment: Consignment) -> bytes:
        async with gate:
            answer = await deliver.send(hub, sender, hub.rules.directory.endpoints[consignment.recipient], consignment)
            assert isinstance(answer, bytes), answer
            return answer

    answers += await asyncio.gather(*(one(each.consignment) for each in leased))
    await sender.close()


def _check(hub: Hub, leased: list[Leased], answers: list[bytes]) -> list[deliver.Outcome]:
    endpoints, at = hub.rules.directory.endpoints, hub.clock()
    outcomes = [
        deliver.decide(one, endpoints[one.endpoint].profile, answer, hub.rules, at, 0.5)
        for one, answer in zip(leased, answers, strict=True)
    ]
    assert all(isinstance(outcome, deliver.Delivered) for outcome in outcomes)
    return outcomes


def _settle(hub: Hub, leased: list[Leased], outcomes: list[deliver.Outcome]) -> None:
    at = hub.clock()
    pairs = list(zip(leased, outcomes, strict=True))
    for start in range(0, len(pairs), GROUP):
        with hub.store.transaction() as transaction:
            for one, outcome in pairs[start : start + GROUP]:
                assert deliver.settle(transaction, hub, one, outcome, at)
