"""The tamper matrix: whatever a forger does to the ledger is found by the layer that docs/tamper-matrix.md names.

`python -m tests.test_tamper_matrix` writes the tables of that document anew.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.administration.edit import edit_registry
from hub.audit.audit import LogStandard, Report, report
from hub.audit.chain import in_order
from hub.audit.checkpoint import LogKey
from hub.audit.growth import Growth, Roots
from hub.ledger.ledger import FIELDS, Entry, form, hash_form
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.message import Hop
from hub.registry.edit import added
from hub.registry.registry import Group
from hub.store.operate import Order
from hub.store.store import Store
from hub.store.tree_proofs import keep_cosignatures, read_checkpoint, read_consistency
from hub.tree.checkpoint import Checkpoint, cosign, cosignatures
from hub.tree.key import Ed25519NoteSigner, Kind, NoteSigner
from hub.tree.merkle import proves_consistency, root_of
from hub.tree.note import Note, read_note, sign_note
from hub.tree.tiles import grow
from tests.tampering import Change, Forger, Pains, deleted, edited, inserted, swapped
from tests.test_audit import STANDARD
from tests.town import START, Town, found_town

DOCUMENT = Path(__file__).parent.parent / "docs" / "tamper-matrix.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
ORIGIN = "hub/ledger/town"


class Layer(StrEnum):
    """What finds it first, from the lowest up."""

    CHAIN = "chain"
    TREE = "tree"
    CHECKPOINT = "checkpoint"
    WITNESS = "witness"
    NOTHING = "not found"


LAYERS = {
    "audit.chain": Layer.CHAIN,
    "audit.leaf": Layer.TREE,
    "audit.leaf-order": Layer.TREE,
    "audit.unnumbered": Layer.TREE,
    "audit.tile": Layer.TREE,
    "audit.head": Layer.TREE,
    "audit.root": Layer.CHECKPOINT,
    "audit.checkpoint": Layer.CHECKPOINT,
    "audit.checkpoint-key": Layer.CHECKPOINT,
    "audit.cosignature": Layer.WITNESS,
    "audit.kept": Layer.WITNESS,
}
CHAIN, TREE, CHECKPOINT, WITNESS, NOTHING = Layer


@dataclass(frozen=True)
class Case:
    """One line of the matrix: what is done, in which places, and what finds it at each of the forger's pains.

    The last layer is that of the stolen key when a witness has kept the last checkpoint.
    """

    what: str
    changes: tuple[Change, ...]
    layers: tuple[Layer, Layer, Layer, Layer, Layer, Layer]
    each: bool = True

    def tried_at(self, pains: Pains) -> tuple[Change, ...]:
        """All changes, or with these pains only one of them; which one differs from pains to pains."""
        every = self.each or pains is Pains.NONE
        return self.changes if every else (self.changes[pains % len(self.changes)],)


ALWAYS = (CHAIN, TREE, CHECKPOINT, CHECKPOINT, NOTHING, WITNESS)
FROM_TREE = (TREE, TREE, CHECKPOINT, CHECKPOINT, NOTHING, WITNESS)
PLACES = (0, 4, -1)
RELINKED = ("node", "sequence", "previous", "form", "hash")
"""Columns that rebuilding a chain writes anew; to change them alone is to rebuild nothing."""


def _edits() -> Iterator[Case]:
    for name in FIELDS:
        if name not in RELINKED:
            places = tuple(edited(name, place) for place in PLACES)
            yield Case(f"a byte of `{name}` is edited", places, ALWAYS, each=name == "target")


CASES = (
    *_edits(),
    Case("two entries are swapped", (swapped(0, 1), swapped(2, 6), swapped(-2, -1)), ALWAYS),
    Case("the first entry is deleted", (deleted(0),), ALWAYS),
    Case("one in the middle is deleted", (deleted(3), deleted(7)), ALWAYS),
    Case("the last entry is deleted", (deleted(-1),), FROM_TREE),
    Case("the last three entries are cut off", (deleted(-3, 3),), FROM_TREE),
    Case("an entry is put in", (inserted(0), inserted(5)), ALWAYS),
    Case("an entry is put at the end, with a time in the past", (inserted(-1),), (*FROM_TREE[:-1], NOTHING)),
)
HEADINGS = (
    "what the forger does to entries",
    "and no more",
    "and rebuilds the chain",
    "and the tree",
    "and signs with another key",
    "and signs with the stolen key",
    "the same, but a witness has kept the last checkpoint",
)


@dataclass(frozen=True)
class Ground:
    """A ledger with two checkpoints, as it was yesterday and as it is today, and all the keys."""

    yesterday: Path
    today: Path
    signers: tuple[NoteSigner, ...]
    witness: Ed25519NoteSigner
    kept: bytes

    def standard(self, *, witnessed: bool = False) -> LogStandard:
        """What the audit is given: the keys, and what the witness kept if there is one."""
        keys = tuple(LogKey(one.key) for one in self.signers)
        kept = {"witness": self.kept} if witnessed else {}
        return LogStandard(ORIGIN, keys, (self.witness.key,), timedelta(seconds=5), kept)


def _work(town: Town, prefix: str) -> None:
    for number in range(3):
        town.clock.turn(seconds=20)
        town.send("a", ["b", "c"], message_id=f"{prefix}-{number}", conversation=prefix)
        town.deliver()
    town.clock.turn(seconds=20)
    cli = Store.open(str(town.hub.store.engine.url), "cli")
    group = Group(f"group-{prefix}", ("a", "b"))
    edit_registry(cli, lambda registry: added(registry, group), Order("hub", "me@here", prefix), town.clock())
    cli.close()
    town.clock.turn(seconds=20)


def _sequence(town: Town) -> bytes:
    asyncio.run(Sequencer(lambda: town.hub, checkpoint_signers(town.hub, town.folder)).step())
    town.clock.turn(seconds=20)
    with town.hub.store.reading() as connection:
        return read_checkpoint(connection).note.encode()


def _cosigned(town: Town, octets: bytes, witness: Ed25519NoteSigner) -> None:
    note = read_note(octets)
    line = cosign(note, witness, town.clock())
    found = cosignatures(Note(note.text, (line,)), [witness.key])
    with town.hub.store.transaction() as transaction:
        keep_cosignatures(transaction, Checkpoint.read(note.text).size, found)


def _snapshot(town: Town, name: str) -> Path:
    """The database as it stands, in one file."""
    return _copied(town.folder / "hub.db", town.folder / name)


def _copied(path: Path, to: Path) -> Path:
    """A copy, also into a database that is open."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    return to


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    town = found_town(tmp_path_factory.mktemp("ground"))
    witness = Ed25519NoteSigner.of("jiancha", Ed25519PrivateKey.generate(), Kind.COSIGNATURE)
    _work(town, "one")
    _cosigned(town, _sequence(town), witness)
    yesterday = _snapshot(town, "yesterday.db")
    _work(town, "two")
    kept = _sequence(town)
    _cosigned(town, kept, witness)
    made = Ground(yesterday, _snapshot(town, "today.db"), checkpoint_signers(town.hub, town.folder), witness, kept)
    town.close()
    return made


