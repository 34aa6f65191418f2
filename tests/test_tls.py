"""TLS at both edges with real sockets, and client certificates as proof of who asks."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from lxml import etree
from starlette.applications import Starlette

from commands.checks.looked import Site
from commands.checks.looked import run as run_check
from commands.checks.place import check_port, check_tls
from connectors.department_client import ExchangeFault
from connectors.exchange_client import ExchangeClient
from connectors.front_door import PATH, front_door
from connectors.inquiry.client import InquiryClient
from connectors.inquiry.inquiry import inquiry_door
from connectors.inquiry.names import PATH as INQUIRY_PATH
from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.serving.server import run_hub
from connectors.soap import writer as write
from connectors.soap.sender import SoapSender
from connectors.soap.soap import EXCHANGE, SOAP_11
from connectors.tls import TlsEdges, client_context, context_of
from connectors.witness_client import WitnessClient
from hub import mailbox, proof
from hub.audit.audit import Finding, Standard, audit
from hub.directory import Endpoint, Kind, Profile
from hub.errors import Misconfigured, Unavailable, Undelivered
from hub.message import DeliveryState, Hop, ProvenBy
from hub.proof import Request
from hub.settings.file import load_settings
from hub.settings.listen import Listen, Tls
from hub.settings.settings import Delivering, Settings
from hub.trust.ca import Issued
from hub.trust.certificate import thumbprint
from hub.trust.trust import Trust
from tests.house import lay_out, served, until
from tests.serving import Heard, Now, ask, serving
from tests.test_mailbox import request
from tests.tlsing import caller, client, enrol, expired, machine, put, put_ca, stranger
from tests.town import CENTURIES, HUB, START, Town, authority, signer_of

T = TypeVar("T")
NONCES = count()
HEADER = "X-Client-Cert"


# settings


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("listen: {tls: {client: maybe}}", "listen.tls.client"),
        ("listen: {tls: {certificate: a.crt}}", "listen.tls.key"),
        ("listen: {tls: {key: a.key}}", "listen.tls.certificate"),
        ("listen: {tls: {certificate: a.crt, key: a.key, client: required}}", "listen.tls.client"),
        ("listen: {tls: {client_ca: ca.pem, client: optional}}", "listen.tls.client"),
        ("listen: {tls: {proof: true}}", "listen.tls.proof"),
        ("listen: {tls: {certificate: a.crt, key: a.key, proof: true}}", "listen.tls.proof"),
        ("listen: {tls: yes}", "listen.tls"),
        ("listen: {forwarded_certificate: X-Client-Cert}", "listen.trusted_proxies"),
        ("listen: {trusted_proxies: 10.0.0.1}", "listen.trusted_proxies"),
        ("listen: {forwarded_certificate: X-C, trusted_proxies: 10.0.0.1/8}", "listen.trusted_proxies"),
        ("listen: {forwarded_certificate: 'X C', trusted_proxies: 10.0.0.1}", "listen.forwarded_certificate"),
        ("delivery: {tls_key: a.key}", "delivery.tls_certificate"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(text: str, where: str) -> None:
    with pytest.raises(Misconfigured, match=r"settings\.value") as caught:
        load_settings(f"hub: x\n{text}\n")
    assert caught.value.where == where


def test_an_unknown_key_of_tls_is_refused_with_the_nearest() -> None:
    with pytest.raises(Misconfigured, match=r"config\.unknown-key") as caught:
        load_settings("hub: x\nlisten:\n  tls: {certifcate: a.crt}\n")
    assert caught.value.expected == "certificate"


def test_a_hub_with_a_certificate_announces_https() -> None:
    settings = load_settings("hub: x\nlisten: {tls: {certificate: a.crt, key: a.key}}")
    assert settings.public_url == "https://127.0.0.1:8080"


def test_proxies_are_trusted_by_address_and_network() -> None:
    listen = Listen(forwarded_certificate=HEADER, trusted_proxies="10.0.0.9 192.168.4.0/24 2001:db8::/32")
    trusted = ["10.0.0.9", "192.168.4.77", "2001:db8::1", "::ffff:10.0.0.9"]
    others = ["10.0.0.8", "192.168.5.1", "::1", "", "localhost", "::ffff:10.0.0.8"]
    assert [address for address in (*trusted, *others) if listen.trusts(address)] == trusted


# files


@dataclass
class Place:
    """A folder with the files of a TLS server."""

    folder: Path

    def settings(self, **tls: Any) -> Settings:
        given = {"certificate": "hub.crt", "key": "hub.key", **tls}
        return Settings(HUB, listen=Listen(tls=Tls(**given)))

    def incoming(self, **tls: Any) -> ssl.SSLContext:
        context = context_of(TlsEdges(self.folder, self.settings(**tls)).incoming)
        assert context is not None
        return context


@pytest.fixture
def place(tmp_path: Path) -> Place:
    put(tmp_path, "hub", machine("127.0.0.1", "localhost"))
    put_ca(tmp_path)
    return Place(tmp_path)


def test_nothing_set_is_no_tls(tmp_path: Path) -> None:
    edges = TlsEdges(tmp_path, Settings(HUB))
    assert (edges.incoming, edges.outgoing) == (None, None)


def test_tls_below_1_2_is_not_spoken(place: Place) -> None:
    outgoing = TlsEdges(place.folder, Settings(HUB, delivery=Delivering(tls_ca="ca.pem"))).outgoing
    for context in (place.incoming(), context_of(outgoing)):
        assert context is not None
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert outgoing is not None
    assert outgoing.context.check_hostname


@pytest.mark.parametrize(
    ("name", "content", "code", "where"),
    [
        ("hub.key", None, "tls.unreadable", "listen.tls.key"),
        ("hub.crt", None, "tls.unreadable", "listen.tls.certificate"),
        ("ca.pem", None, "tls.unreadable", "listen.tls.client_ca"),
        ("hub.key", b"junk", "tls.unreadable", "listen.tls.certificate, listen.tls.key"),
        ("hub.crt", b"", "tls.unreadable", "listen.tls.certificate, listen.tls.key"),
        ("ca.pem", b"junk", "tls.unreadable", "listen.tls.client_ca"),
        ("hub.key", "other", "tls.mismatch", "listen.tls.certificate, listen.tls.key"),
        ("hub.key", "encrypted", "tls.unreadable", "listen.tls.certificate, listen.tls.key"),
    ],
)
def test_a_file_that_cannot_serve_is_named_before_the_hub_is_opened(
    place: Place, name: str, content: bytes | str | None, code: str, where: str
) -> None:
    """The folder holds settings and these files, nothing else: opening a hub there would fail with another error."""
    path = place.folder / name
    path.unlink()
    if content == "other":
        path.write_bytes(client("a").key_pem)
    elif content == "encrypted":
        path.write_bytes(locked(client("a").key_pem))
    elif isinstance(content, bytes):
        path.write_bytes(content)
    lines = "certificate: hub.crt, key: hub.key, client_ca: ca.pem, client: optional"
    (place.folder / "hub.yaml").write_text(f"hub: hub\nlisten: {{port: 0, tls: {{{lines}}}}}\n")
    with pytest.raises(Misconfigured) as caught:
        run_hub(place.folder)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert str(place.folder) not in f"{caught.value.where}{caught.value.got}{caught.value.expected}"


def locked(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(pem, None)
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"secret"))


def test_an_expired_certificate_is_a_warning(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    put(place.folder, "hub", expired())
    edges = TlsEdges(place.folder, place.settings())
    edges.warn(START)
    assert [(r.getMessage(), r.fields["code"]) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("expiring", "tls.expiring")
    ]
    put(place.folder, "hub", machine("127.0.0.1", "localhost"))
    assert TlsEdges(place.folder, place.settings()).expiring(START) == []


def test_certificate_and_key_may_be_one_file(place: Place) -> None:
    made = machine("127.0.0.1", "localhost")
    (place.folder / "both.pem").write_bytes(made.key_pem + made.certificate_pem)
    settings = place.settings(certificate="both.pem", key="both.pem")
    assert TlsEdges(place.folder, settings).expiring(START) == []


def test_doctor_looks_at_the_files_of_tls(place: Place) -> None:
    def levels(settings: Settings) -> list[str]:
        return [check.level for check in run_check("tls", check_tls, Site(place.folder, settings, START))]

    assert levels(Settings(HUB)) == []
    assert levels(place.settings()) == ["ok"]
    put(place.folder, "hub", expired())
    assert levels(place.settings()) == ["warn"]
    (place.folder / "hub.key").write_bytes(client("a").key_pem)
    assert levels(place.settings()) == ["fail"]


@pytest.mark.parametrize(("asked", "level"), [("none", "ok"), ("optional", "ok"), ("required", "warn")])
def test_doctor_finds_its_own_hub_behind_tls(place: Place, town: Town, asked: str, level: str) -> None:
    settings = place.settings(client=asked, client_ca="ca.pem")
    app = front_door(lambda: town.hub, lambda endpoints: None)
    with serving(app, context_of(TlsEdges(place.folder, settings).incoming)) as address:
        listen = replace(settings.listen, port=int(address.rpartition(":")[2]))
        site = Site(place.folder, replace(settings, listen=listen), START)
        assert [check.level for check in check_port(site)] == [level]


# one server, as many ways to call it


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Now]]:
    """Exchange and inquiry services behind TLS that asks for a certificate and takes callers without."""
    place = Place(tmp_path_factory.mktemp("door"))
    put(place.folder, "hub", machine("127.0.0.1", "localhost"))
    put_ca(place.folder)
    current = Now()
    routes = [*front_door(current, lambda endpoints: None).routes, inquiry_door(current).route]
    with serving(Starlette(routes=routes), place.incoming(client="optional", client_ca="ca.pem")) as address:
        yield address, current


@dataclass
class Called:
    """A town whose front door takes certificates of connections as proof."""

    town: Town
    address: str
    folder: Path
    current: Now

    def talk(
        self,
        work: Callable[[ExchangeClient], Coroutine[Any, Any, T]],
        department: str = "m",
        issued: Issued | None = None,
    ) -> T:
        """Call as a department that does not sign, from a connection with its certificate or another one."""
        self.current.value = self.town.served
        context = caller(self.folder, issued or client(department))

        async def run() -> T:
            url = self.address + PATH
            async with ExchangeClient(url, None, department, tls=context, clock=self.town.clock) as made:
                return await work(made)

        return asyncio.run(run())

    def refused(self, department: str = "m", issued: Issued | None = None) -> str:
        """The code of the refusal of a Fetch, after a look that it is on record."""
        with pytest.raises(ExchangeFault) as caught:
            self.talk(lambda made: made.fetch(), department, issued)
        assert self.town.hops(Hop.REFUSED)[-1].detail == caught.value.code
        return caught.value.code


@pytest.fixture
def called(town: Town, door: tuple[str, Now], tmp_path: Path) -> Called:
    enrol(town, ["a", "m"])
    tls = Tls("hub.crt", "hub.key", "ca.pem", "optional", proof=True)
    town.settle(listen=replace(town.hub.settings.listen, tls=tls))
    return Called(town, door[0], tmp_path, door[1])


def unsigned_suffices(town: Town) -> None:
    """Let the mailbox confirm without a signature."""

    def change(registry: Any) -> Any:
        endpoints = (replace(e, profile=replace(e.profile, signed_answer=False)) for e in registry.endpoints)
        return replace(registry, endpoints=tuple(endpoints))

    town.register(change)


async def fetch_and_confirm(made: ExchangeClient) -> int:
    return await made.confirm(await made.fetch())


def test_a_connection_proves_fetch_and_confirm_and_the_ledger_says_so(called: Called) -> None:
    town, mark = called.town, thumbprint(client("m").der)
    unsigned_suffices(town)
    town.send("a", "m", message_id="m-1")
    assert called.talk(fetch_and_confirm) == 1
    assert town.states("a", "m-1") == {"m": DeliveryState.DELIVERED}
    entries = [(e.kind, e.signer, e.detail) for e in town.trace("a", "m-1").hops][1:]
    assert entries == [(Hop.FETCHED, mark, "connection"), (Hop.DELIVERED, mark, "connection")]
    town.check()


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({}, []),
        ({"thumbprint": "nobody"}, ["signer"]),
        ({"proven_by": ProvenBy.SIGNATURE}, ["detail"]),
        ({"proven_by": ProvenBy.NOTHING, "thumbprint": ""}, ["signer", "detail"]),
    ],
)
def test_an_audit_takes_what_a_connection_proved_and_no_other_word_for_it(
    called: Called, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], fields: list[str]
) -> None:
    """`wrong`: how a hub that lies would record it, with chain and all."""
    town, record = called.town, mailbox.record_delivered
    lying = lambda t, c, word, *rest: record(t, c, replace(word, **wrong), *rest)  # noqa: E731
    monkeypatch.setattr(mailbox, "record_delivered", lying)
    unsigned_suffices(town)
    town.send("a", "m", message_id="m-1")
    called.talk(fetch_and_confirm)
    standard = Standard(HUB, "town", frozenset({thumbprint(signer_of(HUB)[1])}))
    found = [one for one in audit(town.hub.store, standard) if isinstance(one, Finding)]
    assert [(one.code, one.field) for one in found] == [("audit.evidence", field) for field in fields]


def test_without_leave_an_unsigned_confirmation_is_refused_and_nothing_is_delivered(called: Called) -> None:
    called.town.send("a", "m", message_id="m-1")
    with pytest.raises(ExchangeFault) as caught:
        called.talk(fetch_and_confirm)
    assert caught.value.code == "delivery.unsigned"
    assert called.town.states("a", "m-1") == {"m": DeliveryState.LEASED}


def test_a_connection_proves_status_and_inquiries(called: Called) -> None:
    town = called.town
    town.send("a", ["b", "m"], message_id="m-1")
    town.deliver()
    standing = called.talk(lambda made: made.status("m-1"), "a")
    assert {one.department: one.state for one in standing.recipients} == {"b": "delivered", "m": "waiting"}

    async def trace() -> int:
        url, tls = called.address + INQUIRY_PATH, caller(called.folder, client("a"))
        async with InquiryClient(url, None, "a", tls=tls, clock=town.clock) as made:
            return len(await made.trace("m-1"))

    assert asyncio.run(trace()) == 2


def test_a_request_proven_by_its_connection_works_once(called: Called) -> None:
    raw = etree.tostring(proof.request_tree(Request("fetchRequest", "m", called.town.clock(), "n" * 20, max=1)))
    assert [post(called, raw), post(called, raw)] == ["", "request.replayed"]


def post(called: Called, raw: bytes) -> str:
    """The code of the fault that a Fetch with this request meets on a connection of `m`, if any."""
    called.current.value = called.town.served
    body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Fetch", [write.holder("request", raw)]))
    head = f"POST {PATH} HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    host, port = called.address.removeprefix("https://").split(":")
    context = caller(called.folder, client("m"))
    with (
        socket.create_connection((host, int(port))) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        secured.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: secured.recv(65536), b""))
    return str(etree.fromstring(answer.partition(b"\r\n\r\n")[2]).findtext(".//{*}code") or "")


def test_who_is_not_enrolled_or_asks_for_another_or_shows_nothing_is_refused(called: Called) -> None:
    assert called.refused(issued=client("b")) == "certificate.unenrolled"
    assert called.refused(issued=client("a")) == "rights.sender"
    assert called.refused("a", client("m")) == "rights.sender"
    called.current.value = called.town.served

    async def bare() -> None:
        tls = caller(called.folder)
        async with ExchangeClient(called.address + PATH, None, "m", tls=tls, clock=called.town.clock) as made:
            await made.fetch()

    with pytest.raises(ExchangeFault) as caught:
        asyncio.run(bare())
    assert caught.value.code == "request.unproven"


def test_a_revoked_and_an_expired_certificate_prove_nothing(called: Called) -> None:
    town, ca = called.town, authority().revoke(client("m").der, START)
    crl = ca.crl(START - timedelta(hours=1), START + timedelta(days=1))
    with town.hub.store.reading() as connection:
        from hub.store.registry import read_registry

        enrolled = read_registry(connection).certificates
    trust = Trust.build(authority().anchors, enrolled, [crl])
    before = town.hub
    town.hub = replace(before, rules=replace(before.rules, trust=trust))
    assert called.refused() == "certificate.revoked"
    town.hub = before
    town.clock.turn(days=CENTURIES)
    assert called.refused() == "certificate.expired"


def test_a_signed_request_is_judged_by_its_signature_whoever_brings_it(called: Called) -> None:
    """A department's request may come through another's connection, and no connection mends a wrong signature."""
    town = called.town
    town.send("a", "m")
    assert post(called, request("fetchRequest", "m", town.clock(), max=1)) == ""
    assert post(called, request("fetchRequest", "a", town.clock(), max=1)) == ""
    assert post(called, request("fetchRequest", "m", town.clock(), by="a", max=1)) == "rights.sender"


def test_unless_it_is_allowed_a_connection_proves_nothing(called: Called) -> None:
    listen = called.town.hub.settings.listen
    called.town.settle(listen=replace(listen, tls=replace(listen.tls, proof=False)))
    assert called.refused() == "signature.missing"


@pytest.mark.parametrize("wrong", ["stranger", "expired"])
def test_a_certificate_that_tls_itself_does_not_take_ends_the_connection(called: Called, wrong: str) -> None:
    issued = stranger().issue("m", "m", START, CENTURIES) if wrong == "stranger" else expired()
    with pytest.raises(Unavailable, match=r"exchange\.unreachable"):
        called.talk(lambda made: made.fetch(), issued=issued)


def test_whoever_must_show_a_certificate_and_does_not_is_not_let_in(place: Place) -> None:
    current = Now()
    context = place.incoming(client="required", client_ca="ca.pem")

    async def fetch(address: str, tls: ssl.SSLContext) -> None:
        async with ExchangeClient(address + PATH, signer_of("m")[0], "m", tls=tls) as made:
            await made.fetch()

    with serving(front_door(current, lambda endpoints: None), context) as address:
        with pytest.raises(Unavailable, match=r"exchange\.unreachable"):
            asyncio.run(fetch(address, caller(place.folder)))
        with pytest.raises(Unavailable, match=r"exchange\.unreachable"):
            asyncio.run(fetch(address, caller(place.folder, client("m"), stranger())))
        with pytest.raises(Unavailable, match=r"hub\.internal"):  # in; there is no hub behind this door
            asyncio.run(fetch(address, caller(place.folder, client("m"))))


# behind a proxy


@pytest.fixture
def behind(town: Town) -> Town:
    enrol(town, ["a", "m"])
    listen = Listen(forwarded_certificate=HEADER, trusted_proxies="127.0.0.1", tls=Tls(proof=True))
    town.settle(listen=listen)
    return town


def forwarded(town: Town, *values: str, department: str = "m", name: str = HEADER) -> Heard:
    """What a Fetch gets that comes from 127.0.0.1 with these headers."""
    made = Request("fetchRequest", department, town.clock(), f"nonce-{next(NONCES):020d}", max=1)
    raw = etree.tostring(proof.request_tree(made))
    body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Fetch", [write.holder("request", raw)]))
    headers = {name if number == 0 else name.lower(): value for number, value in enumerate(values)}
    return ask(front_door(lambda: town.hub, lambda endpoints: None), body, headers=headers)


def escaped(issued: Issued) -> str:
    """As nginx writes `$ssl_client_escaped_cert`."""
    return quote(issued.certificate_pem.decode(), safe="")


def test_a_trusted_proxy_hands_on_the_certificate(behind: Town) -> None:
    assert forwarded(behind, escaped(client("m"))).status == 200
    assert forwarded(behind, escaped(client("a"))).code == "rights.sender"
    assert forwarded(behind, escaped(client("b"))).code == "certificate.unenrolled"
    behind.clock.turn(days=CENTURIES)
    assert forwarded(behind, escaped(client("m"))).code == "certificate.expired"


@pytest.mark.parametrize("value", ["", "junk!", "%zz", "A" * 300_000, "-----BEGIN CERTIFICATE-----"])
def test_a_header_that_holds_no_certificate_proves_nothing(behind: Town, value: str) -> None:
    assert forwarded(behind, value).code == "request.unproven"


def test_a_header_that_comes_twice_or_holds_two_proves_nothing(behind: Town) -> None:
    assert forwarded(behind, escaped(client("m")), escaped(client("a"))).code == "request.unproven"
    assert forwarded(behind, escaped(client("m")) + escaped(client("a"))).code == "request.unproven"


@pytest.mark.parametrize("proxies", ["10.0.0.9", "10.0.0.0/8 2001:db8::/32"])
def test_the_header_of_anybody_else_is_not_read(behind: Town, proxies: str) -> None:
    behind.settle(listen=replace(behind.hub.settings.listen, trusted_proxies=proxies))
    assert forwarded(behind, escaped(client("m"))).code == "request.unproven"


def test_a_header_of_another_name_is_not_read(behind: Town) -> None:
    assert forwarded(behind, escaped(client("m")), name="X-SSL-Client").code == "request.unproven"


def test_a_caller_past_the_proxy_cannot_spoof_the_header_on_its_own_connection(called: Called) -> None:
    """The header is configured, but this caller is not the proxy: only what its own connection shows counts."""
    listen = called.town.hub.settings.listen
    called.town.settle(listen=replace(listen, forwarded_certificate=HEADER, trusted_proxies="10.0.0.9"))
    assert called.talk(lambda made: made.fetch()) == []
    assert called.refused(issued=client("a")) == "rights.sender"


def test_the_certificate_of_a_proxy_itself_proves_nothing(called: Called) -> None:
    listen = called.town.hub.settings.listen
    called.town.settle(listen=replace(listen, forwarded_certificate=HEADER, trusted_proxies="127.0.0.1"))
    assert called.refused() == "request.unproven"


# a whole hub


def test_a_hub_serves_by_tls_and_takes_a_new_certificate_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connectors.tls.REFRESH_SECONDS", 0.01)
    monkeypatch.setattr("hub.schema.schema.Schemas.warm", lambda self: None)
    caplog.set_level(logging.INFO, "hub.tls")
    folder = lay_out(tmp_path)
    put(folder, "tls", machine("127.0.0.1"))
    put_ca(folder)
    text = (folder / "hub.yaml").read_text()
    tls = "tls: {certificate: tls.crt, key: tls.key}"
    (folder / "hub.yaml").write_text(text.replace("{port: 0}", f"{{port: 0, {tls}}}"))

    async def play() -> None:
        async with served(folder) as one:
            assert one.address.startswith("https://127.0.0.1:")
            assert await shown(one.address, folder) == machine("127.0.0.1").der
            (folder / "tls.crt").write_bytes(b"half written")
            await until(lambda: "refresh" in said(caplog))
            assert await shown(one.address, folder) == machine("127.0.0.1").der
            put(folder, "tls", machine("127.0.0.1", "localhost"))
            await until(lambda: "refreshed" in said(caplog))
            assert await shown(one.address, folder) == machine("127.0.0.1", "localhost").der

    asyncio.run(play())


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "hub.tls"]


async def shown(address: str, folder: Path) -> bytes:
    """The certificate that a server shows."""
    host, port = address.removeprefix("https://").split(":")

    def look() -> bytes:
        context = caller(folder)
        with (
            socket.create_connection((host, int(port))) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert secured.recv(100).startswith(b"HTTP/1.1 200")
            return secured.getpeercert(binary_form=True) or b""

    return await asyncio.to_thread(look)


# the way out


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A department's system on 127.0.0.1 and localhost that takes only callers with a certificate of the town's CA."""
    place = Place(tmp_path_factory.mktemp("receiver"))
    put(place.folder, "hub", machine("localhost"))
    put_ca(place.folder)
    app = pretend_departments([PretendDepartment("b", signer_of("b")[0])])
    with serving(app, place.incoming(client="required", client_ca="ca.pem")) as address:
        yield address


