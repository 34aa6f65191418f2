"""Revision 5: messages by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

OLDEST = 5
"""An older program gives out row ids without a month, and looks for a sender's ids where they are no longer unique."""

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFERRING = ("deliveries", "message_attachments", "purges")
_INDEXES = {
    "messages_by_message_id": "message_id",
    "messages_by_document_number": "document_number",
    "messages_by_case_number": "case_number",
    "messages_by_reply": "in_reply_to",
    "messages_by_digest": "digest",
}
_FIRST = 1 << 40
"""Below every row id that carries a month."""


def upgrade(op: Operations) -> None:
    """Keep which message has a sender's id in a table of its own; on PostgreSQL, messages in partitions.

    No message is copied: the table as it was becomes the partition of what came before.
    """
    op.create_table(
        "message_keys",
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=100), nullable=False),
        sa.Column("message", _Id, nullable=False),
        sa.PrimaryKeyConstraint("sender", "message_id"),
    )
    op.execute("INSERT INTO message_keys (sender, message_id, message) SELECT sender, message_id, id FROM messages")
    if op.get_bind().dialect.name == "postgresql":
        _part(op)


def _part(op: Operations) -> None:
    for table in _REFERRING:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_message_fkey")
    op.execute("ALTER TABLE messages DROP CONSTRAINT messages_sender_message_id_key")
    op.execute("ALTER TABLE messages RENAME TO messages_before")
    op.execute("ALTER TABLE messages_before RENAME CONSTRAINT messages_pkey TO messages_before_pkey")
    for index, column in _INDEXES.items():
        op.execute(f"ALTER INDEX {index} RENAME TO messages_before_{column}_idx")
    op.execute("CREATE TABLE messages (LIKE messages_before, PRIMARY KEY (id)) PARTITION BY RANGE (id)")
    op.execute(f"ALTER TABLE messages ATTACH PARTITION messages_before FOR VALUES FROM (MINVALUE) TO ({_FIRST})")
    for index, column in _INDEXES.items():
        op.execute(f"CREATE INDEX {index} ON messages ({column})")
    op.execute("CREATE TABLE messages_later PARTITION OF messages DEFAULT")
    for table in _REFERRING:
        op.execute(f"ALTER TABLE {table} ADD FOREIGN KEY (message) REFERENCES messages (id)")
