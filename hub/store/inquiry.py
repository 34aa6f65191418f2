"""What a department may see: messages that it sent or was to get. Reads only.

Promises: every query asks for the asker too, so that a foreign message and one that never was look the same.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from hub.ledger.ledger import Entry
from hub.message import Hop
from hub.store.entries import entry_of
from hub.store.tables import deliveries, ledger, messages
from hub.store.trace import (
    StoredDelivery,
    StoredMessage,
    copies_of,
    delivery_of,
    hops_of,
    message_of,
    read_stored,
)


def read_seen(connection: Connection, asker: str, sender: str, message_id: str) -> StoredMessage | None:
    """One message, if the asker has a part in it."""
    message = read_stored(connection, sender, message_id)
    if message is None or sender == asker:
        return message
    own = connection.execute(copies_of(message).where(deliveries.c.recipient == asker).limit(1)).first()
    return None if own is None else message


def read_copies(
    connection: Connection, message: StoredMessage, recipient: str, skip: int, most: int
) -> list[StoredDelivery]:
    """Copies of a message in order, with `recipient` only that department's."""
    query = copies_of(message).offset(skip).limit(most)
    if recipient:
        query = query.where(deliveries.c.recipient == recipient)
    return [delivery_of(row) for row in connection.execute(query)]


def read_hops(connection: Connection, message: StoredMessage, recipient: str, skip: int, most: int) -> list[Entry]:
    """Hops of a message in order, with `recipient` only that it was accepted and what became of that copy."""
    query = hops_of(message).offset(skip).limit(most)
    if recipient:
        query = query.where(or_(ledger.c.kind == str(Hop.ACCEPTED), ledger.c.target == recipient))
    return [entry_of(row) for row in connection.execute(query)]


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
