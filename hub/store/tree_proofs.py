"""What the tree proves, read from its rows: checkpoints with their cosignatures, places of entries, proofs. Reads, and
keeps cosignatures; it grows nothing.

A proof is made of tiles only, a few for each 256-fold of the tree's size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from hub.errors import Misconfigured, Refused
from hub.ledger import to_microseconds
from hub.store.prepared import Inserting
from hub.store.tables import checkpoints, cosignatures, leaves, ledger
from hub.store.transaction import Transaction
from hub.store.tree import read_head, read_tile
from hub.tree.checkpoint import Cosignature
from hub.tree.merkle import Nodes, consistency_proof, inclusion_proof, tree_root
from hub.tree.tiles import WIDTH, bundle, nodes_of

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
    if leaf is None or leaf.index >= checkpoint.size:
        raise Refused("tree.not-numbered", got=f"{node}/{sequence}")
    proof = _made(lambda: inclusion_proof(_nodes(connection), leaf.index, checkpoint.size))
    return Inclusion(node, sequence, leaf.index, leaf.hash, proof, checkpoint)
