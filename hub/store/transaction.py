"""One write transaction of one node: rows are staged, the node's chain grows, and all reach the database together.

Staging keeps a refused piece of work from leaving anything behind: `mark` before it, `rewind` after it failed. What it
changed at once, past the staging, only a rollback of the whole takes back; `rewind` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, bindparam, case, exists, func, literal, select, text
from sqlalchemy.types import Integer

from hub import crash
from hub.ledger.ledger import FIELDS, FIRST, Entry, Stored, form, hash_form, to_microseconds
from hub.message import Hop
from hub.store.kept import month_of_message
from hub.store.prepared import Inserting, Prepared, changes, count_change, execute_in_turn, travel
from hub.store.tables import SEQUENCES, bodies, documents, ledger
from hub.store.wire import Call, is_idle

Row = dict[str, Any]
_LAST = Prepared(
    select(ledger.c.sequence, ledger.c.hash)
    .where(ledger.c.node == bindparam("node"))
    .order_by(ledger.c.sequence.desc())
    .limit(1)
)
_BEGIN = Prepared(text("BEGIN ISOLATION LEVEL READ COMMITTED"))
_COMMIT = Prepared(text("COMMIT"))
_NO_VALUES: tuple[Row, ...] = ({},)
_CHAIN = literal(0x687562, Integer)
"""The first half of our advisory locks' names, so that no other program's is met by chance: `hub` in hexadecimal."""
_locked = func.pg_advisory_xact_lock(_CHAIN, func.hashtext(bindparam("node"))).is_(None)
_LOCK = Prepared(select(_locked))
_as_left = exists().where(
    ledger.c.node == bindparam("node"), ledger.c.sequence == bindparam("sequence"), ledger.c.hash == bindparam("hash")
)
_CONFIRM = Prepared(select(_locked, literal(1, Integer) // case((_as_left, 1), else_=0)))
"""Takes the lock, and ends the transaction with a division by zero if the chain does not hold this very entry.

