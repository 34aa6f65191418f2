"""A forger at the ledger's database: what he changes, and how much of the rest he rebuilds to hide it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from hub.ledger.ledger import FIELDS, FIRST, Entry, Stored, entry_hash, form
from hub.tree.checkpoint import Checkpoint
from hub.tree.key import NoteSigner
from hub.tree.merkle import root_of
from hub.tree.note import read_note, sign_note
from hub.tree.tiles import grow

NODE = "hub"
Change = Callable[[list[Stored]], list[Stored]]
"""What is done to the chain of `NODE`; gives the rows as they then stand, in order."""


class Pains(IntEnum):
    """How much the forger rebuilds after a change; each includes what stands before it."""

    NONE = 0
    CHAIN = 1
    TREE = 2
    OTHER_KEY = 3
    STOLEN_KEY = 4


@dataclass(frozen=True)
class Forger:
    """Works on one database file. `stolen` are the log's own signers, `own` are the forger's under the same name."""

    path: Path
    stolen: Sequence[NoteSigner]
    own: Sequence[NoteSigner]

    def forge(self, change: Change, pains: Pains) -> None:
        """Make the change and rebuild as much as the pains are."""
        with closing(sqlite3.connect(self.path)) as database:
            rows = change(self.chain(database))
            if pains >= Pains.CHAIN:
                rows = relinked(rows)
            _write_chain(database, rows)
            if pains >= Pains.TREE:
                self._rebuild_tree(database, pains)
            database.commit()

    def chain(self, database: sqlite3.Connection) -> list[Stored]:
        """The chain of `NODE` as it stands."""
        query = f"SELECT {', '.join(FIELDS)}, form, hash FROM ledger WHERE node = ? ORDER BY sequence"
        return [Stored(Entry(*row[:-2]), *row[-2:]) for row in database.execute(query, (NODE,))]

    def _rebuild_tree(self, database: sqlite3.Connection, pains: Pains) -> None:
        before = [node for (node,) in database.execute("SELECT node FROM leaves ORDER BY place")]
        left = {
            node: list(database.execute("SELECT sequence, hash FROM ledger WHERE node = ? ORDER BY sequence", (node,)))
            for node in {*before, NODE}
        }
        order = [(node, *left[node].pop(0)) for node in before if left[node]]
        order += [(node, *rest) for node, rests in left.items() for rest in rests]
        hashes = [hashed for _, _, hashed in order]
        for table in ("leaves", "tiles", "numbered"):
            database.execute(f"DELETE FROM {table}")
        places = [(place, *leaf) for place, leaf in enumerate(order)]
        database.executemany("INSERT INTO leaves (place, node, sequence, hash) VALUES (?, ?, ?, ?)", places)
        tiles = [(tile.level, tile.number, tile.hashes) for tile in grow(0, {}, hashes)]
        database.executemany("INSERT INTO tiles (level, number, hashes) VALUES (?, ?, ?)", tiles)
        ends = {node: (node, sequence, hashed) for node, sequence, hashed in order}
        database.executemany("INSERT INTO numbered (node, sequence, hash) VALUES (?, ?, ?)", ends.values())
        database.execute("UPDATE tree_head SET size = ?, root = ?", (len(hashes), root_of(hashes)))
        self._rewrite_checkpoints(database, hashes, pains)

    def _rewrite_checkpoints(self, database: sqlite3.Connection, hashes: list[bytes], pains: Pains) -> None:
        found = database.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
        for size, written in found:
            last = size == found[-1][0]
            grown = len(hashes) if last else size
            note = self._signed(written, grown, root_of(hashes[:grown]), pains)
            database.execute(
                "UPDATE checkpoints SET size = ?, root = ?, note = ? WHERE size = ?",
                (grown, root_of(hashes[:grown]), note, size),
            )
        if pains >= Pains.OTHER_KEY:
            database.execute("DELETE FROM cosignatures")

    def _signed(self, written: str, size: int, root: bytes, pains: Pains) -> str:
        note = read_note(written.encode())
        text = Checkpoint(Checkpoint.read(note.text).origin, size, root).text()
        if pains == Pains.TREE:
            return replace(note, text=text).written()
        return sign_note(text, self.stolen if pains == Pains.STOLEN_KEY else self.own).written()


def relinked(rows: Sequence[Stored]) -> list[Stored]:
    """The chain over these entries, with sequence, previous, form and hash all right."""
    previous, done = FIRST, []
    for sequence, row in enumerate(rows, 1):
        entry = replace(row.entry, sequence=sequence, previous=previous)
        previous = entry_hash(entry)
        done.append(Stored(entry, form(entry), previous))
    return done


def edited(name: str, place: int) -> Change:
    """One bit of a column of one entry."""

    def change(rows: list[Stored]) -> list[Stored]:
        row = rows[place]
        if name in ("form", "hash"):
            rows[place] = replace(row, **{name: flipped(getattr(row, name))})
        else:
            rows[place] = replace(row, entry=replace(row.entry, **{name: flipped(getattr(row.entry, name))}))
        return rows

    return change


def swapped(one: int, other: int) -> Change:
    """Two entries that change places."""

    def change(rows: list[Stored]) -> list[Stored]:
        first, second = rows[one], rows[other]
        rows[one] = replace(second, entry=replace(second.entry, sequence=first.entry.sequence))
        rows[other] = replace(first, entry=replace(first.entry, sequence=second.entry.sequence))
        return rows

    return change


def deleted(first: int, count: int = 1) -> Change:
    """Entries taken out; a negative `first` counts from the end."""

    def change(rows: list[Stored]) -> list[Stored]:
        begin = first % len(rows)
        return rows[:begin] + rows[begin + count :]

    return change


def inserted(place: int) -> Change:
    """A made-up entry put in, linked to the one before it; the others move up."""

    def change(rows: list[Stored]) -> list[Stored]:
        begin = place % (len(rows) + 1)
        before = rows[begin - 1] if begin else None
        model = (before or rows[0]).entry
        linked = replace(model, message_id="made-up", sequence=begin + 1, previous=before.hash if before else FIRST)
        made = Stored(linked, form(linked), entry_hash(linked))
        moved = [replace(row, entry=replace(row.entry, sequence=row.entry.sequence + 1)) for row in rows[begin:]]
        return [*rows[:begin], made, *moved]

    return change


def flipped(value: Any) -> Any:
    """The value with one bit of its middle turned; what is empty gets something."""
    if isinstance(value, int):
        return value ^ 1 << 20  # far enough not to meet the next sequence
    raw = bytearray(value.encode() if isinstance(value, str) else value) or bytearray(b"@")
    raw[len(raw) // 2] ^= 1
    return raw.decode() if isinstance(value, str) else bytes(raw)


def _write_chain(database: sqlite3.Connection, rows: Sequence[Stored]) -> None:
    database.execute("DELETE FROM ledger WHERE node = ?", (NODE,))
    columns = (*FIELDS, "form", "hash")
    values = [(*(_plain(getattr(row.entry, name)) for name in FIELDS), row.form, row.hash) for row in rows]
    marks = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO ledger ({', '.join(columns)}) VALUES ({marks})", values)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
