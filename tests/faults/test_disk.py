"""R5, R6, R19: a disk that answers with errors, a disk that is full, bits that flip."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from hub.audit.audit import log_standard, report, standard_of
from hub.hub import database_url, read_settings
from hub.store.store import Store
from tests.faults import tools
from tests.faults.conftest import Found, Tell
from tests.faults.progress import counted
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, send_to
from tests.faults.town_of_processes import Town


def move(town: Town, place: Path) -> None:
    """Let the node's data directory lie elsewhere."""
    home = place / "home"
    shutil.copytree(town.node.folder, home)
    town.node.folder = home


def send_one(town: Town, patience: float) -> tuple[bool, str]:
    """Whether one message was taken, and the code if it was not."""

    async def work() -> tuple[bool, str]:
        async with town.sender("a") as sender:
            return await sender.send(TO, patience), sender.told

    return asyncio.run(work())


def until_refused(town: Town) -> tuple[int, str]:
    """Send until the hub says no: how many messages it took before, and its code. It is asked again if it is late."""
    end, before = time.monotonic() + 60, 0
    while True:
        taken, code = send_one(town, 0.1)
        before += taken
        if not taken and code != "exchange.timeout":
            return before, code
        assert time.monotonic() < end


def test_r6_disk_full(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    tools.need_root("mounts a small file system")
    town = found_town()
    town.receive()
    with tools.mounted("-t", "tmpfs", "-o", "size=32m", "tmpfs", at=tmp_path / "small") as small:
        move(town, small)
        town.node.up()
        before = send_to(town, TO, sizes.messages)
        town.drain()
        filler = small / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        fitted, code = until_refused(town)
        assert code == "store.full"
        again, code = until_refused(town)
        assert code == "store.full"
        assert town.unfinished() >= 0  # reading goes on
        filler.unlink()
        after = send_to(town, TO, sizes.messages)
        zeros = all_is_well(town, fitted=fitted + again)
        assert zeros.acknowledged == before + after + fitted + again
        town.node.kill()


def test_r5_fsync_answers_with_an_error(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    town = found_town(folder=tmp_path)
    town.receive()
    town.node.up()
    send_to(town, TO, 1)
    town.drain()
    with tools.injecting(town.node.process.pid, "fdatasync,fsync:error=EIO"):
        answers = [until_refused(town) for _ in range(sizes.wrong_answers)]
    assert answers == [(0, "store.io")] * sizes.wrong_answers
    assert until_refused(town) == (0, "store.io")  # what the disk lost no later fsync would find
    town.node.kill()
    town.node.up()
    send_to(town, TO, sizes.messages)
    all_is_well(town, refused=len(answers))


def test_r2_kill_at_an_fdatasync(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    town = found_town(folder=tmp_path)
    town.receive()
    for number in counted("kills", sizes.fsync_kills):
        town.node.up()
        with tools.injecting(town.node.process.pid, f"fdatasync:signal=SIGKILL:when={(number + 1) % 7 + 1}"):
            while town.node.process.end(0.05) is None:
                send_one(town, 0.05)
        town.node.up()
        town.drain()
        town.node.kill()
    town.node.up()
    all_is_well(town, kills=sizes.fsync_kills)


def test_r19_one_bit_flipped(found_town: Found, sizes: Sizes, tell: Tell, tmp_path: Path) -> None:
    town = found_town()
    town.receive()
    town.node.up()
    send_to(town, TO, 2)
    town.drain()
    town.node.stop()
    path = town.node.folder / "hub.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    good, told = path.read_bytes(), dump(path)
    chance = random.Random(19)
    found = harmless = 0
    for _ in counted("copies", sizes.flipped):
        place = chance.randrange(len(good) * 8)
        spoiled = bytearray(good)
        spoiled[place // 8] ^= 1 << place % 8
        path.write_bytes(spoiled)
        if not audit_is_clean(town):
            found += 1
        else:
            assert dump(path) == told, f"bit {place}"
            harmless += 1
    path.write_bytes(good)
    assert audit_is_clean(town)
    tell(copies=sizes.flipped, found=found, changing_no_row=harmless, missed=0)
    assert found > 0


def audit_is_clean(town: Town) -> bool:
    """Whether the audit of a database finds nothing; one that cannot be opened is found."""
    settings = read_settings(town.node.folder)
    try:
        store = Store.open(database_url(town.node.folder, settings), "outside")
    except Exception:
        return False
    try:
        standard = standard_of(town.node.folder, settings, store)
        return report(store, standard, log_standard(town.node.folder, settings, store, {})).clean
    finally:
        store.close()


def dump(path: Path) -> list[str]:
    """Every row of a database, and what its tables and indexes are made of; not how that is spelled."""
    with closing(sqlite3.connect(path)) as connection:
        lines = [line for line in connection.iterdump() if line.startswith("INSERT")]
        for kind, name in connection.execute("SELECT type, name FROM sqlite_master").fetchall():
            for pragma in ("table_xinfo", "index_list", "foreign_key_list") if kind == "table" else ("index_xinfo",):
                lines += [f"{name}: {row}" for row in connection.execute(f'PRAGMA {pragma}("{name}")')]
        return lines
