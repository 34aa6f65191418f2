"""`hub check`: one line, figures and an exit code that monitoring programs understand."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import cli
from commands.check import Bounds, State, Verdict, judged, read_bounds
from connectors import health_door
from connectors.serving import process
from connectors.serving.serving_lock import node_lock
from hub.schema.schema import Schemas
from tests.house import connector, lay_out, served, turn_clock_of_loop
from tests.serving import serving
from tests.tlsing import machine, put, put_ca, stranger
from tests.town import CENTURIES, START

NAME = r"[a-z-]+"
PERFDATA = re.compile(rf"({NAME}=-?[0-9.e+]+(s|B);[0-9.:]*;[0-9.:]*( |$))+")


def page(*parts: dict[str, str], **figures: float) -> dict[str, Any]:
    return {"hub": "h", "node": "n", "ready": True, "parts": list(parts), "figures": figures}


def part(level: str, code: str = "x.y") -> dict[str, str]:
    return {"part": "clock", "level": level, "code": code, "zh": "中文", "en": "words", "got": "9 s", "expected": ""}


def check(*words: str) -> Result:
    return CliRunner().invoke(cli.cli, ["--lang", "en", "check", *words])


@pytest.mark.parametrize(
    ("parts", "figures", "state"),
    [
        ((), {}, State.OK),
        ((part("warn"),), {}, State.WARNING),
        ((part("warn"), part("fail")), {}, State.CRITICAL),
        ((), {"merge_lag_seconds": 3}, State.WARNING),
        ((), {"merge_lag_seconds": 30}, State.CRITICAL),
        ((), {"clock_difference_seconds": -9}, State.WARNING),
        ((), {"disk_free_bytes": 50}, State.CRITICAL),
        ((), {"disk_free_bytes": 500}, State.OK),
    ],
)
def test_the_worst_of_findings_and_thresholds_is_the_state(
    parts: tuple[dict[str, str], ...], figures: dict[str, float], state: State
) -> None:
    bounds = Bounds(read_bounds(["merge-lag=2", "clock-difference=5"]), read_bounds(["merge-lag=20", "disk-free=100"]))
    assert judged(page(*parts, **figures), bounds, "en").state is state


def test_the_line_is_one_and_its_figures_can_be_read() -> None:
    bounds = Bounds(read_bounds(["merge-lag=2"]), read_bounds(["disk-free=100"]))
    found = judged(page(part("fail"), merge_lag_seconds=0.1, disk_free_bytes=123456789012.0), bounds, "zh")
    line = found.line()
    assert line.startswith("HUB CRITICAL - clock: x.y 中文 (9 s) | merge-lag=0.1s;2; disk-free=123456789012B;;100:")
    assert PERFDATA.fullmatch(line.partition(" | ")[2])
    assert Verdict(State.WARNING, ("a|b\nc",)).line() == "HUB WARNING - a/b c"


@pytest.mark.parametrize("wrong", [{}, [], {"parts": [{}], "figures": {}}, {"parts": [], "figures": 3}, None])
def test_what_is_no_page_of_a_hub_is_unknown(wrong: Any) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        judged(wrong, Bounds({}, {}), "en")


@pytest.mark.parametrize("words", [("--warning", "x=1"), ("--warning", "merge-lag=x"), ("--url", "ftp://x")])
def test_what_cannot_be_understood_is_unknown(words: tuple[str, ...]) -> None:
    done = check(*words)
    assert (done.exit_code, done.stdout.startswith("HUB UNKNOWN")) == (3, True)


def test_a_data_directory_that_is_not_there_is_unknown_and_a_silent_address_critical(tmp_path: Path) -> None:
    assert check("--data", str(tmp_path / "none")).exit_code == 3
    done = check("--url", "http://127.0.0.1:9")
    assert (done.exit_code, "does not answer" in done.stdout) == (2, True)


async def ready(request: Request) -> Response:
    return JSONResponse(page())


async def without_certificate(request: Request) -> Response:
    return Response("<html><title>400 No required SSL certificate was sent</title></html>", 400)


def answering(answer: Callable[[Request], Awaitable[Response]]) -> Starlette:
    return Starlette(routes=[Route("/readyz", answer)])


def tls_of(folder: Path) -> ssl.SSLContext:
    """How a hub of this machine serves by https, with its files in a folder."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*put(folder, "hub", machine("127.0.0.1")))
    return context


def checked(address: str, *words: str) -> tuple[int, str]:
    done = check("--timeout", "60", "--url", address, *words)
    return done.exit_code, done.stdout


def test_a_hub_behind_https_is_checked_by_the_authority_that_is_given(tmp_path: Path) -> None:
    ours, foreign = put_ca(tmp_path), put_ca(tmp_path, stranger())
    with serving(answering(ready), tls_of(tmp_path)) as address:
        assert checked(address, "--tls-ca", str(ours)) == (0, "HUB OK - h/n\n")
        for words in ((), ("--tls-ca", str(foreign))):
            code, said = checked(address, *words)
            assert (code, said.startswith(f"HUB CRITICAL - the TLS certificate of {address} is not believed")) == (
                2,
                True,
            )
        elsewhere = checked(address.replace("127.0.0.1", "localhost"), "--tls-ca", str(ours))
        assert (elsewhere[0], "Hostname mismatch" in elsewhere[1]) == (2, True)


