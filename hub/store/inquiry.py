"""What a department may see: messages that it sent or was to get. Reads only.

Promises: every query asks for the asker too, so that a foreign message and one that never was look the same.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from hub.store.tables import deliveries, messages
from hub.store.trace import StoredMessage, Traced, message_of, read_message


def read_seen(connection: Connection, asker: str, sender: str, message_id: str) -> Traced | None:
    """One message with all that happened to it, if the asker has a part in it."""
    wanted = (messages.c.sender == sender, messages.c.message_id == message_id)
    if connection.execute(_seen(asker).where(*wanted)).first() is None:
        return None
    return read_message(connection, sender, message_id)


def find_by_document_number(
    connection: Connection, asker: str, number: str, skip: int, most: int
) -> list[StoredMessage]:
    """Messages of a document number, oldest first."""
    return _page(connection, _seen(asker).where(messages.c.document_number == number), skip, most)


def find_by_case_number(connection: Connection, asker: str, number: str, skip: int, most: int) -> list[StoredMessage]:
    """Messages of a case, oldest first."""
    return _page(connection, _seen(asker).where(messages.c.case_number == number), skip, most)


def latest_of_case(connection: Connection, asker: str, number: str, prefix: str, most: int) -> list[StoredMessage]:
    """The messages of a case whose type begins with `prefix`, newest first."""
    wanted = (messages.c.case_number == number, messages.c.type.startswith(prefix, autoescape=True))
    found = connection.execute(_seen(asker).where(*wanted).order_by(messages.c.id.desc()).limit(most))
    return [message_of(row) for row in found]


def _seen(asker: str) -> Select[Any]:
    own: ColumnElement[bool] = (
        select(deliveries.c.id).where(deliveries.c.message == messages.c.id, deliveries.c.recipient == asker).exists()
    )
    return select(messages).where(or_(messages.c.sender == asker, own))


def _page(connection: Connection, query: Select[Any], skip: int, most: int) -> list[StoredMessage]:
    return [message_of(row) for row in connection.execute(query.order_by(messages.c.id).offset(skip).limit(most))]
