"""The way in: one signed envelope becomes one stored message, or one refusal on record.

`examine` decides, steps 1 to 5, and touches neither database, network nor clock. `admit` does, steps 6 to 9, inside
one transaction; `accept` answers only after its commit. The numbers are those of ARCHITECTURE.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub import crash, envelope, proof
from hub.attachments.attachments import Attached, match_attachments
from hub.errors import HubError, Refused
from hub.hub import Hub, Rules
from hub.ledger.ledger import Stored, from_microseconds
from hub.message import Attachment, DeliveryState, Header, Hop, Proven
from hub.parser import parse
from hub.recipients import Recipients, write_list
from hub.routing.routing import Decision, Facts, Target
from hub.schema import official_document
from hub.schema.schema import Schemas
from hub.signing import signature
from hub.store import inbox, uploads
from hub.store.transaction import Transaction

Beside = Mapping[str, bytes]
"""Attachments that came beside an envelope: manifest id -> bytes."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A proven message, what routing decided for it, and its attachments that are not inside it."""

    proven: Proven
    decision: Decision
    attached: Attached
    rules: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The hub's answer to a sender. `stamp` is the signed proof; `replayed` says that it is an earlier one."""

    sender: str
    message_id: str
    digest: str
    accepted_at: datetime
    stamp: bytes
    replayed: bool
    endpoints: tuple[str, ...] = ()


async def accept(hub: Hub, raw: bytes, beside: Beside | None = None) -> Receipt:
    """Take one envelope and return its receipt once it is safely stored.

    Errors: `Refused` with the refusal on record in the ledger; `Unavailable` with nothing stored.
    """
    at = hub.clock()
    try:
        examined = examine(raw, hub.rules, at, beside or {})
        crash.point("accept.examined")
        return await hub.writer.run(lambda transaction: admit(transaction, examined, hub, at))
    except Refused as refusal:
        reason = refusal
        await hub.writer.run(lambda transaction: refuse(transaction, raw, reason, at))
        raise


def examine(raw: bytes, rules: Rules, at: datetime, beside: Beside) -> Examined:
    """Decide about an envelope at a moment. Errors: `Refused` with the code of the first step that failed."""
    root = parse(raw, rules.parse_limits)  # 1
    rules.schemas.check_envelope(root)  # 2
    proven = prove(root, raw, rules, at)  # 3
    check_payload(proven.header, proven.payload, rules.schemas)  # 4
    attached = match_attachments(proven.envelope.attachments, beside)
    check_header(proven.header, rules, at)  # 5
    decision = route(root, proven, rules)
    return Examined(proven, decision, attached, rules.version)


def prove(root: Any, raw: bytes, rules: Rules, at: datetime) -> Proven:
    """Prove who signed an envelope that passed its schema; what is read afterwards is only what was signed.

    Errors: Refused signature.*, certificate.*, rights.sender.
    """
    signed = signature.verify(root)
    signer = rules.trust.identify(signed.certificate, at)
    found = envelope.read(signed.root)
    if found.header.sender != signer.department:
        raise Refused("rights.sender", got=found.header.sender)
    digest = hashlib.sha256(raw).hexdigest()
    return Proven(found, raw, digest, envelope.payload_of(signed.root), signer)


def check_payload(header: Header, payload: Any, schemas: Schemas) -> None:
    """Check a payload by its type's schema and by what that cannot say. Errors: Refused payload.*."""
    schemas.check_payload(header.type, payload)
    if header.type == official_document.TYPE:
        official_document.check(payload, header)


def check_header(header: Header, rules: Rules, at: datetime) -> None:
    """Check times, classification and number of recipients. Errors: Refused message.*, rights.classification."""
    limits = rules.settings.limits
    clock = at.isoformat(timespec="seconds")
    if header.created > at + rules.settings.skew:
        raise Refused("message.future", expected=f"<= {clock}", got=header.created.isoformat())
    if header.expires is not None:
        if header.expires <= at:
            raise Refused("message.expired", expected=f"> {clock}", got=header.expires.isoformat())
        if header.expires - header.created > timedelta(seconds=limits.max_life):
            raise Refused("message.life", expected=f"<= {limits.max_life:.0f} s")
    if header.classification.rank > rules.settings.ceiling.rank:
        raise Refused("rights.classification", expected=rules.settings.ceiling, got=header.classification)
    if len(header.recipients) > limits.max_recipients:
        raise Refused("message.recipients", expected=f"<= {limits.max_recipients}")


def route(root: Any, proven: Proven, rules: Rules) -> Decision:
    """Ask rights and routing where a proven message may go. Errors: Refused routing.*."""
    sender = rules.directory.departments.get(proven.header.sender)
    facts = Facts(
        header=proven.header,
        root=root,
        payload=proven.payload,
        sender_division=sender.division if sender else "",
    )
    return rules.routing.decide(facts, rules.directory)


