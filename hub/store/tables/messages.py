"""Messages, their documents, their deliveries, and what was refused."""

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
)

from hub.month import BITS
from hub.store.tables.base import Id, metadata, parted

documents = Table(
    "documents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Evidence, each stored once under its SHA-256; and what messages from before there were months consist of."""

bodies = Table(
    "bodies",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (month)",
)
"""Envelopes and attachments beside them, under their SHA-256, once in each month of the messages that have them.

`month` is its count (`hub.month`). PostgreSQL keeps each in a partition of its own, so that retention can empty it.
"""
parted(bodies, "later DEFAULT")

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
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
    UniqueConstraint("sender", "message_id").ddl_if(dialect="sqlite"),
    Index("messages_by_message_id", "message_id"),
    Index("messages_by_document_number", "document_number"),
    Index("messages_by_case_number", "case_number"),
    Index("messages_by_reply", "in_reply_to"),
    Index("messages_by_digest", "digest"),
    postgresql_partition_by="RANGE (id)",
)
"""Row ids carry the month (`hub.month`), by which PostgreSQL keeps them in partitions of their own.

No partition can say that an id of a sender is used once in all of them; `message_keys` does, on both engines.
"""
parted(messages, f"before FOR VALUES FROM (MINVALUE) TO ({1 << BITS})", "later DEFAULT")

message_keys = Table(
    "message_keys",
    metadata,
    Column("sender", String(64), primary_key=True),
    Column("message_id", String(100), primary_key=True),
    Column("message", Id, nullable=False),
)
"""Which message has a sender's id, for ever."""

message_attachments = Table(
    "message_attachments",
    metadata,
    Column("message", Id, ForeignKey("messages.id"), primary_key=True),
    Column("attachment", String(100), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("upload", String(32)),
    Index("message_attachments_by_digest", "digest"),
    Index("message_attachments_by_upload", "upload"),
)
"""Attachments that travel beside the envelope; inline ones are inside it and have no row.

`upload` names the upload that has the bytes; without it they are in `documents`. It is no foreign key: when retention
lets a message's documents go, the upload goes and this row stays.
"""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("message", Id, ForeignKey("messages.id"), nullable=False, index=True),
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

purges = Table(
    "purges",
    metadata,
    Column("message", Id, ForeignKey("messages.id"), primary_key=True, autoincrement=False),
    Column("act", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
"""Messages whose documents a rule of retention let go, and the administrator's act (its digest) that names them."""

holds = Table(
    "holds",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("since_us", BigInteger, nullable=False),
)
"""What no rule of retention lets go: a message (SENDER/ID), a case or a document number."""
