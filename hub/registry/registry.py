"""The registry: every department, group, endpoint, right and enrolled certificate, as one frozen value.

Promises: what `check_registry` let pass has no dangling reference, no code twice, no circle of parents and
only http(s) addresses. It reads no file and no database; `hub.registry.file` gives it a form in YAML, and
`hub.registry.diff` compares two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.codes import check_division, check_uscc
from hub.directory import GROUP, Department, Directory, Endpoint, Kind, Profile, Right
from hub.errors import HubError, Misconfigured
from hub.retry import RetryPolicy
from hub.trust.certificate import EnrolledCertificate, read_certificate, thumbprint

LEVELS = ("province", "city", "county", "town")
PROFILE_CHOICES: Mapping[str, tuple[str, ...]] = {"soap": ("1.1", "1.2"), "form": ("xml", "text", "binary")}
MOST_PARALLEL = 100
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TYPE = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of departments, addressed as `group:NAME`."""

    name: str
    members: tuple[str, ...]


Item = Department | Group | Endpoint | Right | EnrolledCertificate


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole registry. Made by `Registry.of`, every tuple stands in its one order."""

    departments: tuple[Department, ...] = ()
    groups: tuple[Group, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    rights: tuple[Right, ...] = ()
    certificates: tuple[EnrolledCertificate, ...] = ()

    @classmethod
    def of(
        cls,
        departments: Iterable[Department] = (),
        groups: Iterable[Group] = (),
        endpoints: Iterable[Endpoint] = (),
        rights: Iterable[Right] = (),
        certificates: Iterable[EnrolledCertificate] = (),
    ) -> Registry:
        """Put everything in order, so that equal registries are equal values and texts. Checks nothing."""
        return cls(
            departments=tuple(sorted(departments, key=lambda d: d.code)),
            groups=tuple(sorted((Group(g.name, tuple(sorted(g.members))) for g in groups), key=lambda g: g.name)),
            endpoints=tuple(sorted(endpoints, key=lambda e: e.code)),
            rights=tuple(sorted(rights, key=lambda r: (r.sender, r.recipient, r.type))),
            certificates=tuple(sorted(certificates, key=lambda c: (c.department, thumbprint(c.der)))),
        )

    def directory(self) -> Directory:
        """Return the look-ups that the roads ask."""
        groups = {group.name: group.members for group in self.groups}
        return Directory(self.departments, groups, self.endpoints, self.rights)


def key_of(item: Item) -> tuple[str, str]:
    """Return an item's noun and its name within that noun; no two items of a registry share it."""
    match item:
        case Department():
            return "department", item.code
        case Group():
            return "group", item.name
        case Endpoint():
            return "endpoint", item.code
        case Right():
            return "right", f"{item.sender} > {item.recipient} : {item.type}"
        case EnrolledCertificate():
            return "certificate", thumbprint(item.der)


def items_of(registry: Registry) -> Iterator[Item]:
    """Give every item, section by section."""
    yield from registry.departments
    yield from registry.groups
    yield from registry.endpoints
    yield from registry.rights
    yield from registry.certificates


def check_registry(registry: Registry, places: Mapping[tuple[str, str], str] | None = None) -> None:
    """Let a registry pass if each item is well formed and each reference leads somewhere.

    `places` (by `key_of`) tells errors where an item stood in its file.
    Errors: Misconfigured registry.*, certificate.unreadable.
    """
    places = places or {}
    known = _Known(frozenset(d.code for d in registry.departments), frozenset(g.name for g in registry.groups))
    seen: set[tuple[str, str]] = set()
    for item in items_of(registry):
        key = key_of(item)
        with placed(places.get(key, " ".join(key))):
            if key in seen:
                raise Misconfigured("registry.duplicate", got=key[1])
            seen.add(key)
            _check_item(item, known)
    for department in _in_circle(registry.departments):
        key = key_of(department)
        raise Misconfigured("registry.parent-circle", got=department.code, where=places.get(key, " ".join(key)))


