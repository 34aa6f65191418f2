"""The running nouns that read and change the hub's records: msg, dlq and ledger, over a town that has worked."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from commands import msg_trace
from commands.frame.exits import ExitCode
from commands.frame.terminal import width
from commands.frame.words import lapse, size_of
from hub import envelope
from hub.errors import Refused
from hub.message import DeliveryState, Hop
from hub.parser import parse
from hub.signing import signature
from tests.town import HUB, ROUTING, Town, found_town, signer_of, undelivered

HOLD = """
version: 1
rules:
  - name: hold
    when: {sender: c}
    then: {hold: 待审}
"""
RECEIPT = """<rcp:receipt xmlns:rcp="urn:hub:receipt:v1"><rcp:kind>signedFor</rcp:kind>
<rcp:ofMessageId>notice</rcp:ofMessageId><rcp:ofSender>a</rcp:ofSender><rcp:time>2026-03-02T09:05:00+08:00</rcp:time>
<rcp:personName>李工</rcp:personName></rcp:receipt>"""


def work(town: Town) -> None:
    """A notice to three with a signed receipt, a failure for good, a held message, one id used by two, refusals."""
    beside = envelope.attachment("att", "附件.ofd", "application/ofd", b"OFD", inline=False)
    raw = town.signed(
        "a", ["b", "c"], copy=["m"], message_id="notice", document_number="云府〔2026〕3号", attachments=[beside]
    )
    town.submit(raw, {"att": b"OFD"})
    town.deliver()
    town.clock.turn(seconds=90)
    town.send("b", "a", message_id="got-it", type="receipt-1", payload=parse(RECEIPT.encode()), in_reply_to="notice")
    town.connector.trouble["d"] = undelivered()
    for message_id in ("lost", "lost-too"):
        town.send("a", "d", message_id=message_id, case_number="4403-2026-1")
    for _ in range(60):
        town.deliver()
        town.clock.turn(minutes=2)
    town.connector.trouble.clear()
    town.send("a", "b", message_id="twin")
    town.send("c", "b", message_id="twin")
    with pytest.raises(Refused):
        town.submit(town.signed("a", "b", by="c", message_id="forged"))
    town.reroute(HOLD)
    town.send("c", "b", message_id="held")
    town.deliver()


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a hub that has worked for a morning."""
    folder = tmp_path_factory.mktemp("worked")
    town = found_town(folder)
    work(town)
    town.close()
    (folder / "hub.yaml").write_text(f"hub: {HUB}\nname: 市交换中心\n", encoding="utf-8")
    (folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (folder / "keys").mkdir()
    (folder / "keys" / "hub.crt").write_bytes(signer_of(HUB)[1])
    return folder


@pytest.fixture
def folder(worked: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(worked, tmp_path / "data"))


def hub(folder: Path, *words: str, lang: str = "en", code: ExitCode = ExitCode.OK) -> Result:
    done = CliRunner().invoke(cli.cli, ["--data", str(folder), "--lang", lang, *words])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def answer(folder: Path, *words: str, code: ExitCode = ExitCode.OK) -> Any:
    return json.loads(hub(folder, "-o", "json", *words, code=code).stdout)


# msg list, find, show, refusals


def test_messages_are_listed_with_the_latest_first(worked: Path) -> None:
    found = answer(worked, "msg", "list")
    assert found[0]["messageId"] == "held"
    assert found[-1] == {
        "received": "2026-03-02T01:00:00.000000Z",
        "sender": "a",
        "messageId": "notice",
        "type": "official-document-1",
        "documentNumber": "云府〔2026〕3号",
        "caseNumber": None,
        "size": found[-1]["size"],
    }


def test_a_list_is_narrowed_and_paged(worked: Path) -> None:
    dead = answer(worked, "msg", "list", "--recipient", "d", "--state", "dead")
    assert {one["messageId"] for one in dead} == {"lost", "lost-too"}
    first = hub(worked, "msg", "list", "--most", "2")
    further = first.stderr.rpartition("--before ")[2].strip()
    second = answer(worked, "msg", "list", "--most", "2", "--before", further)
    assert not {one["messageId"] for one in second} & {"held"}
    assert answer(worked, "msg", "list", "--sender", "nobody") == []


@pytest.mark.parametrize("text", ["云府〔2026〕3号", "云府[2026]3号", "云府（2026）第03号", " 云府【2026】3"])
def test_a_document_is_found_by_its_number_in_any_style(worked: Path, text: str) -> None:
    assert [one["messageId"] for one in answer(worked, "msg", "find", text)] == ["notice"]


def test_messages_are_found_by_case_number_and_by_id(worked: Path) -> None:
    assert {one["messageId"] for one in answer(worked, "msg", "find", "4403-2026-1")} == {"lost", "lost-too"}
    assert {one["sender"] for one in answer(worked, "msg", "find", "twin")} == {"a", "c"}


@pytest.mark.parametrize("verb", ["trace", "show"])
def test_one_message_is_looked_up_by_its_number_too(worked: Path, verb: str) -> None:
    assert answer(worked, "msg", verb, "云府(2026)3号") == answer(worked, "msg", verb, "a/notice")
    several = hub(worked, "msg", verb, "4403-2026-1", code=ExitCode.MISCONFIGURED).stderr
    assert "a/lost, a/lost-too" in several
    assert "没有找到" in hub(worked, "msg", verb, "4403-2026-2", lang="zh", code=ExitCode.NOT_FOUND).stderr


def test_what_is_not_there_is_told_in_one_line(worked: Path) -> None:
    done = hub(worked, "msg", "find", "nothing", lang="zh", code=ExitCode.NOT_FOUND)
    assert done.stderr.count("\n") == 1
    assert "没有找到该报文" in done.stderr


def test_one_message_is_shown_with_each_of_its_recipients(worked: Path) -> None:
    found = answer(worked, "msg", "show", "a/notice")
    assert (found["documentNumber"], found["urgency"]) == ("云府〔2026〕3号", "routine")
    assert [(one["recipient"], one["role"], one["state"]) for one in found["recipients"]] == [
        ("b", "main", "delivered"),
        ("c", "main", "delivered"),
        ("m", "copy", "waiting"),
    ]
    shown = hub(worked, "msg", "show", "notice", lang="zh").stdout
    assert "抄送" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith(("紧急程度", "密级"))] == [
        ["紧急程度", "一般"], ["密级", "无"],
    ]  # fmt: skip