@pytest.fixture
def forger(ground: Ground) -> Forger:
    """A forger with today's database, the stolen key and one of his own."""
    own = Ed25519NoteSigner.of(ORIGIN, Ed25519PrivateKey.generate())
    return Forger(_copied(ground.today, ground.today.with_name("forged.db")), ground.signers, (own,))


_stores: dict[Path, Store] = {}


def opened(path: Path) -> Store:
    """One store for each database: opening one costs more than an audit."""
    if path not in _stores:
        _stores[path] = Store.open(f"sqlite:///{path}", "audit")
    return _stores[path]


@pytest.fixture(scope="module", autouse=True)
def _all_closed_at_the_end() -> Iterator[None]:
    yield
    while _stores:
        _stores.popitem()[1].close()


def audited(path: Path, log: LogStandard) -> Report:
    return report(opened(path), STANDARD, log, deep=False)


def layer_of(found: Report) -> Layer:
    """The layer of the first finding."""
    return LAYERS[found.findings[0].code] if found.findings else NOTHING


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            assert database.execute(statement).rowcount, statement
        database.commit()


def test_the_untouched_ledger_is_clean_whole_and_with_what_the_witness_kept(ground: Ground) -> None:
    found = report(opened(ground.today), STANDARD, ground.standard(witnessed=True))
    assert [finding.sentence() for finding in found.findings] == []
    assert found.rows["leaf"] == found.rows["entry"] > 15
    assert found.rows["checkpoint"] == 2


