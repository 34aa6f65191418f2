"""The way out: every accepted message reaches each recipient, or ends as a dead letter with its cause.

Five steps per delivery: 1 lease, 2 send (no transaction open), 3 decide (a value), 4 record and 5 settle in one
transaction. `decide` touches nothing. Starting after a crash is the normal road: what was leased is waiting again.
This file is the steps; who goes when, and how many at once, is `hub.dispatch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub import crash, proof
from hub.accept import admit, examine
from hub.attachments.handout import linked
from hub.connector import Connector
from hub.directory import Endpoint, Profile
from hub.errors import Refused, Undelivered
from hub.hub import Hub, Rules
from hub.message import Acknowledgement, Consignment, DeliveryState, Hop
from hub.notice import non_delivery
from hub.parser import ParseLimits, parse
from hub.retry import RetryPolicy, next_attempt
from hub.signing import signature
from hub.store import settlement
from hub.store.outbox import Leased
from hub.store.settlement import Settlement
from hub.store.transaction import Transaction

ANSWER_LIMITS = ParseLimits(max_bytes=256 * 1024, max_elements=200)
"""An acknowledgement is small; anything bigger is an attack or a mistake."""

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The recipient has the message, and `acknowledgement` is its word for it."""

    acknowledgement: Acknowledgement


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `at`; `cause` is an error code."""

    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No further attempt; the delivery becomes a dead letter of this cause."""

    cause: str


Outcome = Delivered | RetryAt | GaveUp


async def deliver(hub: Hub, connector: Connector, endpoint: Endpoint, leased: Leased) -> Outcome:
    """Bring one leased delivery to its next state and return what became of it."""
    crash.point("deliver.sending")
    answer = await _bring(hub, connector, endpoint, leased)  # 2
    crash.point("deliver.answered")
    at = hub.clock()
    outcome = decide(leased, endpoint.profile, answer, hub.rules, at, hub.chance())  # 3
    await hub.writer.run(lambda transaction: settle(transaction, hub, leased, outcome, at))  # 4, 5
    crash.point("deliver.settled")
    return outcome


async def _bring(hub: Hub, connector: Connector, endpoint: Endpoint, leased: Leased) -> bytes | Undelivered:
    if leased.lost:
        return Undelivered("delivery.lost", operator=f"no content {leased.lost}")
    return await send(hub, connector, endpoint, leased.consignment)


async def send(hub: Hub, connector: Connector, endpoint: Endpoint, consignment: Consignment) -> bytes | Undelivered:
    """Hand a consignment over and return the recipient's answer, or why there is none."""
    try:
        if consignment.references:
            consignment = await linked(hub, consignment, endpoint.profile.inline_most)
        return await connector.deliver(endpoint, consignment)
    except Undelivered as error:
        return error


def decide(
    leased: Leased,
    profile: Profile,
    answer: bytes | Undelivered,
    rules: Rules,
    at: datetime,
    chance: float,
) -> Outcome:
    """Say what an answer means for a delivery. Pure."""
    if isinstance(answer, bytes):
        try:
            return Delivered(check_answer(answer, leased.consignment, profile, rules, at))
        except Undelivered as error:
            answer = error
    return retry(leased, profile, answer.code, at, chance)


def retry(leased: Leased, profile: Profile, cause: str, at: datetime, chance: float) -> RetryAt | GaveUp:
    """The next attempt after a failure, or the end of trying."""
    policy = RetryPolicy.of(profile)
    following = next_attempt(policy, leased.attempts + 1, leased.first_at, at, leased.expires, chance)
    return GaveUp(cause) if following is None else RetryAt(following, cause)