def test_an_id_of_two_senders_needs_its_sender(worked: Path) -> None:
    done = hub(worked, "msg", "show", "twin", code=ExitCode.MISCONFIGURED)
    assert "a/twin" in done.stderr
    assert "c/twin" in done.stderr
    assert answer(worked, "msg", "show", "c/twin")["sender"] == "c"


def test_documents_come_out_as_they_were_signed(worked: Path, tmp_path: Path) -> None:
    kept = tmp_path / "envelope.xml"
    hub(worked, "msg", "show", "notice", "--xml", "--save", str(kept))
    signature.verify(parse(kept.read_bytes()))
    stamp = hub(worked, "msg", "show", "notice", "--stamp").stdout
    signature.verify(parse(stamp.strip().encode()))
    payload = hub(worked, "msg", "show", "notice", "--payload").stdout
    assert payload.startswith("<od:officialDocument")
    hub(worked, "msg", "show", "notice", "--save", str(kept), code=ExitCode.MISCONFIGURED)


def test_refusals_say_why(worked: Path) -> None:
    (refusal,) = answer(worked, "msg", "refusals")
    assert (refusal["code"], refusal["got"]) == ("rights.sender", "a")
    assert "不属于" in hub(worked, "msg", "refusals", lang="zh").stdout


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_refusals_fit_a_terminal_of_100_columns(worked: Path, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.frame.session.room_on", lambda stream: 100)
    refused = hub(worked, "msg", "refusals", lang=lang).stdout.splitlines()
    assert any("rights.sender" in line.split() for line in refused)
    assert [line for line in refused if width(line) > 100] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    "words",
    [
        ("dept", "list"), ("endpoint", "list"), ("endpoint", "show", "b"), ("cert", "list"), ("trust", "list"),
        ("msg", "find", "notice"), ("msg", "show", "notice"), ("msg", "trace", "notice"), ("msg", "verify", "notice"),
        ("ledger", "show"), ("ledger", "head"), ("mailbox", "list", "m"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_tables_and_records_fit_a_terminal_of_80_columns(
    worked: Path, words: tuple[str, ...], lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.frame.session.room_on", lambda stream: 80)
    shown = hub(worked, *words, lang=lang).stdout.splitlines()
    assert len(shown) > 1
    assert [line for line in shown if width(line) > 80] == []


# msg trace and tail


def test_a_trace_tells_every_hop_copy_and_receipt(worked: Path) -> None:
    found = answer(worked, "msg", "trace", "notice")
    assert [hop["kind"] for hop in found["hops"]] == ["accepted", "delivered", "delivered"]
    assert {one["recipient"]: (one["state"], one["answer"]) for one in found["recipients"]} == {
        "b": ("delivered", "signed"),
        "c": ("delivered", "signed"),
        "m": ("waiting", ""),
    }
    assert [(reply["sender"], reply["says"]) for reply in found["replies"]] == [("b", "signedFor")]
    assert found["settled"] is False


def test_a_trace_reads_well_in_chinese(worked: Path) -> None:
    text = hub(worked, "msg", "trace", "notice", lang="zh").stdout
    for words in ("云府〔2026〕3号", "接收", "送达", "已签名", "签收", "收件单位 3 个", "待投递 1"):
        assert words in text


def test_a_trace_tells_why_nothing_arrived(worked: Path) -> None:
    text = hub(worked, "msg", "trace", "lost").stdout
    assert "given up" in text
    assert "cannot be reached" in text
    found = answer(worked, "msg", "trace", "lost")
    assert found["recipients"][0]["cause"] == "delivery.unreachable"
    assert [reply["type"] for reply in found["replies"]] == ["notice-1"]


def deliver_all(path: Path) -> None:
    """Stand for a hub that delivers meanwhile: every open copy ends."""
    with closing(sqlite3.connect(path / "hub.db")) as database:
        database.execute("UPDATE deliveries SET state = 'delivered', done_us = first_us WHERE state = 'waiting'")
        database.commit()


def test_following_a_trace_ends_when_every_copy_has_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            deliver_all(folder)

    monkeypatch.setattr(msg_trace, "sleep", pause)
    text = hub(folder, "msg", "trace", "notice", "-f").stdout
    assert len(pauses) == 2
    assert "3 delivered" in text


def test_a_followed_trace_is_one_json_document(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msg_trace, "sleep", lambda seconds: deliver_all(folder))
    assert answer(folder, "msg", "trace", "notice", "-f")["settled"] is True


def test_the_tail_goes_on_as_the_ledger_grows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []

    def pause(seconds: float) -> None:
        steps.append(seconds)
        if len(steps) == 1:
            hub(folder, "msg", "release", "held")
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(msg_trace, "sleep", pause)
    done = hub(folder, "msg", "tail", "-f", "--most", "2", code=ExitCode.INTERRUPTED)
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "cli/1" in lines[2]
    assert "released" in lines[2]


# resend, release, dlq


def states(folder: Path, message: str) -> dict[str, str]:
    return {one["recipient"]: one["state"] for one in answer(folder, "msg", "show", message)["recipients"]}


def test_a_held_message_is_released(folder: Path) -> None:
    assert states(folder, "held") == {"b": "held"}
    assert answer(folder, "msg", "release", "held", "--reason", "已核准")["released"] == 1
    assert states(folder, "held") == {"b": "waiting"}
    hub(folder, "msg", "release", "held", code=ExitCode.REFUSED)
    hub(folder, "ledger", "verify")


def test_a_dead_letter_is_resent_and_the_ledger_knows(folder: Path) -> None:
    hub(folder, "msg", "resend", "lost", "--to", "d", "--reason", "端点已修复")
    assert states(folder, "lost") == {"d": "waiting"}
    last = answer(folder, "ledger", "show", "--node", "cli")[-1]
    assert (last["kind"], last["messageId"], last["target"]) == (Hop.RESENT, "lost", "d")
    hub(folder, "ledger", "verify")


def test_a_resend_to_several_is_all_or_nothing(folder: Path) -> None:
    hub(folder, "msg", "resend", "lost", "--to", "d,b", code=ExitCode.REFUSED)
    assert states(folder, "lost") == {"d": "dead"}
    assert answer(folder, "ledger", "show", "--node", "cli") == []


def test_what_was_delivered_is_resent_only_when_it_is_said(folder: Path) -> None:
    hub(folder, "msg", "resend", "notice", "--to", "b", code=ExitCode.REFUSED)
    hub(folder, "msg", "resend", "notice", "--to", "b", "--again")
    assert states(folder, "notice")["b"] == "waiting"
    hub(folder, "ledger", "verify")


def test_dead_letters_are_counted_shown_and_set_going(folder: Path) -> None:
    (group,) = answer(folder, "dlq", "list")
    assert (group["cause"], group["endpoint"], group["count"]) == ("delivery.unreachable", "d", 2)
    for of in ("d", "delivery.unreachable"):
        assert [one["messageId"] for one in answer(folder, "dlq", "show", of)] == ["lost", "lost-too"]
    assert answer(folder, "dlq", "show", "b") == []
    assert answer(folder, "dlq", "resend", "--endpoint", "d", "--yes") == {"resent": 2, "expired": 0}
    assert answer(folder, "dlq", "list") == []
    assert answer(folder, "dlq", "resend", "--all", "--yes") == {"resent": 0, "expired": 0}
    hub(folder, "ledger", "verify")


def test_resending_dead_letters_asks_first_and_wants_to_be_told_which(folder: Path) -> None:
    hub(folder, "dlq", "resend", "--all", code=ExitCode.DECLINED)
    hub(folder, "dlq", "resend", code=ExitCode.USAGE)
    hub(folder, "dlq", "resend", "--all", "--cause", "x", code=ExitCode.USAGE)
    assert answer(folder, "dlq", "list")[0]["count"] == 2


# ledger


def test_a_clean_ledger_is_said_to_be_clean(worked: Path) -> None:
    found = answer(worked, "ledger", "verify")
    assert found["clean"] is True
    assert found["findings"] == []
    assert found["rows"]["entry"] > 15
    assert found["rows"]["refusal"] == 1
    assert "全部一致" in hub(worked, "ledger", "verify", lang="zh").stdout


def test_one_changed_byte_is_named_and_fails_the_command(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("UPDATE ledger SET target = 'x' WHERE sequence = 2")
        database.commit()
    text = hub(folder, "ledger", "verify", lang="zh", code=ExitCode.CHECK_FAILED).stdout
    assert "节点 hub 第 2 条" in text
    assert "字段：target" in text
    finding = answer(folder, "ledger", "verify", code=ExitCode.CHECK_FAILED)["findings"][0]
    assert (finding["node"], finding["sequence"], finding["field"], finding["got"]) == ("hub", 2, "target", "x")


def test_only_so_many_findings_are_listed(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("UPDATE bodies SET content = X'00'")
        database.commit()
    text = hub(folder, "ledger", "verify", "--show", "2", code=ExitCode.CHECK_FAILED).stdout
    assert len(text.splitlines()) == 5
    assert "more" in text.splitlines()[-1]


def test_a_hub_whose_certificate_is_gone_cannot_be_verified(folder: Path) -> None:
    (folder / "keys" / "hub.crt").unlink()
    hub(folder, "ledger", "verify", code=ExitCode.MISCONFIGURED)


def test_entries_are_shown_from_a_place_or_the_latest(worked: Path) -> None:
    from_three = answer(worked, "ledger", "show", "--node", "hub", "--from", "3", "--most", "2")
    assert [one["sequence"] for one in from_three] == [3, 4]
    latest = answer(worked, "ledger", "show", "--most", "3")
    (head,) = answer(worked, "ledger", "head")
    assert (latest[-1]["sequence"], latest[-1]["hash"]) == (head["sequence"], head["hash"])


# msg verify


def test_a_stored_message_passes_all_nine_steps(worked: Path) -> None:
    steps = answer(worked, "msg", "verify", "a/notice")
    assert [step["step"] for step in steps] == ["1", "2", "3", "3", "3", "4", "4", "5", "5", "6-9"]
    assert all(step["ok"] for step in steps)


def test_verifying_a_file_names_the_step_that_fails(worked: Path, tmp_path: Path) -> None:
    file = tmp_path / "envelope.xml"
    hub(worked, "msg", "show", "notice", "--xml", "--save", str(file))
    steps = answer(worked, "msg", "verify", str(file))
    assert all(step["ok"] for step in steps)
    file.write_bytes(file.read_bytes().replace(b"notice", b"n0tice"))
    steps = answer(worked, "msg", "verify", str(file), code=ExitCode.CHECK_FAILED)
    assert (steps[-1]["step"], steps[-1]["ok"]) == ("3", False)
    assert "signature" in steps[-1]["fact"]


def test_verifying_checks_the_files_beside_an_envelope(worked: Path, tmp_path: Path) -> None:
    file, annex = tmp_path / "envelope.xml", tmp_path / "annex"
    hub(worked, "msg", "show", "notice", "--xml", "--save", str(file))
    annex.write_bytes(b"OFD")
    hub(worked, "msg", "verify", str(file), "--attach", f"att={annex}")
    annex.write_bytes(b"OFX")
    hub(worked, "msg", "verify", str(file), "--attach", f"att={annex}", code=ExitCode.CHECK_FAILED)
    hub(worked, "msg", "verify", str(file), "--attach", "att", code=ExitCode.USAGE)


def test_a_stored_message_that_was_altered_fails(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("UPDATE messages SET document_number = '云府〔2026〕4号' WHERE message_id = 'notice'")
        database.commit()
    steps = answer(folder, "msg", "verify", "notice", code=ExitCode.CHECK_FAILED)
    assert [step["ok"] for step in steps] == [True] * 9 + [False]


@pytest.mark.parametrize(
    ("code", "got", "chinese"),
    [
        ("payload.invalid", "length has to be 4", "长度应为 4"),
        ("payload.invalid", "something new", "something new"),
        ("message.conflict", "length has to be 4", "length has to be 4"),
    ],
)
def test_words_of_the_schema_library_are_chinese_among_refusals(
    folder: Path, code: str, got: str, chinese: str
) -> None:
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("UPDATE refusals SET code = ?, got = ?, expected = ''", (code, got))
        database.commit()
    assert f"  {chinese}  " in hub(folder, "msg", "refusals", lang="zh").stdout
    assert f"  {got}  " in hub(folder, "msg", "refusals").stdout
    assert answer(folder, "msg", "refusals")[0]["got"] == got


# what strangers wrote


def test_words_of_strangers_cannot_command_the_terminal(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("UPDATE refusals SET got = ?, operator = ?", ("\x1b[31mred\r\n", "=cmd|'/c'!A1\x07"))
        database.execute("UPDATE messages SET document_number = ?", ("\x1b]0;owned\x07",))
        database.commit()
    for words in (("refusals",), ("list",), ("show", "notice"), ("trace", "notice"), ("tail",)):
        for form in ("table", "json"):
            out = hub(folder, "-o", form, "msg", *words).output
            assert not any(c in out for c in "\x1b\x07\r")


def test_an_absent_hub_is_one_clear_line(tmp_path: Path) -> None:
    for words in (("ledger", "verify"), ("msg", "list"), ("mailbox", "list", "x"), ("serve", "--check")):
        done = hub(tmp_path, *words, code=ExitCode.MISCONFIGURED)
        assert done.stderr.count("\n") == 1
        assert "hub.yaml" in done.stderr


def test_spans_and_sizes_read_well() -> None:
    assert [lapse(s) for s in (0.0, 0.0075, 12.5, 200, 7500)] == ["0 ms", "8 ms", "12.5 s", "3 min 20 s", "2 h 5 min"]
    assert [size_of(n) for n in (9, 2048, 3 << 20)] == ["9 B", "2.0 KB", "3.0 MB"]


def test_every_state_hop_and_role_has_words_in_both_languages() -> None:
    from commands.frame.words import HOPS, ROLES, STATES
    from hub.administration.administered import Deed
    from hub.labels import DEEDS

    assert set(HOPS) == set(Hop)
    assert set(DEEDS) == set(Deed)
    assert set(STATES) == set(DeliveryState)
    assert all(said.zh and said.en for table in (HOPS, STATES, ROLES, DEEDS) for said in table.values())
