"""The running nouns that speak SOAP, over real sockets: send, submit, mailbox, pretend departments, serve."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from commands import mock
from commands.department.unpacking import read_unpacked, unpack
from commands.frame.exits import ExitCode
from connectors.exchange_client import Fetched
from connectors.serving.http_server import bind
from connectors.serving.server import serve_hub
from hub import envelope
from hub.administration.install import Plan, install
from hub.codes import make_uscc
from hub.errors import Misconfigured, Refused
from hub.message import Header, Recipient
from hub.parser import parse
from hub.signing import signature
from tests.town import signer_of

ROOT = Path(cli.__file__).parent
NOTICE = ROOT / "examples" / "notice.xml"


class House:
    """A running hub with its data directory; `hub(...)` types a command at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""

    def hub(self, *words: str, lang: str = "en", code: ExitCode = ExitCode.OK) -> Result:
        done = CliRunner().invoke(cli.cli, ["--data", str(self.folder), "--lang", lang, *words])
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done

    def answer(self, *words: str) -> Any:
        return json.loads(self.hub("-o", "json", *words).stdout)

    def send(self, *words: str, to: str = "MAIL", **options: Any) -> Any:
        start = ("msg", "send", "--from", "OFFICE", "--to", to, "--payload", str(NOTICE), "--url", self.url)
        return self.answer(*start, *words, **options)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Serve the hub of a folder from a thread on a free port; yields the service's address."""
    ready, told = threading.Event(), []
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def tell(address: str) -> None:
        told.append(address)
        ready.set()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve_hub(folder, stop, port=0, ready=tell))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60)
        yield f"{told[0]}/exchange/v1"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A hub of three departments: OFFICE may send, MAIL and OFFICE have mailboxes."""
    house = House(tmp_path_factory.mktemp("house") / "data")
    install(house.folder, Plan("CENTER", "测试交换中心", "440300"), datetime.now(UTC) - timedelta(minutes=1))
    for number, code in enumerate(("OFFICE", "MAIL", "OTHER"), start=1):
        uscc = make_uscc(f"11440300{number:08d}")
        house.hub("dept", "add", code, "--name", f"单位{number}", "--uscc", uscc, "--division", "440300")
        house.hub("ca", "issue", code)
    house.hub("endpoint", "add", "MAIL", "--mailbox")
    house.hub("right", "add", "OFFICE", "*", "*")
    with running(house.folder) as house.url:
        yield house


@pytest.fixture
def empty(house: House, tmp_path: Path) -> House:
    """The house with nothing waiting in its mailbox."""
    house.hub(
        "mailbox", "fetch", "MAIL", "--max", "100", "--out", str(tmp_path / "old"), "--confirm", "--url", house.url
    )
    return house


def test_a_message_is_sent_fetched_kept_and_confirmed(empty: House, tmp_path: Path) -> None:
    annex, out = tmp_path / "附件.ofd", tmp_path / "inbox"
    annex.write_bytes(b"OFD bytes")
    sent = empty.send("--attach", str(annex), "--number", "云府[2026]7号", "--id", "round", "--expires", "3d")
    assert (sent["messageId"], sent["replayed"]) == ("round", False)
    (waiting,) = empty.answer("mailbox", "list", "MAIL")
    assert (waiting["messageId"], waiting["state"]) == ("round", "waiting")
    (kept,) = empty.answer("mailbox", "fetch", "MAIL", "--out", str(out), "--url", empty.url)
    home = Path(kept["folder"])
    assert sorted(p.name for p in home.iterdir()) == ["01-附件.ofd", "delivery.json", "envelope.xml", "stamp.xml"]
    assert (home / "01-附件.ofd").read_bytes() == b"OFD bytes"
    signature.verify(parse((home / "envelope.xml").read_bytes()))
    confirm = ("mailbox", "confirm", "MAIL", str(out), "--url", empty.url)
    assert empty.answer(*confirm) == {"confirmed": 1, "already": 0}
    assert empty.answer(*confirm) == {"confirmed": 0, "already": 1}
    told = tmp_path / "recipients.txt"
    (standing,) = empty.answer("mailbox", "status", "OFFICE", "round", "--url", empty.url, "--list", str(told))
    assert told.read_text(encoding="utf-8") == "MAIL\n"
    assert (standing["department"], standing["state"]) == ("MAIL", "delivered")
    assert [m["documentNumber"] for m in empty.answer("msg", "find", "云府（2026）7号")] == ["云府〔2026〕7号"]
    empty.hub("ledger", "verify")


def test_a_department_inquires_about_its_messages_and_partners(empty: House) -> None:
    url = ("--url", empty.url.replace("exchange", "inquiry"))
    empty.send("--number", "云府[2026]8号", "--id", "asked", "--case", "440300-2026-8")
    (standing,) = empty.answer("inquiry", "status", "OFFICE", "asked", *url)
    assert (standing["department"], standing["role"], standing["state"]) == ("MAIL", "main", "waiting")
    (own,) = empty.answer("inquiry", "status", "MAIL", "OFFICE/asked", *url)
    assert own == standing
    (hop,) = empty.answer("inquiry", "trace", "OFFICE", "asked", *url)
    assert (hop["kind"], hop["source"]) == ("accepted", "OFFICE")
    (found,) = empty.answer("inquiry", "number", "MAIL", "云府（2026）8号", *url)
    assert (found["messageId"], found["caseNumber"]) == ("asked", "440300-2026-8")
    case = empty.answer("inquiry", "case", "MAIL", "440300-2026-8", *url)
    assert (case["status"], [one["messageId"] for one in case["messages"]]) == (None, ["asked"])
    partners = empty.answer("inquiry", "directory", "OFFICE", "--type", "official-document-1", *url)
    assert [(one["code"], one["types"]) for one in partners if one["code"] == "MAIL"] == [("MAIL", ["*", "receipt-1"])]
    assert "待投递" in empty.hub("inquiry", "status", "OFFICE", "asked", *url, lang="zh").stdout
    assert "接收" in empty.hub("inquiry", "trace", "OFFICE", "asked", *url, lang="zh").stdout
    refused = empty.hub("inquiry", "status", "OTHER", "OFFICE/asked", *url, code=ExitCode.NOT_FOUND)
    assert "message.unknown" in refused.stderr


def test_attachments_beside_the_envelope_arrive_too(empty: House, tmp_path: Path) -> None:
    annex, out = tmp_path / "a.txt", tmp_path / "inbox"
    annex.write_bytes(b"beside")
    empty.send("--attach", str(annex), "--beside", "--id", "beside")
    (kept,) = empty.answer("mailbox", "fetch", "MAIL", "--out", str(out), "--confirm", "--url", empty.url)
    assert (Path(kept["folder"]) / "01-a.txt").read_bytes() == b"beside"
    assert kept["confirmed"] is True
    assert b"<env:content>" not in (Path(kept["folder"]) / "envelope.xml").read_bytes()


def test_an_envelope_made_without_a_hub_can_be_submitted_later_and_again(empty: House, tmp_path: Path) -> None:
    file = tmp_path / "envelope.xml"
    printed = empty.hub(
        "msg", "send", "--from", "OFFICE", "--to", "MAIL", "--payload", str(NOTICE), "--id", "later", "--dry-run",
        "--save", str(file),
    ).stdout  # fmt: skip
    assert printed.strip().encode() == file.read_bytes()
    submit = ("msg", "submit", str(file), "--url", empty.url)
    first, again = empty.answer(*submit), empty.answer(*submit)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert first["digest"] == again["digest"]
    kept = tmp_path / "kept.xml"
    empty.hub("msg", "show", "later", "--save", str(kept))
    assert kept.read_bytes() == file.read_bytes()


def test_a_payload_that_is_wrong_is_told_before_sending(house: House, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.xml"
    wrong.write_text('<od:officialDocument xmlns:od="urn:hub:official-document:v1"/>', encoding="utf-8")
    start = ("msg", "send", "--from", "OFFICE", "--to", "MAIL", "--payload", str(wrong), "--dry-run")
    assert "payload.invalid" in house.hub(*start, code=ExitCode.REFUSED).stderr


def test_the_hubs_refusal_is_told_in_its_own_words(house: House) -> None:
    start = ("msg", "send", "--from", "MAIL", "--to", "OFFICE", "--payload", str(NOTICE), "--url", house.url)
    done = house.hub(*start, lang="zh", code=ExitCode.REFUSED)
    assert "routing.recipient" in done.stderr
    assert "无权" in done.stderr
    assert "（correlationId " in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_key_that_is_not_there_is_one_clear_line(house: House) -> None:
    start = ("msg", "send", "--from", "NOBODY", "--to", "MAIL", "--payload", str(NOTICE), "--url", house.url)
    done = house.hub(*start, code=ExitCode.MISCONFIGURED)
    assert done.stderr.count("\n") == 1
    assert "NOBODY.key" in done.stderr


def test_a_file_that_is_not_there_is_one_clear_line(house: House) -> None:
    start = ("msg", "send", "--from", "OFFICE", "--to", "MAIL", "--payload", "absent.xml", "--url", house.url)
    done = house.hub(*start, code=ExitCode.MISCONFIGURED)
    assert done.stderr.count("\n") == 1


def test_a_hub_that_does_not_answer_is_one_clear_line(house: House) -> None:
    with closing(bind("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1] or 1}/exchange/v1"
        taken.close()
        done = house.hub("mailbox", "fetch", "MAIL", "--url", url, code=ExitCode.UNAVAILABLE)
    assert "exchange.unreachable" in done.stderr
    assert done.stderr.count("\n") == 1


def test_confirming_wants_the_messages_kept_first(house: House, tmp_path: Path) -> None:
    house.hub("mailbox", "fetch", "MAIL", "--confirm", "--url", house.url, code=ExitCode.USAGE)
    house.hub("mailbox", "confirm", "MAIL", str(tmp_path), "--url", house.url, code=ExitCode.MISCONFIGURED)


def test_a_department_without_a_mailbox_is_told_so(house: House) -> None:
    assert "mailbox.absent" in house.hub("mailbox", "list", "OTHER", code=ExitCode.NOT_FOUND).stderr


# unpacking: names inside a message are strangers' words


def fetched(name: str, content: bytes = b"x", **changes: Any) -> Fetched:
    line = envelope.attachment("a1", name, "text/plain", content, inline=True)
    header = Header("m", "official-document-1", "a", (Recipient("b"),), datetime(2026, 3, 2, tzinfo=UTC))
    raw = signature.sign(envelope.build(header, parse(NOTICE.read_bytes()), [line]), signer_of("a")[0])
    values: dict[str, Any] = {
        "delivery_id": 7, "sender": "a", "message_id": "m", "type": "official-document-1", "role": "main",
        "digest": hashlib.sha256(raw).hexdigest(), "lease_until": datetime.now(UTC), "envelope": raw,
        "stamp": b"<s/>", "attachments": {}, **changes,
    }  # fmt: skip
    return Fetched(**values)


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/passwd", "a\\..\\b", ".hidden", "x\ny", "delivery.json", "…", "a" * 190]
)
def test_no_attachment_name_leaves_its_folder(tmp_path: Path, name: str) -> None:
    home = unpack(fetched(name), tmp_path / "in")
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert {p.parent for p in files} == {home}
    assert len(files) == 4
    assert [item.message_id for item in read_unpacked(tmp_path / "in")] == ["m"]


def test_unpacking_the_same_message_again_changes_nothing(tmp_path: Path) -> None:
    one = fetched("a.txt")
    before = unpack(one, tmp_path)
    (before / "01-a.txt").write_bytes(b"mine now")
    assert unpack(one, tmp_path) == before
    assert (before / "01-a.txt").read_bytes() == b"mine now"


def test_a_message_altered_on_its_way_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        unpack(fetched("a.txt", digest="0" * 64), tmp_path)
    assert refusal.value.code == "delivery.altered"
    assert list(tmp_path.iterdir()) == []


# serve and mock


def test_serve_check_says_that_it_could_start(house: House) -> None:
    found = house.answer("serve", "--check", "--port", "0")
    assert (found["hub"], found["departments"]) == ("CENTER", 4)


def test_a_port_in_use_is_told_before_anything_is_opened(house: House) -> None:
    with closing(bind("127.0.0.1", 0)) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        for words in (("serve", "--port", port), ("serve", "--check", "--port", port)):
            assert "listen.port-in-use" in house.hub(*words, code=ExitCode.MISCONFIGURED).stderr


def test_faults_are_given_by_department_or_to_all() -> None:
    chosen = mock._faults(("down", "B=flaky:3"), ("A", "B"))
    assert {code: fault.name for code, fault in chosen.items()} == {"A": "down", "B": "flaky"}
    with pytest.raises(Misconfigured):
        mock._faults(("explode",), ("A",))


def test_a_fault_of_a_department_that_is_not_played_is_a_usage_error(house: House) -> None:
    house.hub("mock", "dept", "MAIL", "--fault", "WATER=down", "--port", "0", code=ExitCode.USAGE)


@pytest.mark.parametrize(
    "words",
    [("mock", "dept", "WATER", "--port", "0"), ("mailbox", "fetch", "WATER"), ("inquiry", "directory", "WATER")],
)
def test_a_department_without_a_key_is_told_which_command_makes_one(house: House, words: tuple[str, ...]) -> None:
    for lang in ("zh", "en"):
        said = house.hub(*words, lang=lang, code=ExitCode.MISCONFIGURED).stderr
        assert "key.absent" in said
        assert "hub ca issue" in said
        assert "WATER.key" in said


@contextmanager
def process(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A real `hub` process, stopped by SIGTERM."""
    command = [sys.executable, str(ROOT / "cli.py"), "--data", str(folder), "--lang", "en", *words]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as run:
        try:
            yield run
        finally:
            run.send_signal(signal.SIGTERM)
            assert run.stderr is not None
            run.stderr.read()
            assert run.wait(60) == 0


