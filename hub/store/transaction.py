"""One write transaction of one node: rows are staged, the node's chain grows, and all reach the database together.

Staging keeps a refused piece of work from leaving anything behind: `mark` before it, `rewind` after it failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select, text

from hub.ledger import FIELDS, FIRST, Entry, Stored, form, hash_form, to_microseconds
from hub.message import Hop
from hub.store.prepared import Inserting, Prepared
from hub.store.tables import documents, ledger

Row = dict[str, Any]
_LAST = Prepared(
    select(ledger.c.sequence, ledger.c.hash)
    .where(ledger.c.node == bindparam("node"))
    .order_by(ledger.c.sequence.desc())
    .limit(1)
)


@dataclass(slots=True)
class _Head:
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a transaction to go back to."""

    sizes: dict[str, int]
    sequence: int
    hash: bytes


class Transaction:
    """What `Writer.run` and `Store.transaction` hand to a piece of work."""

    def __init__(self, connection: Connection, ledger_id: str, node: str) -> None:
        self.connection = connection
        self._ledger_id = ledger_id
        self._node = node
        self._staged: dict[str, tuple[Table, list[Row]]] = {}
        self._next_id: dict[str, int] = {}
        self._head: _Head | None = None

    @property
    def node(self) -> str:
        """The node whose chain this transaction extends."""
        return self._node

    def stage(self, table: Table, row: Row) -> None:
        """Insert `row` when the transaction ends, together with its like."""
        self._staged.setdefault(table.name, (table, []))[1].append(row)

    def staged(self, table: Table) -> list[Row]:
        """The rows of `table` that wait for the end of the transaction, oldest first."""
        found = self._staged.get(table.name)
        return found[1] if found else []

    def stage_document(self, digest: str, content: bytes) -> None:
        """Keep `content` under its SHA-256; the same digest is the same content and is kept once."""
        self.stage(documents, {"digest": digest, "content": content})

    def allocate(self, table: Table) -> int:
        """The next free id of `table`; ids grow in the order of acceptance."""
        following = self._next_id.get(table.name)
        if following is None or self.connection.dialect.name != "sqlite":
            following = self._read_next_id(table)
        self._next_id[table.name] = following + 1
        return following

    def _read_next_id(self, table: Table) -> int:
        if self.connection.dialect.name == "sqlite":
            return (self.connection.scalar(select(func.max(table.c.id))) or 0) + 1
        return int(self.connection.scalar(text(f"SELECT nextval('{table.name}_id_seq')")) or 0)

    def append(
        self,
        kind: Hop,
        at: datetime,
        *,
        sender: str = "",
        message_id: str = "",
        source: str = "",
        target: str = "",
        document: str = "",
        evidence: str = "",
        rules: str = "",
        signer: str = "",
        detail: str = "",
    ) -> Stored:
        """Append one entry to this node's chain; `document` and `evidence` are hex digests or empty."""
        head = self._read_head()
        entry = Entry(
            ledger=self._ledger_id,
            node=self._node,
            sequence=head.sequence + 1,
            time_us=to_microseconds(at),
            kind=kind,
            sender=sender,
            message_id=message_id,
            source=source,
            target=target,
            document=bytes.fromhex(document),
            evidence=bytes.fromhex(evidence),
            rules=rules,
            signer=signer,
            detail=detail,
            previous=head.hash,
        )
        formed = form(entry)
        stored = Stored(entry, formed, hash_form(formed))
        row = {name: getattr(entry, name) for name in FIELDS}
        self.stage(ledger, {**row, "kind": str(kind), "form": formed, "hash": stored.hash})
        self._head = _Head(entry.sequence, stored.hash)
        return stored

    def _read_head(self) -> _Head:
        if self._head is None:
            if self.connection.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(hashtext(:node))")
                self.connection.execute(lock, {"node": self._node})
            last = _LAST.execute(self.connection, {"node": self._node}).first()
            self._head = _Head(last.sequence, last.hash) if last else _Head(0, FIRST)
        return self._head

    def mark(self) -> Mark:
        """Remember what is staged now."""
        head = self._read_head()
        sizes = {name: len(rows) for name, (_, rows) in self._staged.items()}
        return Mark(sizes, head.sequence, head.hash)

    def rewind(self, mark: Mark) -> None:
        """Forget what was staged after `mark`."""
        for name, (_, rows) in self._staged.items():
            del rows[mark.sizes.get(name, 0) :]
        self._head = _Head(mark.sequence, mark.hash)

    def flush(self) -> None:
        """Write the staged rows, in the order in which their tables were first used."""
        for table, rows in self._staged.values():
            if rows:
                _inserting(table, tuple(rows[0])).execute_many(self.connection, rows)
        self._staged.clear()


@cache
def _inserting(table: Table, columns: tuple[str, ...]) -> Inserting:
    return Inserting(table, columns, once=table is documents)
