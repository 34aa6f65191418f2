"""Rows of key changes, and which keys sign the log's next checkpoint. Reads and keeps; verifies nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from hub.errors import Misconfigured, Refused
from hub.ledger.ledger import to_microseconds
from hub.store.prepared import Prepared
from hub.store.tables import checkpoints, key_changes
from hub.store.transaction import Transaction
from hub.tree.key_change import KeyChange
from hub.tree.note import read_note

_LAST_CHANGE = Prepared(select(key_changes.c.note).order_by(key_changes.c.size.desc()).limit(1))
_LAST_CHECKPOINT = Prepared(select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1))
KeyMark = tuple[str, bytes]
"""Name and id of a key, as a signature line has them."""


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A stored change: the size of the tree at which it was made, its note, and when."""

    size: int
    note: str
    at_us: int


def keep_change(transaction: Transaction, size: int, note: str, at: datetime) -> None:
    """Keep a change that was made at this size of the tree."""
    transaction.stage(key_changes, {"size": size, "note": note, "at_us": to_microseconds(at)})


def read_changes(connection: Connection) -> list[KeptChange]:
    """Every change, first to last."""
    rows = connection.execute(select(key_changes).order_by(key_changes.c.size))
    return [KeptChange(row.size, row.note, row.at_us) for row in rows]


def read_due(connection: Connection) -> frozenset[KeyMark]:
    """The keys that sign the next checkpoint: those of the last change, else those of the last checkpoint, if any.

    Errors: Misconfigured tree.damaged.
    """
    changed = _LAST_CHANGE.execute(connection, {}).scalar()
    try:
        if changed is not None:
            return frozenset((key.name, key.id) for key in KeyChange.read(read_note(changed.encode()).text).new)
        signed = _LAST_CHECKPOINT.execute(connection, {}).scalar()
        lines = read_note(signed.encode()).signatures if signed is not None else ()
    except Refused as error:
        raise Misconfigured("tree.damaged", operator=str(error)) from None
    return frozenset((line.name, line.key_id) for line in lines)
