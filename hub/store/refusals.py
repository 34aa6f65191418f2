"""What was refused and why, as people ask for it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from hub.ledger.ledger import from_microseconds
from hub.store.chains import read_nodes
from hub.store.tables import refusals


@dataclass(frozen=True, slots=True)
class StoredRefusal:
    """Why a body was refused; its digest stands in the ledger entry `node`/`sequence`."""

    node: str
    sequence: int
    at: datetime
    code: str
    place: str
    expected: str
    got: str
    operator: str
    size: int


def list_refusals(connection: Connection, most: int = 50) -> list[StoredRefusal]:
    """The latest refusals, newest first."""
    found = [
        row
        for node in read_nodes(connection)
        for row in connection.execute(
            select(refusals).where(refusals.c.node == node).order_by(refusals.c.sequence.desc()).limit(most)
        )
    ]
    newest = sorted(found, key=lambda row: (row.at_us, row.node, row.sequence), reverse=True)[:most]
    return [
        StoredRefusal(
            row.node,
            row.sequence,
            from_microseconds(row.at_us),
            row.code,
            row.place,
            row.expected,
            row.got,
            row.operator,
            row.size,
        )
        for row in newest
    ]
