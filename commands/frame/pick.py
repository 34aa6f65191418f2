"""Which message a user means: ID, or SENDER/ID where several senders have used the same id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.frame.session import Session
from hub.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from hub.store.trace import StoredMessage, Traced


def pick(connection: Connection, text: str) -> StoredMessage:
    """The one message that `text` names. Errors: Refused message.unknown, Misconfigured message.ambiguous."""
    from hub.store.trace import find_by_id

    sender, _, message_id = text.rpartition("/")
    found = find_by_id(connection, message_id, sender)
    return _only(found, text)


def pick_by_any(connection: Connection, text: str) -> StoredMessage:
    """As `pick`; what is nobody's message id may be a case number or a document number. Errors: as `pick`."""
    from hub.codes import normalise_document_number
    from hub.store.evidence import find_case

    try:
        return pick(connection, text)
    except Refused:
        normal = normalise_document_number(text)
        return _only(find_case(connection, [text.strip(), *([normal] if normal else [])]), text)


def _only(found: list[StoredMessage], text: str) -> StoredMessage:
    if not found:
        raise Refused("message.unknown", got=text[:200])
    if len(found) > 1:
        raise Misconfigured("message.ambiguous", got=", ".join(f"{m.sender}/{m.message_id}" for m in found[:20]))
    return found[0]


def read_picked(session: Session, text: str) -> Traced:
    """The message that `text` names, by id or number, with its hops, copies and replies. Errors: as `pick`."""
    from commands.frame.opened import opened_store

    with opened_store(session) as store, store.reading() as connection:
        return read_traced(connection, text)


def read_traced(connection: Connection, text: str) -> Traced:
    """As `read_picked`, over an open connection."""
    from hub.store.trace import read_message

    message = pick_by_any(connection, text)
    traced = read_message(connection, message.sender, message.message_id)
    if traced is None:
        raise Refused("message.unknown", got=text[:200])
    return traced


def paper(connection: Connection, message: StoredMessage) -> bytes:
    """The envelope of a message. Errors: Refused message.purged, Misconfigured store.lost."""
    from hub.store.purging import purged_of
    from hub.store.trace import read_envelope

    found = read_envelope(connection, message)
    if found is not None:
        return found
    if message.id in purged_of(connection, [message.id]):
        raise Refused("message.purged", got=f"{message.sender}/{message.message_id}")
    raise Misconfigured("store.lost", got=message.digest)


def recipients(connection: Connection, traced: Traced) -> bytes:
    """The list of a message's recipients: as it is kept, or made from its deliveries.

    Errors: Misconfigured store.lost.
    """
    from hub.recipients import write_list
    from hub.store.trace import read_document

    if not traced.listed:
        return write_list(one.recipient for one in traced.deliveries)
    found = read_document(connection, traced.listed)
    if found is None:
        raise Misconfigured("store.lost", got=traced.listed)
    return found


def purged_at(connection: Connection, message: StoredMessage) -> datetime | None:
    """When a rule of retention let a message's documents go; None if they are kept."""
    from hub.store.purging import purged_of

    found = purged_of(connection, [message.id]).get(message.id)
    return found[0] if found else None
