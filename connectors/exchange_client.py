"""A department's side of the exchange service: hand in, fetch, confirm, ask; over SOAP with the department's own key.

Promises: one attempt per call, and the hub's faults as `ExchangeFault` with the hub's own words. Submitting the same
bytes again is safe: the hub gives the same receipt. It does not check the hub's stamp.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.department_client import DepartmentClient
from connectors.soap import writer as write
from connectors.soap.parameters import DOCUMENT_READERS, Linked, Parameters, attachments, links
from connectors.soap.soap import EXCHANGE, wrapped
from hub import proof
from hub.parser import ParseLimits
from hub.proof import Confirmed, Request

_SUBMIT = {"xml": "Submit", "text": "SubmitText", "binary": "SubmitBinary"}

# A fetch may bring as much as the hub's own limit, and several messages at once.
_ANSWER_LIMITS = wrapped(ParseLimits(max_bytes=64 * 1024 * 1024, max_elements=1_000_000))


@dataclass(frozen=True, slots=True)
class Submitted:
    """The receipt for a submitted message; `stamp` is the hub's signed document."""

    message_id: str
    digest: str
    accepted_at: datetime
    replayed: bool
    stamp: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message out of the mailbox, leased until `lease_until`; confirm it once it is safely stored."""

    delivery_id: int
    sender: str
    message_id: str
    type: str
    role: str
    digest: str
    lease_until: datetime
    envelope: bytes
    stamp: bytes
    attachments: Mapping[str, bytes]
    links: tuple[Linked, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipientStanding:
    """How far one recipient's copy has come; `detail` is the code that the last attempt met with."""

    department: str
    role: str
    state: str
    at: datetime | None
    attempts: int
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a message has come."""

    message_id: str
    digest: str
    accepted_at: datetime
    stamp: bytes
    recipients: tuple[RecipientStanding, ...]


class ExchangeClient(DepartmentClient):
    """Submit, Fetch, Confirm and Status."""

    namespace = EXCHANGE
    limits = _ANSWER_LIMITS

    async def submit(self, raw: bytes, attachments: Mapping[str, bytes] | None = None, form: str = "xml") -> Submitted:
        """Hand in a signed envelope; `attachments` are those beside it, `form` is xml, text or binary."""
        beside = write.attachments((attachments or {}).items())
        document = write.DOCUMENT_WRITERS[form]("document", raw)
        return await self._call(_SUBMIT[form], (document, beside), lambda result: _submitted(result, form))

    async def fetch(self, max: int = 10, form: str = "binary") -> list[Fetched]:
        """Lease up to `max` (1 to 100) waiting messages; those not confirmed come again later."""
        request = self._signed(Request("fetchRequest", self._department, self._clock(), self._nonce(), max=max))
        return await self._call("Fetch", (request, write.text("form", form)), lambda result: _fetched(result, form))

    async def confirm(self, items: Iterable[Fetched]) -> int:
        """Say that fetched messages are safely stored; return how many now count as delivered."""
        confirmed = tuple(Confirmed(i.delivery_id, i.message_id, i.sender, i.digest) for i in items)
        made = Request("confirmRequest", self._department, self._clock(), self._nonce(), items=confirmed)
        return await self._call("Confirm", (self._signed(made),), lambda result: result.number("confirmed"))

    async def status(self, message_id: str) -> Standing:
        """How far a message of one's own has come."""
        made = Request("statusRequest", self._department, self._clock(), self._nonce(), message_id=message_id)
        return await self._call("Status", (self._signed(made),), _standing)

    def _signed(self, request: Request) -> bytes:
        return write.holder("request", self._written(request))


def _submitted(result: Parameters, form: str) -> Submitted:
    return Submitted(
        message_id=result.text("messageId"),
        digest=result.text("digest"),
        accepted_at=proof.read_time(result.text("acceptedAt")),
        replayed=result.text("replayed") in ("true", "1"),
        stamp=DOCUMENT_READERS[form](result, "stamp"),
    )


def _fetched(result: Parameters, form: str) -> list[Fetched]:
    suffix = {"xml": "", "text": "Text", "binary": "Binary"}[form]
    read = DOCUMENT_READERS[form]
    return [
        Fetched(
            delivery_id=item.number("deliveryId"),
            sender=item.text("sender"),
            message_id=item.text("messageId"),
            type=item.text("type"),
            role=item.text("role"),
            digest=item.text("digest"),
            lease_until=proof.read_time(item.text("leaseUntil")),
            envelope=read(item, f"envelope{suffix}"),
            stamp=read(item, f"stamp{suffix}"),
            attachments=attachments(item),
            links=links(item),
        )
        for item in result.each("items", "item")
    ]


def _standing(result: Parameters) -> Standing:
    return Standing(
        message_id=result.text("messageId"),
        digest=result.text("digest"),
        accepted_at=proof.read_time(result.text("acceptedAt")),
        stamp=result.document("stamp"),
        recipients=tuple(
            RecipientStanding(
                department=one.text("department"),
                role=one.text("role"),
                state=one.text("state"),
                at=proof.read_time(one.text("at")) if one.has("at") else None,
                attempts=one.number("attempts"),
                detail=one.text("detail", ""),
            )
            for one in result.each("recipients", "recipient")
        ),
    )
