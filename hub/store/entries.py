"""The ledger's entries as they are stored: one chain in its order, the newest of all, those since a look."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, select

from hub.ledger.ledger import FIELDS, Entry, Stored
from hub.message import Hop
from hub.store.chains import read_nodes
from hub.store.tables import ledger


def entry_of(row: Row[Any]) -> Entry:
    """The ledger entry in a row's columns."""
    values = {name: getattr(row, name) for name in FIELDS}
    return Entry(**{**values, "kind": Hop(row.kind)})


def read_chain(connection: Connection, node: str, batch: int = 5_000) -> Any:
    """Yield one node's entries in order, as stored."""
    after = -1
    while True:
        rows = connection.execute(
            select(ledger)
            .where(and_(ledger.c.node == node, ledger.c.sequence > after))
            .order_by(ledger.c.sequence)
            .limit(batch)
        ).all()
        for row in rows:
            yield Stored(entry_of(row), row.form, row.hash)
        if len(rows) < batch:
            return
        after = rows[-1].sequence


def latest_entries(connection: Connection, most: int = 50) -> list[Entry]:
    """The newest entries of all chains, in order of time."""
    newest = [
        entry_of(row)
        for node in read_nodes(connection)
        for row in connection.execute(
            select(ledger).where(ledger.c.node == node).order_by(ledger.c.sequence.desc()).limit(most)
        )
    ]
    return _in_time(newest)[-most:]


def entries_after(connection: Connection, seen: dict[str, int], most: int = 500) -> list[Entry]:
    """Entries beyond the last seen sequence of each node, in order of time; a node not in `seen` from its first."""
    later = [
        entry_of(row)
        for node in read_nodes(connection)
        for row in connection.execute(
            select(ledger)
            .where(ledger.c.node == node, ledger.c.sequence > seen.get(node, 0))
            .order_by(ledger.c.sequence)
            .limit(most)
        )
    ]
    return _in_time(later)


def _in_time(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.time_us, entry.node, entry.sequence))
