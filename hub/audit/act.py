"""Part of the audit: an administrator's entry against the document that is kept as its evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hub.administration.administered import read_act
from hub.audit.finding import Finding
from hub.ledger.ledger import Entry


def check_act(entry: Entry, raw: bytes) -> Iterator[Finding]:
    """Yield it if `raw` is not an act, or not the one whose deed the entry names."""
    place = (entry.node, entry.sequence)
    try:
        act = read_act(raw)
    except ValueError:
        yield Finding("audit.administered", entry.detail, "evidence", "", entry.evidence.hex(), *place)
        return
    if act.what != entry.detail:
        yield Finding("audit.administered", entry.detail, "detail", act.what, entry.detail, *place)
