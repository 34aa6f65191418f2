"""Part of the audit: one kept time-stamp against the checkpoint that it is kept with. Pure.

Whether the authority's certificate was revoked is not asked, as `hub.ledger.timestamp` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cryptography.x509 import Certificate

from hub.audit.finding import Finding, differing, shown
from hub.errors import Undelivered
from hub.ledger.ledger import to_microseconds
from hub.ledger.timestamp import check

_CODES = {"timestamp.other": "audit.timestamp-note", "timestamp.authority": "audit.timestamp-authority"}


def check_timestamp(row: Sequence[Any], anchors: Sequence[Certificate]) -> Iterator[Finding]:
    """Yield what is wrong with a row of size, response, stated time and the checkpoint's note (None if it is gone)."""
    size, response, at_us, note = row
    what = f"time-stamp {shown(size)}"
    if not isinstance(response, bytes) or not isinstance(note, str):
        missing = "response" if isinstance(note, str) else "size"
        yield Finding("audit.timestamp", what, missing, got=type(response).__name__ if missing == "response" else "")
        return
    try:
        token = check(response, note.encode("utf-8", "replace"), anchors)
    except Undelivered as error:
        yield Finding(_CODES.get(error.code, "audit.timestamp"), what, "response", got=error.code)
        return
    yield from differing("audit.timestamp", what, {"at_us": to_microseconds(token.at)}, {"at_us": at_us})
