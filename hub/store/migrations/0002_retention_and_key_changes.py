"""Revision 2: what retention let go and must not let go, and changes of the keys that sign checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

OLDEST = 1

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade(op: Operations) -> None:
    """Make the tables, and the indexes by which documents are found that nothing needs any more."""
    op.create_table(
        "key_changes",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "purges",
        sa.Column("message", _Id, autoincrement=False, nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"]),
        sa.PrimaryKeyConstraint("message"),
    )
    op.create_table(
        "holds",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    proven = sa.text("length(evidence) > 0")
    op.create_index("ledger_by_evidence", "ledger", ["evidence"], sqlite_where=proven, postgresql_where=proven)
    op.create_index("message_attachments_by_digest", "message_attachments", ["digest"])
    op.create_index("messages_by_digest", "messages", ["digest"])
