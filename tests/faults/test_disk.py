"""R3, R5, R6, R19: power cuts, a disk that answers with errors, a disk that is full, bits that flip."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

from hub.audit.audit import log_standard, report, standard_of
from hub.hub import database_url, read_settings
from hub.store.store import Store
from tests.faults import tools
from tests.faults.conftest import Found, Tell
from tests.faults.five_zeros import five_zeros
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, send_to, under_load
from tests.faults.town_of_processes import Town

IMAGE_MB = 48
PRAGMAS = "synchronous=FULL", "synchronous=OFF"


def move(town: Town, place: Path) -> None:
    """Let the node's data directory lie elsewhere."""
    home = place / "home"
    shutil.copytree(town.node.folder, home)
    town.node.folder = home


def send_one(town: Town, patience: float) -> tuple[bool, str]:
    """Whether one message was taken, and the code if it was not."""

    async def work() -> tuple[bool, str]:
        sender = town.sender("a")
        taken = await sender.send(TO, patience)
        await sender.close()
        return taken, sender.told

    return asyncio.run(work())


def test_r6_disk_full(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    tools.need_root("mounts a small file system")
    town = found_town()
    town.receive()
    with tools.mounted("-t", "tmpfs", "-o", "size=16m", "tmpfs", at=tmp_path / "small") as small:
        move(town, small)
        town.node.up()
        before = send_to(town, TO, sizes.messages)
        town.drain()
        filler = small / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        refused = [send_one(town, 0.1) for _ in range(30)]
        assert refused[-1] == (False, "store.full")
        assert town.unfinished() >= 0  # reading goes on
        filler.unlink()
        after = send_to(town, TO, sizes.messages)
        zeros = all_is_well(town, refused=sum(not taken for taken, _ in refused))
        assert zeros.acknowledged == before + after + sum(taken for taken, _ in refused)
        town.node.kill()


def test_r5_fsync_answers_with_an_error(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    town = found_town(folder=tmp_path)
    town.receive()
    town.node.up()
    send_to(town, TO, 1)
    town.drain()
    with tools.injecting(town.node.process.pid, "fdatasync,fsync:error=EIO"):
        answers = [send_one(town, 0.1) for _ in range(sizes.wrong_answers)]
    assert answers == [(False, "store.io")] * sizes.wrong_answers
    assert send_one(town, 0.1) == (False, "store.io")  # what the disk lost no later fsync would find
    town.node.kill()
    town.node.up()
    send_to(town, TO, sizes.messages)
    all_is_well(town, refused=len(answers))


def test_r2_kill_at_an_fdatasync(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    town = found_town(folder=tmp_path)
    town.receive()
    for number in range(1, sizes.fsync_kills + 1):
        town.node.up()
        with tools.injecting(town.node.process.pid, f"fdatasync:signal=SIGKILL:when={number % 7 + 1}"):
            while town.node.process.end(0.05) is None:
                send_one(town, 0.05)
        town.node.up()
        town.drain()
        town.node.kill()
    town.node.up()
    all_is_well(town, kills=sizes.fsync_kills)


def forget_fsync() -> None:
    """The control: SQLite that leaves everything to the operating system."""
    from hub.store import engine

    prepare = engine._prepare_sqlite

    def careless(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    engine._prepare_sqlite = careless


def cut_power(town: Town, place: Path, image: Path, sizes: Sizes, *, careless: bool) -> None:
    """Load a hub on an image, stop the world, keep the image as it lies on the disk, and go on with that."""
    with ExitStack() as stack:
        stack.enter_context(tools.mounted("-o", "loop", image, at=place))
        town.node.up(prepare=forget_fsync if careless else None)

        def cut() -> None:
            town.node.signal(signal.SIGSTOP)
            shutil.copyfile(image, image.with_suffix(".cut"))
            town.node.signal(signal.SIGKILL)

        asyncio.run(one_burst(town, sizes.messages))
        cut()
        town.node.process.end(10)
    image.with_suffix(".cut").replace(image)


async def one_burst(town: Town, each: int) -> int:
    return await under_load(town, each, lambda: None)


def on_image(town: Town, tmp_path: Path) -> tuple[Path, Path]:
    """An image with a file system and the node's data directory on it, safely; and where to mount it."""
    tools.need_root("mounts an image")
    tools.need("mkfs.ext4")
    image, place = tmp_path / "disk.img", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(IMAGE_MB * 1024 * 1024)
    tools.run("mkfs.ext4", "-q", image)
    with tools.mounted("-o", "loop", image, at=place):
        move(town, place)
        tools.run("sync", "-f", place)
    return image, place


def test_r3_power_cut_on_sqlite(found_town: Found, sizes: Sizes, tmp_path: Path, all_is_well: Check) -> None:
    town = found_town()
    image, place = on_image(town, tmp_path)
    town.receive()
    for _ in range(sizes.power_cuts):
        cut_power(town, place, image, sizes, careless=False)
    with tools.mounted("-o", "loop", image, at=place):
        town.node.up()
        all_is_well(town, cuts=sizes.power_cuts)
        town.node.kill()


def test_r3_control_without_fsync_must_lose(found_town: Found, sizes: Sizes, tmp_path: Path, tell: Tell) -> None:
    town = found_town()
    image, place = on_image(town, tmp_path)
    for _ in range(sizes.power_cuts):
        cut_power(town, place, image, sizes, careless=True)
    with tools.mounted("-o", "loop", image, at=place):
        zeros = five_zeros(town)
    tell(cuts=sizes.power_cuts, acknowledged=zeros.acknowledged, unproven=zeros.unproven)
    assert zeros.unproven > 0


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
    for _ in range(sizes.flipped):
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