def ping(folder: Path, url: str, **delivery: str) -> str:
    """What an endpoint says to a hub with these settings, or the code of the trouble with the words behind it."""
    outgoing = TlsEdges(folder, Settings(HUB, delivery=Delivering(**delivery))).outgoing  # type: ignore[arg-type]
    endpoint = Endpoint("b", "b", Kind.PUSH, f"{url}/dept/b/delivery/v1", profile=Profile(timeout=60.0))

    async def once() -> str:
        sender = SoapSender(context_of(outgoing))
        try:
            return await sender.ping(endpoint)
        except Undelivered as error:
            return f"{error.code} {error.operator}"
        finally:
            await sender.close()

    return asyncio.run(once())


def test_the_hub_shows_its_certificate_to_endpoints_that_ask_for_one(tmp_path: Path, receiver: str) -> None:
    put(tmp_path, "out", client("hub"))
    put(tmp_path, "foreign", stranger().issue("hub", "hub", START, CENTURIES))
    put_ca(tmp_path)
    put_ca(tmp_path, stranger())
    by_name = receiver.replace("127.0.0.1", "localhost")
    ours = {"tls_certificate": "out.crt", "tls_key": "out.key"}
    assert ping(tmp_path, by_name, tls_ca="ca.pem", **ours) == "b OK"
    refused = {
        "no certificate": ping(tmp_path, by_name, tls_ca="ca.pem"),
        "another's": ping(tmp_path, by_name, tls_ca="ca.pem", tls_certificate="foreign.crt", tls_key="foreign.key"),
        "another CA": ping(tmp_path, by_name, tls_ca="stranger.pem", **ours),
        "the machine's CAs": ping(tmp_path, by_name, **ours),
        "another host name": ping(tmp_path, receiver, tls_ca="ca.pem", **ours),
    }
    assert {name: said.partition(" ")[0] for name, said in refused.items()} == dict.fromkeys(
        refused, "delivery.unreachable"
    )
    assert "CERTIFICATE_VERIFY_FAILED" in refused["another CA"]
    assert "IP address mismatch" in refused["another host name"]


