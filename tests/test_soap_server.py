"""Serving a whole installation: taking the port, seeing changes, stopping; and the log lines that it writes."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.serving import process, server
from connectors.serving.http_server import address_of, bind
from connectors.serving.logs import OutcomeFormatter, set_up_logs
from connectors.serving.serving_lock import serving_lock
from hub.errors import Misconfigured
from hub.hub import Hub, refresh
from tests.town import CENTURIES, ROUTING, START, authority, found_town


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data directory as `hub init` leaves it."""
    found_town(tmp_path).close()
    issued = authority().issue("hub", "hub", START, CENTURIES)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hub.key").write_bytes(issued.key_pem)
    (tmp_path / "keys" / "hub.crt").write_bytes(issued.certificate_pem)
    (tmp_path / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (tmp_path / "hub.yaml").write_text("hub: hub\nlisten: {port: 0}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


def test_a_port_in_use_is_told_before_the_hub_is_opened(tmp_path: Path, taken: int) -> None:
    """The folder holds settings and nothing else: opening a hub there would fail with another error."""
    (tmp_path / "hub.yaml").write_text("hub: hub", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"listen\.port-in-use") as caught:
        server.run_hub(tmp_path, "127.0.0.1", taken)
    assert caught.value.got == f"127.0.0.1:{taken}"


@pytest.mark.parametrize(
    ("host", "port"), [("no-such-host.invalid", 0), ("192.0.2.1", 0), ("127.0.0.1", 70_000), ("x\0", 1)]
)
def test_an_address_that_cannot_be_had_is_told(host: str, port: int) -> None:
    with pytest.raises(Misconfigured, match=r"listen\.address"):
        bind(host, port)


def test_a_second_hub_on_the_same_data_is_told_so_until_the_first_has_ended(folder: Path) -> None:
    with serving_lock(folder), pytest.raises(Misconfigured, match=r"serve\.running"):
        asyncio.run(server.serve_hub(folder, asyncio.Event()))
    with serving_lock(folder):
        assert (folder / "serving.lock").exists()


def test_an_ipv6_address_is_written_in_brackets() -> None:
    try:
        bound = bind("::1", 0)
    except Misconfigured:
        pytest.skip("this machine has no IPv6")
    with bound:
        assert address_of(bound).startswith("http://[::1]:")


def test_a_hub_serves_sees_a_change_and_stops(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "REFRESH_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "hub")
    asyncio.run(_serve_and_change(folder, caplog))
    events = [record.getMessage() for record in caplog.records if record.name == "hub.serve"]
    assert (events[0], events[-1]) == ("listening", "stopped")
    assert events.count("refresh") == 1
    assert "refreshed" in events[events.index("refresh") :]


async def _serve_and_change(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(server.serve_hub(folder, stop, ready=address.set_result))
    found = await address
    answer = await asyncio.to_thread(lambda: urlopen(f"{found}/healthz").read())
    assert json.loads(answer) == {"ok": True, "hub": "hub", "version": "0.1.0", "ledger": "town"}
    wsdl = await asyncio.to_thread(lambda: urlopen(f"{found}/exchange/v1?wsdl").read())
    assert f'"{found}/exchange/v1"'.encode() in wsdl
    _change_routing(folder, "version: [")
    await _seen("refresh", caplog)
    _change_routing(folder, ROUTING + "\n")
    await _seen("refreshed", caplog)
    stop.set()
    await serving


def test_a_hub_goes_on_looking_for_changes_whatever_a_look_ran_into(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else what is revoked from then on would be taken for ever, and nobody told."""
    caplog.set_level(logging.INFO, "hub")
    looks = 0

    def look(hub: Hub, place: Path) -> Hub:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise ZeroDivisionError
        return refresh(hub, place)

    monkeypatch.setattr(process, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(process, "refresh", look)
    asyncio.run(_serve_and_change(folder, caplog))
    [unforeseen] = [one for one in caplog.records if one.name == "hub.serve" and one.exc_info]
    assert unforeseen.fields["code"] == "hub.internal"  # type: ignore[attr-defined]


def _change_routing(folder: Path, text: str) -> None:
    """At once: a file of which a part is written would be another mistake, told as well."""
    (folder / "routing.new").write_text(text, encoding="utf-8")
    (folder / "routing.new").replace(folder / "routing.yaml")


async def _seen(event: str, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(60):
        while event not in [record.getMessage() for record in caplog.records]:
            await asyncio.sleep(0.01)


def test_a_signal_ends_the_process_in_order(folder: Path) -> None:
    program = (
        "import pathlib, sys; from connectors.serving import logs, server; logs.set_up_logs();"
        "server.run_hub(pathlib.Path(sys.argv[1]), ready=lambda a: print(a, flush=True))"
    )
    started = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert started.stdout is not None
    assert started.stdout.readline().startswith("http://127.0.0.1:")
    started.send_signal(signal.SIGTERM)
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 0, errors
    assert "info hub.serve listening address=" in errors
    assert errors.rstrip().endswith("info hub.serve stopped")


# --- log lines


def line(event: str = "call", **fields: object) -> str:
    record = logging.LogRecord("hub.accept", logging.INFO, "", 0, event, None, None)
    record.fields = fields
    return OutcomeFormatter().format(record)


def test_a_line_has_time_level_logger_event_and_fields() -> None:
    written = line("Submit", sender="a", message="m-1", code="", ms="1.5")
    assert written.partition(" ")[2] == "info hub.accept Submit sender=a message=m-1 ms=1.5"


@pytest.mark.parametrize("nasty", ["a\r\nfake line", "x code=ok", 'q"', "\x1b[31m", "\u2028", "\u202e", "a=b"])
def test_a_value_cannot_break_out_of_its_line_or_pose_as_a_field(nasty: str) -> None:
    written = line(nasty.replace("code=ok", ""), message=nasty)
    assert len(written.splitlines()) == 1
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert json.loads(written.partition("message=")[2]) == nasty


@given(st.text(max_size=50))
def test_any_value_can_be_read_back(value: str) -> None:
    written = line(message=value).partition("message=")[2]
    assert value in (written, "") or json.loads(written) == value


def test_logs_are_set_up_once_and_unknown_levels_refused() -> None:
    ours, others = logging.getLogger("hub"), logging.getLogger()
    before = (ours.handlers[:], ours.level, ours.propagate, others.handlers[:], others.level)
    try:
        stream = io.StringIO()
        for _ in range(2):
            set_up_logs("info", stream)
        logging.getLogger("hub.accept").info("Submit", extra={"fields": {"sender": "水务局"}})
        assert stream.getvalue().count("\n") == 1
        assert "sender=水务局" in stream.getvalue()
        with pytest.raises(Misconfigured, match=r"settings\.value"):
            set_up_logs("loud")
    finally:
        ours.handlers[:], ours.level, ours.propagate, others.handlers[:], others.level = before
        logging.getLogger("hub").setLevel(ours.level)