@dataclass(frozen=True, slots=True)
class _Known:
    """What a reference may lead to."""

    departments: frozenset[str]
    groups: frozenset[str]

    def check_department(self, code: str) -> None:
        if code not in self.departments:
            raise Misconfigured("registry.unknown-department", got=code)

    def check_subject(self, subject: str) -> None:
        if subject.startswith(GROUP):
            if subject[len(GROUP) :] not in self.groups:
                raise Misconfigured("registry.unknown-group", got=subject)
        elif subject != "*":
            self.check_department(subject)


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Give an error that does not know its place the place of the item at hand."""
    try:
        yield
    except HubError as wrong:
        raise Misconfigured(
            wrong.code, expected=wrong.expected, got=wrong.got, where=where, operator=wrong.operator
        ) from None


def _check_item(item: Item, known: _Known) -> None:
    match item:
        case Department():
            _check_department(item, known)
        case Group():
            _check_code(item.name)
            for member in item.members:
                known.check_department(member)
            if len(set(item.members)) < len(item.members):
                raise Misconfigured("registry.duplicate", got=item.name)
        case Endpoint():
            _check_endpoint(item, known)
        case Right():
            known.check_subject(item.sender)
            known.check_subject(item.recipient)
            if not _TYPE.fullmatch(item.type):
                raise Misconfigured("registry.code", got=item.type[:80])
        case EnrolledCertificate():
            known.check_department(item.department)
            read_certificate(item.der)


def _check_department(department: Department, known: _Known) -> None:
    _check_code(department.code)
    if not 0 < len(department.name) <= 100 or not department.name.isprintable():
        raise Misconfigured("registry.name", got=department.name[:100])
    if check_uscc(department.uscc) != department.uscc or check_division(department.division) != department.division:
        raise Misconfigured("registry.code", got=f"{department.uscc} {department.division}")
    if department.level not in LEVELS:
        raise Misconfigured("registry.choice", expected=" | ".join(LEVELS), got=department.level)
    if department.parent:
        known.check_department(department.parent)


def _check_endpoint(endpoint: Endpoint, known: _Known) -> None:
    _check_code(endpoint.code)
    known.check_department(endpoint.department)
    if endpoint.kind is Kind.PUSH:
        check_url(endpoint.url)
    elif endpoint.url:
        raise Misconfigured("registry.mailbox-url", got=endpoint.url[:200])
    _check_profile(endpoint.profile)


def _check_profile(profile: Profile) -> None:
    for name, choices in PROFILE_CHOICES.items():
        value = getattr(profile, name)
        if value not in choices:
            raise Misconfigured("registry.choice", expected=f"{name}: {' | '.join(choices)}", got=value)
    positive = {"timeout": profile.timeout, "parallel": profile.parallel}
    for name, number in positive.items():
        if number <= 0:
            raise Misconfigured("registry.number", expected=f"{name} > 0", got=str(number))
    if profile.parallel > MOST_PARALLEL:
        raise Misconfigured("registry.number", expected=f"parallel <= {MOST_PARALLEL}", got=str(profile.parallel))
    if not profile.first_retry <= profile.longest_retry <= profile.give_up_after:
        raise Misconfigured("registry.number", expected="first_retry <= longest_retry <= give_up_after")
    RetryPolicy.of(profile)


def check_url(url: str) -> None:
    """Let an endpoint's address pass if it is plain http or https to a named host, without a password in it.

    Errors: Misconfigured registry.url.
    """
    wrong = Misconfigured("registry.url", expected="http(s)://host[:port]/path", got=url.rpartition("@")[2][:200])
    if not url.isascii() or not url.isprintable() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or port == 0:
        raise wrong


def _check_code(code: str) -> None:
    if not _CODE.fullmatch(code):
        raise Misconfigured("registry.code", expected=_CODE.pattern, got=code[:80])


def _in_circle(departments: Iterable[Department]) -> Iterator[Department]:
    by_code = {d.code: d for d in departments}
    rooted: set[str] = set()
    for department in by_code.values():
        way: set[str] = set()
        code = department.code
        while code and code not in rooted:
            if code in way:
                yield department
                return
            way.add(code)
            code = by_code[code].parent
        rooted.update(way)
