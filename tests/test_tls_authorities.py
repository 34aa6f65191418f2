"""Whom a serving hub believes follows the files of authorities while it runs, and is nobody while they are broken."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from connectors.changing_context import ChangingContext
from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.soap.sender import SoapSender
from connectors.tls import Edge, TlsEdges
from hub.directory import Endpoint, Kind, Profile
from hub.errors import Misconfigured, Undelivered
from hub.settings.listen import Listen, Tls
from hub.settings.settings import Delivering, Settings
from hub.trust.ca import DemoCa
from tests.house import PATIENCE, lay_out, served, until
from tests.serving import serving
from tests.tlsing import caller, machine, put, put_ca, stranger
from tests.town import CENTURIES, HUB, START, authority, signer_of

SETTINGS = "tls: {certificate: tls.crt, key: tls.key, client_ca: clients.pem, client: optional}"
ASK = b"GET %b HTTP/1.1\r\nHost: hub\r\n\r\n"


@dataclass
class Caller:
    """A client on one machine: what it shows and believes, and the session that it was given last."""

    context: ssl.SSLContext
    session: ssl.SSLSession | None = None

    def open(self, address: str) -> ssl.SSLSocket:
        """A connection, by the last session if there is one. Errors: OSError."""
        host, port = address.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=PATIENCE)
        return self.context.wrap_socket(plain, server_hostname=host, session=self.session)

    def ask(self, address: str, path: bytes = b"/healthz") -> tuple[int, Any]:
        """Status and JSON of an answer, on a connection of its own. Errors: OSError."""
        with self.open(address) as secured:
            return self.ask_on(secured, path)

    def ask_on(self, secured: ssl.SSLSocket, path: bytes = b"/healthz") -> tuple[int, Any]:
        """The same on a connection that stays open."""
        secured.sendall(ASK % path)
        head, _, body = read_until(secured, lambda got: b"\r\n\r\n" in got).partition(b"\r\n\r\n")
        (length,) = (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body += read_until(secured, lambda got: len(got) >= length - len(body)) if len(body) < length else b""
        self.session = secured.session
        return int(head.split()[1]), json.loads(body)

    def is_let_in(self, address: str) -> bool:
        """Whether an answer comes on a new connection."""
        try:
            return self.ask(address)[0] == 200
        except OSError:
            return False


def read_until(secured: ssl.SSLSocket, enough: Callable[[bytes], bool]) -> bytes:
    """What comes until it is enough. Errors: ConnectionError if the connection ends before."""
    got = b""
    while not enough(got):
        more = secured.recv(65536)
        if not more:
            raise ConnectionError(got)
        got += more
    return got


def write_authorities(path: Path, *authorities: DemoCa) -> None:
    """Replace the file at once, as an administrator should."""
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(one.certificate_pem for one in authorities))
    new.replace(path)


def shows(folder: Path, ca: DemoCa | None) -> Caller:
    """A client of the hub with a certificate of an authority, or without any."""
    context = caller(folder)
    if ca is not None:
        context.load_cert_chain(*put(folder, "shown", ca.issue("客户", "a", START, CENTURIES)))
    return Caller(context)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    """A data directory whose hub asks callers for a certificate of the town's authority, if they have one."""
    monkeypatch.setattr("connectors.tls.REFRESH_SECONDS", 0.01)
    monkeypatch.setattr("hub.schema.schema.Schemas.warm", lambda self: None)
    caplog.set_level(logging.INFO, "hub.tls")
    folder = lay_out(tmp_path)
    put(folder, "tls", machine("127.0.0.1"))
    write_authorities(folder / "clients.pem", authority())
    settings = folder / "hub.yaml"
    settings.write_text(settings.read_text().replace("{port: 0}", f"{{port: 0, {SETTINGS}}}"))
    return folder


def said(caplog: pytest.LogCaptureFixture, message: str) -> Callable[[], bool]:
    return lambda: any(one.name == "hub.tls" and one.getMessage() == message for one in caplog.records)


