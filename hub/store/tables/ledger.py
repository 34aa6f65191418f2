"""The ledger: the entries of each node's chain, and the tree over all of them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.store.tables.base import metadata

_PROVEN = text("length(evidence) > 0")  # most entries have none, and an index over those would find nothing

ledger = Table(
    "ledger",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("ledger", String(64), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("sender", String(64), nullable=False),
    Column("message_id", String(100), nullable=False),
    Column("source", String(64), nullable=False),
    Column("target", String(64), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("rules", String(100), nullable=False),
    Column("signer", String(64), nullable=False),
    Column("detail", String(100), nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("form", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ledger_by_message", "message_id", "sender"),
    Index("ledger_by_evidence", "evidence", sqlite_where=_PROVEN, postgresql_where=_PROVEN),
)

leaves = Table(
    "leaves",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("node", "sequence"),
)
"""Which entry stands at which place of the tree; places are the leaf indexes of RFC 6962, from 0."""

tiles = Table(
    "tiles",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""The tree, 256 hashes a row; only the last row of each level still grows."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("signed_us", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
)

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", BigInteger, ForeignKey("checkpoints.size"), primary_key=True, autoincrement=False),
    Column("witness", String(200), primary_key=True),
    Column("line", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

timestamps = Table(
    "timestamps",
    metadata,
    Column("size", BigInteger, ForeignKey("checkpoints.size"), primary_key=True, autoincrement=False),
    Column("response", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
"""Time-stamps (RFC 3161 responses, DER) over checkpoints' notes as the hub signed them, without cosignatures."""

key_changes = Table(
    "key_changes",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
"""Changes of the keys that sign checkpoints; `size` is that of the tree when the change was made."""

tree_head = Table(
    "tree_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("node", String(64), nullable=False),
    Column("holder", String(100), nullable=False),
    Column("until_us", BigInteger, nullable=False),
)
"""One row: the tree as it stands, and the lease of who may grow it. Every new lease has a higher `fence`."""

numbered = Table(
    "numbered",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""The last entry of each node's chain that has its place in the tree."""
