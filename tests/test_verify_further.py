"""The verifier's second file: time-stamps, CAdES, changed keys and purged documents, each proven and each forged."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verify_evidence
import verify_further
from hub.evidence.archive import archive
from hub.evidence.asic import CADES, LIST, pack
from hub.evidence.export import export
from hub.ledger.rekey import change_keys
from hub.ledger.sequence import Sequencer, checkpoint_signers, origin_of
from hub.ledger.timestamp import ask_for
from hub.month import Month
from hub.retention.purge import purge
from hub.retention.retention import rules_of
from hub.settings.settings import Keeping
from hub.store.operate import Order
from hub.store.store import Store
from hub.store.timestamps import keep_timestamp
from hub.store.trace import find_messages
from hub.tree.key import Ed25519NoteSigner, NoteKey
from tests.authority import Authority
from tests.test_evidence import files_of, sequence, zipped
from tests.test_key_change import change, made, signed
from tests.town import HUB, Town, authority, found_town

ROOT = Path(__file__).parent.parent
ORDER = Order(HUB, "管理员", "测试")


@dataclass(frozen=True)
class Stamped:
    """Evidence with a time-stamp, and what a stranger checks it by."""

    town: Town
    raw: bytes
    key: str
    stampers: list[bytes]

    def said(self, raw: bytes | None = None, **given: Any) -> list[tuple[str, str]]:
        wanted: dict[str, Any] = {"keys": [self.key], "anchors": authority().anchors, "witnesses": [], **given}
        wanted.setdefault("stampers", self.stampers)
        found = verify_evidence.check(self.raw if raw is None else raw, **wanted).said
        return [(mark, en) for mark, _, en in found]

    def wrong(self, raw: bytes | None = None, **given: Any) -> list[str]:
        return [en for mark, en in self.said(raw, **given)[:-1] if mark == "[XX]"]  # but the verdict

    def changed(self, **files: bytes) -> bytes:
        """The same with other files, sealed again by the hub itself."""
        whole = {k: v for k, v in files_of(self.raw).items() if not k.startswith("META-INF/") and k != "mimetype"}
        return pack({**whole, **files}, HUB, self.town.hub.signer, self.town.clock())


def exported(town: Town, key: NoteKey, message_id: str) -> bytes:
    with town.hub.store.reading() as connection:
        found = find_messages(connection, [message_id])
    return export(town.hub, town.folder, found, message_id, [key])[1]


def stamp(town: Town, by: Authority) -> None:
    """Ask for a time-stamp of the latest checkpoint and keep it."""
    from hub.store.timestamps import read_unstamped

    with town.hub.store.reading() as connection:
        latest = read_unstamped(connection)
    assert latest is not None
    response = by.reply(ask_for(latest.note).request)
    with town.hub.store.transaction() as transaction:
        keep_timestamp(transaction, latest.size, response, 1)


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamped]:
    town, by = found_town(tmp_path_factory.mktemp("further")), Authority.found(tmp_path_factory.mktemp("tsa") / "tsa")
    town.send("a", "b", message_id="m-1")
    town.deliver()
    key = sequence(town)
    stamp(town, by)
    yield Stamped(town, exported(town, key, "m-1"), key.text(), [by.anchors.read_bytes()])
    town.close()


# time-stamps


def test_a_time_stamp_is_proven_with_its_authority(stamped: Stamped) -> None:
    assert stamped.wrong() == []
    year = f"existed at {datetime.now(UTC):%Y-}"
    assert any(mark == "[ok]" and year in en for mark, en in stamped.said())


def test_without_an_authority_nothing_is_said_about_it(stamped: Stamped) -> None:
    assert not any("existed at" in en for _, en in stamped.said(stampers=[]))


def test_a_time_stamp_of_another_authority_is_told(stamped: Stamped, tmp_path: Path) -> None:
    other = Authority.found(tmp_path / "other").anchors.read_bytes()
    assert any("no trusted authority issued" in line for line in stamped.wrong(stampers=[other]))


def test_a_time_stamp_of_another_checkpoint_is_told(stamped: Stamped, tmp_path: Path) -> None:
    by = Authority.found(tmp_path / "same")
    note = files_of(stamped.raw)["timestamps/1.note"]
    later = note.replace(b"\n\n", b"\nanother line\n\n", 1)
    for stamps in ({"timestamps/1.note": later}, {"timestamps/1.tsr": by.reply(ask_for(later).request)}):
        raw = stamped.changed(**stamps)
        assert any("not of this checkpoint" in w for w in stamped.wrong(raw, stampers=[by.anchors.read_bytes()]))


def test_each_changed_byte_of_what_a_time_stamp_signs_is_found(stamped: Stamped) -> None:
    """The unsigned rest of a response (status, certificates that nobody asked for) may change."""
    response = files_of(stamped.raw)["timestamps/1.tsr"]
    from verify_further import der, inside, signed_data

    content, _, _ = signed_data(der(inside(response, 0))[1][1])
    begin = response.index(content)
    for place in (*range(begin, begin + len(content), 7), len(response) - 3):
        changed = bytearray(response)
        changed[place] ^= 1
        assert stamped.wrong(stamped.changed(**{"timestamps/1.tsr": bytes(changed)})), place


def test_rubbish_instead_of_a_time_stamp_is_told(stamped: Stamped) -> None:
    for rubbish in (b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x00", bytes(200), b"\x30\x03\x02\x01\x02"):
        assert stamped.wrong(stamped.changed(**{"timestamps/1.tsr": rubbish})), rubbish


# CAdES


def test_the_cades_signature_is_proven_and_a_foreign_one_is_told(stamped: Stamped) -> None:
    assert any(mark == "[ok]" and "CAdES" in en for mark, en in stamped.said())
    files = files_of(stamped.raw)
    for name, content in ((CADES, b"rubbish"), (LIST, files[LIST].replace(b"manifest.json", b"manifest.jsom"))):
        found = stamped.wrong(zipped({**files, name: content}))
        assert len(found) == 2, name  # the seal, and the signature itself


# keys


def test_changed_keys_of_the_log_are_followed_from_those_that_are_known(tmp_path: Path) -> None:
    town = found_town(tmp_path)
    town.send("a", "b", message_id="m-1")
    town.deliver()
    old = sequence(town)
    fresh = Ed25519NoteSigner.of(origin_of(town.hub), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    change_keys(town.hub, checkpoint_signers(town.hub, town.folder), [fresh], ORDER)
    town.send("a", "b", message_id="m-2")
    town.deliver()
    asyncio.run(Sequencer(lambda: town.hub, [fresh]).step())
    good = Stamped(town, exported(town, fresh.key, "m-2"), old.text(), [])
    assert good.wrong() == []
    assert any("keys were changed" in en for _, en in good.said())
    assert good.wrong(keys=[fresh.key.text()]) == []
    note = files_of(good.raw)["ledger/keys/1.change"]
    quiet: Any = SimpleNamespace(say=lambda *_: None)
    first, later = [old.text()], [fresh.key.text()]
    at = int(note.split(b"\n")[2])
    ways = [(at, later), (at, first), (at + 1, first), (at + 1, later)]
    assert [verify_further.keys_at(quiet, [note], *way) for way in ways] == [first, first, later, later]
    half = good.changed(**{"ledger/keys/1.change": b"".join(note.splitlines(keepends=True)[:-1])})
    assert any("lacks a signature" in line for line in good.wrong(half))
    town.clock.turn(days=31)
    asyncio.run(Sequencer(lambda: town.hub, [fresh]).step())
    with (tmp_path / "a.asice").open("wb") as target:
        archive(town.hub, town.folder, Month(2026, 3), target, [fresh.key])
    assert good.wrong((tmp_path / "a.asice").read_bytes()) == []
    town.close()


@pytest.mark.parametrize(
    ("between", "sizes", "expected"),
    [
        ([2], [10, 11, 20, 21], [[1], [2], [2], [1]]),
        ([1, 2], [10, 11, 20, 21], [[1], [1, 2], [1, 2], [1]]),
    ],
    ids=["another key for a while", "a second key for a while"],
)
def test_a_key_that_was_used_for_a_while_counts_for_that_while_only(
    between: list[int], sizes: list[int], expected: list[list[int]]
) -> None:
    """The key that is known signs before the first change and after the second."""
    one, while_ = made(1), [made(seed) for seed in between]
    both = {one, *while_}
    notes = [signed(change([one], while_, 10), *both), signed(change(while_, [one], 20), *both)]
    quiet: Any = SimpleNamespace(say=lambda *_: None)
    led = [verify_further.keys_at(quiet, notes, size, [one.key.text()]) for size in sizes]
    assert led == [sorted(made(seed).key.text() for seed in seeds) for seeds in expected]


# purges


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamped]:
    town = found_town(tmp_path_factory.mktemp("purged"))
    town.send("a", "b", message_id="m-1")
    town.deliver()
    town.clock.turn(days=40)
    desk = Store.open(str(town.hub.store.engine.url), "cli")
    purge(desk, rules_of([Keeping("30d")]), ORDER, town.clock())
    desk.close()
    key = sequence(town)
    yield Stamped(town, exported(town, key, "m-1"), key.text(), [])
    town.close()


def test_of_a_purged_message_all_but_its_text_stays_proven(purged: Stamped) -> None:
    assert purged.wrong() == []
    said = purged.said()
    assert any(mark == "[??]" and "was purged by rule (entry cli/1)" in en for mark, en in said)
    for words in ("The stamp by", "b signed with", "(administered", "(accepted"):
        assert any(mark == "[ok]" and words in en for mark, en in said), words
    assert not any(name.endswith("envelope.xml") for name in files_of(purged.raw))


def test_a_purge_that_no_act_names_is_told(purged: Stamped) -> None:
    files = files_of(purged.raw)
    for old, new in ((b'"purged": "cli/1"', b'"purged": "cli/2"'), (b'"purged": "cli/1"', b'"purged": "hub/1"')):
        raw = purged.changed(**{"manifest.json": files["manifest.json"].replace(old, new)})
        assert any("no entry of the purge" in line for line in purged.wrong(raw))
    name = next(name for name, content in files.items() if b"retention.purged" in content and "evidence/" in name)
    raw = purged.changed(**{name: files[name].replace(b"message a/m-1", b"message a/m-9")})
    assert any("purge of a/m-1" in line or "KeyError" in line for line in purged.wrong(raw))


@pytest.mark.parametrize(("kind", "right"), [("administered", True), ("delivered", False)])
def test_only_an_administrators_act_is_the_entry_of_a_purge(kind: str, right: bool) -> None:
    digest = bytes(32)
    act = json.dumps({"before": {"message a/m-1": {"envelope": digest.hex()}}}).encode()
    named = verify_evidence.sha256(act)
    it: Any = SimpleNamespace(files={f"evidence/{named.hex()}": act}, say=lambda *_: None)
    every = [{"name": "cli/1", "kind": kind, "detail": "retention.purged", "evidence": named}]
    with nullcontext() if right else pytest.raises(verify_evidence.Wrong, match="no entry of the purge"):
        verify_further.check_purged(it, "a/m-1", {"document": digest}, every, "cli/1")


# as programs


def test_both_files_run_alone_and_the_first_says_when_it_needs_the_second(
    stamped: Stamped, purged: Stamped, tmp_path: Path
) -> None:
    for name in ("verify_evidence.py", "verify_further.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "e.asice").write_bytes(stamped.raw)
    (tmp_path / "tsa.pem").write_bytes(stamped.stampers[0])
    (tmp_path / "root.der").write_bytes(authority().anchors[0])
    words = [sys.executable, "verify_evidence.py", "e.asice", "--log-key", stamped.key, "--anchor", "root.der"]
    words += ["--tsa-anchor", "tsa.pem", "--lang", "en"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "existed at" in done.stdout
    (tmp_path / "e.asice").write_bytes(stamped.raw.replace(b"timestamps", b"timestumps"))
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (1, "")
    (tmp_path / "e.asice").write_bytes(purged.raw)
    # Not just taken away: where the hub is installed, the second file would be found there.
    hidden = "import runpy, sys; sys.modules['verify_further'] = None; del sys.argv[0]; "
    hidden += "runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [sys.executable, "-c", hidden, *words[1:4], purged.key, *words[5:]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert "verify_further.py must lie beside" in done.stdout
