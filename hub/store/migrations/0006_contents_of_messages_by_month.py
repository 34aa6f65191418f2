"""Revision 6: contents of messages by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

OLDEST = 6
"""An older program looks for the contents of all messages in `documents`."""


def upgrade(op: Operations) -> None:
    """Make the table in which messages' contents are kept from now on; those from before stay in `documents`."""
    op.create_table(
        "bodies",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "month"),
        postgresql_partition_by="RANGE (month)",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE bodies_later PARTITION OF bodies DEFAULT")
