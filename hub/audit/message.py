"""Part of the audit: one accepted message against the bytes its sender signed, its ledger entry and its stamp."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from hub import envelope, proof
from hub.audit.finding import Finding, differing, shown
from hub.audit.held import Held
from hub.errors import Refused
from hub.ledger.ledger import Entry, entry_hash, from_microseconds, to_microseconds
from hub.message import Attachment, Envelope, Hop, Signed
from hub.parser import ParseLimits, parse
from hub.proof import Stamp
from hub.recipients import Recipients, write_list
from hub.schema.schema import Schemas
from hub.signing import signature
from hub.trust.certificate import read_certificate

LIMITS = ParseLimits(max_bytes=2**31 - 1)
"""What was accepted under other limits must still be readable."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What an audit measures by: the hub's id, its ledger's id, and the thumbprints that are the hub's."""

    hub: str
    ledger: str
    vouched: Set[str]


def name_of(held: Held) -> str:
    """How findings call a message."""
    return f"{held.message['sender']}/{held.message['message_id']}"


def accepted_entry(held: Held) -> Entry | None:
    """The one entry that says this message was accepted; None if there is none or more than one."""
    found = [hop.entry for hop in held.hops if hop.entry.kind == Hop.ACCEPTED]
    return found[0] if len(found) == 1 else None


def check_message(held: Held, raw: bytes | None, standard: Standard) -> Iterator[Finding]:
    """Yield what is wrong with a message; `raw` is the document kept under its digest."""
    what, entry = name_of(held), accepted_entry(held)
    if entry is None:
        count = sum(hop.entry.kind == Hop.ACCEPTED for hop in held.hops)
        yield Finding("audit.message-entry", what, expected="1", got=str(count))
    if raw is None:
        yield Finding("audit.document-missing", what, "digest", got=str(held.message["digest"]))
        return
    try:
        found, signed = _read(raw)
    except Refused as error:
        yield Finding("audit.envelope", what, got=error.code)
        return
    yield from differing("audit.message", what, _expected(found, signed.thumbprint, raw), held.message)
    yield from _check_manifest(found.attachments, held, what)
    if entry is not None:
        yield from _check_entry(entry, held, signed.thumbprint, standard)
        yield from _check_signer_date(entry, signed.certificate, what)
        yield from _check_stamp(entry, held, standard)


def check_list(held: Held, kept: bytes | None) -> Iterator[Finding]:
    """Yield it if `kept`, the list of recipients that the acceptance names, is not a list of the message's copies."""
    wanted = write_list(_codes(held))
    if kept is not None and kept != wanted:  # the walk over the ledger says that it is missing
        right, got = (hashlib.sha256(one).hexdigest() for one in (wanted, kept))
        yield Finding("audit.recipients", name_of(held), "recipients", right, got)


def check_record(held: Held, standard: Standard) -> Iterator[Finding]:
    """Yield what is wrong with a message whose envelope is gone by rule, as far as entry and stamp tell without it."""
    entry = accepted_entry(held)
    if entry is None:
        count = sum(hop.entry.kind == Hop.ACCEPTED for hop in held.hops)
        yield Finding("audit.message-entry", name_of(held), expected="1", got=str(count))
        return
    yield from _check_entry(entry, held, str(held.message["signer"]), standard)
    yield from _check_stamp(entry, held, standard)


def _read(raw: bytes) -> tuple[Envelope, Signed]:
    root = parse(raw, LIMITS)
    Schemas.builtin().check_envelope(root)
    signed = signature.verify(root)
    return envelope.read(signed.root), signed


