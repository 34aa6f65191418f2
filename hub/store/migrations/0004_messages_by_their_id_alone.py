"""Revision 4: messages by their id alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.operations import Operations

OLDEST = 1


def upgrade(op: Operations) -> None:
    """Messages by their id alone: a trace names an id, and its sender only where several have used it."""
    op.create_index("messages_by_message_id", "messages", ["message_id"], unique=False)
