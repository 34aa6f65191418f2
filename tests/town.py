"""A whole town in one process: a hub on a real SQLite file, a CA, departments with keys, a fake connector and a
clock turned by hand. Nothing sleeps. `check` compares what senders got, what receivers got, database and ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lxml import etree

from hub import envelope, proof
from hub.accept import Receipt, accept
from hub.codes import make_uscc
from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.dispatch import Dispatcher
from hub.errors import Refused, Undelivered
from hub.hub import Hub, Rules
from hub.ledger.ledger import check_chain
from hub.message import Attachment, Consignment, DeliveryState, Header, Hop, Recipient, Role
from hub.parser import ParseLimits, parse
from hub.registry.registry import Group, Registry
from hub.routing.routing import Routing
from hub.schema.schema import Schemas
from hub.settings.settings import Settings
from hub.signing import signature
from hub.signing.signer import FileSigner
from hub.store import entries, trace
from hub.store.chains import read_nodes
from hub.store.content.content import open_content
from hub.store.registry import add_anchor, read_registry, write_registry
from hub.store.store import Store
from hub.store.writer import Writer
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate
from hub.trust.trust import Trust

T = TypeVar("T")
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CENTURIES = 365 * 300
"""Days of a certificate that suits the town's clock and the machine's, whenever the tests run."""
HUB = "hub"
ROUTING = """
version: 1
rules:
  - name: supervision-copy
    when: {type: approval-status-*}
    then: {copy-to: [group:supervision]}
"""
NOTICE = """<od:officialDocument xmlns:od="urn:hub:official-document:v1"><od:documentKind>notice</od:documentKind>
<od:title>测试通知</od:title><od:body><od:paragraph>各单位：</od:paragraph></od:body>
<od:documentDate>2026-03-02</od:documentDate></od:officialDocument>"""


@dataclass
class Clock:
    """The town's time; `turn` moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **step: float) -> None:
        self.now += timedelta(**step)


@dataclass
class FakeConnector:
    """Stands for the network and the receiving systems. `trouble` per endpoint is raised or answered instead."""

    signers: Mapping[str, FileSigner]
    clock: Clock
    handed: list[Consignment] = field(default_factory=list)
    trouble: dict[str, Exception | bytes] = field(default_factory=dict)
    signs: bool = True

    async def deliver(self, endpoint: Endpoint, consignment: Consignment) -> bytes:
        trouble = self.trouble.get(endpoint.code)
        if isinstance(trouble, Exception):
            raise trouble
        self.handed.append(consignment)
        return trouble if trouble is not None else self.acknowledge(consignment)

    def acknowledge(self, consignment: Consignment, signer: str = "", **changes: str) -> bytes:
        """A right acknowledgement, or one with `changes`."""
        fields = {
            "message_id": consignment.message_id,
            "sender": consignment.sender,
            "digest": consignment.digest,
            "recipient": consignment.recipient,
            **changes,
        }
        tree = proof.acknowledgement_tree(**fields, at=self.clock())
        if not self.signs:
            return etree.tostring(tree)
        return signature.sign(tree, self.signers[signer or consignment.recipient])

    async def ping(self, endpoint: Endpoint) -> str:
        return "ok"

    async def close(self) -> None:
        return None


