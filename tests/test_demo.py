"""The demo: a small city through all scenes with real processes, and what it must do when something is not so."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from commands.frame.exits import ExitCode
from commands.frame.session import Session
from demo import play as plays
from demo import processes
from demo.documents import DOCUMENT_NUMBER, NOTICE_ID, annex, case_documents, notice
from demo.names import FEWEST, MOST, receivers
from demo.people import Cast
from demo.play import MARK
from demo.processes import LOGS, Berth, Child, Children, until_answering
from demo.scene_ledger import COPY
from demo.screen import Screen
from hub.codes import check_division, check_uscc
from hub.errors import Misconfigured
from hub.hub import read_settings
from hub.registry.registry import LEVELS
from tests.town import START, signer_of

ROOT = Path(__file__).parent.parent


def hub(folder: Path, *words: str) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(cli.cli, ["--data", str(folder), "--lang", "en", *words])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The data directory that a demo of the smallest city left, and what it said to a program."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    found = hub(folder, "-o", "json", "demo", "--departments", str(FEWEST))
    assert found.exit_code == ExitCode.OK, found.output
    return folder, json.loads(found.stdout)


# --- the whole of it


def test_every_claim_of_a_small_city_is_true(played: tuple[Path, Any]) -> None:
    claims = played[1]["claims"]
    assert [claim for claim in claims if not claim["true"]] == []
    assert len(claims) > 30
    assert played[1]["true"] is True


def test_no_process_is_left_and_the_data_directory_can_be_served(played: tuple[Path, Any]) -> None:
    folder = played[0]
    assert not listens(read_settings(folder).listen.port)
    checked = hub(folder, "serve", "--check")
    assert checked.exit_code == ExitCode.OK, checked.output
    assert sorted(path.stem for path in (folder / LOGS).iterdir()) == ["hub", "receivers", "returning"]


def test_the_original_verifies_and_the_copy_names_the_entry(played: tuple[Path, Any]) -> None:
    folder = played[0]
    assert hub(folder, "ledger", "verify").exit_code == ExitCode.OK
    found = hub(folder / COPY, "-o", "json", "ledger", "verify")
    assert found.exit_code == ExitCode.CHECK_FAILED
    first = json.loads(found.output)["findings"][0]
    named = next(c for c in played[1]["claims"] if "entry" in c["claim"]["en"] and "field" in c["claim"]["en"])
    assert [first["node"], first["sequence"], first["field"]] == named["got"]
    assert not list((folder / COPY).rglob("*.key"))


def test_the_notice_is_found_by_its_document_number_and_one_department_still_waits(played: tuple[Path, Any]) -> None:
    folder = played[0]
    found = hub(folder, "-o", "json", "msg", "find", DOCUMENT_NUMBER)
    assert NOTICE_ID in found.output
    traced = json.loads(hub(folder, "-o", "json", "msg", "trace", f"city-office/{NOTICE_ID}").output)
    states = [one["state"] for one in traced["recipients"]]
    assert sorted(states) == ["delivered"] * (FEWEST - 1) + ["waiting"]


def test_a_second_demo_does_not_overwrite_the_first_unless_asked(played: tuple[Path, Any]) -> None:
    folder = played[0]
    refused = hub(folder, "demo", "--departments", str(FEWEST))
    assert (refused.exit_code, "[install.not-empty]" in refused.output) == (ExitCode.MISCONFIGURED, True)
    assert (folder / "hub.db").exists()


# --- what it removes


def test_fresh_removes_only_what_a_demo_has_made(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    refused = hub(tmp_path, "demo", "--fresh")
    assert (refused.exit_code, "[demo.foreign]" in refused.output) == (ExitCode.MISCONFIGURED, True)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_clear_removes_an_earlier_demo_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / MARK).touch()
    plays.clear(folder)
    plays.clear(folder)
    assert list(tmp_path.iterdir()) == []


# --- when something is not so


def test_a_claim_that_is_false_is_told_with_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(Session(lang="en"))
    screen.check("甲", "a is right", 1, 1)
    assert capsys.readouterr().out == ""
    assert screen.all_true
    screen.check("乙", "b is right", 140, 139)
    assert "not so: b is right; expected 140, got 139" in capsys.readouterr().out
    assert not screen.all_true


def test_no_claims_at_all_is_not_success() -> None:
    assert not Screen(Session()).all_true


def test_a_false_claim_ends_the_command_with_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def played_badly(folder: Path, count: int, screen: Screen, clock: Any) -> None:
        screen.check("甲", "a is right", True, False)

    monkeypatch.setattr(plays, "play", played_badly)
    found = hub(tmp_path, "-o", "json", "demo")
    assert found.exit_code == ExitCode.CHECK_FAILED
    assert json.loads(found.output)["claims"][0]["true"] is False


async def _start_without_settings(folder: Path) -> None:
    with Children(folder, {"hub": Berth()}) as children:
        await until_answering(children.serve(), "http://127.0.0.1:9/healthz")


def test_a_process_that_cannot_start_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 3600.0)  # nobody waits for that
    with pytest.raises(Misconfigured) as caught:
        asyncio.run(_start_without_settings(tmp_path))
    assert (caught.value.code, caught.value.got) == ("demo.process", "hub")
    assert "settings.absent" in caught.value.operator


def test_leaving_the_block_ends_every_process(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    children = Children(tmp_path, {}, [Child("sleeper", process, tmp_path / "sleeper.log")])
    with pytest.raises(KeyboardInterrupt), children:
        raise KeyboardInterrupt
    assert process.poll() == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_is_taken_like_ctrl_c(number: signal.Signals) -> None:
    async def waiting() -> None:
        with plays.ended_by_signals():
            os.kill(os.getpid(), number)
            await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        plays.run(waiting())
    assert signal.getsignal(number) is signal.SIG_DFL


def test_nobody_listens_on_a_reserved_port_and_nobody_else_can_take_it() -> None:
    berth = Berth()
    assert not listens(berth.port)
    with socket.socket() as other, pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
        other.bind(("127.0.0.1", berth.port))
    berth.release()
    with socket.socket() as other:
        other.bind(("127.0.0.1", berth.port))


# --- the city


def test_the_city_has_as_many_departments_as_it_says_and_each_is_well_formed() -> None:
    everybody = receivers(MOST)
    assert len(everybody) == MOST
    for part in ("code", "name", "uscc"):
        assert len({getattr(department, part) for department in everybody}) == MOST
    for department in everybody:
        assert check_uscc(department.uscc)
        assert check_division(department.division)
        assert department.level in LEVELS
    known = {department.code for department in everybody} | {"city-office"}
    assert {department.parent for department in everybody} <= known


@pytest.mark.parametrize("count", [FEWEST, 7, 13, 19, 20, 21, 50, MOST])
def test_every_part_is_played_and_nobody_has_two(count: int) -> None:
    codes = [department.code for department in receivers(count)]
    cast = Cast.of(codes)
    assert sorted(cast.everybody) == sorted(codes)
    assert all((cast.usual, cast.slow, cast.mailbox, cast.returning, cast.absent))


def test_the_documents_are_the_samples_in_the_order_of_the_case() -> None:
    signer = signer_of("a")[0]
    document = notice(signer, START)
    assert annex() in document.beside.values()
    case = case_documents(signer, START)
    assert [one.message_id[-2:] for one in case] == [f"{number:02}" for number in range(1, 12)]
    assert case[1].raw.count(b"correctionNotice") == 2
