"""Everything that the database holds, row by row as it stands, for whoever checks it. Reads only, judges nothing.

Columns come as the driver found them: a value of a wrong type, or text that is not UTF-8, is passed on and not hidden
by an error, because it is just what an audit looks for. Memory is bounded by one batch of rows and the documents of one
message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, bindparam, func, or_, select, true, type_coerce
from sqlalchemy.types import NullType

from hub.audit.held import Columns, Held
from hub.ledger.ledger import Entry, Stored
from hub.message import Hop
from hub.store.chains import NODES, is_end, read_nodes
from hub.store.kept import month_of_message
from hub.store.prepared import Prepared
from hub.store.tables import (
    bodies,
    deliveries,
    documents,
    ledger,
    message_attachments,
    message_keys,
    messages,
    refusals,
)

T = TypeVar("T")
_BATCH = 100
_LIST = 500
_BEYOND = 2**64 - 1
"""Stands for a number that no byte form can hold."""
_DOCUMENT, _BODY = (
    Prepared(select(type_coerce(table.c.content, NullType())).where(table.c.digest == bindparam("digest"), *own))
    for table, own in ((documents, ()), (bodies, (bodies.c.month == bindparam("month"),)))
)
"""An audit asks so for each document by itself."""


@dataclass(frozen=True, slots=True)
class Census:
    """How many rows there are to look at."""

    entries: int
    documents: int
    messages: int
    deliveries: int
    refusals: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, f.name) for f in fields(self))


def count(connection: Connection) -> Census:
    """Count what there is."""
    tables = (ledger, documents, messages, deliveries, refusals)
    counts = [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (*tables, bodies)]
    return Census(counts[0], counts[1] + counts.pop(), *counts[2:])


@contextmanager
def as_stored(connection: Connection) -> Iterator[None]:
    """Let text that is not UTF-8 be read, with its bytes escaped, instead of ending the reading."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
    try:
        yield
    finally:
        driver.text_factory = str


def integrity(connection: Connection) -> list[str]:
    """What the database engine itself finds wrong with its file; PostgreSQL has checksums of its own."""
    if connection.dialect.name != "sqlite":
        return []
    found = connection.exec_driver_sql("PRAGMA integrity_check(20)")
    return [str(row[0]) for row in found if row[0] != "ok"]


def chains(connection: Connection) -> Iterator[Stored]:
    """Every ledger entry, node by node, each chain in order of its sequence."""
    query = _as_stored(ledger).order_by(ledger.c.node, ledger.c.sequence)
    return (_stored(row) for row in _stream(connection, query))


def chain_batches(connection: Connection) -> Iterator[list[Entry]]:
    """The entries of all chains in the order of `chains`, some hundred at a time."""
    return _batches((stored.entry for stored in chains(connection)), _LIST)


def some_entries(connection: Connection, node: str = "", first: int = 0, most: int = 50) -> list[Stored]:
    """Entries of one chain or all: with `first` from that sequence on, without it the latest; in order of time."""
    found: list[Stored] = []
    for one in [node] if node else read_nodes(connection):
        of_node = _as_stored(ledger).where(ledger.c.node == one)
        of_node = of_node.where(ledger.c.sequence >= first) if first else of_node
        order = ledger.c.sequence if first else ledger.c.sequence.desc()
        found += [_stored(row) for row in connection.execute(of_node.order_by(order).limit(most)).mappings()]
    found.sort(key=lambda stored: (stored.entry.time_us, stored.entry.node, stored.entry.sequence))
    return found[:most] if first else found[-most:]


def heads(connection: Connection) -> list[Stored]:
    """The last entry of every chain."""
    query = _as_stored(ledger).select_from(ledger.join(NODES, is_end())).order_by(ledger.c.node)
    return [_stored(row) for row in connection.execute(query).mappings()]