@cache
def authority() -> DemoCa:
    """One CA for the whole test run; making keys takes time."""
    return DemoCa.create("测试根证书", START - timedelta(days=30), years=2 * CENTURIES // 365)


@cache
def signer_of(code: str) -> tuple[FileSigner, bytes]:
    """A department's signer and certificate (DER)."""
    issued = authority().issue(code, code, START - timedelta(days=1), CENTURIES)
    return FileSigner.from_pem(issued.key_pem, issued.certificate_pem), issued.der


@cache
def schemas() -> Schemas:
    return Schemas.builtin()


def department(code: str, number: int, **fields: Any) -> Department:
    """A department with right codes; `number` makes its organisation code."""
    uscc = make_uscc(f"11440300{number:08d}")
    return Department(code, f"测试单位{number}", uscc, "440300", **fields)


@dataclass
class Town:
    """The hub and everybody around it."""

    folder: Path
    hub: Hub
    clock: Clock
    connector: FakeConnector
    dispatcher: Dispatcher
    receipts: list[Receipt] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    sent: int = 0
    elsewhere: Writer | None = None

    @property
    def served(self) -> Hub:
        """The hub as a server in another thread must have it: a writer belongs to one event loop."""
        self.elsewhere = self.elsewhere or Writer(self.hub.store)
        return replace(self.hub, writer=self.elsewhere)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def envelope(
        self,
        sender: str = "a",
        to: str | Iterable[str] = "b",
        *,
        message_id: str = "",
        payload: Any = None,
        type: str = "official-document-1",
        attachments: Iterable[Attachment] = (),
        copy: Iterable[str] = (),
        **header: Any,
    ) -> Any:
        """An unsigned envelope tree."""
        self.sent += 1
        recipients = [Recipient(code) for code in ([to] if isinstance(to, str) else to)]
        made = Header(
            message_id=message_id or f"m-{self.sent}",
            type=type,
            sender=sender,
            recipients=(*recipients, *(Recipient(code, Role.COPY) for code in copy)),
            created=header.pop("created", self.clock()),
            **header,
        )
        body = payload if payload is not None else parse(NOTICE.encode())
        return envelope.build(made, body, attachments)

    def signed(self, sender: str = "a", to: str | Iterable[str] = "b", *, by: str = "", **options: Any) -> bytes:
        """A signed envelope; `by` signs with another department's key."""
        return signature.sign(self.envelope(sender, to, **options), signer_of(by or sender)[0])

    def submit(self, raw: bytes, beside: Mapping[str, bytes] | None = None) -> Receipt:
        """Hand an envelope in and remember the answer."""
        try:
            receipt = self.run(accept(self.hub, raw, beside))
        except Refused as refusal:
            self.refusals.append(refusal)
            raise
        self.receipts.append(receipt)
        return receipt

    def send(self, *args: Any, beside: Mapping[str, bytes] | None = None, **options: Any) -> Receipt:
        """Sign and hand in."""
        return self.submit(self.signed(*args, **options), beside)

    def deliver(self) -> int:
        """Deliver all that is due now."""
        return self.run(self.dispatcher.drain())

    def trace(self, sender: str, message_id: str) -> trace.Traced:
        with self.hub.store.reading() as connection:
            found = trace.read_message(connection, sender, message_id)
        assert found is not None
        return found

    def states(self, sender: str, message_id: str) -> dict[str, DeliveryState]:
        return {d.recipient: d.state for d in self.trace(sender, message_id).deliveries}

    def hops(self, kind: Hop | None = None) -> list[Any]:
        with self.hub.store.reading() as connection:
            found = entries.latest_entries(connection, 100_000)
        return [entry for entry in found if kind is None or entry.kind is kind]

    def register(self, change: Any) -> None:
        """Change the registry by a function of the old one, and let the hub see it."""
        with self.hub.store.transaction() as transaction:
            before = read_registry(transaction.connection)
            write_registry(transaction.connection, before, change(before))
        self.hub = replace(self.hub, rules=rules_of(self.hub.store, self.hub.rules.routing, self.hub.settings))

    def reroute(self, text: str) -> None:
        self.hub = replace(self.hub, rules=replace(self.hub.rules, routing=Routing.load(text)))

    def settle(self, **settings: Any) -> None:
        """Change settings."""
        changed = replace(self.hub.settings, **settings)
        self.hub = replace(self.hub, settings=changed, rules=replace(self.hub.rules, settings=changed))

    def check(self) -> None:
        """The five zeros: nothing lost, doubled, altered, unproven or phantom."""
        with self.hub.store.reading() as connection:
            for node in read_nodes(connection):
                assert list(check_chain(entries.read_chain(connection, node))) == []
            accepted = {(e.sender, e.message_id): e for e in self.hops(Hop.ACCEPTED)}
            for receipt in self.receipts:
                self._check_receipt(connection, receipt, accepted)
        self._check_handed(accepted)
        assert Counter(r.code for r in self.refusals) == Counter(e.detail for e in self.hops(Hop.REFUSED))

    def _check_receipt(self, connection: Any, receipt: Receipt, accepted: Mapping[Any, Any]) -> None:
        entry = accepted[receipt.sender, receipt.message_id]  # unproven
        content = trace.read_document(connection, receipt.digest)
        assert content is not None  # lost
        assert hashlib.sha256(content).digest() == entry.document  # altered
        stamp = proof.read_stamp(signature.verify(parse(receipt.stamp)).root)
        assert (stamp.sequence, stamp.digest) == (entry.sequence, receipt.digest)

    def _check_handed(self, accepted: Mapping[Any, Any]) -> None:
        delivered = {(e.sender, e.message_id, e.target) for e in self.hops(Hop.DELIVERED)}
        for one in self.connector.handed:
            assert (one.sender, one.message_id) in accepted  # phantom
            assert hashlib.sha256(one.envelope).hexdigest() == one.digest  # altered
        handed = {(c.sender, c.message_id, c.recipient) for c in self.connector.handed}
        pushed = {d for d in delivered if self.hub.rules.directory.endpoints[d[2]].kind is Kind.PUSH}
        assert pushed <= handed

    def close(self) -> None:
        if self.elsewhere is not None:
            self.elsewhere.close()
        self.hub.close()


def rules_of(store: Store, routing: Routing, settings: Settings) -> Rules:
    """Rules as the hub itself would read them, with the built-in schemas only."""
    with store.reading() as connection:
        registry = read_registry(connection)
    trust = Trust.build(authority().anchors, registry.certificates)
    return Rules(settings, trust, schemas(), routing, registry.directory(), ParseLimits())


def registry_of(codes: Iterable[str], mailboxes: Iterable[str] = ()) -> Registry:
    """Departments with certificates and endpoints; everybody may send to everybody."""
    boxes = set(mailboxes)
    names = [HUB, *codes]
    profile = Profile(first_retry=5.0, longest_retry=60.0, give_up_after=3600.0)
    return Registry.of(
        departments=[department(code, number) for number, code in enumerate(names)],
        groups=[Group("supervision", ("s",)), Group("all", tuple(names[1:]))],
        endpoints=[
            Endpoint(code, code, Kind.MAILBOX)
            if code in boxes
            else Endpoint(code, code, Kind.PUSH, f"http://127.0.0.1:9/{code}", profile=profile)
            for code in names[1:]
        ],
        rights=[Right("*", "*", "*")],
        certificates=[EnrolledCertificate(code, signer_of(code)[1], True) for code in names],
    )


def register(store: Store, codes: tuple[str, ...]) -> None:
    """Put the departments and their authority into an empty database."""
    with store.transaction() as transaction:
        write_registry(transaction.connection, Registry(), registry_of(codes, ["m"]))
        for der in authority().anchors:
            add_anchor(transaction.connection, "town", der)


@cache
def ground(codes: tuple[str, ...]) -> bytes:
    """The database file of a new town, made once: making its tables takes longer than most tests."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "hub.db"
        Store.create(f"sqlite:///{path}", hub_id=HUB, ledger_id="town")
        store = Store.open(f"sqlite:///{path}")
        register(store, codes)
        store.close()
        return path.read_bytes()


def found_town(folder: Path, codes: Iterable[str] = ("a", "b", "c", "d", "m", "s"), url: str = "") -> Town:
    """Found a town; `m` pulls from a mailbox, `s` is the supervision authority. `url`: a database with our tables."""
    if url:
        store = Store.open(url)
        register(store, tuple(codes))
        return _town(folder, store, codes)
    (folder / "hub.db").write_bytes(ground(tuple(codes)))
    return reopened(folder, codes)


def reopened(folder: Path, codes: Iterable[str] = ("a", "b", "c", "d", "m", "s"), node: str = "hub") -> Town:
    """The town whose database is in `folder`, such as a copy of one that was founded earlier in this process."""
    return _town(folder, Store.open(f"sqlite:///{folder / 'hub.db'}", node), codes)


def _town(folder: Path, store: Store, codes: Iterable[str]) -> Town:
    clock = Clock()
    settings = Settings(hub=HUB)
    rules = rules_of(store, Routing.load(ROUTING), settings)
    content = open_content("content", folder)
    hub = Hub(settings, store, Writer(store), signer_of(HUB)[0], rules, clock, lambda: 0.0, content)
    connector = FakeConnector({code: signer_of(code)[0] for code in (HUB, *codes)}, clock)
    made = Town(folder, hub, clock, connector, Dispatcher(lambda: hub, connector))
    made.dispatcher = Dispatcher(lambda: made.hub, connector)
    return made


def undelivered(code: str = "delivery.unreachable") -> Undelivered:
    return Undelivered(code)
