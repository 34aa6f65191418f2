"""What every refusal must be: recorded once, told without a leak, cheap, and without a trace in what is stored."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping

import pytest
from sqlalchemy import func, select

from hub.accept import examine
from hub.errors import Refused
from hub.ledger.ledger import Entry
from hub.message import Hop
from hub.store import entries
from hub.store.tables import deliveries, documents, ledger, message_attachments, messages, refusals
from tests.hostile.guard import Guard
from tests.pace import slowness
from tests.town import Town

SLACK = float(os.environ.get("HUB_SLACK", "4"))
"""How much slower than quiet the machine may be: a neighbour's load must not look like an attack that got through."""
QUICK = 0.05 * SLACK
"""Seconds of processor time that a refusal may cost."""

_ENCODINGS = ("utf-8", "utf-16", "gb18030")
_ACCEPTED = (messages, deliveries, documents, message_attachments)
_WORD = re.compile(r"[^\s'\"{}()\uff1a\uff1b;,…]+")
_LEAK = re.compile(
    r"lxml|libxml|xmlsec|(?<!org/2001/)xmlschema|openssl|sqlite|sqlalchemy|python|cryptography|asn\.?1|\.pyc?\b|site-packages"
    r"|/(?:home|tmp|work|usr|root|var|etc)/|\bXsd[A-Z]|0x[0-9a-f]{6,}|-----BEGIN",
    re.IGNORECASE,
)
_TRACE = re.compile(r"Traceback|File \"|, line \d|<[\w.]+ object at|private key", re.IGNORECASE)


def refused(
    town: Town, guard: Guard, raw: bytes, code: str, beside: Mapping[str, bytes] | None = None, *, within: float = QUICK
) -> Refused:
    """Hand in a bad envelope and check all that holds for every refusal; the best of three tries must be quick."""
    stored = _counts(town, *_ACCEPTED)
    seconds: list[float] = []
    while len(seconds) < 3 and (not seconds or min(seconds) >= within):
        refusal, spent = _once(town, guard, raw, code, beside)
        seconds.append(spent)
    assert _counts(town, *_ACCEPTED) == stored
    assert min(seconds) < within, f"{min(seconds) * 1000:.0f} ms"
    assert_nothing_leaks(refusal, raw)
    return refusal


def _once(town: Town, guard: Guard, raw: bytes, code: str, beside: Mapping[str, bytes] | None) -> tuple[Refused, float]:
    recorded = _counts(town, ledger, refusals)
    started = time.process_time()
    with guard.armed(), pytest.raises(Refused) as caught:
        town.submit(raw, beside)
    spent = weighed(time.process_time() - started)
    assert caught.value.code == code, caught.value.facts()
    assert _counts(town, ledger, refusals) == [count + 1 for count in recorded]
    entry = _latest_entry(town)
    assert (entry.kind, entry.detail, entry.document) == (Hop.REFUSED, code, hashlib.sha256(raw).digest())
    assert (entry.sender, entry.message_id, entry.signer) == ("", "", ""), "nothing is proven of a refused body"
    return caught.value, spent


def weighed(seconds: float) -> float:
    """Seconds that were spent; if they are many, what they are at the usual pace of the machine."""
    return seconds if seconds < QUICK else seconds / slowness()


def assert_nothing_leaks(refusal: Refused, raw: bytes = b"") -> None:
    """No library, path, trace or key in what a stranger may read, but for words of the stranger's own `raw`."""
    told = "\n".join(map(str, refusal.facts().values()))
    own = "".join(" ".join(raw.decode(codec, errors="ignore") for codec in _ENCODINGS).split())
    leaks = [word for word in _WORD.findall(told) if _LEAK.search(word) and word not in own]
    leaks += [found.group() for found in _TRACE.finditer(told)]
    assert not leaks, (leaks, told)


def _latest_entry(town: Town) -> Entry:
    with town.hub.store.reading() as connection:
        return entries.latest_entries(connection, 1)[0]


def _counts(town: Town, *tables: object) -> list[int]:
    with town.hub.store.reading() as connection:
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables]  # type: ignore[arg-type]


def decided(town: Town, raw: bytes) -> tuple[str, float]:
    """What `examine` says of a body that may be good or bad (its code, or ""), and the best of three times."""
    code = ""
    seconds: list[float] = []
    while len(seconds) < 3 and (not seconds or min(seconds) >= QUICK):
        started = time.process_time()
        try:
            examine(raw, town.hub.rules, town.clock(), {})
        except Refused as refusal:
            code = refusal.code
            assert_nothing_leaks(refusal, raw)
        seconds.append(weighed(time.process_time() - started))
    return code, min(seconds)
