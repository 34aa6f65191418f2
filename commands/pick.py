"""Which message a user means: ID, or SENDER/ID where several senders have used the same id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.frame.session import Session
from hub.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hub.store.trace import StoredMessage, Traced


def pick(connection: Connection, text: str) -> StoredMessage:
    """The one message that `text` names. Errors: Refused message.unknown, Misconfigured message.ambiguous."""
    from hub.store.trace import find_messages

    sender, _, message_id = text.rpartition("/")
    found = [
        message
        for message in find_messages(connection, [message_id], most=1000)
        if message.message_id == message_id and sender in ("", message.sender)
    ]
    if not found:
        raise Refused("message.unknown", got=text[:200])
    if len(found) > 1:
        raise Misconfigured("message.ambiguous", got=", ".join(f"{m.sender}/{m.message_id}" for m in found[:20]))
    return found[0]


def read_picked(session: Session, text: str) -> Traced:
    """The message that `text` names, with its hops, copies and replies. Errors: as `pick`."""
    from commands.opened import opened_store

    with opened_store(session) as store, store.reading() as connection:
        return read_traced(connection, text)


def read_traced(connection: Connection, text: str) -> Traced:
    """As `read_picked`, over an open connection."""
    from hub.store.trace import read_message

    message = pick(connection, text)
    traced = read_message(connection, message.sender, message.message_id)
    if traced is None:
        raise Refused("message.unknown", got=text[:200])
    return traced


def paper(connection: Connection, digest: str) -> bytes:
    """The document kept under a digest. Errors: Misconfigured store.lost."""
    from hub.store.trace import read_document

    found = read_document(connection, digest)
    if found is None:
        raise Misconfigured("store.lost", got=digest)
    return found
