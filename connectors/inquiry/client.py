"""A department's side of the inquiry service: ask, with a signed request for each question, and read the answer.

Promises: every page of an answer is asked for, and one refusal or failure ends it. It keeps nothing and needs no spyne.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from connectors.department_client import DepartmentClient
from connectors.inquiry.names import NAMESPACE
from connectors.soap import writer as write
from connectors.soap.parameters import Parameters
from connectors.soap.soap import wrapped
from hub import proof
from hub.labels import Label
from hub.parser import ParseLimits
from hub.proof import Request

T = TypeVar("T")
_ANSWER_LIMITS = wrapped(ParseLimits(max_bytes=1024 * 1024))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one recipient's copy has come; `cause` is what the last attempt met with, its code and in words."""

    department: str
    role: str
    state: str
    said: Label
    at: datetime | None
    attempts: int
    cause: str
    cause_said: Label


@dataclass(frozen=True, slots=True)
class SeenHop:
    """One hop of a message; `entry` is NODE/SEQUENCE in the ledger."""

    at: datetime
    kind: str
    said: Label
    source: str
    target: str
    detail: str
    detail_said: Label
    entry: str


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message that one sent or was to get."""

    sender: str
    message_id: str
    type: str
    document_number: str
    case_number: str
    received: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class SeenCase:
    """A case's messages in order, and its last known step; None if no approval status is known."""

    step: str
    said: Label
    state: str
    at: datetime | None
    messages: tuple[SeenMessage, ...]


@dataclass(frozen=True, slots=True)
class Partner:
    """A department that one may write to; `types` as granted (`receipt-*`)."""

    code: str
    name: str
    division: str
    level: str
    types: tuple[str, ...]


class InquiryClient(DepartmentClient):
    """MessageStatus, MessageTrace, FindByDocumentNumber, FindByCaseNumber and Directory."""

    namespace = NAMESPACE
    limits = _ANSWER_LIMITS

    async def status(self, message_id: str, sender: str = "") -> list[Standing]:
        """Where each copy of a message stands, as far as one may know; `sender` if it is not one's own."""
        asked = {"messageId": message_id, "sender": sender}
        return await self._all(
            "MessageStatus", asked, lambda result: _each(result, "recipients", "recipient", _standing)
        )

    async def trace(self, message_id: str, sender: str = "") -> list[SeenHop]:
        """The hops of a message, as far as one may know."""
        asked = {"messageId": message_id, "sender": sender}
        return await self._all("MessageTrace", asked, lambda result: _each(result, "hops", "hop", _hop))

    async def by_document_number(self, number: str) -> list[SeenMessage]:
        """Messages of a document number, in any brackets."""
        asked = {"documentNumber": number}
        return await self._all("FindByDocumentNumber", asked, _messages)

    async def by_case_number(self, number: str) -> SeenCase:
        """A case's messages and last known status."""
        pages = await self._all("FindByCaseNumber", {"caseNumber": number}, lambda result: [_case(result)])
        first = pages[0]
        messages = tuple(one for page in pages for one in page.messages)
        return SeenCase(first.step, first.said, first.state, first.at, messages)

    async def directory(self, type: str = "") -> list[Partner]:
        """The departments one may write to; with `type`, those one may send that type."""
        return await self._all(
            "Directory", {"type": type}, lambda result: _each(result, "departments", "department", _partner)
        )

    async def _all(self, operation: str, asked: Mapping[str, str], read: Callable[[Parameters], list[T]]) -> list[T]:
        found: list[T] = []
        more, page = True, 0
        while more:
            given = {**asked, "page": str(page)} if page else asked
            lines, more = await self._ask(operation, given, lambda result: (read(result), _more(result)))
            found += lines
            page += 1
        return found

    async def _ask(self, operation: str, asked: Mapping[str, str], read: Callable[[Parameters], T]) -> T:
        arguments = tuple((name, value) for name, value in asked.items() if value)
        request = Request(
            "inquiryRequest",
            self._department,
            self._clock(),
            self._nonce(),
            operation=operation,
            arguments=arguments,
        )
        proven = write.binary("proof", self._written(request))
        return await self._call(operation, (*(write.text(name, value) for name, value in arguments), proven), read)


def _each(result: Parameters, array: str, item: str, read: Callable[[Parameters], T]) -> list[T]:
    return [read(one) for one in result.each(array, item)]


def _more(result: Parameters) -> bool:
    return result.text("more") in ("true", "1")


def _label(one: Parameters, zh: str = "zh", en: str = "en") -> Label:
    return Label(one.text(zh, ""), one.text(en, ""))


def _standing(one: Parameters) -> Standing:
    return Standing(
        department=one.text("department"),
        role=one.text("role"),
        state=one.text("state"),
        said=_label(one, "stateZh", "stateEn"),
        at=proof.read_time(one.text("at")) if one.has("at") else None,
        attempts=one.number("attempts"),
        cause=one.text("cause", ""),
        cause_said=_label(one, "causeZh", "causeEn"),
    )


def _hop(one: Parameters) -> SeenHop:
    return SeenHop(
        at=proof.read_time(one.text("at")),
        kind=one.text("kind"),
        said=_label(one),
        source=one.text("source", ""),
        target=one.text("target", ""),
        detail=one.text("detail", ""),
        detail_said=_label(one, "detailZh", "detailEn"),
        entry=f"{one.text('node')}/{one.number('sequence')}",
    )


def _messages(result: Parameters) -> list[SeenMessage]:
    return _each(result, "messages", "message", _message)


def _message(one: Parameters) -> SeenMessage:
    return SeenMessage(
        sender=one.text("sender"),
        message_id=one.text("messageId"),
        type=one.text("type"),
        document_number=one.text("documentNumber", ""),
        case_number=one.text("caseNumber", ""),
        received=proof.read_time(one.text("receivedAt")),
        digest=one.text("digest"),
    )


def _case(result: Parameters) -> SeenCase:
    messages = tuple(_messages(result))
    if not result.has("status"):
        return SeenCase("", Label("", ""), "", None, messages)
    status = result.inner("status")
    at = proof.read_time(status.text("at"))
    return SeenCase(status.text("step"), _label(status), status.text("state", ""), at, messages)


def _partner(one: Parameters) -> Partner:
    return Partner(
        code=one.text("code"),
        name=one.text("name"),
        division=one.text("division"),
        level=one.text("level"),
        types=tuple(str(type.element.text or "") for type in one.each("types", "type")),
    )