@pytest.mark.parametrize("pains", Pains, ids=lambda pains: pains.name.lower())
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_a_forger_does_is_found_by_the_layer_named(
    ground: Ground, forger: Forger, case: Case, pains: Pains
) -> None:
    for change in case.tried_at(pains):
        _copied(ground.today, forger.path)
        forger.forge(change, pains)
        assert layer_of(audited(forger.path, ground.standard())) is case.layers[pains]
        if pains is Pains.STOLEN_KEY:
            assert layer_of(audited(forger.path, ground.standard(witnessed=True))) is case.layers[-1]
            assert witness_agrees(forger.path, ground.kept) == (case.layers[-1] is NOTHING)


def witness_agrees(path: Path, kept: bytes) -> bool:
    """The witness's rule: what it kept is the beginning of what it is shown, by the proof that it is handed."""
    old = Checkpoint.read(read_note(kept).text)
    with opened(path).reading() as connection:
        new = Checkpoint.read(read_note(read_checkpoint(connection).note.encode()).text)
        if new.size < old.size:
            return False
        proof = read_consistency(connection, old.size, new.size).proof
    return proves_consistency(old.size, new.size, proof, old.root, new.root)


@pytest.mark.parametrize("name", RELINKED)
@pytest.mark.parametrize("place", PLACES)
def test_a_byte_of_a_column_that_makes_the_chain_is_found_by_the_chain(
    ground: Ground, forger: Forger, name: str, place: int
) -> None:
    forger.forge(edited(name, place), Pains.NONE)
    found = audited(forger.path, ground.standard())
    assert layer_of(found) is CHAIN


def test_the_entry_that_was_edited_is_the_one_that_is_named(ground: Ground, forger: Forger) -> None:
    forger.forge(edited("target", 4), Pains.NONE)
    found = audited(forger.path, ground.standard()).findings[0]
    assert (found.node, found.sequence, found.field) == ("hub", 5, "target")


def test_the_leaf_of_the_entry_that_was_rewritten_is_the_first_that_is_named(ground: Ground, forger: Forger) -> None:
    forger.forge(edited("target", 4), Pains.CHAIN)
    found = audited(forger.path, ground.standard()).findings[0]
    assert (found.code, found.node, found.sequence) == ("audit.leaf", "hub", 5)


ROWS = (
    ("UPDATE leaves SET hash = zeroblob(32) WHERE place = 3", TREE),
    ("UPDATE leaves SET place = place + 100 WHERE place = 3", TREE),
    ("UPDATE leaves SET sequence = sequence + 100 WHERE place = 3", TREE),
    ("DELETE FROM leaves WHERE place = 0", TREE),
    ("DELETE FROM leaves WHERE place = (SELECT max(place) FROM leaves)", TREE),
    ("UPDATE tiles SET hashes = zeroblob(length(hashes))", TREE),
    ("UPDATE tiles SET hashes = substr(hashes, 33)", TREE),
    ("DELETE FROM tiles", TREE),
    ("INSERT INTO tiles VALUES (1, 0, zeroblob(32))", TREE),
    ("UPDATE tree_head SET root = zeroblob(32)", TREE),
    ("UPDATE tree_head SET size = size - 1", TREE),
    ("UPDATE numbered SET sequence = sequence - 1 WHERE node = 'hub'", TREE),
    ("DELETE FROM numbered WHERE node = 'cli'", TREE),
    ("DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)", TREE),
    ("UPDATE checkpoints SET root = zeroblob(32)", CHECKPOINT),
    ("UPDATE checkpoints SET size = size - 1", CHECKPOINT),
    ("UPDATE checkpoints SET note = replace(note, 'hub/', 'bus/')", CHECKPOINT),
    ("UPDATE checkpoints SET note = substr(note, 1, length(note) - 3) || 'A=' || char(10)", CHECKPOINT),
    ("UPDATE checkpoints SET note = CAST(note AS BLOB)", CHECKPOINT),
    ("UPDATE checkpoints SET signed_us = 0", NOTHING),  # nothing speaks of it but the dates of the key
    ("UPDATE cosignatures SET at_us = at_us + 1", WITNESS),
    ("UPDATE cosignatures SET witness = 'other'", WITNESS),
    ("UPDATE cosignatures SET line = substr(line, 1, 40) || char(10)", WITNESS),
    ("UPDATE cosignatures SET size = 1 WHERE at_us = (SELECT max(at_us) FROM cosignatures)", WITNESS),
)


