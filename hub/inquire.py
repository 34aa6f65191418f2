"""A department asks what became of its messages, its documents and its cases, and whom it may write to.

Promises: who asks is proven by a signed request that stands for this one question; a department sees what it sent or
was to get and nothing else, of what others sent only its own copy; a department that supervises sees the whole of what
a routing rule copied to it. Something foreign and something unknown get the same answer. Of a long answer no more is
read than the page that is asked for. It uses up nonces and changes nothing else. An envelope that is not kept any more
tells nothing: no case status, no more than one's own copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from lxml import etree
from sqlalchemy import Connection

from hub import envelope
from hub.codes import normalise_document_number
from hub.directory import GROUP, SUPERVISION, Department, Directory
from hub.errors import Refused
from hub.hub import Hub
from hub.labels import CASE_STEPS
from hub.ledger.ledger import Entry
from hub.mailbox import examine, spend
from hub.message import Header
from hub.parser import parse
from hub.proof import read_time
from hub.store import inquiry
from hub.store.trace import StoredDelivery, StoredMessage, read_envelope

PAGE = 100
"""So many lines at most stand in one answer, so that it stays below the 64 KB that some clients read."""

T = TypeVar("T")
_CASE_TYPES = "approval-status-"
_LATEST = 20
_Read = Callable[[Connection, StoredMessage, str, int, int], list[T]]
_STATUS_FIELDS = ("preAcceptanceState", "acceptanceState", "stage", "completionResult")


@dataclass(frozen=True, slots=True)
class Question:
    """An operation with its arguments, name and value; those left out of the call are not among them."""

    operation: str
    arguments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some lines of an answer; `more` says that the next page has some too."""

    lines: tuple[T, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """Some lines of what a department may know of a message."""

    message: StoredMessage
    page: Page[T]


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """The last known step of a case (a root element of approval-status-1), its state as a code, and who said so."""

    step: str
    state: str
    at: datetime
    department: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Case:
    """What a department may know of a case."""

    status: CaseStatus | None
    messages: Page[StoredMessage]


@dataclass(frozen=True, slots=True)
class Reachable:
    """A department that one may write to, and the types one may send it, as granted (`receipt-*`)."""

    department: Department
    types: tuple[str, ...]


async def prove(hub: Hub, question: Question, raw: bytes, certificate: bytes = b"") -> str:
    """Return the department that asks this question by the request in `raw`, which is used up.

    `certificate` is the connection's, which may prove a request that is not signed; see `mailbox.examine`.
    Errors: Refused xml.*, request.*, signature.*, certificate.*, rights.sender.
    """
    at = hub.clock()
    request, _ = examine(raw, "inquiryRequest", hub.rules, at, certificate)
    if (request.operation, sorted(request.arguments)) != (question.operation, sorted(question.arguments)):
        raise Refused("request.other-question", expected=_written(question), got=request.operation)
    await hub.writer.run(lambda transaction: spend(transaction, hub, request, at))
    return request.department


def copies(hub: Hub, asker: str, message_id: str, sender: str = "", page: int = 0) -> Seen[StoredDelivery]:
    """How far a message has come; without `sender`, one of the asker's own. Errors: Refused message.unknown."""
    return _seen(hub, asker, message_id, sender, page, inquiry.read_copies)


def hops(hub: Hub, asker: str, message_id: str, sender: str = "", page: int = 0) -> Seen[Entry]:
    """What happened to a message, as of `copies`. Errors: Refused message.unknown."""
    return _seen(hub, asker, message_id, sender, page, inquiry.read_hops)


def by_document_number(hub: Hub, asker: str, number: str, page: int = 0) -> Page[StoredMessage]:
    """The messages of a document number, oldest first; any brackets, widths and blanks are understood."""
    normal = normalise_document_number(number) or number.strip()
    with hub.store.reading() as connection:
        found = inquiry.find_by_document_number(connection, asker, normal, page * PAGE, PAGE + 1)
    return _page(found)


def by_case_number(hub: Hub, asker: str, number: str, page: int = 0) -> Case:
    """A case's messages, oldest first, and its last known status."""
    with hub.store.reading() as connection:
        found = inquiry.find_by_case_number(connection, asker, number, page * PAGE, PAGE + 1)
        latest = inquiry.latest_of_case(connection, asker, number, _CASE_TYPES, _LATEST)
        known = [_case_status(connection, hub, one) for one in reversed(latest)]
    return Case(max((one for one in known if one), key=_order, default=None), _page(found))


def reachable(hub: Hub, asker: str, type: str = "", page: int = 0) -> Page[Reachable]:
    """Whom the asker has a right to write to, by code; with `type`, whom it may send messages of that type."""
    directory = hub.rules.directory
    found = [
        Reachable(other, types)
        for code, other in sorted(directory.departments.items())
        if code != asker and (types := directory.types_to(asker, code))
        if not type or directory.may_send(asker, code, type)
    ]
    return _page(found[page * PAGE : (page + 1) * PAGE + 1])


def _page(found: Sequence[T]) -> Page[T]:
    return Page(tuple(found[:PAGE]), len(found) > PAGE)


def _seen(hub: Hub, asker: str, message_id: str, sender: str, page: int, read: _Read[T]) -> Seen[T]:
    """What the asker may know of a message: the whole of it, or what concerns its own copy."""
    with hub.store.reading() as connection:
        message = inquiry.read_seen(connection, asker, sender or asker, message_id)
        if message is None:
            raise Refused("message.unknown", got=message_id)
        whole = message.sender == asker or _watches(connection, hub, asker, message)
        found = read(connection, message, "" if whole else asker, page * PAGE, PAGE + 1)
    return Seen(message, _page(found))


def _watches(connection: Connection, hub: Hub, asker: str, message: StoredMessage) -> bool:
    """Whether the asker supervises and has its copy by a rule: the sender's own envelope does not address it."""
    directory = hub.rules.directory
    if asker not in directory.groups.get(SUPERVISION, ()):
        return False
    root = _stored(connection, hub, message)
    return root is not None and not _addresses(envelope.read(root).header, asker, directory)


def _addresses(header: Header, department: str, directory: Directory) -> bool:
    for recipient in header.recipients:
        group = directory.groups.get(recipient.address.removeprefix(GROUP), frozenset())
        if department == recipient.address or (recipient.address.startswith(GROUP) and department in group):
            return True
    return False


def _case_status(connection: Connection, hub: Hub, message: StoredMessage) -> CaseStatus | None:
    root = _stored(connection, hub, message)
    if root is None:
        return None
    payload = envelope.payload_of(root)
    at = payload.findtext("{*}businessTime")
    if not at:
        return None
    states = (payload.findtext(f"{{*}}{name}") for name in _STATUS_FIELDS)
    state = next((text.strip() for text in states if text), "")
    return CaseStatus(etree.QName(payload).localname, state, read_time(at), message.sender, message.message_id)


def _order(status: CaseStatus) -> tuple[datetime, int]:
    """Systems fill in a missing step with the time of the one before, so of two at one time the later step counts."""
    steps = list(CASE_STEPS)
    return status.at, steps.index(status.step) if status.step in steps else -1


def _stored(connection: Connection, hub: Hub, message: StoredMessage) -> Any:
    raw = read_envelope(connection, message)
    return parse(raw, hub.rules.parse_limits) if raw is not None else None


def _written(question: Question) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in question.arguments)
    return f"{question.operation}({arguments})"
