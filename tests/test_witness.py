"""The witness: what extends the kept checkpoint is cosigned, and nothing else, whatever happened to hub or witness."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import HubError, Misconfigured, Unavailable, Undelivered
from hub.store.tree_proofs import read_checkpoint, read_witnessed
from hub.tree.checkpoint import Checkpoint, cosignatures, open_checkpoint
from hub.tree.key import NoteKey
from hub.tree.merkle import EMPTY, consistency_proof, proves_consistency, root_of
from hub.tree.note import read_note, sign_note
from hub.witness import look as looking
from hub.witness.folder import WitnessFolder
from hub.witness.judge import Verdict, judge_alone, judge_grown
from hub.witness.look import watch
from hub.witness.settings import WitnessSettings
from tests.town import START, Town
from tests.witnessing import NAME, PRIVATE, DirectLog, grow, lone_witness, looked, other_town, town_key, witness_of


@pytest.fixture
def folder(town: Town, tmp_path: Path) -> WitnessFolder:
    return witness_of(town, tmp_path / "witness")


@pytest.fixture
def lone(tmp_path: Path) -> WitnessFolder:
    return lone_witness(tmp_path / "lone")


@pytest.fixture
def others() -> Iterator[ExitStack]:
    """Closes the other towns of a test."""
    with ExitStack() as stack:
        yield stack


def served(town: Town) -> str:
    """The note as the hub hands it to anybody."""
    with town.hub.store.reading() as connection:
        return read_checkpoint(connection).note


# --- a hub that does as it should


def test_growth_is_cosigned_step_by_step_and_the_hub_serves_the_cosignature(town: Town, folder: WitnessFolder) -> None:
    log = DirectLog(town)
    sizes = []
    for count in (1, 2, 30):
        grow(town, count)
        outcome = looked(folder, log)
        assert (outcome.verdict, outcome.cosigned, outcome.code) == (Verdict.GROWN, True, "")
        assert folder.kept()[0].size == outcome.size
        (found,) = cosignatures(read_note(served(town).encode()), [folder.signer.key])
        assert (found.witness, found.at) == (NAME, START)
        sizes.append(outcome.size)
    assert sizes == [1, 3, 33]
    assert folder.unsettled() == []


def test_checkpoints_that_were_missed_do_not_matter(town: Town, folder: WitnessFolder) -> None:
    grow(town, 3)
    looked(folder, DirectLog(town))
    grow(town, 1, 1, 5)
    assert looked(folder, DirectLog(town)) == looking.Outcome(Verdict.GROWN, 10, cosigned=True)


def test_nothing_new_costs_nothing(town: Town, folder: WitnessFolder) -> None:
    grow(town, 3)
    looked(folder, DirectLog(town))
    before = (folder.path / "kept.note").stat().st_mtime_ns
    assert looked(folder, DirectLog(town)) == looking.Outcome(Verdict.SAME, 3)
    assert (folder.path / "kept.note").stat().st_mtime_ns == before


def test_an_empty_ledger_is_waited_for(town: Town, folder: WitnessFolder) -> None:
    assert looked(folder, DirectLog(town)) == looking.Outcome(Verdict.SAME, 0)
    assert folder.kept()[0] == Checkpoint("hub/ledger/town", 0, EMPTY)


def test_the_checkpoint_is_kept_before_its_cosignature_leaves(town: Town, folder: WitnessFolder) -> None:
    seen = []
    grow(town, 4)
    looked(folder, DirectLog(town, before=lambda: seen.append(folder.kept()[0].size)))
    assert seen == [4]


def test_a_cosignature_that_did_not_arrive_is_handed_in_again(town: Town, folder: WitnessFolder) -> None:
    def down() -> None:
        raise Unavailable("witness.unreachable")

    grow(town, 4)
    with pytest.raises(Unavailable):
        looked(folder, DirectLog(town, before=down))
    assert NAME not in served(town)
    assert looked(folder, DirectLog(town)) == looking.Outcome(Verdict.SAME, 4, cosigned=True)
    assert NAME in served(town)


def test_a_backup_of_the_record_catches_up(town: Town, folder: WitnessFolder) -> None:
    """The hub has our cosignature of the latest already; it must still be kept."""
    grow(town, 4)
    looked(folder, DirectLog(town))
    backup = (folder.path / "kept.note").read_bytes()
    grow(town, 1)
    looked(folder, DirectLog(town))
    (folder.path / "kept.note").write_bytes(backup)
    assert looked(folder, DirectLog(town)).verdict is Verdict.GROWN
    assert folder.kept()[0].size == 5


def test_a_false_cosignature_in_our_name_does_not_count(town: Town, folder: WitnessFolder) -> None:
    grow(town, 4)
    looked(folder, DirectLog(town))
    ours = read_note(served(town).encode()).signatures[-1]
    false = replace(ours, value=ours.value[:-1] + bytes([ours.value[-1] ^ 1]))
    shown = served(town).replace(ours.line(), false.line()).encode()
    assert looked(folder, scripted(town, shown)) == looking.Outcome(Verdict.SAME, 4, cosigned=True)


def test_a_checkpoint_that_could_not_be_kept_is_not_cosigned(
    town: Town, folder: WitnessFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    grow(town, 4)
    with monkeypatch.context() as patch:
        patch.setattr("hub.witness.folder.os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            looked(folder, DirectLog(town))
    assert NAME not in served(town)
    assert folder.kept()[0].size == 0
    assert looked(folder, DirectLog(town)).cosigned


# --- a hub that lies, or was put back, or whose key is stolen


@pytest.mark.parametrize(
    ("counts", "later", "verdict"),
    [
        ((5,), 0.0, Verdict.ROLLBACK),  # yesterday's database, or the end cut off
        ((3, 4), 1.0, Verdict.FORK),  # two checkpoints of one size
        ((8,), 1.0, Verdict.INCONSISTENT),  # all rebuilt with the hub's own key
        ((70,), 1.0, Verdict.INCONSISTENT),
    ],
)
def test_another_history_under_the_same_key_is_an_alarm(
    town: Town, folder: WitnessFolder, others: ExitStack, counts: tuple[int, ...], later: float, verdict: Verdict
) -> None:
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", *counts, later=later)
    others.callback(other.close)
    outcome = looked(folder, DirectLog(other))
    assert (outcome.verdict, outcome.code, outcome.cosigned) == (verdict, f"witness.{verdict}", False)
    assert NAME not in served(other)
    assert folder.kept()[0].size == 7


def test_yesterdays_database_that_grew_past_today_is_an_alarm(
    town: Town, folder: WitnessFolder, others: ExitStack
) -> None:
    """The first entries are the same, so only the proof tells."""
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 5)
    others.callback(other.close)
    other.clock.turn(hours=1)
    grow(other, 10)
    assert looked(folder, DirectLog(other)).verdict is Verdict.INCONSISTENT


def test_the_evidence_convicts_by_itself(town: Town, folder: WitnessFolder, others: ExitStack) -> None:
    """Whoever has the log's key can verify it without the witness."""
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 9, later=1)
    others.callback(other.close)
    home = looked(folder, DirectLog(other)).evidence
    assert home is not None
    about = json.loads((home / "about.json").read_text())
    keys = [NoteKey.read(text) for text in about["keys"]]
    kept, offered = (
        open_checkpoint(read_note((home / name).read_bytes()), "hub/ledger/town", keys)
        for name in ("kept.note", "offered.note")
    )
    proof = [bytes.fromhex(part) for part in about["proof"]]
    assert (kept.size, offered.size, about["code"]) == (7, 9, "inconsistent")
    assert not proves_consistency(kept.size, offered.size, proof, kept.root, offered.root)