@pytest.mark.parametrize(("statement", "layer"), ROWS)
def test_a_row_of_the_tree_that_was_changed_is_found(
    ground: Ground, forger: Forger, statement: str, layer: Layer
) -> None:
    execute(forger.path, statement)
    layers = {LAYERS[finding.code] for finding in audited(forger.path, ground.standard()).findings}
    assert layer in layers or (layer is NOTHING and not layers)


def test_yesterdays_database_is_found_by_a_witness_and_by_nothing_else(ground: Ground) -> None:
    assert audited(ground.yesterday, ground.standard()).clean
    found = audited(ground.yesterday, ground.standard(witnessed=True))
    assert [(finding.code, finding.field) for finding in found.findings] == [("audit.kept", "size")]
    assert not witness_agrees(ground.yesterday, ground.kept)


def test_an_end_cut_off_with_its_checkpoint_is_found_by_a_witness_and_by_nothing_else(
    ground: Ground, forger: Forger
) -> None:
    """Back to the last checkpoint that is left, so that its signature is genuine."""
    execute(forger.path, "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)")
    with closing(sqlite3.connect(forger.path)) as database:
        (size,) = database.execute("SELECT max(size) FROM checkpoints").fetchone()
        gone = database.execute("SELECT node, sequence FROM leaves WHERE place >= ?", (size,)).fetchall()
        database.executemany("DELETE FROM ledger WHERE node = ? AND sequence = ?", gone)
        for table in ("leaves", "tiles", "numbered", "tree_head"):
            database.execute(f"DELETE FROM {table}")
        with closing(sqlite3.connect(ground.yesterday)) as old:
            for table in ("leaves", "tiles", "numbered", "tree_head"):
                for row in old.execute(f"SELECT * FROM {table}"):
                    database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        database.execute("DELETE FROM cosignatures WHERE size > ?", (size,))
        database.commit()
    assert audited(forger.path, ground.standard()).clean
    assert layer_of(audited(forger.path, ground.standard(witnessed=True))) is WITNESS
    assert not witness_agrees(forger.path, ground.kept)


def test_two_checkpoints_of_one_size_are_found_when_they_meet(ground: Ground) -> None:
    """The hub shows one to the auditor, and has shown another, as well signed, to somebody who kept it."""
    honest = Checkpoint.read(read_note(ground.kept).text)
    other = sign_note(Checkpoint(ORIGIN, honest.size, bytes(32)).text(), ground.signers).written().encode()
    log = LogStandard(ORIGIN, ground.standard().keys, (ground.witness.key,), kept={"citizen": other})
    found = audited(ground.today, log)
    assert [(finding.code, finding.what, finding.field) for finding in found.findings] == [
        ("audit.kept", "citizen", "root")
    ]
    assert not proves_consistency(honest.size, honest.size, [], bytes(32), honest.root)


def test_a_kept_note_of_another_key_accuses_nobody(ground: Ground) -> None:
    stranger = Ed25519NoteSigner.of(ORIGIN, Ed25519PrivateKey.generate())
    forged = sign_note(Checkpoint(ORIGIN, 3, bytes(32)).text(), [stranger]).written().encode()
    log = LogStandard(ORIGIN, ground.standard().keys, (ground.witness.key,), kept={"liar": forged})
    assert [(f.code, f.field, f.got) for f in audited(ground.today, log).findings] == [
        ("audit.kept", "note", "note.unknown-key")
    ]