That no other one follows it, the ledger's primary key says when the next is inserted: so it does not matter that both
are one statement, which sees what was there before it waited for the lock.
"""
_IDS = {
    name: Prepared(select(sequence.next_value()).select_from(func.generate_series(1, bindparam("many", type_=Integer))))
    for name, sequence in SEQUENCES.items()
}
_ONCE = (documents, bodies)
"""Tables in which what is there already stays as it is."""
_AHEAD = 16
"""Ids are taken from a sequence so many at a time; those not used are lost, and no other transaction waits."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a chain."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a transaction to go back to."""

    sizes: dict[str, int]
    sequence: int
    hash: bytes
    changes: int


class Transaction:
    """What `Writer.run` and `Store.transaction` hand to a piece of work.

    On PostgreSQL another process may write the same chain. So its end is read under a lock; or, if an end is
    `expected`, the database confirms it under that lock in the journey of the commit: if it is not so, all is undone.
    """

    def __init__(self, connection: Connection, ledger_id: str, node: str, expected: Head | None = None) -> None:
        self.connection = connection
        self._ledger_id = ledger_id
        self._node = node
        self._staged: dict[str, tuple[Table, list[Row]]] = {}
        self._ids: dict[str, list[int]] = {}
        self._next_id: dict[str, int] = {}
        self._expected = expected
        self._head: Head | None = expected

    @property
    def head(self) -> Head | None:
        """The end of the chain with what is staged, as far as it is known."""
        return self._head

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
        """Keep evidence under its SHA-256, for ever; the same digest is the same content and is kept once."""
        self.stage(documents, {"digest": digest, "content": content})

    def stage_body(self, message: int, digest: str, content: bytes) -> None:
        """Keep an envelope or an attachment of the message with this row id, under its SHA-256."""
        self.stage(bodies, {"digest": digest, "month": month_of_message(message), "content": content})

    def allocate(self, table: Table, many: int = 1, beyond: int = 0) -> list[int]:
        """The next free ids of `table`, growing in the order of acceptance; with `beyond`, those of a month.

        They are never kept for a later transaction: what another node accepts in between must come between.
        """
        if self.connection.dialect.name == "sqlite":
            return self._following(table, many, beyond)
        free = self._ids.setdefault(table.name, [])
        if len(free) < many:
            free += self._read_ids(table, many - len(free))
        given, free[:] = free[:many], free[many:]
        return [beyond + number for number in given]

    def _following(self, table: Table, many: int, beyond: int) -> list[int]:
        """On SQLite a month begins with 1 anew, and none is begun again when a clock is put back."""
        first = self._next_id.get(table.name) or (self.connection.scalar(select(func.max(table.c.id))) or 0) + 1
        first = max(first, beyond + 1)
        self._next_id[table.name] = first + many
        return list(range(first, first + many))

    def _read_ids(self, table: Table, many: int) -> list[int]:
        rows = _IDS[table.name].execute(self.connection, {"many": max(many, _AHEAD)})
        return sorted(row[0] for row in rows)

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
        self._head = Head(entry.sequence, stored.hash)
        return stored

    def hold_chain(self) -> None:
        """Let no other process write this node's chain until the transaction ends.

        For who looks first whether there is something to record.
        """
        self._read_head()

    def _read_head(self) -> Head:
        if self._head is None:
            node = {"node": self._node}
            if self.connection.dialect.name == "postgresql":  # another process may write this chain: one at a time
                last = execute_in_turn(self.connection, [(_LOCK, node), (_LAST, node)]).first()
            else:
                last = _LAST.execute(self.connection, node).first()
            self._head = Head(last.sequence, last.hash) if last else Head(0, FIRST)
        return self._head

    def mark(self) -> Mark:
        """Remember what is staged now."""
        head = self._read_head()
        sizes = {name: len(rows) for name, (_, rows) in self._staged.items()}
        return Mark(sizes, head.sequence, head.hash, changes(self.connection))

    def rewind(self, mark: Mark) -> bool:
        """Forget what was staged after `mark`; False if rows were also changed at once since, and still are."""
        for name, (_, rows) in self._staged.items():
            del rows[mark.sizes.get(name, 0) :]
        self._head = Head(mark.sequence, mark.hash)
        return not self.connection.invalidated and changes(self.connection) == mark.changes

    def commit(self) -> None:
        """Write the staged rows, and on PostgreSQL commit.

        All of it is one journey to the server and back, which is a transaction of its own if none is open; to begin and
        end it by statements would cost the server a fifth more. SQLite's commit is left to who opened the transaction.
        """
        calls: list[Call] = []
        on_sqlite = self.connection.dialect.name == "sqlite"
        if on_sqlite:
            self.flush()
        else:
            calls = self._calls()
        crash.point("store.flushed")
        if not (on_sqlite or is_idle(self.connection)):
            calls += _COMMIT.calls(self.connection, _NO_VALUES)
        if calls:
            travel(self.connection, calls)

    def flush(self) -> None:
        """Write the staged rows, in the order in which their tables were first used."""
        if self.connection.dialect.name == "sqlite":
            for statement, rows in self._inserts():
                statement.execute_many(self.connection, rows)
        elif calls := self._calls():
            if is_idle(self.connection):
                calls[:0] = _BEGIN.calls(self.connection, _NO_VALUES)
            travel(self.connection, calls)
            count_change(self.connection)

    def _calls(self) -> list[Call]:
        """What PostgreSQL is to do with what is staged."""
        calls: list[Call] = []
        if self._expected is not None and self.staged(ledger):
            expected = {"node": self._node, "sequence": self._expected.sequence, "hash": self._expected.hash}
            calls += _CONFIRM.calls(self.connection, (expected,))
            self._expected = None
        for statement, rows in self._inserts():
            calls += statement.calls(self.connection, rows)
        return calls

    def _inserts(self) -> list[tuple[Inserting, list[Row]]]:
        """The staged rows by table, which are staged no longer."""
        staged = [(table, rows) for table, rows in self._staged.values() if rows]
        self._staged.clear()
        for table, rows in staged:
            if table in _ONCE:  # in one order for all: two transactions that store the same ones wait in no circle
                rows.sort(key=itemgetter("digest"))
        return [(_inserting(table, tuple(rows[0])), rows) for table, rows in staged]


@cache
def _inserting(table: Table, columns: tuple[str, ...]) -> Inserting:
    return Inserting(table, columns, once=table in _ONCE)
