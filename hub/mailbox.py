"""A department fetches its own messages, confirms that it has them, and asks what became of those it sent.

Every request is itself a small signed document with a time and a nonce; a department sees only its own. Where the hub
is set to take it, the client certificate of the connection stands for the signature. A fetched message stays leased to
its department until it is confirmed or the lease runs out; then it can be fetched again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hub import proof
from hub.attachments.handout import linked
from hub.deliver import record_delivered
from hub.directory import Kind
from hub.errors import Refused, Undelivered
from hub.hub import Hub, Rules
from hub.message import Acknowledgement, Consignment, DeliveryState, Hop, ProvenBy
from hub.parser import ParseLimits, parse
from hub.proof import Confirmed, Request
from hub.signing import signature
from hub.signing.profile import SIGNATURE
from hub.store import inbox, outbox, trace
from hub.store.outbox import Leased
from hub.store.settlement import Settlement, conclude
from hub.store.store import LARGEST_CLOCK_DIFFERENCE
from hub.store.trace import Standing
from hub.store.transaction import Transaction

log = logging.getLogger("hub.mailbox")
REQUEST_LIMITS = ParseLimits(max_bytes=1024 * 1024, max_elements=10_000)
"""The largest request confirms a thousand deliveries."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a department was given to keep until `until`, and whether `more` is waiting."""

    leased: tuple[Leased, ...]
    until: datetime
    more: bool


@dataclass(frozen=True, slots=True)
class Asker:
    """How it was proven who asks, and by which certificate: the one that signed, or the connection's."""

    proven_by: ProvenBy
    thumbprint: str


async def fetch(hub: Hub, raw: bytes, certificate: bytes = b"") -> Fetched:
    """Lease a department's waiting messages, oldest first. `certificate`: as in `examine`.

    Errors: Refused xml.*, proof.invalid, request.*, signature.*, certificate.*.
    """
    at = hub.clock()
    request, asker = examine(raw, "fetchRequest", hub.rules, at, certificate)
    until = at + timedelta(seconds=hub.settings.delivery.mailbox_lease)
    leased = await hub.writer.run(lambda t: lease(t, hub, request, asker, at, until))
    return await _with_attachments(hub, leased)


async def _with_attachments(hub: Hub, fetched: Fetched) -> Fetched:
    """Uploaded attachments as the endpoint's profile wants them; a message whose bytes are not there comes later."""
    given = []
    for one in fetched.leased:
        endpoint = hub.rules.directory.endpoints.get(one.endpoint)
        try:
            most = endpoint.profile.inline_most if endpoint is not None else 0
            given.append(replace(one, consignment=await linked(hub, one.consignment, most)))
        except Undelivered as error:
            log.error("attachment", extra={"fields": {"code": error.code, "operator": error.operator}})
    return replace(fetched, leased=tuple(given))


async def confirm(hub: Hub, raw: bytes, certificate: bytes = b"") -> int:
    """Record a department's word that it has the messages it fetched; return how many were still open.

    Confirming again what was confirmed before is not an error and changes nothing. Without a signature it counts
    only for endpoints whose profile takes unsigned answers.
    Errors: as `fetch`, delivery.unknown, delivery.unsigned.
    """
    at = hub.clock()
    request, asker = examine(raw, "confirmRequest", hub.rules, at, certificate)
    return await hub.writer.run(lambda t: settle(t, hub, request, raw, asker, at))


async def status(hub: Hub, raw: bytes, certificate: bytes = b"") -> Standing:
    """What became of a message that the department sent. Errors: as `fetch`, and message.unknown."""
    at = hub.clock()
    request, _ = examine(raw, "statusRequest", hub.rules, at, certificate)
    await hub.writer.run(lambda t: spend(t, hub, request, at))
    found = await asyncio.to_thread(_read_standing, hub, request)  # a database that hangs stops nobody else
    if found is None:
        raise Refused("message.unknown", got=request.message_id)
    return found


def _read_standing(hub: Hub, request: Request) -> Standing | None:
    with hub.store.reading() as connection:
        return trace.read_standing(connection, request.department, request.message_id)


