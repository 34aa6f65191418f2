"""Part of the audit: each recipient's copy of a message against its hops and the evidence that is kept of them.

Judged by counting hops, never by comparing times: a clock that was set back is no crime. Not proven, because no hop
records them: a copy's endpoint, its row id, its next attempt while it waits, and the holder of a lease.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from hub.audit.evidence import Claim, Evidence
from hub.audit.finding import Finding, differing, shown
from hub.audit.held import Columns, Held
from hub.audit.message import accepted_entry, name_of
from hub.errors import Refused
from hub.ledger.ledger import Entry
from hub.message import DeliveryState, Hop, ProvenBy, Role

Read = Callable[[str], Evidence | None]
"""Gives what is kept under a digest, None if nothing is. Errors: Refused."""

_THUMBPRINT = re.compile("[0-9a-f]{64}")
_OPEN = frozenset({DeliveryState.WAITING, DeliveryState.LEASED})
_DONE = frozenset({DeliveryState.DELIVERED, DeliveryState.DEAD})
_TRIED = (Hop.DELIVERED, Hop.GAVE_UP, Hop.ATTEMPT_FAILED)
_OF_COPY = frozenset({Hop.HELD, Hop.RELEASED, Hop.FETCHED, Hop.RESENT, Hop.NOTICE, *_TRIED})


@dataclass(frozen=True, slots=True)
class _Copy:
    """One delivery with the hops that speak of it, by kind."""

    row: Columns
    what: str
    accepted: Entry
    hops: Mapping[Hop, list[Entry]]

    def of(self, *kinds: Hop) -> list[Entry]:
        return [entry for kind in kinds for entry in self.hops.get(kind, ())]


def check_deliveries(held: Held, read: Read) -> Iterator[Finding]:
    """Yield what is wrong with a message's copies and with the hops that speak of them."""
    accepted = accepted_entry(held)
    if accepted is None:
        return
    by_target: dict[str, dict[Hop, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    known = {row["recipient"] for row in held.deliveries}
    for hop in held.hops:
        yield from _check_hop(hop.entry, held, known)
        by_target[hop.entry.target][hop.entry.kind].append(hop.entry)
    for row in held.deliveries:
        what = f"{name_of(held)} → {row['recipient']}"
        copy = _Copy(row, what, accepted, by_target.get(row["recipient"], {}))
        yield from _check_copy(copy, held)
        for entry in copy.of(Hop.DELIVERED):
            yield from _check_evidence(entry, copy, held, read)


def _check_hop(entry: Entry, held: Held, known: Collection[str]) -> Iterator[Finding]:
    what, document = name_of(held), entry.document.hex()
    if document != held.message["digest"]:
        digest = str(held.message["digest"])
        yield Finding("audit.entry", what, "document", digest, document, entry.node, entry.sequence)
    if entry.kind in _OF_COPY and entry.target not in known:
        yield Finding("audit.entry-delivery", what, "target", "", entry.target, entry.node, entry.sequence)


def _check_copy(copy: _Copy, held: Held) -> Iterator[Finding]:
    row, message = copy.row, held.message
    states = _states(copy)
    if row["state"] not in states:
        yield _finding(copy, "state", " | ".join(sorted(states)), row["state"])
        return
    again = copy.of(Hop.RELEASED, Hop.RESENT)
    starts = [entry.time_us for entry in again or [copy.accepted]]
    yield from _one_of(copy, "role", list(Role))
    yield from _one_of(copy, "first_us", starts)
    yield from _one_of(copy, "attempts", [len(copy.of(*_TRIED))])
    from_message = {"conversation": message["conversation"], "expires_us": message["expires_us"]}
    yield from differing("audit.delivery", copy.what, from_message, row)
    yield from _check_end(copy)
    leased = row["state"] == DeliveryState.LEASED
    for name in ("lease_node", "lease_until_us"):
        if (row[name] is not None) != leased:
            yield _finding(copy, name, "a lease" if leased else "", row[name])


def _states(copy: _Copy) -> frozenset[DeliveryState]:
    """The states that a copy's hops allow."""
    delivered, dead, resent = (len(copy.of(kind)) for kind in (Hop.DELIVERED, Hop.GAVE_UP, Hop.RESENT))
    if copy.accepted.detail == "held" and not copy.of(Hop.RELEASED):
        return frozenset({DeliveryState.HELD})
    if not resent:
        if delivered:  # A mailbox may confirm what was given up before: the confirmation counts.
            return frozenset({DeliveryState.DELIVERED})
        return frozenset({DeliveryState.DEAD}) if dead else _OPEN
    ended = frozenset([DeliveryState.DELIVERED][:delivered] + [DeliveryState.DEAD][:dead])
    under_way = delivered + dead <= resent + min(delivered, dead)
    return (ended if delivered + dead > resent else frozenset()) | (_OPEN if under_way else frozenset())


def _check_end(copy: _Copy) -> Iterator[Finding]:
    row = copy.row
    ends = {DeliveryState.DELIVERED: Hop.DELIVERED, DeliveryState.DEAD: Hop.GAVE_UP}
    end = ends.get(row["state"])
    hops = copy.of(end) if end else []
    yield from _one_of(copy, "done_us", [entry.time_us for entry in hops] or [None])
    evidence = [entry.evidence.hex() for entry in hops if end is Hop.DELIVERED]
    yield from _one_of(copy, "evidence", evidence or [None])
    yield from _one_of(copy, "cause", _causes(copy, end))
    if end is not None and row["next_us"] != row["done_us"]:
        yield _finding(copy, "next_us", row["done_us"], row["next_us"])


def _causes(copy: _Copy, end: Hop | None) -> list[str | None]:
    """Why the last attempt failed: of a copy under way that is any failure, or none if it was delivered before."""
    if end is Hop.GAVE_UP:
        return [entry.detail for entry in copy.of(Hop.GAVE_UP)]
    failures: list[str | None] = [e.detail for e in copy.of(Hop.ATTEMPT_FAILED, Hop.GAVE_UP)]
    if end is Hop.DELIVERED or not failures:
        return [None]
    return [*failures, None] if copy.of(Hop.DELIVERED) else failures


def _check_evidence(entry: Entry, copy: _Copy, held: Held, read: Read) -> Iterator[Finding]:
    place = (entry.node, entry.sequence)
    try:
        evidence = read(entry.evidence.hex())
    except Refused as error:
        yield Finding("audit.evidence", copy.what, "content", "", error.code, *place)
        return
    if evidence is None:
        return  # the walk over the ledger says that it is missing
    message = held.message
    claim = Claim(message["sender"], message["message_id"], message["digest"], copy.row["recipient"])
    confirmed = Claim(claim.sender, claim.message_id, claim.digest, claim.recipient, copy.row["id"])
    if evidence.claims.isdisjoint({claim, confirmed}):
        yield Finding("audit.evidence", copy.what, "content", str(claim), "", *place)
    wanted = {"signer": evidence.signer, "detail": str(evidence.proven_by)}
    if evidence.proven_by is ProvenBy.CONNECTION:  # the document does not say by which certificate, only the entry does
        wanted["signer"] = entry.signer if _THUMBPRINT.fullmatch(entry.signer) else "a thumbprint"
    for name, value in wanted.items():
        if getattr(entry, name) != value:
            yield Finding("audit.evidence", copy.what, name, value, getattr(entry, name), *place)


def _one_of(copy: _Copy, field: str, allowed: Collection[object]) -> Iterator[Finding]:
    got = copy.row[field]
    if got not in allowed:
        yield _finding(copy, field, " | ".join(dict.fromkeys(map(str, allowed))), got)


def _finding(copy: _Copy, field: str, expected: object, got: object) -> Finding:
    return Finding("audit.delivery", copy.what, field, shown(expected), shown(got))
