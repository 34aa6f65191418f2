"""The city in its registry: keys, certificates, groups, rights, endpoints, and which receiver has which trouble.

Promises: a data directory that `hub serve` opens, with every department's key where `hub ca issue` would put it. It
starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from demo.names import CITY, CITY_OFFICE, DIVISION, PERMIT_OFFICE, SUPERVISION, receivers
from hub.administration.edit import edit_registry
from hub.administration.install import CA_FOLDER, DEPARTMENTS_FOLDER, Plan, install
from hub.directory import SUPERVISION as SUPERVISION_GROUP
from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.hub import open_store, read_settings
from hub.registry.registry import Group, Registry
from hub.signing.signer import FileSigner
from hub.store.operate import Order
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate, split_certificates, thumbprint
from hub.whole import write_private

EVERYBODY = "all-departments"
# A real department gives its endpoint seconds and minutes; here nobody wants to wait for the retry.
_IMPATIENT = Profile(timeout=30.0, first_retry=0.8, longest_retry=60.0)


@dataclass(frozen=True, slots=True)
class Cast:
    """Department codes by how they receive: at once, slowly, from a mailbox, or not at all for now."""

    usual: tuple[str, ...]
    slow: tuple[str, ...]
    mailbox: tuple[str, ...]
    returning: str
    absent: str

    @classmethod
    def of(cls, codes: Sequence[str]) -> Cast:
        """Give each part to somebody; 6 departments are enough, 20 fill every part as in the big city."""
        slow, mailbox = (2, 3) if len(codes) >= 20 else (1, 1)
        step = len(codes) // (slow + mailbox + 2)
        chosen = [codes[place * step] for place in range(1, slow + mailbox + 2)] + [codes[-1]]
        return cls(
            usual=tuple(code for code in codes if code not in chosen),
            slow=tuple(chosen[:slow]),
            mailbox=tuple(chosen[slow : slow + mailbox]),
            returning=chosen[-2],
            absent=chosen[-1],
        )

    @property
    def prompt(self) -> tuple[str, ...]:
        """Those that a push reaches from the start."""
        return (*self.usual, *self.slow)

    @property
    def everybody(self) -> tuple[str, ...]:
        """All receivers."""
        return (*self.usual, *self.slow, *self.mailbox, self.returning, self.absent)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everybody listens. The two that are down have a port of their own, where nobody listens yet."""

    hub: int
    prompt: int
    returning: int
    absent: int


@dataclass(frozen=True, slots=True)
class City:
    """A data directory with everybody in it."""

    folder: Path
    cast: Cast
    ports: Ports
    departments: Mapping[str, Department]

    @property
    def hub_url(self) -> str:
        """The hub's base address."""
        return f"http://127.0.0.1:{self.ports.hub}"

    def name(self, code: str) -> str:
        """What people call a department."""
        return self.departments[code].name

    def signer(self, code: str) -> FileSigner:
        """A department's own key."""
        home = self.folder / DEPARTMENTS_FOLDER
        return FileSigner.load(home / f"{code}.key", home / f"{code}.crt")

    def mark(self, code: str) -> str:
        """The thumbprint by which a department's signature is known."""
        return thumbprint(self.signer(code).certificate)

    def hub_mark(self) -> str:
        """The same of the hub."""
        path = self.folder / read_settings(self.folder).certificate
        return thumbprint(split_certificates(path.read_bytes())[0])


def found_city(folder: Path, count: int, ports: Ports, at: datetime) -> City:
    """Install a hub in `folder` (absent or empty) and register everybody. Errors: Misconfigured install.*; OSError."""
    invited = receivers(count)
    cast = Cast.of([department.code for department in invited])
    plan = Plan(name=f"{CITY}公文交换中心", division=DIVISION, port=ports.hub)
    install(folder, plan, at, "demo")
    departments = [CITY_OFFICE, PERMIT_OFFICE, SUPERVISION, *invited]
    addition = Registry.of(
        departments=departments,
        groups=[Group(EVERYBODY, cast.everybody), Group(SUPERVISION_GROUP, (SUPERVISION.code,))],
        endpoints=_endpoints(cast, ports),
        rights=[
            Right(CITY_OFFICE.code, f"group:{EVERYBODY}", "official-document-1"),
            Right(PERMIT_OFFICE.code, CITY_OFFICE.code, "approval-status-1"),
        ],
        certificates=_issue_keys(folder, departments, at),
    )
    store = open_store(folder, read_settings(folder), "cli")
    try:
        order = Order(plan.hub, "demo")
        edit_registry(store, lambda registry: _joined(registry, addition), order, at)
    finally:
        store.close()
    return City(folder, cast, ports, {department.code: department for department in departments})


def _endpoints(cast: Cast, ports: Ports) -> list[Endpoint]:
    fetching = (CITY_OFFICE.code, SUPERVISION.code, *cast.mailbox)
    where = {
        **dict.fromkeys(cast.prompt, ports.prompt),
        cast.returning: ports.returning,
        cast.absent: ports.absent,
    }
    mailboxes = [Endpoint(code, code, Kind.MAILBOX) for code in fetching]
    pushed = [Endpoint(code, code, Kind.PUSH, delivery_url(p, code), profile=_IMPATIENT) for code, p in where.items()]
    return [*mailboxes, *pushed]


def delivery_url(port: int, code: str) -> str:
    """Where a pretend department takes deliveries."""
    return f"http://127.0.0.1:{port}/dept/{code}/delivery/v1"


def _issue_keys(folder: Path, departments: Sequence[Department], at: datetime) -> list[EnrolledCertificate]:
    ca, home = DemoCa.load(folder / CA_FOLDER), folder / DEPARTMENTS_FOLDER
    enrolled = []
    for department in departments:
        issued = ca.issue(department.name, department.code, at)
        write_private(home / f"{department.code}.key", issued.key_pem)
        (home / f"{department.code}.crt").write_bytes(issued.certificate_pem)
        enrolled.append(EnrolledCertificate(department.code, issued.der))
    return enrolled


def _joined(registry: Registry, addition: Registry) -> Registry:
    """Both together; a group that both have is the addition's."""
    new = {group.name for group in addition.groups}
    kept = replace(registry, groups=tuple(group for group in registry.groups if group.name not in new))
    return Registry.of(
        departments=(*kept.departments, *addition.departments),
        groups=(*kept.groups, *addition.groups),
        endpoints=(*kept.endpoints, *addition.endpoints),
        rights=(*kept.rights, *addition.rights),
        certificates=(*kept.certificates, *addition.certificates),
    )
