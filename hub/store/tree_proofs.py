"""What the tree proves, read from its rows: checkpoints with their cosignatures, places of entries, proofs. Reads, and
keeps cosignatures; it grows nothing.

A proof is made of tiles only, a few for each 256-fold of the tree's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from hub.errors import Misconfigured, Refused
from hub.ledger.ledger import to_microseconds
from hub.store.prepared import Inserting
from hub.store.tables import checkpoints, cosignatures, leaves, ledger
from hub.store.transaction import Transaction
from hub.store.tree import read_head, read_tile
from hub.tree.checkpoint import Cosignature
from hub.tree.merkle import Nodes, consistency_proof, inclusion_proof, tree_root
from hub.tree.tiles import WIDTH, bundle, bundle_path, nodes_of

_COSIGN = Inserting(cosignatures, ("size", "witness", "line", "at_us"), once=True)


@dataclass(frozen=True, slots=True)
class Published:
    """A stored checkpoint; `note` is the signed note with the cosignatures known so far."""

    size: int
    root: bytes
    note: str
    cosigned: int


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an entry stands at `index` of the tree of a checkpoint."""

    node: str
    sequence: int
    index: int
    leaf: bytes
    proof: list[bytes]
    checkpoint: Published


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the tree of `old` leaves is the beginning of the tree of `new`."""

    old: int
    new: int
    old_root: bytes
    new_root: bytes
    proof: list[bytes]


def read_checkpoint(connection: Connection, size: int | None = None) -> Published:
    """The checkpoint of this size, or the latest. Errors: Refused tree.no-checkpoint."""
    query = select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
    return _published(connection, query if size is None else query.where(checkpoints.c.size == size))


def read_witnessed(connection: Connection, at_least: int = 0) -> Published:
    """The latest checkpoint of at least this size that a witness has cosigned. Errors: Refused tree.no-checkpoint."""
    cosigned = select(cosignatures.c.size).where(cosignatures.c.size >= at_least)
    latest = cosigned.order_by(cosignatures.c.size.desc()).limit(1).scalar_subquery()
    return _published(connection, select(checkpoints).where(checkpoints.c.size == latest))


def read_texts(connection: Connection, size: int) -> tuple[str, str]:
    """The origin of this ledger, and the signed text of its checkpoint of this size; each empty if there is none."""
    latest = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
    origin, _, _ = (connection.scalar(latest) or "").partition("\n")
    note = connection.scalar(select(checkpoints.c.note).where(checkpoints.c.size == size)) or ""
    return origin, note[: note.find("\n\n") + 1]


def _published(connection: Connection, query: Select[Any]) -> Published:
    row = connection.execute(query).first()
    if row is None:
        raise Refused("tree.no-checkpoint")
    order = (cosignatures.c.at_us, cosignatures.c.witness)
    added = select(cosignatures.c.line).where(cosignatures.c.size == row.size).order_by(*order)
    lines = list(connection.scalars(added))
    return Published(row.size, row.root, row.note + "".join(lines), len(lines))


def read_inclusion(connection: Connection, node: str, sequence: int, size: int | None = None) -> Inclusion:
    """The proof for one entry in the checkpoint of this size, or the latest.

    Errors: Refused tree.not-numbered, tree.no-checkpoint; Misconfigured tree.damaged.
    """
    leaf = _leaf(connection, node, sequence)
    checkpoint = read_checkpoint(connection, size)
    if leaf is None or leaf.place >= checkpoint.size:
        raise Refused("tree.not-numbered", got=f"{node[:64]}/{sequence}")
    with _undamaged():
        proof = inclusion_proof(_nodes(connection), leaf.place, checkpoint.size)
    return Inclusion(node, sequence, leaf.place, leaf.hash, proof, checkpoint)


def read_place(connection: Connection, node: str, sequence: int) -> int:
    """The index of an entry's leaf in the tree. Errors: Refused tree.not-numbered while it waits for one."""
    leaf = _leaf(connection, node, sequence)
    if leaf is None:
        raise Refused("tree.not-numbered", got=f"{node[:64]}/{sequence}")
    return int(leaf.place)


def read_proofs(connection: Connection, places: Iterable[int], size: int) -> list[list[bytes]]:
    """The proof of each of these places, all below `size`, in the tree of this size; a tile is read once for all.

    Errors: Misconfigured tree.damaged.
    """
    nodes = _nodes(connection)
    with _undamaged():
        return [inclusion_proof(nodes, place, size) for place in places]


def read_consistency(connection: Connection, old: int, new: int | None = None) -> Consistency:
    """The proof that the tree of `old` leaves is the beginning of the one of `new`, or of the latest.

    Errors: Refused tree.parameter; Misconfigured tree.damaged.
    """
    size = read_head(connection).size
    new = size if new is None else new
    if not 0 <= old <= new <= size:
        raise Refused("tree.parameter", expected=f"0 <= from <= to <= {size}", got=f"from={old}, to={new}")
    nodes = _nodes(connection)
    with _undamaged():
        return Consistency(old, new, tree_root(nodes, old), tree_root(nodes, new), consistency_proof(nodes, old, new))


def read_bundle(connection: Connection, number: int, width: int) -> bytes | None:
    """The entry bundle of this number with exactly `width` entries, or None if the tree has fewer.

    Errors: Misconfigured tree.damaged if an entry of the tree is gone.
    """
    if number * WIDTH + width > read_head(connection).size:
        return None
    rows = connection.execute(
        select(ledger.c.form)
        .join(leaves, (leaves.c.node == ledger.c.node) & (leaves.c.sequence == ledger.c.sequence))
        .where(leaves.c.place >= number * WIDTH, leaves.c.place < number * WIDTH + width)
        .order_by(leaves.c.place)
    )
    forms = [bytes(row.form) for row in rows]
    if len(forms) != width:
        raise Misconfigured("tree.damaged", where=bundle_path(number, width))
    with _undamaged():
        return bundle(forms)


def keep_cosignatures(transaction: Transaction, size: int, found: Iterable[Cosignature]) -> None:
    """Keep verified cosignatures of the checkpoint of this size; the first of a witness stays."""
    rows = [{"size": size, "witness": c.witness, "line": c.line, "at_us": to_microseconds(c.at)} for c in found]
    _COSIGN.execute_many(transaction.connection, rows)


def _leaf(connection: Connection, node: str, sequence: int) -> Any:
    if "\0" in node:  # SQLite has no such node, PostgreSQL no such text
        return None
    found = select(leaves.c.place, leaves.c.hash).where(leaves.c.node == node, leaves.c.sequence == sequence)
    return connection.execute(found).first()


def _nodes(connection: Connection) -> Nodes:
    return nodes_of(lambda level, number: read_tile(connection, level, number))


@contextmanager
def _undamaged() -> Iterator[None]:
    """Say of tiles or entries that do not fit the tree that it is damaged."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise Misconfigured("tree.damaged", operator=str(error)) from None