def test_a_hub_that_wants_a_certificate_is_checked_by_who_shows_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, both = put_ca(tmp_path), tmp_path / "both.pem"
    certificate, key = put(tmp_path, "monitor", machine("monitor"))
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    foreign = put(tmp_path, "foreign", stranger().issue_tls(["monitor"], START - timedelta(days=1), CENTURIES))
    context = tls_of(tmp_path)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(answering(ready), context) as address:
        there = (address, "--tls-ca", str(ca))
        assert checked(*there, "--tls-cert", str(certificate), "--tls-key", str(key)) == (0, "HUB OK - h/n\n")
        assert checked(*there, "--tls-cert", str(both))[0] == 0
        for shown in ((), ("--tls-cert", str(foreign[0]), "--tls-key", str(foreign[1]))):
            code, said = checked(*there, *shown)
            assert (code, said.startswith("HUB CRITICAL - ")) == (2, True)
        for name, path in (("CA", ca), ("CERT", certificate), ("KEY", key)):
            monkeypatch.setenv(f"HUB_TLS_{name}", str(path))
        assert checked(address)[0] == 0


def test_the_address_in_the_environment_is_not_asked_in_place_of_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_URL", "http://127.0.0.1:9")
    folder = lay_out(tmp_path)
    with node_lock(folder, "hub"):
        assert check("--data", str(folder)).exit_code == 0


@pytest.mark.parametrize("left_out", ["--tls-cert", "--tls-key"])
def test_a_certificate_without_its_key_is_unknown_and_named(tmp_path: Path, left_out: str) -> None:
    certificate, key = put(tmp_path, "monitor", machine("monitor"))
    given = {"--tls-cert": str(certificate), "--tls-key": str(key)}
    del given[left_out]
    done = check("--url", "https://127.0.0.1:9", *(word for pair in given.items() for word in pair))
    assert (done.exit_code, done.stdout.startswith("HUB UNKNOWN - "), left_out in done.stdout) == (3, True, True)


def test_who_does_not_speak_tls_or_http_is_told_apart_from_a_hub() -> None:
    with serving(answering(without_certificate)) as address:
        code, said = checked(address)
        assert (code, said.startswith("HUB UNKNOWN - HTTP 400: not an answer of /readyz")) == (3, True)
        assert "--tls-cert" in said
        by_https = address.replace("http:", "https:")
        code, said = checked(by_https)
        assert (code, said.startswith(f"HUB CRITICAL - the TLS connection to {by_https} failed (")) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as beside:
        other.settimeout(60)
        beside.submit(greet, other)
        code, said = checked(f"http://127.0.0.1:{other.getsockname()[1]}")
        assert (code, said.startswith("HUB UNKNOWN - not an answer of /readyz: ")) == (3, True)


def greet(server: socket.socket) -> None:
    """Answer one call in a language that is not HTTP, once it was heard to its end."""
    caller, _ = server.accept()
    with caller:
        heard = b""
        while b"\r\n\r\n" not in heard and (more := caller.recv(10_000)):
            heard += more
        caller.sendall(b"SSH-2.0-other\r\n")


@pytest.mark.parametrize("content", [None, b"junk", b""])
def test_a_ca_file_that_cannot_serve_is_unknown_and_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    done = check("--url", "https://127.0.0.1:9", "--tls-ca", str(path))
    assert (done.exit_code, done.stdout.startswith("HUB UNKNOWN - tls.unreadable ")) == (3, True)
    assert "--tls-ca" in done.stdout


def test_a_database_that_cannot_be_used_is_critical_and_named(tmp_path: Path) -> None:
    folder = lay_out(tmp_path)
    settings = folder / "hub.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("hub: hub", "hub: other"), encoding="utf-8")
    done = check("--data", str(folder))
    assert (done.exit_code, done.stdout.startswith("HUB CRITICAL - database: store.other-hub ")) == (2, True)


def test_a_data_directory_is_examined_and_must_be_served(tmp_path: Path) -> None:
    folder = lay_out(tmp_path)
    done = check("--data", str(folder))
    assert (done.exit_code, "health.not-served" in done.stdout) == (2, True)
    with node_lock(folder, "hub"):
        done = check("--data", str(folder))
    assert (done.exit_code, done.stdout.partition(" | ")[0]) == (0, "HUB OK - hub/hub")


def test_a_serving_process_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schemas, "warm", lambda self: None)
    monkeypatch.setattr(process, "SoapSender", lambda tls: connector())
    monkeypatch.setattr(health_door, "LONGEST", 60.0)

    async def play() -> list[Result]:
        async with served(lay_out(tmp_path), drain=3600.0) as one:
            before = await asyncio.to_thread(check, "--timeout", "60", "--url", one.address)
            one.stop.set()
            await asyncio.sleep(0)
            after = await asyncio.to_thread(check, "--timeout", "60", "--url", one.address)
            turn_clock_of_loop(3600.0)
            return [before, after]

    done = asyncio.run(play())
    assert [one.exit_code for one in done] == [0, 2]
    assert "health.draining" in done[1].stdout
