"""Who is who: departments, groups, endpoints and rights, as one frozen value. Pure look-ups, no SQL.

Deny by default: a message may go from sender to recipient only if some right says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

GROUP = "group:"
SUPERVISION = "supervision"
"""The group of the departments that supervise; routing copies to it what they are to watch."""


@dataclass(frozen=True, slots=True)
class Department:
    """One member of the exchange. `code` is its address; `uscc` its 统一社会信用代码 (GB 32100)."""

    code: str
    name: str
    uscc: str
    division: str
    parent: str = ""
    level: str = "city"
    enabled: bool = True


class Kind(StrEnum):
    """How a department gets its messages."""

    PUSH = "push"
    MAILBOX = "mailbox"


@dataclass(frozen=True, slots=True)
class Profile:
    """An endpoint's quirks. `form` chooses Deliver, DeliverText or DeliverBinary of delivery-1.wsdl.

    Of the attachments that were uploaded, at most `inline_most` bytes go along with a message; the rest are linked.
    """

    soap: str = "1.1"
    form: str = "xml"
    signed_answer: bool = True
    timeout: float = 30.0
    parallel: int = 1
    first_retry: float = 5.0
    longest_retry: float = 600.0
    give_up_after: float = 259200.0
    inline_most: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a department's messages go. A department's default endpoint has its own code as `code`."""

    code: str
    department: str
    kind: Kind = Kind.PUSH
    url: str = ""
    paused: bool = False
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True, slots=True)
class Right:
    """`sender` may send `type` to `recipient`; each is a code, `group:NAME` or `*`."""

    sender: str
    recipient: str
    type: str = "*"


class Directory:
    """All of the registry that the roads ask, indexed once at load."""

    __slots__ = ("_rights", "departments", "endpoints", "groups", "of_department")

    def __init__(
        self,
        departments: Iterable[Department] = (),
        groups: Mapping[str, Iterable[str]] | None = None,
        endpoints: Iterable[Endpoint] = (),
        rights: Iterable[Right] = (),
    ) -> None:
        self.departments = {d.code: d for d in departments}
        self.groups = {name: frozenset(members) for name, members in (groups or {}).items()}
        self.endpoints = {e.code: e for e in endpoints}
        self.of_department: dict[str, tuple[Endpoint, ...]] = {}
        for endpoint in self.endpoints.values():
            known = self.of_department.get(endpoint.department, ())
            self.of_department[endpoint.department] = (*known, endpoint)
        self._rights = self._index(rights)

    def _index(self, rights: Iterable[Right]) -> dict[str, dict[str, set[str]]]:
        index: dict[str, dict[str, set[str]]] = {}
        for right in rights:
            for sender in self._expand_subject(right.sender):
                by_type = index.setdefault(sender, {})
                by_type.setdefault(right.type, set()).update(self._expand_subject(right.recipient))
        return index

    def _expand_subject(self, subject: str) -> Iterable[str]:
        if subject.startswith(GROUP):
            return self.groups.get(subject[len(GROUP) :], frozenset())
        return (subject,)

    def expand(self, address: str) -> tuple[str, ...]:
        """The enabled departments behind an address, in order; empty if there is none."""
        codes = sorted(self.groups.get(address[len(GROUP) :], ())) if address.startswith(GROUP) else (address,)
        return tuple(c for c in codes if (d := self.departments.get(c)) is not None and d.enabled)

    def may_send(self, sender: str, recipient: str, type: str) -> bool:
        """Whether a right lets `sender` send messages of `type` to `recipient`; a disabled one has none."""
        known = self.departments.get(sender)
        if known is not None and not known.enabled:
            return False
        for subject in (sender, "*"):
            by_type = self._rights.get(subject)
            if by_type is None:
                continue
            for key, allowed in by_type.items():
                if (recipient in allowed or "*" in allowed) and _takes(key, type):
                    return True
        return False

    def types_to(self, sender: str, recipient: str) -> tuple[str, ...]:
        """The types that rights let `sender` send to `recipient`, as granted: `receipt-*`, `*`; sorted."""
        if any((known := self.departments.get(code)) is not None and not known.enabled for code in (sender, recipient)):
            return ()
        granted = (right for subject in (sender, "*") for right in self._rights.get(subject, {}).items())
        return tuple(sorted({type for type, allowed in granted if not allowed.isdisjoint((recipient, "*"))}))

    def endpoint_for(self, department: str) -> Endpoint | None:
        """Where a department's messages go unless routing names another: its own endpoint, or its first."""
        own = self.endpoints.get(department)
        if own is not None and own.department == department:
            return own
        found = self.of_department.get(department)
        return found[0] if found else None

    def wants_signature(self, endpoint: str) -> bool:
        """Whether who takes messages at this endpoint must sign for them; so must one that is not there any more."""
        known = self.endpoints.get(endpoint)
        return known is None or known.profile.signed_answer


def _takes(key: str, type: str) -> bool:
    """Whether a right's type, which may end in `*`, covers a message's type."""
    return key == type or (key.endswith("*") and type.startswith(key[:-1]))