def said_by(run: subprocess.Popen[str], words: str) -> str:
    """The last word of the first line that has `words` in it."""
    assert run.stderr is not None
    for line in run.stderr:
        if words in line:
            return line.split()[-1]
    raise AssertionError(f"never said {words}")


def test_a_pretend_department_takes_signs_and_answers_over_real_processes(house: House) -> None:
    play = ("mock", "dept", "OTHER", "--port", "0", "--sign-for", "--url", house.url)
    with process(house.folder, *play) as run:
        url = said_by(run, "OTHER listens")
        house.hub("endpoint", "add", "OTHER", "--push", url)
        house.hub("endpoint", "add", "OFFICE", "--mailbox")
        house.send("--id", "pushed", to="OTHER")
        (copy,) = house.answer("msg", "trace", "pushed", "-f")["recipients"]
        assert copy["state"] == "delivered"
        until = time.monotonic() + 60
        while copy["answer"] != "signed":  # the answer is a message that comes after it
            assert time.monotonic() < until
            (copy,) = house.answer("msg", "trace", "pushed")["recipients"]
    house.hub("ledger", "verify")


def test_serve_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    install(folder, Plan("CENTER", "测试交换中心", "440300"), datetime.now(UTC) - timedelta(minutes=1))
    with process(folder, "serve", "--port", "0") as run:
        assert said_by(run, "listens at")


def test_a_large_attachment_is_uploaded_and_downloaded_by_itself(empty: House, tmp_path: Path) -> None:
    large = tmp_path / "图纸.zip"
    large.write_bytes(bytes(range(256)) * 4096 * 9)  # 9 MiB
    sent = empty.send("--attach", str(large))
    out = tmp_path / "inbox"
    (kept,) = empty.answer("mailbox", "fetch", "MAIL", "--out", str(out), "--confirm", "--url", empty.url)
    assert kept["messageId"] == sent["messageId"]
    assert (Path(kept["folder"]) / "01-图纸.zip").read_bytes() == large.read_bytes()