def contents(connection: Connection) -> Iterator[tuple[str, Any]]:
    """Every document as (the digest it is kept under, its bytes)."""
    for table in (documents, bodies):
        for row in _stream(connection, _as_stored(table), size=20):
            yield str(row["digest"]), row["content"]


def held_messages(connection: Connection, row: int = 0) -> Iterator[Held]:
    """Every message in order of its row id, or the one with row id `row`."""
    query = _as_stored(messages).order_by(messages.c.id)
    rows = _stream(connection, query.where(messages.c.id == row) if row else query)
    for batch in _batches(rows, _BATCH):
        yield from _complete(connection, batch)


def _complete(connection: Connection, batch: list[Columns]) -> Iterator[Held]:
    ids = [row["id"] for row in batch]
    copies = _grouped(connection, _as_stored(deliveries).where(deliveries.c.message.in_(ids)), deliveries.c.id)
    beside = _grouped(
        connection,
        _as_stored(message_attachments).where(message_attachments.c.message.in_(ids)),
        message_attachments.c.attachment,
    )
    hops = _hops(connection, {str(row["message_id"]) for row in batch})
    for row in batch:
        key = (row["sender"], row["message_id"])
        yield Held(row, tuple(copies[row["id"]]), tuple(beside[row["id"]]), tuple(hops[key]))


def _grouped(connection: Connection, query: Select[Any], order: Any) -> dict[int, list[Columns]]:
    found: dict[int, list[Columns]] = defaultdict(list)
    for row in connection.execute(query.order_by(order)).mappings():
        found[row["message"]].append(row)
    return found


def _hops(connection: Connection, message_ids: Iterable[str]) -> dict[tuple[str, str], list[Stored]]:
    found: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    query = _as_stored(ledger).where(ledger.c.message_id.in_(message_ids))
    for row in connection.execute(query.order_by(ledger.c.time_us, ledger.c.node, ledger.c.sequence)).mappings():
        found[row["sender"], row["message_id"]].append(_stored(row))
    return found


def orphans(connection: Connection) -> tuple[int, int]:
    """How many deliveries and how many attachments belong to no message."""
    counts = [
        connection.scalar(select(func.count()).select_from(table).where(table.c.message.not_in(select(messages.c.id))))
        for table in (deliveries, message_attachments)
    ]
    return counts[0] or 0, counts[1] or 0


def keys_astray(connection: Connection) -> int:
    """How many messages have no key of their own, and keys no message of theirs, together."""
    same = and_(
        message_keys.c.sender == messages.c.sender,
        message_keys.c.message_id == messages.c.message_id,
        message_keys.c.message == messages.c.id,
    )
    bare = select(func.count()).select_from(messages.outerjoin(message_keys, same))
    void = select(func.count()).select_from(message_keys.outerjoin(messages, same))
    return (connection.scalar(bare.where(message_keys.c.message.is_(None))) or 0) + (
        connection.scalar(void.where(messages.c.id.is_(None))) or 0
    )


def known_messages(connection: Connection, message_ids: Iterable[str]) -> set[tuple[str, str]]:
    """Those (sender, message id) that are stored, of messages with these ids."""
    columns = (messages.c.sender, messages.c.message_id)
    found = connection.execute(select(*columns).where(messages.c.message_id.in_(list(message_ids))))
    return {(row.sender, row.message_id) for row in found}


def evidence_of(connection: Connection, node: str, kind: Hop) -> list[str]:
    """The evidence (hex) of a node's entries of one kind, in order of their sequence."""
    of_kind = and_(ledger.c.node == node, ledger.c.kind == str(kind))
    found = connection.scalars(select(ledger.c.evidence).where(of_kind).order_by(ledger.c.sequence))
    return [bytes(evidence).hex() for evidence in found]


