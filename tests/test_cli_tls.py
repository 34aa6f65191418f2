"""The command line as a department whose hub wants a certificate on the connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette

from commands.frame.command import ExitCode
from connectors.front_door import PATH, front_door
from connectors.inquiry.inquiry import inquiry_door
from connectors.inquiry.names import PATH as INQUIRY
from connectors.tls import TlsEdges, context_of
from hub.settings.listen import Listen, Tls
from hub.settings.settings import Settings
from tests.admin import Administrator
from tests.serving import Now, serving
from tests.tlsing import client, enrol, machine, put, put_ca
from tests.town import HUB, Town

FILES = {"HUB_TLS_CA": "ca.pem", "HUB_TLS_CERT": "m.crt", "HUB_TLS_KEY": "m.key"}


@pytest.fixture
def required(town: Town, tmp_path: Path) -> Iterator[str]:
    """The address of a hub of the present day that lets nobody in without a certificate."""
    town.clock.now = datetime.now(UTC)
    enrol(town, ["m"])
    put(tmp_path, "hub", machine("127.0.0.1", "localhost"))
    put(tmp_path, "m", client("m"))
    put_ca(tmp_path)
    tls = Tls("hub.crt", "hub.key", "ca.pem", "required")
    context = context_of(TlsEdges(tmp_path, Settings(HUB, listen=Listen(tls=tls))).incoming)
    current = Now()
    current.value = town.served
    routes = [*front_door(current, lambda endpoints: None).routes, inquiry_door(current).route]
    with serving(Starlette(routes=routes), context) as address:
        yield address


def fetch(folder: Path, address: str, *words: str) -> tuple[str, ...]:
    pair = ("--key", str(folder / "m.key"), "--cert", str(folder / "m.crt"))
    return ("mailbox", "fetch", "m", *pair, "--url", address + PATH, *words)


def shown(folder: Path, *left_out: str) -> list[str]:
    """The options for a connection, without some."""
    names = {"--tls-ca": "ca.pem", "--tls-cert": "m.crt", "--tls-key": "m.key"}
    return [word for name, file in names.items() if name not in left_out for word in (name, str(folder / file))]


def test_a_department_shows_its_certificate(town: Town, tmp_path: Path, required: str) -> None:
    admin = Administrator(tmp_path)
    town.send("a", "m", message_id="m-1")
    (fetched,) = admin.json(*fetch(tmp_path, required, *shown(tmp_path)))
    assert fetched["messageId"] == "m-1"
    pair = ("--key", str(tmp_path / "m.key"), "--cert", str(tmp_path / "m.crt"))
    asked = ("inquiry", "status", "m", "a/m-1", *pair, "--url", required + INQUIRY)
    assert [one["department"] for one in admin.json(*asked, *shown(tmp_path))] == ["m"]


def test_the_environment_names_the_files(tmp_path: Path, required: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in FILES.items():
        monkeypatch.setenv(name, str(tmp_path / file))
    words = fetch(tmp_path, "")[:-2]
    for address in (required, f"{required}/", required + PATH):  # for all services
        monkeypatch.setenv("HUB_URL", address)
        assert Administrator(tmp_path).json(*words) == []
        pair = ("--key", str(tmp_path / "m.key"), "--cert", str(tmp_path / "m.crt"))
        Administrator(tmp_path).refused("message.unknown", "inquiry", "status", "m", "a/none", *pair)


def test_certificate_and_key_may_be_one_file(tmp_path: Path, required: str) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(client("m").certificate_pem + client("m").key_pem)
    words = [*shown(tmp_path, "--tls-cert", "--tls-key"), "--tls-cert", str(both)]
    assert Administrator(tmp_path).json(*fetch(tmp_path, required, *words)) == []


@pytest.mark.parametrize(
    ("left_out", "code"),
    [(("--tls-cert", "--tls-key"), "exchange.unreachable"), (("--tls-ca",), "exchange.unreachable")],
    ids=["no certificate", "no authority"],
)
def test_who_shows_nothing_or_believes_nobody_gets_nowhere(
    tmp_path: Path, required: str, left_out: tuple[str, ...], code: str
) -> None:
    words = fetch(tmp_path, required, *shown(tmp_path, *left_out))
    assert Administrator(tmp_path).refused(code, *words) == ExitCode.UNAVAILABLE


def test_files_that_cannot_serve_are_named_by_their_option(tmp_path: Path) -> None:
    put(tmp_path, "m", client("m"))
    put(tmp_path, "a", client("a"))
    admin, there = Administrator(tmp_path), "https://127.0.0.1:9"
    pair = ("--tls-cert", str(tmp_path / "m.crt"), "--tls-key", str(tmp_path / "a.key"))
    admin.refused("tls.mismatch", *fetch(tmp_path, there, *pair))
    said = admin.type(*fetch(tmp_path, there, "--tls-ca", str(tmp_path / "m.key")))
    assert "[tls.unreadable]" in said.stderr
    assert "--tls-ca" in said.stderr
    alone = admin.type(*fetch(tmp_path, there, "--tls-key", str(tmp_path / "m.key")))
    assert alone.exit_code == ExitCode.USAGE
    assert "--tls-cert" in alone.stderr
