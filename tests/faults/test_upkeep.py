"""R20 and R21: a backup taken and restored, and a database upgraded, while messages come in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from hub.hub import database_url, open_store, read_settings
from hub.store.migrations import revisions
from hub.store.tables import VERSION, messages
from hub.store.tree import read_head
from hub.store.tree_proofs import read_checkpoint
from hub.store.upgrade import upgrade
from tests.admin import Administrator
from tests.faults.conftest import Found, Tell
from tests.faults.senders import Remembered, read_memory
from tests.faults.sizes import Sizes
from tests.faults.test_kills import TO, Check, send_to, under_load
from tests.faults.town_of_processes import Town
from tests.first_layout import Imagined
from tests.postgres import Server


def acknowledged(town: Town) -> list[Remembered]:
    """Every receipt that a sender holds."""
    return [one for path in town.memories.glob("sent-*") for one in read_memory(path) if one.entry]


def keep_checkpoint(town: Town, path: Path) -> int:
    """Keep the latest checkpoint elsewhere, as a witness does; how many entries it speaks of."""
    with town.store() as store, store.reading() as connection:
        size = read_head(connection).size
        path.write_text(read_checkpoint(connection, size).note, encoding="utf-8")
        return size


def kept_messages(folder: Path) -> set[tuple[str, str]]:
    """Every message in the database of a data directory, by sender and id."""
    store = open_store(folder, read_settings(folder))
    try:
        with store.reading() as connection:
            return {(row.sender, row.message_id) for row in connection.execute(select(messages))}
    finally:
        store.close()


def test_r20_backup_under_load_and_restored(found_town: Found, sizes: Sizes, tmp_path: Path, tell: Tell) -> None:
    town = found_town()
    town.receive()
    town.node.up()
    taken: list[str] = []

    def back_up() -> None:
        time.sleep(0.2)
        taken.append(Administrator(town.node.folder).json("backup", "--to", str(tmp_path))["backup"])

    asyncio.run(under_load(town, sizes.messages, back_up))
    send_to(town, TO, sizes.messages)
    town.drain()
    size = keep_checkpoint(town, tmp_path / "kept.note")
    receipts = acknowledged(town)
    town.node.kill()
    restored = Administrator(tmp_path / "restored")
    said = restored.json("restore", taken[0], "--since", str(tmp_path / "kept.note"))
    kept = kept_messages(restored.folder)
    for one in receipts:
        held = one.sequence <= said["closed"].get(one.node, 0)
        assert held == ((one.sender, one.message_id) in kept), one
    missing = [one["missing"] for one in said["since"]]
    lost = sum((one.sender, one.message_id) not in kept for one in receipts)
    tell(acknowledged=len(receipts), missing_messages=lost, missing_entries=missing[0], told_wrongly=0)
    assert missing == [size - said["entries"]]
    assert lost > 0
    assert restored.json("ledger", "audit")["clean"]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_r21_upgraded_while_it_serves(
    engine: str, found_town: Found, request: pytest.FixtureRequest, sizes: Sizes, all_is_well: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A newer program widens the tables; the older one works on, and its processes are started anew one by one."""
    if sizes.name == "short" and engine == "postgresql":
        pytest.skip("two processes started anew take too long: medium and long form")
    server: Server | None = request.getfixturevalue("server") if engine == "postgresql" else None
    town = found_town(server, nodes=1 if server is None else 2)
    for node in town.nodes:
        node.up()
    town.receive()

    def widen(op: Any) -> None:
        op.add_column("messages", sa.Column("colour", sa.String(10)))
        op.create_index("messages_by_colour", "messages", ["colour"])
        op.create_table("colours", sa.Column("name", sa.String(10), primary_key=True))

    plan = (*revisions(), Imagined(VERSION + 1, f"{VERSION + 1:04}_wider", widen, since=VERSION))
    monkeypatch.setattr("hub.store.upgrade.revisions", lambda: plan)

    def roll() -> None:
        time.sleep(0.2)
        upgrade(database_url(town.node.folder, read_settings(town.node.folder)))
        for node in town.nodes:
            assert node.stop() == 0
            node.up()

    asyncio.run(under_load(town, sizes.messages, roll))
    all_is_well(town, layout=f"{VERSION} to {VERSION + 1}", started_anew=len(town.nodes))