def test_a_key_outside_its_dates_is_found(ground: Ground) -> None:
    late = LogKey(ground.signers[0].key, (START - timedelta(days=2), START - timedelta(days=1)))
    found = audited(ground.today, LogStandard(ORIGIN, (late,), (ground.witness.key,)))
    assert {finding.code for finding in found.findings} == {"audit.checkpoint-key"}


def test_two_sequencers_leave_nothing_to_be_found(town: Town, ground: Ground) -> None:
    """The second does nothing, also if both look at the same moment."""
    both = [Sequencer(lambda: town.hub, checkpoint_signers(town.hub, town.folder), name) for name in ("one", "two")]
    _work(town, "one")

    async def race() -> None:
        await asyncio.gather(*(one.step() for one in both))

    asyncio.run(race())
    town.clock.turn(seconds=60)
    _work(town, "two")
    asyncio.run(race())
    found = audited(_snapshot(town, "raced.db"), ground.standard())
    assert [finding.sentence() for finding in found.findings] == []
    assert found.rows["leaf"] == found.rows["entry"]


def test_an_entry_that_waits_for_a_sequencer_is_no_finding(town: Town, ground: Ground) -> None:
    """A hub that does not run numbers nothing, however long."""
    _work(town, "one")
    assert audited(_snapshot(town, "waiting.db"), ground.standard()).clean


TEXT = st.text(max_size=6)
NUMBER = st.integers(0, 2**63 - 1)
OCTETS = st.binary(max_size=40)
ENTRIES = st.builds(
    Entry,
    ledger=TEXT, node=TEXT, sequence=NUMBER, time_us=NUMBER, kind=st.sampled_from(Hop), sender=TEXT, message_id=TEXT,
    source=TEXT, target=TEXT, document=OCTETS, evidence=OCTETS, rules=TEXT, signer=TEXT, detail=TEXT, previous=OCTETS,
)  # fmt: skip


@given(ENTRIES)
def test_the_audit_forms_an_entry_as_the_writer_does(entry: Entry) -> None:
    formed = form(entry)
    row = (*(getattr(entry, name) for name in FIELDS), formed, hash_form(formed))
    assert in_order([[row]], entry.sequence - 1, entry.previous) == 1
    assert in_order([[row]], entry.sequence, entry.previous) is None


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700, 65_536, 65_537, 66_000])
def test_the_audit_grows_the_tree_as_the_writer_does(size: int) -> None:
    leaves = [number.to_bytes(32) for number in range(size)]
    growth = Growth()
    tiles = {}
    for start in range(0, size, 300):
        tiles.update({(t.level, t.number): b"".join(t.hashes) for t in growth.add(leaves[start : start + 300])})
    tiles.update({(t.level, t.number): b"".join(t.hashes) for t in growth.partial()})
    assert tiles == {(t.level, t.number): t.hashes for t in grow(0, {}, leaves)}
    assert growth.tiles() == len(tiles)
    roots = Roots(growth.roots)
    for at in sorted({1, size // 3 + 1, size // 2 + 1, size}):
        assert roots.at(at, leaves[at // 256 * 256 : at]) == root_of(leaves[:at])


def table() -> str:
    """The matrix as docs/tamper-matrix.md shows it."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{' --- |' * len(HEADINGS)}"]
    lines += [f"| {case.what} | {' | '.join(case.layers)} |" for case in CASES]
    return "\n".join(lines) + "\n"


def test_the_document_shows_this_matrix() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


def replaced(text: str, begin: str, end: str, table_: str) -> str:
    """The text with another table between its marks."""
    return text.partition(begin)[0] + begin + table_ + end + text.partition(end)[2]


if __name__ == "__main__":
    from tests import test_tamper_outside as outside

    shown = replaced(DOCUMENT.read_text(encoding="utf-8"), BEGIN, END, table())
    DOCUMENT.write_text(replaced(shown, outside.BEGIN, outside.END, outside.table()), encoding="utf-8")