def examine(raw: bytes, kind: str, rules: Rules, at: datetime, certificate: bytes = b"") -> tuple[Request, Asker]:
    """Prove a request and say by what. `certificate` is the connection's client certificate (DER), if it has one.

    A request that is signed is judged by its signature alone. Errors: Refused.
    """
    root: Any = parse(raw, REQUEST_LIMITS)
    rules.schemas.check_proof(root)
    if rules.settings.listen.tls.proof and root.find(SIGNATURE) is None:
        if not certificate:
            raise Refused("request.unproven")
        proven_by, shown = ProvenBy.CONNECTION, certificate
    else:
        signed = signature.verify(root)
        root, proven_by, shown = signed.root, ProvenBy.SIGNATURE, signed.certificate
    signer = rules.trust.identify(shown, at)
    request = proof.read_request(root)
    if request.kind != kind:
        raise Refused("request.kind", expected=kind, got=request.kind)
    if request.department != signer.department:
        raise Refused("rights.sender", got=request.department)
    window = rules.settings.limits.request_window
    if abs(request.time - at) > timedelta(seconds=window):
        clock = f"{at.isoformat(timespec='seconds')} ± {window:.0f} s"
        raise Refused("request.window", expected=clock, got=request.time.isoformat())
    return request, Asker(proven_by, signer.thumbprint)


def lease(transaction: Transaction, hub: Hub, request: Request, asker: Asker, at: datetime, until: datetime) -> Fetched:
    """Lease up to `request.max` messages, as many as one answer can hold, from the mailboxes of who asks.

    One whose content is lost is not given, and keeps no other back.
    """
    spend(transaction, hub, request, at)
    endpoints = hub.rules.directory.of_department.get(request.department, ())
    mailboxes = [e.code for e in endpoints if e.kind is Kind.MAILBOX and not e.paused]
    most, most_bytes = request.max, hub.settings.limits.max_bytes
    leased, more = outbox.lease_to_owner(transaction, mailboxes, request.department, at, until, most, most_bytes)
    by_connection = asker.proven_by is ProvenBy.CONNECTION
    given = []
    for one in leased:
        if one.lost:
            log.error("content", extra={"fields": {"code": "delivery.lost", "operator": f"no content {one.lost}"}})
            continue
        given.append(one)
        consignment = one.consignment
        transaction.append(
            Hop.FETCHED,
            at,
            sender=consignment.sender,
            message_id=consignment.message_id,
            source=hub.id,
            target=consignment.recipient,
            document=consignment.digest,
            signer=asker.thumbprint if by_connection else "",
            detail=str(asker.proven_by) if by_connection else "",
        )
    return Fetched(tuple(given), until, more)


def settle(transaction: Transaction, hub: Hub, request: Request, raw: bytes, asker: Asker, at: datetime) -> int:
    """Record each confirmed delivery with the request itself as evidence."""
    spend(transaction, hub, request, at)
    return sum(_settle_one(transaction, hub, request, item, raw, asker, at) for item in request.items)


def _settle_one(
    transaction: Transaction,
    hub: Hub,
    request: Request,
    item: Confirmed,
    raw: bytes,
    asker: Asker,
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
    if asker.proven_by is not ProvenBy.SIGNATURE and hub.rules.directory.wants_signature(found.endpoint):
        raise Refused("delivery.unsigned", where=str(item.delivery_id))
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
    word = Acknowledgement(
        message_id=item.message_id,
        sender=item.sender,
        recipient=request.department,
        digest=item.digest,
        raw=raw,
        thumbprint=asker.thumbprint,
        proven_by=asker.proven_by,
    )
    done = Settlement(DeliveryState.DELIVERED, at, evidence=word.evidence)
    if not conclude(transaction, item.delivery_id, done):  # confirmed at another node, since it was found above
        return False
    record_delivered(transaction, consignment, word, hub.id, at)
    return True


def spend(transaction: Transaction, hub: Hub, request: Request, at: datetime) -> None:
    """Use up a request's nonce. Errors: Refused request.replayed."""
    # One whose clock is ahead of the database's may not forget what one whose clock is behind would still take.
    until = request.time + timedelta(seconds=hub.settings.limits.request_window) + 2 * LARGEST_CLOCK_DIFFERENCE
    inbox.spend_nonce(transaction, request.department, request.nonce, at, until)
