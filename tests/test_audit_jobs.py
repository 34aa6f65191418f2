"""The audit's quick look by several processes: the same findings as by one, whatever was changed and wherever."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.bench_audit import fill
from bench.bench_tree import sequence
from bench.material import HUB, found_hub
from hub.audit import checkpoints, portion, sharing
from hub.audit.audit import Report, Standard, report
from hub.audit.checkpoint import LogKey
from hub.audit.log import LogStandard
from hub.audit.portion import ChainPortion, LeafPortion, chain_portions, leaf_portions
from hub.audit.report import Told
from hub.ledger.sequence import checkpoint_signers, origin_of
from hub.store.store import Store
from hub.tree.tiles import WIDTH

ENTRIES = 1500
STANDARD = Standard(HUB, "bench", frozenset())


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LogStandard]:
    """A database of two chains and their tree, and what to measure it by."""
    folder = tmp_path_factory.mktemp("ledger")
    hub = found_hub(folder, {"d0": "http://127.0.0.1:9/d0"})
    fill(hub, ENTRIES)
    other = Store.open(f"sqlite:///{folder / 'hub.db'}", "other")
    with other.transaction() as transaction:
        for _ in range(10):
            transaction.append("admin", hub.clock(), sender=HUB)  # type: ignore[arg-type]
    other.close()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hub.ledger.sequence.BATCH", 70)
        asyncio.run(sequence(hub, folder))
    log = LogStandard(origin_of(hub), tuple(LogKey(signer.key) for signer in checkpoint_signers(hub, folder)))
    hub.close()
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "hub.db", log


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions small enough that there are several."""
    monkeypatch.setattr(portion, "ENTRIES", 400)
    monkeypatch.setattr(portion, "LEAVES", 2 * WIDTH)
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", 3)


def looked(path: Path, log: LogStandard, jobs: int) -> Report:
    store = Store.open(f"sqlite:///{path}", "audit")
    try:
        return report(store, STANDARD, log, deep=False, jobs=jobs)
    finally:
        store.close()


CHANGES = {
    "nothing": "SELECT 1",
    "a column": "UPDATE ledger SET target = 'x' WHERE node = 'hub' AND sequence = 900",
    "the first entry of a portion": "UPDATE ledger SET detail = 'x' WHERE node = 'hub' AND sequence = 401",
    "a hash at a portion's end": "UPDATE ledger SET hash = zeroblob(32) WHERE node = 'hub' AND sequence = 400",
    "an entry away": "DELETE FROM ledger WHERE node = 'hub' AND sequence = 800",
    "the last away": f"DELETE FROM ledger WHERE node = 'hub' AND sequence = {ENTRIES}",
    "a number that is none": "UPDATE ledger SET sequence = 'x' WHERE node = 'hub' AND sequence = 7",
    "text that is not UTF-8": "UPDATE ledger SET detail = CAST(X'ff' AS TEXT) WHERE sequence = 5",
    "text as bytes": "UPDATE ledger SET target = CAST(target AS BLOB) WHERE sequence = 5",
    "a leaf's hash": "UPDATE leaves SET hash = zeroblob(32) WHERE place = 600",
    "a leaf away": "DELETE FROM leaves WHERE place = 512",
    "a leaf at another place": "UPDATE leaves SET place = 100000 WHERE place = 450",
    "a leaf of another entry": "UPDATE leaves SET sequence = 100000 WHERE place = 450",
    "a tile": "UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0 AND number = 3",
    "the last tile": "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND number = 5",
    "a tile above": "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 1",
    "a tile too many": "INSERT INTO tiles VALUES (0, 99, zeroblob(32))",
    "a checkpoint's root": "UPDATE checkpoints SET root = zeroblob(32) WHERE size = 280",
    "the last checkpoint's note": f"UPDATE checkpoints SET note = 'x' WHERE size = {ENTRIES + 10}",
    "a checkpoint of another size": "UPDATE checkpoints SET size = 281 WHERE size = 280",
    "a checkpoint of more than there is": "UPDATE checkpoints SET size = 99999 WHERE size = 280",
    "a checkpoint without a size": "UPDATE checkpoints SET size = -7 WHERE size = 280",
    "the time of a checkpoint": "UPDATE checkpoints SET signed_us = 'x' WHERE size = 350",
    "a cosignature": "INSERT INTO cosignatures (size, witness, line, at_us) VALUES (350, 'w', 'x', 1)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_quick_look_finds_what_the_walk_finds(
    ground: tuple[Path, LogStandard], tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the look says no to is walked; and it says no wherever the walk finds something."""
    path, log = ground
    copy = Path(shutil.copy(path, tmp_path / "hub.db"))
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(CHANGES[change])
    quick = looked(copy, log, 1)
    monkeypatch.setattr(
        "hub.audit.audit._in_order", lambda *_: "audit.chain" not in {one.code for one in quick.findings}
    )
    monkeypatch.setattr("hub.audit.leaves._in_order", lambda *_: False)
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", ENTRIES)
    walked = looked(copy, log, 1)
    assert [finding.sentence() for finding in quick.findings] == [finding.sentence() for finding in walked.findings]
    assert quick.clean == (change == "nothing")


def test_several_processes_come_to_what_one_comes_to(
    ground: tuple[Path, LogStandard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If all is well this process looks at nothing itself, and else it finds what it finds alone."""
    path, log = ground
    alone = looked(path, log, 1)
    with monkeypatch.context() as patched:
        patched.setattr(sharing, "_look_here", lambda *_: pytest.fail("looked at here"))
        assert looked(path, log, 2) == alone
    copy = Path(shutil.copy(path, tmp_path / "hub.db"))
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute(CHANGES["a column"])
        database.execute(CHANGES["a leaf's hash"])
        database.execute(CHANGES["a checkpoint's root"])
    found = looked(copy, log, 2)
    assert {finding.code for finding in found.findings} >= {"audit.chain", "audit.leaf", "audit.checkpoint"}
    assert found == looked(copy, log, 1)


def test_processes_that_cannot_work_cost_time_and_nothing_else(
    ground: tuple[Path, LogStandard], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, log = ground
    alone = looked(path, log, 1)
    monkeypatch.setattr(sharing, "_answers", lambda pool, look, portions: iter([None]))
    assert looked(path, log, 2) == alone


def test_every_row_is_in_one_portion(ground: tuple[Path, LogStandard]) -> None:
    store = Store.open(f"sqlite:///{ground[0]}", "audit")
    with store.reading() as connection:
        chains, leaves = chain_portions(connection), leaf_portions(connection)
    store.close()
    assert chains == [*(ChainPortion("hub", n, min(n + 400, ENTRIES)) for n in range(0, ENTRIES, 400)),
                      ChainPortion("other", 0, 10)]  # fmt: skip
    assert leaves == [LeafPortion(n, min(n + 512, ENTRIES + 10)) for n in range(0, ENTRIES + 10, 512)]


def test_a_row_looked_at_twice_is_told_once() -> None:
    told: list[int] = []
    rows = Told(told.append)
    first = rows.anew()
    first(5)
    second = rows.anew()
    second(3)
    second(4)
    assert told == [5, 2]
