"""Reads what the archive of a month holds: a span of the tree, its entries, and the documents that these name.

A month is what the tree took in while it lasted: the leaves between the last checkpoint signed before it began and the
last one signed before it ended. Every entry belongs to one month only, and none falls between two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from hub.ledger.ledger import to_microseconds
from hub.message import Hop
from hub.store.kept import read_anywhere
from hub.store.tables import checkpoints, leaves, ledger, message_attachments, messages
from hub.store.tree import read_tile
from hub.tree.tiles import nodes_of

_BUNDLE = 4096
_LIST = 500
_BESIDE = and_(leaves.c.node == ledger.c.node, leaves.c.sequence == ledger.c.sequence)

Subtree = tuple[int, bytes]
"""Level and root of a subtree of 2 to the level leaves."""


@dataclass(frozen=True, slots=True)
class Span:
    """The leaves from `first` to `size`, without the latter."""

    first: int
    size: int


def read_span(connection: Connection, begin: datetime, end: datetime) -> Span:
    """The leaves of the checkpoints signed from `begin` to before `end`."""
    largest = select(func.coalesce(func.max(checkpoints.c.size), 0))
    first, size = (
        connection.scalar(largest.where(checkpoints.c.signed_us < to_microseconds(at))) or 0 for at in (begin, end)
    )
    return Span(first, size)


def read_subtrees(connection: Connection, low: int, high: int) -> list[Subtree]:
    """The complete subtrees, as large as they can be, that make up the leaves from `low` to before `high`."""
    node, found = nodes_of(lambda level, number: read_tile(connection, level, number)), []
    while low < high:
        room = (high - low).bit_length() - 1
        height = min(room, (low & -low).bit_length() - 1) if low else room
        found.append((height, node(height, low >> height)))
        low += 1 << height
    return found


def read_forms(connection: Connection, span: Span) -> Iterator[list[bytes]]:
    """The forms of the span's entries in the order of the tree, some thousand at a time."""
    for low in range(span.first, span.size, _BUNDLE):
        within = _within(Span(low, min(low + _BUNDLE, span.size)))
        query = select(ledger.c.form).join(leaves, _BESIDE).where(within).order_by(leaves.c.place)
        yield [bytes(form) for form in connection.scalars(query)]


def read_signers(connection: Connection, span: Span) -> set[str]:
    """The thumbprints that the span's entries name."""
    query = select(ledger.c.signer).join(leaves, _BESIDE).where(_within(span), ledger.c.signer != "").distinct()
    return set(connection.scalars(query))


def read_acts(connection: Connection, span: Span) -> Iterator[tuple[str, bytes]]:
    """The administrators' acts of the span by digest."""
    query = select(ledger.c.evidence).join(leaves, _BESIDE).where(_within(span), ledger.c.kind == str(Hop.ADMIN))
    yield from _contents(connection, {bytes(one).hex() for one in connection.scalars(query)})


def read_documents(connection: Connection, span: Span) -> Iterator[tuple[str, bytes]]:
    """The span's envelopes, attachments beside them and evidence that are still kept, by digest, each once."""
    seen: set[str] = set()
    for low in range(span.first, span.size, _LIST):
        fresh = _named(connection, _within(Span(low, min(low + _LIST, span.size)))) - seen
        seen |= fresh
        yield from _contents(connection, fresh)


def _named(connection: Connection, within: ColumnElement[bool]) -> set[str]:
    columns = (ledger.c.kind, ledger.c.sender, ledger.c.message_id, ledger.c.document, ledger.c.evidence)
    rows = connection.execute(select(*columns).join(leaves, _BESIDE).where(within)).all()
    named = {bytes(one).hex() for row in rows for one in (row.document, row.evidence) if one}
    for row in rows:
        if row.kind == Hop.ACCEPTED:
            which = and_(messages.c.sender == row.sender, messages.c.message_id == row.message_id)
            beside = select(message_attachments.c.digest).join(messages).where(which)
            named |= set(connection.scalars(beside))
    return named


def _contents(connection: Connection, digests: set[str]) -> Iterator[tuple[str, bytes]]:
    for digest in sorted(digests):
        content = read_anywhere(connection, digest)
        if content is not None:
            yield digest, bytes(content)


def _within(span: Span) -> Any:
    return and_(leaves.c.place >= span.first, leaves.c.place < span.size)