def test_after_an_alarm_nothing_is_cosigned_until_it_is_settled(
    town: Town, folder: WitnessFolder, others: ExitStack
) -> None:
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 7, later=1)
    others.callback(other.close)
    for _ in range(3):
        assert looked(folder, DirectLog(other)).verdict is Verdict.FORK
    (home,) = folder.unsettled()
    grow(town, 2)
    again = WitnessFolder.open(folder.path)
    assert looked(again, DirectLog(town)) == looking.Outcome(Verdict.GROWN, 9)
    assert again.kept()[0].size == 7
    assert again.settle("演练", START) == [home]
    assert looked(again, DirectLog(town)) == looking.Outcome(Verdict.GROWN, 9, cosigned=True)
    assert (home / "offered.note").read_bytes()
    assert json.loads((home / "settled.json").read_text())["why"] == "演练"


def test_settling_does_not_make_the_other_history_right(town: Town, folder: WitnessFolder, others: ExitStack) -> None:
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 9, later=1)
    others.callback(other.close)
    looked(folder, DirectLog(other))
    folder.settle("x", START)
    assert looked(folder, DirectLog(other)).verdict is Verdict.INCONSISTENT
    assert folder.kept()[0].size == 7


def test_a_hub_cannot_fill_the_disk_with_evidence(
    town: Town, folder: WitnessFolder, others: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MOST_EVIDENCE", 2)
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 1, later=1)
    others.callback(other.close)
    places = []
    for _ in range(4):
        places.append(looked(folder, DirectLog(other)).evidence)
        grow(other, 1)
    assert [place is None for place in places] == [False, False, True, True]
    assert len(folder.unsettled()) == 2


def test_a_ledger_that_is_gone_is_told(town: Town, folder: WitnessFolder, others: ExitStack) -> None:
    grow(town, 7)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other")
    others.callback(other.close)
    with pytest.raises(Undelivered, match=r"witness\.gone"):
        looked(folder, DirectLog(other))


