"""Part of the audit: each entry belongs to this ledger, names a message that is there, and what it rests on is kept.

In portions, which several processes can share: stretches of chains if these are in order, else all entries in one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection

from hub.audit.act import check_act
from hub.audit.evidence import keeps_evidence
from hub.audit.finding import Finding, differing
from hub.audit.held import Columns
from hub.audit.portion import ChainPortion, chain_portions
from hub.audit.report import Looked, Row
from hub.ledger.ledger import Entry
from hub.message import Hop
from hub.store import chain_holdings, holdings
from hub.store.plain_rows import batches

_OF_NO_MESSAGE = frozenset({Hop.REFUSED, Hop.ADMIN})


@dataclass(frozen=True, slots=True)
class LinkPortion:
    """Entries of the ledger with this id: those of one stretch of a chain, or without it of all chains."""

    ledger: str
    stretch: ChainPortion | None = None

    def look(self, connection: Connection) -> Looked:
        """What is wrong with them; counts the refusals."""
        found: list[Finding] = []
        rows: Counter[Row] = Counter()
        for batch in batches(self._entries(connection), holdings.LIST):
            found += _check_named(connection, batch, self.ledger)
            for node, of_node in groupby(batch, key=lambda entry: entry.node):
                refused = [entry for entry in of_node if entry.kind == Hop.REFUSED]
                if refused:
                    reasons = chain_holdings.reasons(connection, node, refused[0].sequence, refused[-1].sequence)
                    rows[Row.REFUSAL] += len(reasons)
                    found += _check_reasons(refused, reasons)
        return Looked(dict(rows), tuple(found))

    def _entries(self, connection: Connection) -> Iterator[Entry]:
        one = self.stretch
        if one is None:
            return (stored.entry for stored in chain_holdings.chains(connection))
        return (stored.entry for stored in chain_holdings.chain(connection, one.node, one.after, one.to))


def link_portions(connection: Connection, ledger: str, *, in_order: bool) -> list[LinkPortion]:
    """All entries; `in_order`: the chains are right, so that their stretches together are every entry."""
    stretches = chain_portions(connection) if in_order else None
    return [LinkPortion(ledger)] if stretches is None else [LinkPortion(ledger, one) for one in stretches]


def _check_named(connection: Connection, batch: Sequence[Entry], ledger: str) -> Iterator[Finding]:
    known = holdings.known_messages(connection, {entry.message_id for entry in batch if entry.message_id})
    evidence = {e.evidence.hex() for e in batch if keeps_evidence(e)}
    kept = holdings.kept(connection, evidence)
    for entry in batch:
        place = (entry.node, entry.sequence)
        if entry.ledger != ledger:
            yield Finding("audit.chain", "", "ledger", ledger, entry.ledger, *place)
        what = f"{entry.sender}/{entry.message_id}"
        if entry.kind not in _OF_NO_MESSAGE and (entry.sender, entry.message_id) not in known:
            yield Finding("audit.entry-message", what, "message_id", "", entry.message_id, *place)
        if keeps_evidence(entry) and entry.evidence.hex() not in kept:
            yield Finding("audit.document-missing", what, "evidence", entry.evidence.hex(), "", *place)
        elif entry.kind == Hop.ADMIN:
            yield from check_act(entry, holdings.content(connection, entry.evidence.hex()) or b"")


def _check_reasons(refused: Sequence[Entry], rows: Mapping[int, Columns]) -> Iterator[Finding]:
    for entry in refused:
        row = rows.get(entry.sequence)
        if row is None:
            yield Finding("audit.refusal", "refusals", node=entry.node, sequence=entry.sequence)
            continue
        what = f"{entry.node}/{entry.sequence}"
        yield from differing("audit.refusal", what, {"at_us": entry.time_us, "code": entry.detail}, row)