def evidence_places(connection: Connection, node: str, kind: Hop, detail: str) -> list[tuple[int, str]]:
    """Sequence and evidence (hex) of a node's entries of one kind and detail, in order of their sequence."""
    wanted = and_(ledger.c.node == node, ledger.c.kind == str(kind), ledger.c.detail == detail)
    rows = connection.execute(select(ledger.c.sequence, ledger.c.evidence).where(wanted).order_by(ledger.c.sequence))
    return [(row.sequence, bytes(row.evidence).hex()) for row in rows]


def is_evidence(connection: Connection, digest: str, kind: Hop) -> bool:
    """Whether an entry of this kind names a document as its evidence."""
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        return False
    named = and_(func.length(ledger.c.evidence) > 0, ledger.c.evidence == raw, ledger.c.kind == str(kind))
    return connection.execute(select(ledger.c.sequence).where(named).limit(1)).first() is not None


def reasons(connection: Connection, node: str, first: int, last: int) -> dict[int, Columns]:
    """The refusal rows beside one node's entries `first` to `last`, by sequence."""
    span = and_(refusals.c.node == node, refusals.c.sequence.between(first, last))
    return {row["sequence"]: row for row in connection.execute(_as_stored(refusals).where(span)).mappings()}


def reasons_alone(connection: Connection) -> list[tuple[str, int]]:
    """Refusal rows as (node, sequence) that stand beside no entry of a refusal."""
    beside = and_(ledger.c.node == refusals.c.node, ledger.c.sequence == refusals.c.sequence)
    rows = connection.execute(
        select(refusals.c.node, refusals.c.sequence)
        .outerjoin(ledger, beside)
        .where(or_(ledger.c.kind.is_(None), ledger.c.kind != str(Hop.REFUSED)))
    )
    return [(row.node, row.sequence) for row in rows]


def kept(connection: Connection, digests: Iterable[str], message: Any = None) -> set[str]:
    """Those of `digests` under which a document is kept, or kept as one of the message with this row id."""
    table, own = _place(message)
    found: set[str] = set()
    for some in _batches(iter(digests), _LIST):
        found.update(connection.scalars(select(table.c.digest).where(table.c.digest.in_(some), own)))
    return found


def content(connection: Connection, digest: str, message: Any = None) -> bytes | None:
    """The bytes kept as evidence under a digest, or as a document of the message with this row id."""
    month = _month(message)
    wanted = {"digest": digest, "month": month} if month else {"digest": digest}
    found = (_BODY if month else _DOCUMENT).execute(connection, wanted).first()
    return None if found is None else cast(bytes, _fitting(found[0], "bytes"))


def _place(message: Any) -> tuple[Table, ColumnElement[bool]]:
    month = _month(message)
    return (bodies, bodies.c.month == month) if month else (documents, true())


def _month(message: Any) -> int:
    return month_of_message(message) if isinstance(message, int) else 0


def _as_stored(table: Table) -> Select[Any]:
    """All columns without the driver's conversions: they fail on, or bend, what has the wrong type."""
    columns: list[Any] = [type_coerce(column, NullType()).label(column.name) for column in table.c]
    return select(*columns)


def _stream(connection: Connection, query: Select[Any], size: int = 1000) -> Iterator[Columns]:
    with connection.execute(query, execution_options={"yield_per": size}) as found:  # closed though not read to its end
        yield from found.mappings()


def _batches(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(rows, size)):
        yield batch


def _stored(row: Columns) -> Stored:
    values = {f.name: _fitting(row[f.name], str(f.type)) for f in fields(Entry)}
    form, hashed = (_fitting(row[name], "bytes") for name in ("form", "hash"))
    return Stored(Entry(**values), form, hashed)


def _fitting(value: Any, kind: str) -> Any:
    """`value`, or if an entry cannot hold it, something of the right type that no writer would have written."""
    if kind == "int":
        return value if isinstance(value, int) and 0 <= value < 2**63 else _BEYOND
    if kind == "bytes":
        return value if isinstance(value, bytes) else repr(value).encode()
    return value if isinstance(value, str) else repr(value)