def test_with_authorities_of_its_own_those_of_the_machine_count_for_nothing(
    tmp_path: Path, receiver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(put_ca(tmp_path)))  # from now on the machine believes the receiver's
    put(tmp_path, "out", client("hub"))
    pinned = put_ca(tmp_path, stranger())
    by_name = receiver.replace("127.0.0.1", "localhost")
    ours = {"tls_certificate": "out.crt", "tls_key": "out.key"}
    assert ping(tmp_path, by_name, **ours) == "b OK"
    assert "CERTIFICATE_VERIFY_FAILED" in ping(tmp_path, by_name, tls_ca="stranger.pem", **ours)
    by_command, by_witness = client_context(("--tls-ca", pinned), None, None), WitnessClient.of(by_name, pinned).tls()
    for made in (by_command, by_witness):
        assert made is not None
        assert made.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(pinned.read_text())]


@pytest.mark.parametrize("missing", ["ca.pem", "out.key"])
def test_files_of_the_way_out_are_met_at_the_start_too(tmp_path: Path, missing: str) -> None:
    put(tmp_path, "out", client("hub"))
    put_ca(tmp_path)
    (tmp_path / missing).unlink()
    settings = Delivering(tls_ca="ca.pem", tls_certificate="out.crt", tls_key="out.key")
    with pytest.raises(Misconfigured, match=r"tls\.unreadable") as caught:
        TlsEdges(tmp_path, Settings(HUB, delivery=settings))
    assert caught.value.where == {"ca.pem": "delivery.tls_ca", "out.key": "delivery.tls_key"}[missing]
