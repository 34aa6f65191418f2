"""The tamper matrix, second table: what a forger does to time-stamps and keys is found as docs/tamper-matrix.md says.

`python -m tests.test_tamper_matrix` writes both tables of that document anew.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.audit import LogStandard
from hub.audit.checkpoint import LogKey
from hub.audit.report import Row
from hub.ledger.ledger import to_microseconds
from hub.ledger.rekey import change_keys
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.ledger.timestamp import ask_for, check, read_anchors
from hub.store.operate import Order
from hub.tree.key import Ed25519NoteSigner, NoteSigner
from hub.tree.key_change import KeyChange, sign_change
from hub.tree.note import read_note, sign_note
from tests.authority import Authority
from tests.tampering import Forger, Pains, edited
from tests.test_sequence import step
from tests.test_tamper_matrix import (
    DOCUMENT,
    ORIGIN,
    Ground,
    _all_closed_at_the_end,
    _copied,
    _sequence,
    _snapshot,
    _work,
    audited,
    ground,
)
from tests.town import HUB, found_town

__all__ = ["_all_closed_at_the_end", "ground"]

BEGIN, END = "<!-- outside: begin -->\n", "<!-- outside: end -->\n"


@dataclass(frozen=True)
class Scene:
    """A database with what a forger of keys and time-stamps works on."""

    path: Path
    standard: LogStandard
    old: tuple[NoteSigner, ...]
    new: NoteSigner
    own: Authority | None = None

    def execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as database:
            assert database.execute(statement, values).rowcount, statement
            database.commit()

    def one(self, query: str) -> tuple[object, ...]:
        with closing(sqlite3.connect(self.path)) as database:
            found: tuple[object, ...] = database.execute(query).fetchone()
            return found

    def resign(self, signer: NoteSigner) -> None:
        """The last checkpoint, signed by this key alone."""
        size, note = self.one("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        written = sign_note(read_note(str(note).encode()).text, [signer]).written()
        self.execute("UPDATE checkpoints SET note = ? WHERE size = ?", written, size)

    def change(self, *signers: NoteSigner) -> None:
        """The record of the change, signed by these only."""
        (note,) = self.one("SELECT note FROM key_changes")
        change = KeyChange.read(read_note(str(note).encode()).text)
        self.execute("UPDATE key_changes SET note = ?", sign_change(change, signers).written())

    def stamp(self, by: Authority) -> None:
        """The last checkpoint's time-stamp, by this authority."""
        size, note = self.one("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        octets = str(note).encode()
        response = by.reply(ask_for(octets).request)
        at = to_microseconds(check(response, octets, read_anchors(by.anchors)).at)
        self.execute("INSERT OR REPLACE INTO timestamps VALUES (?, ?, ?)", size, response, at)


Do = Callable[[Scene], object]
CLEAN = ""


def _swap(scene: Scene) -> None:
    scene.execute("UPDATE timestamps SET size = -size")
    scene.execute(
        "UPDATE timestamps SET size = (SELECT min(size) + max(size) FROM checkpoints) + size"
    )  # each checkpoint's goes to the other of the two


def _forge_by_another(scene: Scene) -> None:
    assert scene.own is not None
    scene.stamp(scene.own)


def _rebuild(scene: Scene) -> None:
    Forger(scene.path, scene.old, ()).forge(edited("target", 4), Pains.STOLEN_KEY)


def _rebuild_without(scene: Scene) -> None:
    _rebuild(scene)
    scene.execute("DELETE FROM timestamps")


def _statement(text: str) -> Do:
    return lambda scene: scene.execute(text)


@dataclass(frozen=True)
class Deed:
    """One line of the table: what is done, what is found first (nothing: CLEAN), and the layer in words."""

    what: str
    do: Do
    code: str
    layer: str


STAMPS = (
    Deed("a byte of a time-stamp is edited",
         _statement("UPDATE timestamps SET response = substr(response, 1, length(response) - 1) || x'00'"),
         "audit.timestamp", "time-stamp"),
    Deed("the time that stands beside it is edited", _statement("UPDATE timestamps SET at_us = at_us - 60000000"),
         "audit.timestamp", "time-stamp"),
    Deed("the time-stamps of two checkpoints are exchanged", _swap, "audit.timestamp-note", "time-stamp"),
    Deed("a time-stamp of the forger's own authority is put in its place", _forge_by_another,
         "audit.timestamp-authority", "time-stamp"),
    Deed("a time-stamp is kept with a checkpoint that is not there",
         _statement("UPDATE timestamps SET size = 1000 + size"),
         "audit.timestamp", "time-stamp"),
    Deed("everything is rebuilt with the stolen key, and the time-stamps stay", _rebuild, "audit.timestamp-note",
         "time-stamp"),
    Deed("the same, and the time-stamps are deleted", _rebuild_without, CLEAN, "witness"),
)  # fmt: skip
KEYS = (
    Deed("the key is replaced by `hub ledger key change`", lambda scene: None, CLEAN, "nothing to be found"),
    Deed("the key is replaced, and the record of the change is deleted",
         _statement("DELETE FROM key_changes"), "audit.key-change", "checkpoint"),
    Deed("the change is signed by the new key only", lambda scene: scene.change(scene.new), "audit.key-change",
         "checkpoint"),
    Deed("the change is signed by the old key only", lambda scene: scene.change(*scene.old), "audit.key-change",
         "checkpoint"),
    Deed("the change is kept for another size", _statement("UPDATE key_changes SET size = size + 1"),
         "audit.key-change", "checkpoint"),
    Deed("the retired key, stolen, signs a later checkpoint", lambda scene: scene.resign(scene.old[0]),
         "audit.checkpoint", "checkpoint"),
)  # fmt: skip

BY_HAND = Deed("the key is replaced by hand, without a change", lambda scene: scene.resign(scene.new),
               "audit.checkpoint", "checkpoint")  # fmt: skip


@pytest.fixture(scope="module")
def changed_ground(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A ledger whose key was changed between its first checkpoint and its last."""
    town = found_town(tmp_path_factory.mktemp("changed"))
    new = Ed25519NoteSigner.of(ORIGIN, Ed25519PrivateKey.generate())
    _work(town, "one")
    _sequence(town)
    old = checkpoint_signers(town.hub, town.folder)
    change_keys(town.hub, old, [new], Order(HUB, "me@here", "yearly"))
    _work(town, "two")
    step(Sequencer(lambda: town.hub, [new]))
    made = Scene(_snapshot(town, "changed.db"), LogStandard(ORIGIN, (LogKey(new.key),)), old, new)
    town.close()
    return made


@pytest.fixture(scope="module")
def stamped_ground(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A ledger with a time-stamp for each of its two checkpoints."""
    if shutil.which("openssl") is None:
        pytest.skip("NOT TESTED: time-stamps need the openssl program, which is not installed")
    folder = tmp_path_factory.mktemp("stamped")
    real, own = Authority.found(folder / "real"), Authority.found(folder / "own")
    keys = tuple(LogKey(one.key) for one in ground.signers)
    standard = LogStandard(ORIGIN, keys, (ground.witness.key,), anchors=read_anchors(real.anchors))
    scene = Scene(_copied(ground.today, folder / "stamped.db"), standard, ground.signers, ground.witness, own)
    scene.stamp(real)
    first, note = scene.one("SELECT size, note FROM checkpoints ORDER BY size LIMIT 1")
    response = real.reply(ask_for(str(note).encode()).request)
    at = to_microseconds(check(response, str(note).encode(), standard.anchors).at)
    scene.execute("INSERT INTO timestamps VALUES (?, ?, ?)", first, response, at)
    return scene


def _forged(scene: Scene, deed: Deed) -> str:
    """The code of the first finding after a deed, or nothing."""
    fresh = Scene(
        _copied(scene.path, scene.path.with_name("forged.db")), scene.standard, scene.old, scene.new, scene.own
    )
    deed.do(fresh)
    found = audited(fresh.path, fresh.standard).findings
    return found[0].code if found else CLEAN


def test_the_ledgers_are_clean_before(stamped_ground: Scene, changed_ground: Scene) -> None:
    found = audited(stamped_ground.path, stamped_ground.standard)
    assert (found.findings, found.rows[Row.TIMESTAMP]) == ((), 2)
    assert audited(changed_ground.path, changed_ground.standard).findings == ()


@pytest.mark.parametrize("deed", STAMPS, ids=lambda deed: deed.what)
def test_what_is_done_to_time_stamps_is_found(stamped_ground: Scene, deed: Deed) -> None:
    assert _forged(stamped_ground, deed) == deed.code


@pytest.mark.parametrize("deed", KEYS, ids=lambda deed: deed.what)
def test_what_is_done_to_keys_is_found(changed_ground: Scene, deed: Deed) -> None:
    assert _forged(changed_ground, deed) == deed.code


def test_a_key_put_in_place_by_hand_is_found_without_any_record(changed_ground: Scene, ground: Ground) -> None:
    """As if the hub's certificate had been exchanged, and the last checkpoint signed with the new key."""
    scene = Scene(_copied(ground.today, ground.today.with_name("replaced.db")),
                  LogStandard(ORIGIN, (LogKey(changed_ground.new.key),), (ground.witness.key,)),
                  ground.signers, changed_ground.new)  # fmt: skip
    BY_HAND.do(scene)
    found = audited(scene.path, scene.standard).findings
    assert [(one.code, one.got) for one in found] == [(BY_HAND.code, "note.unknown-key")]


def test_without_configured_roots_no_time_stamp_counts(stamped_ground: Scene, ground: Ground) -> None:
    found = audited(stamped_ground.path, ground.standard()).findings
    assert {one.code for one in found} == {"audit.timestamp-authority"}


def table() -> str:
    """The table as docs/tamper-matrix.md shows it."""
    lines = ["| what is done | found first by | as |", "| --- | --- | --- |"]
    lines += [f"| {deed.what} | {deed.layer} | {_shown(deed)} |" for deed in (*STAMPS, *KEYS, BY_HAND)]
    return "\n".join(lines) + "\n"


def _shown(deed: Deed) -> str:
    if deed.code:
        return f"`{deed.code}`"
    return "not found without one" if deed.layer == "witness" else "-"


def test_the_document_shows_this_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()