def check_answer(raw: bytes, consignment: Consignment, profile: Profile, rules: Rules, at: datetime) -> Acknowledgement:
    """Read a recipient's answer as proof that it has this message, and no other. Errors: Undelivered delivery.*."""
    try:
        root = parse(raw, ANSWER_LIMITS)
        rules.schemas.check_proof(root)
        thumbprint = _check_signer(root, consignment, profile, rules, at)
        found = proof.read_acknowledgement(root, raw, thumbprint)
    except Refused as error:
        raise Undelivered("delivery.answer", operator=f"{error.code} {error.where} {error.operator}") from None
    given = (found.message_id, found.sender, found.digest, found.recipient)
    wanted = (consignment.message_id, consignment.sender, consignment.digest, consignment.recipient)
    if given != wanted:
        raise Undelivered("delivery.other-message")
    return found


def _check_signer(root: Any, consignment: Consignment, profile: Profile, rules: Rules, at: datetime) -> str:
    if root.find(_SIGNATURE) is None:
        if profile.signed_answer:
            raise Undelivered("delivery.unsigned")
        return ""
    signed = signature.verify(root)
    signer = rules.trust.identify(signed.certificate, at)
    if signer.department != consignment.recipient:
        raise Undelivered("delivery.other-signer")
    return signer.thumbprint


def settle(transaction: Transaction, hub: Hub, leased: Leased, outcome: Outcome, at: datetime) -> bool:
    """Record an outcome in outbox and ledger; False if the lease was lost and nothing was recorded."""
    consignment = leased.consignment
    if not settlement.settle(transaction, consignment.delivery_id, settlement_of(outcome, at)):
        return False
    match outcome:
        case Delivered(acknowledgement):
            record_delivered(transaction, consignment, acknowledgement, hub.id, at)
        case RetryAt(_, cause):
            _append(transaction, Hop.ATTEMPT_FAILED, consignment, hub.id, at, detail=cause)
        case GaveUp(cause):
            _append(transaction, Hop.GAVE_UP, consignment, hub.id, at, detail=cause)
            if consignment.sender != hub.id:
                _notify(transaction, hub, leased, cause, at)
    crash.point("deliver.recorded")
    return True


def settlement_of(outcome: Outcome, at: datetime) -> Settlement:
    """What an outcome means for the outbox row."""
    match outcome:
        case Delivered(acknowledgement):
            return Settlement(DeliveryState.DELIVERED, at, evidence=acknowledgement.evidence)
        case RetryAt(next_at, cause):
            return Settlement(DeliveryState.WAITING, at, next_at=next_at, cause=cause)
        case GaveUp(cause):
            return Settlement(DeliveryState.DEAD, at, cause=cause)


def record_delivered(
    transaction: Transaction,
    consignment: Consignment,
    acknowledgement: Acknowledgement,
    hub_id: str,
    at: datetime,
) -> None:
    """Write into the ledger that a recipient has a message, and keep its acknowledgement as evidence."""
    transaction.stage_document(acknowledgement.evidence, acknowledgement.raw)
    _append(
        transaction,
        Hop.DELIVERED,
        consignment,
        hub_id,
        at,
        evidence=acknowledgement.evidence,
        signer=acknowledgement.thumbprint,
        detail=str(acknowledgement.proven_by),
    )


def _notify(transaction: Transaction, hub: Hub, leased: Leased, cause: str, at: datetime) -> None:
    raw = non_delivery(leased.consignment, leased.attempts + 1, cause, hub.id, hub.signer, at)
    try:
        admit(transaction, examine(raw, hub.rules, at, {}), hub, at)
    except Refused as error:  # the dead letter stands, told or not; why it was not told is on record
        _append(transaction, Hop.NOTICE, leased.consignment, hub.id, at, detail=error.code)


def _append(
    transaction: Transaction,
    hop: Hop,
    consignment: Consignment,
    hub_id: str,
    at: datetime,
    *,
    evidence: str = "",
    signer: str = "",
    detail: str = "",
) -> None:
    transaction.append(
        hop,
        at,
        sender=consignment.sender,
        message_id=consignment.message_id,
        source=hub_id,
        target=consignment.recipient,
        document=consignment.digest,
        evidence=evidence,
        signer=signer,
        detail=detail,
    )