def test_an_authority_that_is_taken_out_counts_no_longer(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither on a new connection, nor by a session from before, nor on a connection that was kept open."""
    ours, theirs, bare = shows(folder, authority()), shows(folder, stranger()), shows(folder, None)

    def before(address: str) -> ssl.SSLSocket:
        assert [one.is_let_in(address) for one in (ours, theirs, bare)] == [True, False, True]
        kept = ours.open(address)
        assert ours.ask_on(kept)[0] == 200
        assert kept.session_reused, "a session is taken up again while its authority counts"
        return kept

    def after(address: str, kept: ssl.SSLSocket) -> None:
        with kept:
            assert kept.recv(1) == b""
        assert [one.is_let_in(address) for one in (ours, theirs, bare)] == [False, True, True]
        assert not shows(folder, authority()).is_let_in(address)

    async def play() -> None:
        async with served(folder) as one:
            kept = await asyncio.to_thread(before, one.address)
            write_authorities(folder / "clients.pem", stranger())
            await until(said(caplog, "refreshed"))
            await asyncio.to_thread(after, one.address, kept)

    asyncio.run(play())


@pytest.mark.parametrize("broken", [None, b"half written", b""], ids=["gone", "junk", "empty"])
def test_while_the_authorities_cannot_be_read_nobody_is_believed(
    folder: Path, caplog: pytest.LogCaptureFixture, broken: bytes | None
) -> None:
    ours, bare = shows(folder, authority()), shows(folder, None)
    path = folder / "clients.pem"

    def standing(address: str) -> tuple[bool, bool, int, list[tuple[str, ...]]]:
        status, page = bare.ask(address, b"/readyz")
        parts = [
            tuple(part[key] for key in ("level", "code", "got")) for part in page["parts"] if part["part"] == "tls"
        ]
        return ours.is_let_in(address), bare.is_let_in(address), status, parts

    async def play() -> None:
        async with served(folder) as one:
            assert await asyncio.to_thread(standing, one.address) == (True, True, 200, [])
            if broken is None:
                path.unlink()
            else:
                path.write_bytes(broken)
            await until(said(caplog, "refresh"))
            why = [("fail", "tls.distrusting", "listen.tls.client_ca")]
            assert await asyncio.to_thread(standing, one.address) == (False, True, 503, why)
            write_authorities(path, authority(), stranger())
            await until(said(caplog, "refreshed"))
            assert await asyncio.to_thread(standing, one.address) == (True, True, 200, [])

    asyncio.run(play())


def test_a_broken_certificate_alone_leaves_everything_in_use_and_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = shows(folder, authority())

    async def play() -> None:
        async with served(folder) as one:
            (folder / "tls.crt").write_bytes(b"half written")
            await until(said(caplog, "refresh"))
            status, page = await asyncio.to_thread(ours.ask, one.address, b"/readyz")
            found = [(part["part"], part["level"], part["code"]) for part in page["parts"]]
            assert (status, found) == (200, [("tls", "warn", "tls.unreadable")])

    asyncio.run(play())


# the edge itself


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    """The incoming edge of a hub that lets nobody in without a certificate."""
    put(tmp_path, "hub", machine("127.0.0.1"))
    put_ca(tmp_path)
    edge = TlsEdges(
        tmp_path, Settings(HUB, listen=Listen(tls=Tls("hub.crt", "hub.key", "ca.pem", "required")))
    ).incoming
    assert edge is not None
    return edge


def believed(edge: Edge) -> list[bytes]:
    return edge.context.latest.get_ca_certs(binary_form=True)


def test_authorities_that_change_beside_a_broken_key_leave_nobody_believed(tmp_path: Path, edge: Edge) -> None:
    """The old authorities could go on with the old key only in the old context, where the one taken out would count."""
    key = (tmp_path / "hub.key").read_bytes()
    (tmp_path / "hub.key").write_bytes(b"junk")
    with pytest.raises(Misconfigured, match=r"tls\.unreadable"):
        edge.refresh()
    assert believed(edge) == [ssl.PEM_cert_to_DER_cert(authority().certificate_pem.decode())]
    write_authorities(tmp_path / "ca.pem", stranger())
    with pytest.raises(Misconfigured, match=r"tls\.distrusting"):
        edge.refresh()
    assert believed(edge) == []
    (tmp_path / "hub.key").write_bytes(b"other junk")
    with pytest.raises(Misconfigured, match=r"tls\.distrusting"):
        edge.refresh()
    (tmp_path / "hub.key").write_bytes(key)
    assert edge.refresh()
    assert believed(edge) == [ssl.PEM_cert_to_DER_cert(stranger().certificate_pem.decode())]
    assert edge.wrong is None


def test_a_file_that_may_not_be_read_any_more_is_a_change(tmp_path: Path, edge: Edge) -> None:
    (tmp_path / "ca.pem").chmod(0o400)
    assert edge.refresh()
    assert not edge.refresh()


def test_the_context_that_stays_has_no_files_of_its_own(edge: Edge) -> None:
    """Whoever went past the latest context would get no connection, and not one without authorities."""
    bare = edge.context
    assert isinstance(bare, ChangingContext)
    assert (bare.get_ca_certs(), bare.verify_mode) == ([], ssl.CERT_REQUIRED)


def test_an_endpoint_whose_authority_was_taken_out_gets_nothing_more(tmp_path: Path) -> None:
    """Not even on a connection that is open still."""
    put(tmp_path, "hub", machine("localhost"))
    put_ca(tmp_path)
    edges = TlsEdges(tmp_path, Settings(HUB, delivery=Delivering(tls_ca="ca.pem")))
    assert edges.outgoing is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "hub.crt", tmp_path / "hub.key")
    app: Starlette = pretend_departments([PretendDepartment("b", signer_of("b")[0])])

    async def play(address: str) -> None:
        url = f"{address.replace('127.0.0.1', 'localhost')}/dept/b/delivery/v1"
        endpoint = Endpoint("b", "b", Kind.PUSH, url, profile=Profile(timeout=60.0))
        assert edges.outgoing is not None
        sender = SoapSender(edges.outgoing.context)
        try:
            assert await sender.ping(endpoint) == "b OK"
            write_authorities(tmp_path / "ca.pem", stranger())
            edges.refresh(START)
            await is_disbelieved(sender, endpoint)
            (tmp_path / "ca.pem").unlink()
            edges.refresh(START)
            await is_disbelieved(sender, endpoint)
            assert edges.wrong == (("tls.distrusting", "delivery.tls_ca"),)
            put_ca(tmp_path)
            edges.refresh(START)
            assert await sender.ping(endpoint) == "b OK"
        finally:
            await sender.close()

    with serving(app, context) as address:
        asyncio.run(play(address))


async def is_disbelieved(sender: SoapSender, endpoint: Endpoint) -> None:
    with pytest.raises(Undelivered, match=r"delivery\.unreachable") as caught:
        await sender.ping(endpoint)
    assert "CERTIFICATE_VERIFY_FAILED" in caught.value.operator
