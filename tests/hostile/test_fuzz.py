"""A fuzzer over the whole way in: good messages, spoilt in bytes, in the tree, and in the tree before signing again.

Whatever comes: an answer or a `HubError`, within a second; and what is accepted is what was signed, as other programs
read it. HUB_FUZZ_SECONDS makes the run longer, HUB_FUZZ_SEED makes it another one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from hub import envelope
from hub.accept import Receipt, accept
from hub.errors import Refused
from hub.parser import parse
from hub.store import trace
from tests.hostile.mutations import Message, in_bytes, in_tree, signed_again
from tests.hostile.refusal import SLACK, assert_nothing_leaks, weighed
from tests.town import Town, signer_of

pytest.importorskip("xmlsec", reason="xmlsec is missing: the fuzzer has no judge and did NOT run")
pytest.importorskip("signxml", reason="signxml is missing: the fuzzer has no judge and did NOT run")
from tests.hostile.judge import Judged, judge

SECONDS = float(os.environ.get("HUB_FUZZ_SECONDS", "0"))
SEED = os.environ.get("HUB_FUZZ_SEED", "1")
FEWEST = 100
SLOWEST = 1.0 * SLACK
WAYS: tuple[Callable[[Town, Random, str], Message], ...] = (in_bytes, in_tree, signed_again)


@dataclass
class Tally:
    """What became of the cases of one way."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_fuzz(town: Town, tmp_path: Path, way: Callable[[Town, Random, str], Message]) -> None:
    tally = asyncio.run(_run(town, way, tmp_path / "case.xml"))
    print(f"\n{way.__name__}: {tally}")  # noqa: T201 - shown with pytest -s
    assert tally.accepted >= 5, "the fuzzer spoils everything and proves little"
    assert len(tally.refused) >= 4, tally


async def _run(town: Town, way: Callable[[Town, Random, str], Message], kept: Path) -> Tally:
    tally, until, case = Tally(), time.monotonic() + SECONDS / len(WAYS), 0
    while case < FEWEST or time.monotonic() < until:
        case += 1
        id = f"{way.__name__.replace('_', '-')}-{case}"
        raw, beside = way(town, Random(f"{SEED}/{id}"), id)
        try:
            await _one(town, raw, beside, tally)
        except BaseException as found:
            kept.write_bytes(raw)
            found.add_note(f"case {id} of seed {SEED}, kept in {kept}")
            raise
    return tally


async def _one(town: Town, raw: bytes, beside: Mapping[str, bytes], tally: Tally) -> None:
    started = time.process_time()
    answer = await _answer(town, raw, beside)
    spent = weighed(time.process_time() - started)
    tally.slowest = max(tally.slowest, spent)
    assert spent < SLOWEST
    if isinstance(answer, Refused):
        tally.refused[answer.code] += 1
        town.refusals.append(answer)
        assert_nothing_leaks(answer, raw)
    else:
        tally.accepted += 1
        town.receipts.append(answer)
        _compare(town, raw, answer, judge(raw))


async def _answer(town: Town, raw: bytes, beside: Mapping[str, bytes]) -> Receipt | Refused:
    try:
        return await accept(town.hub, raw, beside)
    except Refused as refusal:
        return refusal


def _compare(town: Town, raw: bytes, receipt: Receipt, judged: Judged) -> None:
    """What was stored and answered is what others read in the signed bytes."""
    fields = judged.fields
    assert judged.certificate == signer_of(fields["sender"])[1]
    assert (receipt.sender, receipt.message_id) == (fields["sender"], fields["messageId"])
    assert receipt.digest == hashlib.sha256(raw).hexdigest()
    traced = town.trace(receipt.sender, receipt.message_id)
    _compare_message(traced.message, judged)
    assert {d.recipient for d in traced.deliveries} == _addressed(town, judged)
    if not receipt.replayed:
        _compare_attachments(raw, judged)


def _compare_message(stored: trace.StoredMessage, judged: Judged) -> None:
    names = {
        "type": "type", "conversation": "conversation", "in_reply_to": "inReplyTo", "document_number": "documentNumber",
        "case_number": "caseNumber",
    }  # fmt: skip
    for ours, theirs in names.items():
        assert getattr(stored, ours) == judged.fields.get(theirs), ours
    assert stored.urgency == judged.fields.get("urgency", "routine")
    assert stored.classification == judged.fields.get("classification", "none")
    assert (stored.created, stored.expires) == (judged.time("created"), judged.time("expires"))


def _addressed(town: Town, judged: Judged) -> set[str]:
    directory = town.hub.rules.directory
    sender = judged.fields["sender"]
    groups = {code for address, _ in judged.recipients if ":" in address for code in directory.expand(address)}
    return (groups - {sender}) | {address for address, _ in judged.recipients if ":" not in address}


def _compare_attachments(raw: bytes, judged: Judged) -> None:
    ours = [(a.id, a.name, a.media_type, str(a.size), a.sha256) for a in envelope.read(parse(raw)).attachments]
    names = ("id", "name", "mediaType", "size", "sha256")
    assert ours == [tuple(line[name].strip() for name in names) for line in judged.attachments]