class Scripted(DirectLog):
    """A hub that answers with this note, and proves with this."""

    note: bytes | HubError = b""
    proof: tuple[bytes, ...] | HubError | None = None

    async def latest(self) -> bytes | None:
        if isinstance(self.note, HubError):
            raise self.note
        return self.note

    async def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        if isinstance(self.proof, HubError):
            raise self.proof
        return await super().consistency(old, new) if self.proof is None else self.proof


def scripted(town: Any, note: bytes) -> Scripted:
    log = Scripted(town)
    log.note = note
    return log


def test_another_log_or_a_false_signature_is_refused_and_no_evidence(town: Town, folder: WitnessFolder) -> None:
    grow(town, 1)
    wrong = served(town).replace("\n1\n", "\n2\n").encode()
    with pytest.raises(Undelivered, match=r"witness\.stranger.*note\.invalid"):
        looked(folder, scripted(town, wrong))
    settings = replace(folder.settings, keys=(replace(town_key(), name="other/log"),))
    elsewhere = WitnessFolder.create(folder.path.parent / "w2", settings, PRIVATE, START)
    with pytest.raises(Undelivered, match=r"witness\.stranger.*note\.other-log"):
        looked(elsewhere, DirectLog(town))
    assert folder.kept()[0].size == 0
    assert folder.unsettled() == elsewhere.unsettled() == []


def test_a_text_of_another_origin_signed_with_the_logs_key_is_refused(town: Town, folder: WitnessFolder) -> None:
    from hub.ledger.sequence import checkpoint_signers

    note = sign_note(Checkpoint("other/log", 3, bytes(32)).text(), checkpoint_signers(town.hub, town.folder))
    with pytest.raises(Undelivered, match=r"witness\.stranger.*note\.other-log"):
        looked(folder, scripted(town, note.written().encode()))


@pytest.mark.parametrize(
    "octets", [b"", b"<html>", b"\xff" * 10, b"x" * 70_000, b"a\n\n\n", b"hello\n\n\xe2\x80\x94 a AAAAAAA=\n"]
)
def test_what_is_not_a_checkpoint_is_refused(lone: WitnessFolder, octets: bytes) -> None:
    with pytest.raises(Undelivered, match=r"witness\.stranger.*note\."):
        looked(lone, scripted(None, octets))


def test_a_proof_that_is_withheld_is_no_growth(town: Town, folder: WitnessFolder) -> None:
    grow(town, 3)
    looked(folder, DirectLog(town))
    grow(town, 3)
    log = scripted(town, served(town).encode())
    log.proof = Undelivered("witness.refused")
    with pytest.raises(Undelivered):
        looked(folder, log)
    assert folder.kept()[0].size == 3
    log.proof = ()
    assert looked(folder, log).verdict is Verdict.INCONSISTENT


# --- the witness's own disk


def test_a_damaged_record_is_never_a_new_beginning(town: Town, folder: WitnessFolder) -> None:
    grow(town, 7)
    as_served = served(town).encode()
    looked(folder, DirectLog(town))
    path = folder.path / "kept.note"
    kept = path.read_bytes()
    for harmed in (None, b"", kept[:-30], kept.replace(b"\n7\n", b"\n5\n"), as_served):
        path.unlink(missing_ok=True)
        if harmed is not None:
            path.write_bytes(harmed)
        with pytest.raises(Misconfigured, match=r"witness\.damaged"):
            looked(folder, DirectLog(town))
    path.write_bytes(kept)
    assert looked(folder, DirectLog(town)).verdict is Verdict.SAME


def test_a_folder_is_used_by_one_process(lone: WitnessFolder) -> None:
    second = WitnessFolder.open(lone.path)
    with lone.alone(), pytest.raises(Misconfigured, match=r"witness\.running"):
        second.alone().__enter__()
    with second.alone():
        pass


def test_a_folder_is_made_once_and_closed_to_others(lone: WitnessFolder) -> None:
    with pytest.raises(Misconfigured, match=r"witness\.exists"):
        WitnessFolder.create(lone.path, lone.settings, PRIVATE, START)
    assert stat.S_IMODE((lone.path / "witness.key").stat().st_mode) == 0o600
    opened = WitnessFolder.open(lone.path)
    assert opened.signer.key == lone.signer.key
    assert opened.settings == lone.settings


