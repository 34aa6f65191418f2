"""The tables. Times are whole microseconds since 1970 UTC, digests are lower-case hex, except in `ledger` (raw)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 1
"""The version of this layout, kept in `meta`; a hub refuses to open a newer one."""

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")

SEQUENCES = {name: Sequence(f"{name}_id_seq", metadata=metadata) for name in ("messages", "deliveries")}
"""Where PostgreSQL takes the ids of rows from; SQLite has one writer and needs none."""

meta = Table(
    "meta",
    metadata,
    Column("key", String(50), primary_key=True),
    Column("value", Text, nullable=False),
)

departments = Table(
    "departments",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("division", String(12), nullable=False),
    Column("parent", String(64), nullable=False, default=""),
    Column("level", String(20), nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
)

groups = Table(
    "groups",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("member", String(64), primary_key=True),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("department", String(64), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("url", String(1000), nullable=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("profile", Text, nullable=False),
)

rights = Table(
    "rights",
    metadata,
    Column("sender", String(80), primary_key=True),
    Column("recipient", String(80), primary_key=True),
    Column("type", String(100), primary_key=True),
)

certificates = Table(
    "certificates",
    metadata,
    Column("thumbprint", String(64), primary_key=True),
    Column("department", String(64), nullable=False, index=True),
    Column("der", LargeBinary, nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
)

anchors = Table(
    "anchors",
    metadata,
    Column("thumbprint", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("der", LargeBinary, nullable=False),
)

schema_files = Table(
    "schema_files",
    metadata,
    Column("token", String(100), primary_key=True),
    Column("path", String(300), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("version", String(20), nullable=False),
    Column("entry", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Envelopes, attachments beside them, and evidence, each stored once under its SHA-256."""

messages = Table(
    "messages",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("sender", String(64), nullable=False),
    Column("message_id", String(100), nullable=False),
    Column("type", String(100), nullable=False),
    Column("conversation", String(100)),
    Column("in_reply_to", String(100)),
    Column("document_number", String(200)),
    Column("case_number", String(50)),
    Column("urgency", String(20), nullable=False),
    Column("classification", String(20), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("received_us", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("signer", String(64), nullable=False),
    Column("stamp", LargeBinary, nullable=False),
    Column("beside", Integer, nullable=False),
    Column("beside_size", BigInteger, nullable=False),
    UniqueConstraint("sender", "message_id"),
    Index("messages_by_document_number", "document_number"),
    Index("messages_by_case_number", "case_number"),
    Index("messages_by_reply", "in_reply_to"),
)

message_attachments = Table(
    "message_attachments",
    metadata,
    Column("message", _Id, ForeignKey("messages.id"), primary_key=True),
    Column("attachment", String(100), primary_key=True),
    Column("digest", String(64), nullable=False),
)
"""Attachments that travel beside the envelope; inline ones are inside it and have no row."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("message", _Id, ForeignKey("messages.id"), nullable=False, index=True),
    Column("recipient", String(64), nullable=False),
    Column("role", String(10), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("conversation", String(100)),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("first_us", BigInteger, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("lease_node", String(64)),
    Column("lease_until_us", BigInteger),
    Column("done_us", BigInteger),
    Column("cause", String(100)),
    Column("evidence", String(64)),
    Index("deliveries_by_queue", "state", "endpoint", "next_us"),
    Index("deliveries_by_expiry", "state", "expires_us"),
    Index("deliveries_by_conversation", "recipient", "conversation", "id"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("code", String(100), nullable=False),
    Column("place", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("got", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
)
"""Why a body was refused, beside its ledger entry. The body itself is not kept, only its digest in the entry."""

nonces = Table(
    "nonces",
    metadata,
    Column("department", String(64), primary_key=True),
    Column("nonce", String(100), primary_key=True),
    Column("until_us", BigInteger, nullable=False, index=True),
)

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

__all__ = [
    "SEQUENCES",
    "VERSION",
    "anchors",
    "certificates",
    "checkpoints",
    "cosignatures",
    "deliveries",
    "departments",
    "documents",
    "endpoints",
    "groups",
    "leaves",
    "ledger",
    "message_attachments",
    "messages",
    "meta",
    "metadata",
    "nonces",
    "numbered",
    "refusals",
    "rights",
    "schema_files",
    "tiles",
    "timestamps",
    "tree_head",
]
