"""Revision 3: uploads of large attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

OLDEST = 1


def upgrade(op: Operations) -> None:
    """Uploads of large attachments."""
    op.create_table(
        "tickets",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("upload", sa.String(length=32), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index(op.f("ix_tickets_until_us"), "tickets", ["until_us"], unique=False)
    op.create_table(
        "upload_parts",
        sa.Column("upload", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("upload", "number"),
    )
    op.create_index("upload_parts_by_digest", "upload_parts", ["digest"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("part_bytes", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("department", "digest"),
    )
    op.create_index(op.f("ix_uploads_token"), "uploads", ["token"], unique=False)
    op.add_column("message_attachments", sa.Column("upload", sa.String(length=32), nullable=True))
    op.create_index("message_attachments_by_upload", "message_attachments", ["upload"], unique=False)