def admit(transaction: Transaction, examined: Examined, hub: Hub, at: datetime) -> Receipt:
    """Store an examined message once, in the caller's transaction.

    Errors: Refused message.conflict; attachment.missing if its sender did not upload what did not come with it.
    """
    proven, header = examined.proven, examined.proven.header
    known = inbox.find_message(transaction, header.sender, header.message_id)  # 6
    if known is not None:
        return _replay(transaction, examined, known, at)
    uploaded = _bind(transaction, header.sender, examined.attached.uploaded)
    outgoing = _outgoing(examined, hub.rules)
    recipients = _recipients(transaction, outgoing)
    entry = _record(transaction, Hop.ACCEPTED, examined, hub, at, recipients.digest)  # 7
    stamp = _countersign(proven, entry, recipients, hub, at)  # 9, given out only after the commit
    row = inbox.add_message(transaction, proven, stamp, at, examined.attached.beside, uploaded)
    inbox.add_deliveries(transaction, row, header, outgoing, at)  # 8
    crash.point("accept.admitted")
    endpoints = tuple(one.endpoint for one in outgoing)
    return Receipt(header.sender, header.message_id, proven.digest, at, stamp, False, endpoints)


def _bind(transaction: Transaction, sender: str, lines: Iterable[Attachment]) -> list[tuple[Attachment, str]]:
    """Each line with the sender's upload of it."""
    found = [(line, uploads.bind(transaction, sender, line.sha256, line.size)) for line in lines]
    for line, upload in found:
        if upload is None:
            raise Refused("attachment.missing", got=line.id)
    return [(line, upload) for line, upload in found if upload is not None]


def _replay(transaction: Transaction, examined: Examined, known: inbox.Known, at: datetime) -> Receipt:
    header, digest = examined.proven.header, examined.proven.digest
    if known.digest != digest:
        raise Refused("message.conflict", got=header.message_id)
    transaction.append(
        Hop.REPLAYED,
        at,
        sender=header.sender,
        message_id=header.message_id,
        source=header.sender,
        document=digest,
        signer=examined.proven.signer.thumbprint,
    )
    accepted_at = from_microseconds(known.received_us)
    return Receipt(header.sender, header.message_id, digest, accepted_at, known.stamp, True)


def _recipients(transaction: Transaction, outgoing: Iterable[inbox.Outgoing]) -> Recipients:
    """What the stamp will state; a list that it only states the digest of is kept."""
    codes = [one.recipient for one in outgoing]
    stated = Recipients.of(codes)
    if stated.digest:
        transaction.stage_document(stated.digest, write_list(codes))
    return stated


def _record(transaction: Transaction, hop: Hop, examined: Examined, hub: Hub, at: datetime, evidence: str) -> Stored:
    header = examined.proven.header
    return transaction.append(
        hop,
        at,
        sender=header.sender,
        message_id=header.message_id,
        source=header.sender,
        target=hub.id,
        document=examined.proven.digest,
        evidence=evidence,
        rules=examined.rules,
        signer=examined.proven.signer.thumbprint,
        detail="held" if examined.decision.held is not None else "",
    )


def _outgoing(examined: Examined, rules: Rules) -> list[inbox.Outgoing]:
    held = examined.decision.held is not None
    state = DeliveryState.HELD if held else DeliveryState.WAITING
    return [
        inbox.Outgoing(target.department, target.role, _endpoint(target, rules), state)
        for target in examined.decision.targets
    ]


def _endpoint(target: Target, rules: Rules) -> str:
    """The queue of a target; a department without an endpoint has one under its own code, to be served later."""
    if target.endpoint is not None:
        return target.endpoint
    found = rules.directory.endpoint_for(target.department)
    return found.code if found is not None else target.department


def _countersign(proven: Proven, entry: Stored, recipients: Recipients, hub: Hub, at: datetime) -> bytes:
    stamp = proof.Stamp(
        hub=hub.id,
        sender=proven.header.sender,
        message_id=proven.header.message_id,
        digest=proven.digest,
        node=entry.entry.node,
        sequence=entry.entry.sequence,
        entry_hash=entry.hash.hex(),
        time=at,
        recipients=recipients,
    )
    return signature.sign_canonical(proof.stamp_document(stamp), hub.signer)


def refuse(transaction: Transaction, raw: bytes, refusal: HubError, at: datetime) -> None:
    """Record a refusal: the body's digest and the code in the ledger, the reasons beside it."""
    digest = hashlib.sha256(raw).hexdigest()
    entry = transaction.append(Hop.REFUSED, at, document=digest, detail=refusal.code)
    inbox.add_refusal(transaction, entry, refusal, len(raw))