def _expected(found: Envelope, signer: str, raw: bytes) -> dict[str, object]:
    header = found.header
    beside = [line for line in found.attachments if line.content is None]
    return {
        "sender": header.sender,
        "message_id": header.message_id,
        "type": header.type,
        "conversation": header.conversation,
        "in_reply_to": header.in_reply_to,
        "document_number": header.document_number,
        "case_number": header.case_number,
        "urgency": str(header.urgency),
        "classification": str(header.classification),
        "created_us": to_microseconds(header.created),
        "expires_us": to_microseconds(header.expires) if header.expires else None,
        "size": len(raw),
        "signer": signer,
        "beside": len(beside),
        "beside_size": sum(line.size for line in beside),
    }


def _check_manifest(manifest: tuple[Attachment, ...], held: Held, what: str) -> Iterator[Finding]:
    expected = sorted((line.id, line.sha256) for line in manifest if line.content is None)
    got = sorted((str(row["attachment"]), str(row["digest"])) for row in held.beside)
    if expected != got:
        yield Finding("audit.attachments", what, expected=str(expected), got=str(got))


def _check_entry(entry: Entry, held: Held, signer: str, standard: Standard) -> Iterator[Finding]:
    what = name_of(held)
    row = {"received_us": entry.time_us, "digest": entry.document.hex()}
    yield from differing("audit.message", what, row, held.message)
    listed = bytes.fromhex(_stated(entry, held).digest)
    ends = {"source": held.message["sender"], "target": standard.hub, "signer": signer, "evidence": listed}
    for name, wanted in ends.items():
        if getattr(entry, name) != wanted:
            right, got = shown(wanted), shown(getattr(entry, name))
            yield Finding("audit.entry", what, name, right, got, entry.node, entry.sequence)


def _stated(entry: Entry, held: Held) -> Recipients:
    """The message's recipients in the way that its acceptance states them."""
    return Recipients.by_list(_codes(held)) if entry.evidence else Recipients.by_name(_codes(held))


def _codes(held: Held) -> list[str]:
    return [str(row["recipient"]) for row in held.deliveries]


def _check_signer_date(entry: Entry, certificate: bytes, what: str) -> Iterator[Finding]:
    since, until = _dates(certificate)
    if not to_microseconds(since) <= entry.time_us <= to_microseconds(until):
        expected, place = f"{since.isoformat()} - {until.isoformat()}", (entry.node, entry.sequence)
        yield Finding("audit.signer-date", what, "time_us", expected, str(entry.time_us), *place)


@lru_cache(maxsize=1024)
def _dates(certificate: bytes) -> tuple[datetime, datetime]:
    read = read_certificate(certificate)
    return read.not_before, read.not_after


def _check_stamp(entry: Entry, held: Held, standard: Standard) -> Iterator[Finding]:
    what, raw = name_of(held), held.message["stamp"]
    try:
        root = parse(raw if isinstance(raw, bytes) else b"", LIMITS)
        Schemas.builtin().check_proof(root)
        signed = signature.verify(root)
        stamp = proof.read_stamp(signed.root)
    except Refused as error:
        yield Finding("audit.stamp", what, "stamp", got=error.code)
        return
    if signed.thumbprint not in standard.vouched:
        yield Finding("audit.stamp-signer", what, "stamp", " | ".join(sorted(standard.vouched)), signed.thumbprint)
    wanted = _stamp_of(entry, held, standard)
    for name in Stamp.__slots__:
        expected, got = getattr(wanted, name), getattr(stamp, name)
        if expected != got:
            yield Finding("audit.stamp", what, f"stamp.{name}", _said(expected), _said(got))


def _stamp_of(entry: Entry, held: Held, standard: Standard) -> Stamp:
    return Stamp(
        hub=standard.hub,
        sender=held.message["sender"],
        message_id=held.message["message_id"],
        digest=held.message["digest"],
        node=entry.node,
        sequence=entry.sequence,
        entry_hash=entry_hash(entry).hex(),
        time=from_microseconds(entry.time_us),
        recipients=_stated(entry, held),
    )


def _said(value: Any) -> str:
    if not isinstance(value, Recipients):
        return str(value)
    return ", ".join(value.named) or f"{value.count}: {value.digest}"
