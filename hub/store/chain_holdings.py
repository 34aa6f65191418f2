"""The entries of the ledger and the refusals beside them, row by row as they stand, for whoever checks or shows them.

Reads only, judges nothing. Memory is bounded by one batch of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from hub.audit.held import Columns
from hub.ledger.ledger import Stored
from hub.message import Hop
from hub.store.chains import NODES, is_end, read_nodes
from hub.store.plain_rows import every_column, stored_entry, stream
from hub.store.tables import ledger, refusals


def chains(connection: Connection) -> Iterator[Stored]:
    """Every ledger entry, node by node, each chain in order of its sequence."""
    query = every_column(ledger).order_by(ledger.c.node, ledger.c.sequence)
    return (stored_entry(row) for row in stream(connection, query))


def chain(connection: Connection, node: Any, after: int, to: int) -> Iterator[Stored]:
    """A node's entries beyond `after` up to `to`, in order of their sequence."""
    stretch = every_column(ledger).where(ledger.c.node == node, ledger.c.sequence > after, ledger.c.sequence <= to)
    return (stored_entry(row) for row in stream(connection, stretch.order_by(ledger.c.sequence)))


def some_entries(connection: Connection, node: str = "", first: int = 0, most: int = 50) -> list[Stored]:
    """Entries of one chain or all: with `first` from that sequence on, without it the latest; in order of time."""
    found: list[Stored] = []
    for one in [node] if node else read_nodes(connection):
        of_node = every_column(ledger).where(ledger.c.node == one)
        of_node = of_node.where(ledger.c.sequence >= first) if first else of_node
        order = ledger.c.sequence if first else ledger.c.sequence.desc()
        found += [stored_entry(row) for row in connection.execute(of_node.order_by(order).limit(most)).mappings()]
    found.sort(key=lambda stored: (stored.entry.time_us, stored.entry.node, stored.entry.sequence))
    return found[:most] if first else found[-most:]


def heads(connection: Connection) -> list[Stored]:
    """The last entry of every chain."""
    query = every_column(ledger).select_from(ledger.join(NODES, is_end())).order_by(ledger.c.node)
    return [stored_entry(row) for row in connection.execute(query).mappings()]


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
    return {row["sequence"]: row for row in connection.execute(every_column(refusals).where(span)).mappings()}


def reasons_alone(connection: Connection) -> list[tuple[str, int]]:
    """Refusal rows as (node, sequence) that stand beside no entry of a refusal."""
    beside = and_(ledger.c.node == refusals.c.node, ledger.c.sequence == refusals.c.sequence)
    rows = connection.execute(
        select(refusals.c.node, refusals.c.sequence)
        .outerjoin(ledger, beside)
        .where(or_(ledger.c.kind.is_(None), ledger.c.kind != str(Hop.REFUSED)))
    )
    return [(row.node, row.sequence) for row in rows]
