"""A department fetches its own messages, confirms that it has them, and asks what became of those it sent.

Every request is itself a small signed document with a time and a nonce; a department sees only its own. A fetched
message stays leased to its department until it is confirmed or the lease runs out; then it can be fetched again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub import proof
from hub.deliver import record_delivered
from hub.directory import Kind
from hub.errors import Refused
from hub.hub import Hub, Rules
from hub.message import Acknowledgement, Consignment, DeliveryState, Hop
from hub.parser import ParseLimits, parse
from hub.proof import Confirmed, Request
from hub.signing import signature
from hub.store import inbox, outbox, trace
from hub.store.outbox import Leased
from hub.store.settlement import Settlement, conclude
from hub.store.trace import Traced
from hub.store.transaction import Transaction

REQUEST_LIMITS = ParseLimits(max_bytes=1024 * 1024, max_elements=10_000)
"""The largest request confirms a thousand deliveries."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a department was given to keep until `until`, and whether `more` is waiting."""

    leased: tuple[Leased, ...]
    until: datetime
    more: bool


async def fetch(hub: Hub, raw: bytes) -> Fetched:
    """Lease a department's waiting messages, oldest first.

    Errors: Refused xml.*, request.*, signature.*, certificate.*.
    """
    at = hub.clock()
    request, _ = examine(raw, "fetchRequest", hub.rules, at)
    until = at + timedelta(seconds=hub.settings.delivery.mailbox_lease)
    return await hub.writer.run(lambda t: lease(t, hub, request, at, until))


async def confirm(hub: Hub, raw: bytes) -> int:
    """Record a department's signed word that it has the messages it fetched; return how many were still open.

    Confirming again what was confirmed before is not an error and changes nothing.
    Errors: Refused xml.*, request.*, signature.*, certificate.*, delivery.unknown.
    """
    at = hub.clock()
    request, thumbprint = examine(raw, "confirmRequest", hub.rules, at)
    return await hub.writer.run(lambda t: settle(t, hub, request, raw, thumbprint, at))


async def status(hub: Hub, raw: bytes) -> Traced:
    """What became of a message that the department sent. Errors: as `fetch`, and message.unknown."""
    at = hub.clock()
    request, _ = examine(raw, "statusRequest", hub.rules, at)
    await hub.writer.run(lambda t: _spend(t, hub, request, at))
    with hub.store.reading() as connection:
        found = trace.read_message(connection, request.department, request.message_id)
    if found is None:
        raise Refused("message.unknown", got=request.message_id)
    return found


def examine(raw: bytes, kind: str, rules: Rules, at: datetime) -> tuple[Request, str]:
    """Prove a request and return it with its signer's thumbprint. Errors: Refused."""
    root: Any = parse(raw, REQUEST_LIMITS)
    rules.schemas.check_proof(root)
    signed = signature.verify(root)
    signer = rules.trust.identify(signed.certificate, at)
    request = proof.read_request(signed.root)
    if request.kind != kind:
        raise Refused("request.kind", expected=kind, got=request.kind)
    if request.department != signer.department:
        raise Refused("rights.sender", got=request.department)
    if abs(request.time - at) > timedelta(seconds=rules.settings.limits.request_window):
        raise Refused("request.window", got=request.time.isoformat())
    return request, signer.thumbprint


def lease(transaction: Transaction, hub: Hub, request: Request, at: datetime, until: datetime) -> Fetched:
    """Lease up to `request.max` messages, as many as one answer can hold, from the mailboxes of who asks."""
    _spend(transaction, hub, request, at)
    endpoints = hub.rules.directory.of_department.get(request.department, ())
    mailboxes = [e.code for e in endpoints if e.kind is Kind.MAILBOX and not e.paused]
    most, most_bytes = request.max, hub.settings.limits.max_bytes
    leased, more = outbox.lease_to_owner(transaction, mailboxes, request.department, at, until, most, most_bytes)
    for one in leased:
        consignment = one.consignment
        transaction.append(
            Hop.FETCHED,
            at,
            sender=consignment.sender,
            message_id=consignment.message_id,
            source=hub.id,
            target=consignment.recipient,
            document=consignment.digest,
        )
    return Fetched(tuple(leased), until, more)


def settle(
    transaction: Transaction, hub: Hub, request: Request, raw: bytes, thumbprint: str, at: datetime
) -> int:
    """Record each confirmed delivery with the request itself as evidence."""
    _spend(transaction, hub, request, at)
    return sum(_settle_one(transaction, hub, request, item, raw, thumbprint, at) for item in request.items)


def _settle_one(
    transaction: Transaction,
    hub: Hub,
    request: Request,
    item: Confirmed,
    raw: bytes,
    thumbprint: str,
    at: datetime,
) -> bool:
    found = outbox.find(transaction.connection, item.delivery_id, request.department)
    if found is None or (found.message_id, found.sender, found.digest) != (
        item.message_id,
        item.sender,
        item.digest,
    ):
        raise Refused("delivery.unknown", got=str(item.delivery_id))
    if found.done:
        return False
    consignment = Consignment(
        delivery_id=item.delivery_id,
        recipient=request.department,
        role=found.role,
        sender=found.sender,
        message_id=found.message_id,
        type=found.type,
        digest=found.digest,
        envelope=b"",
        stamp=b"",
    )
    word = Acknowledgement(item.message_id, item.sender, request.department, item.digest, raw, thumbprint)
    done = Settlement(DeliveryState.DELIVERED, at, evidence=word.evidence)
    conclude(transaction, item.delivery_id, done)
    record_delivered(transaction, consignment, word, hub.id, at)
    return True


def _spend(transaction: Transaction, hub: Hub, request: Request, at: datetime) -> None:
    until = request.time + timedelta(seconds=hub.settings.limits.request_window)
    inbox.spend_nonce(transaction, request.department, request.nonce, at, until)