def test_a_folder_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"witness\.absent"):
        WitnessFolder.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hub": "exchange.example"}, "witness.setting"),
        ({"name": "two words"}, "witness.setting"),
        ({"keys": ""}, "witness.setting"),
        ({"keys": "nonsense"}, "note.key"),
        ({"interval": "nan"}, "witness.setting"),
        ({"interval": "0"}, "witness.setting"),
        ({"hubb": "x"}, "config.unknown-key"),
    ],
)
def test_a_wrong_setting_is_refused(lone: WitnessFolder, change: dict[str, str], code: str) -> None:
    fields = {"hub": "https://h", "name": "n", "keys": lone.settings.keys[0].text(), "interval": "5", **change}
    with pytest.raises(Misconfigured) as caught:
        WitnessSettings.read("".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items()))
    assert caught.value.code == code


# --- watching


def restless(folder: WitnessFolder) -> WitnessFolder:
    """Without a pause between two looks."""
    return replace(folder, settings=replace(folder.settings, interval=0.0))


def test_a_hub_that_is_down_is_tried_again_quietly(
    town: Town, folder: WitnessFolder, caplog: pytest.LogCaptureFixture
) -> None:
    grow(town, 3)
    down, stop = Unavailable("witness.unreachable"), asyncio.Event()
    notes: list[bytes | HubError] = [down, down, down, served(town).encode(), served(town).encode(), down]

    class Shaky(Scripted):
        async def latest(self) -> bytes | None:
            self.note = notes.pop(0)
            if not notes:
                stop.set()
            return await super().latest()

    with caplog.at_level(logging.INFO, "hub.witness"):
        asyncio.run(watch(restless(folder), Shaky(town), lambda: START, stop))
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "unanswered"),
        ("INFO", "cosigned"),
        ("INFO", "cosigned"),
        ("WARNING", "unanswered"),
    ]


def test_an_alarm_is_logged_as_an_error_once(
    town: Town, folder: WitnessFolder, others: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    grow(town, 3)
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 2)
    others.callback(other.close)
    stop, calls = asyncio.Event(), []

    class Counted(DirectLog):
        async def latest(self) -> bytes | None:
            calls.append(1)
            if len(calls) == 3:
                stop.set()
            return await super().latest()

    with caplog.at_level(logging.INFO, "hub.witness"):
        asyncio.run(watch(restless(folder), Counted(other), lambda: START, stop))
    assert [(r.levelname, r.message, r.fields["code"]) for r in caplog.records] == [
        ("ERROR", "alarm", "witness.rollback")
    ]


def test_what_nobody_foresaw_does_not_end_the_watch(
    town: Town, folder: WitnessFolder, caplog: pytest.LogCaptureFixture
) -> None:
    grow(town, 3)
    stop, calls = asyncio.Event(), []

    class Broken(DirectLog):
        async def latest(self) -> bytes | None:
            calls.append(1)
            if len(calls) < 3:
                raise ZeroDivisionError
            stop.set()
            return await super().latest()

    with caplog.at_level(logging.INFO, "hub.witness"):
        asyncio.run(watch(restless(folder), Broken(town), lambda: START, stop))
    assert [r.message for r in caplog.records] == ["look", "cosigned"]


def test_the_hubs_latest_witnessed_checkpoint_is_the_witnesss(town: Town, folder: WitnessFolder) -> None:
    grow(town, 3)
    looked(folder, DirectLog(town))
    grow(town, 1)
    with town.hub.store.reading() as connection:
        assert (read_witnessed(connection).size, read_checkpoint(connection).size) == (3, 4)


# --- the rule alone


def leaf(history: int, index: int) -> bytes:
    return bytes([history]) * 31 + bytes([index])


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40))
def test_only_a_continuation_is_growth(old: int, new: int, shared: int) -> None:
    """Two histories that share a beginning: the verdict depends on that, and on nothing else."""
    first = [leaf(0, i) for i in range(old)]
    second = [leaf(0 if i < shared else 1, i) for i in range(new)]
    kept, offered = Checkpoint("o", old, root_of(first)), Checkpoint("o", new, root_of(second))
    verdict = judge_alone(kept, offered)
    if verdict is None:

        def nodes(height: int, index: int) -> bytes:
            return root_of(second[index << height : (index + 1) << height])

        proof = consistency_proof(nodes, old, new)
        verdict = judge_grown(kept, offered, proof)
        if old:
            assert judge_grown(kept, offered, [*proof, bytes(32)]) is Verdict.INCONSISTENT
    right = old <= shared
    expected = {
        (True, True): Verdict.GROWN,
        (True, False): Verdict.INCONSISTENT,
        (False, True): Verdict.SAME,
        (False, False): Verdict.FORK,
    }[new > old, right]
    assert verdict is (Verdict.ROLLBACK if new < old else expected)
    assert verdict.alarming == (new < old or not right)


def test_the_cosignature_states_the_witnesss_own_time(town: Town, folder: WitnessFolder) -> None:
    from hub.witness.look import look

    grow(town, 1)
    later = START + timedelta(days=1)
    asyncio.run(look(folder, DirectLog(town), lambda: later))
    assert folder.kept()[1] == later
