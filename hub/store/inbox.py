"""Rows of the way in: accepted messages with their documents and outbox rows, refusals, and spent nonces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from hub.errors import HubError, Refused
from hub.ledger.ledger import Stored, to_microseconds
from hub.message import Attachment, DeliveryState, Header, Proven, Role
from hub.month import Month
from hub.store.prepared import Prepared
from hub.store.tables import (
    deliveries,
    message_attachments,
    message_keys,
    messages,
    nonces,
    refusals,
)
from hub.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Known:
    """A message that is already stored under the same sender and id."""

    digest: str
    stamp: bytes
    received_us: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One outbox row to be: where one recipient's copy goes."""

    recipient: str
    role: Role
    endpoint: str
    state: DeliveryState


_KEY = Prepared(
    select(message_keys.c.message).where(
        message_keys.c.sender == bindparam("sender"), message_keys.c.message_id == bindparam("message_id")
    )
)
_KNOWN = Prepared(
    select(messages.c.digest, messages.c.stamp, messages.c.received_us).where(messages.c.id == bindparam("message"))
)


def find_message(transaction: Transaction, sender: str, message_id: str) -> Known | None:
    """The stored message with this sender and id, also one staged earlier in the same transaction."""
    for row in transaction.staged(messages):
        if row["message_id"] == message_id and row["sender"] == sender:
            return Known(row["digest"], row["stamp"], row["received_us"])
    key = _KEY.execute(transaction.connection, {"sender": sender, "message_id": message_id}).first()
    if key is None:
        return None
    [found] = _KNOWN.execute(transaction.connection, {"message": key.message})
    return Known(found.digest, found.stamp, found.received_us)


def add_message(
    transaction: Transaction,
    proven: Proven,
    stamp: bytes,
    at: datetime,
    beside: Sequence[tuple[Attachment, bytes]],
    uploaded: Sequence[tuple[Attachment, str]] = (),
) -> int:
    """Stage an accepted message, its envelope and its attachments; return the message's row id.

    `beside` come with their bytes, `uploaded` with the upload that has them.
    """
    header, received = proven.header, to_microseconds(at)
    [row_id] = transaction.allocate(messages, beyond=Month.of(at).first_id)
    transaction.stage_body(row_id, proven.digest, proven.raw)
    transaction.stage(message_keys, {"sender": header.sender, "message_id": header.message_id, "message": row_id})
    transaction.stage(
        messages,
        {
            "id": row_id,
            "sender": header.sender,
            "message_id": header.message_id,
            "type": header.type,
            "conversation": header.conversation,
            "in_reply_to": header.in_reply_to,
            "document_number": header.document_number,
            "case_number": header.case_number,
            "urgency": str(header.urgency),
            "classification": str(header.classification),
            "created_us": to_microseconds(header.created),
            "expires_us": to_microseconds(header.expires) if header.expires else None,
            "received_us": received,
            "digest": proven.digest,
            "size": len(proven.raw),
            "signer": proven.signer.thumbprint,
            "stamp": stamp,
            "beside": len(beside) + len(uploaded),
            "beside_size": sum(line.size for line, _ in (*beside, *uploaded)),
        },
    )
    for line, content in beside:
        transaction.stage_body(row_id, line.sha256, content)
        _attach(transaction, row_id, line, None)
    for line, upload in uploaded:
        _attach(transaction, row_id, line, upload)
    return row_id


def _attach(transaction: Transaction, message: int, line: Attachment, upload: str | None) -> None:
    row = {"message": message, "attachment": line.id, "digest": line.sha256, "upload": upload}
    transaction.stage(message_attachments, row)


def add_deliveries(
    transaction: Transaction, message: int, header: Header, outgoing: Sequence[Outgoing], at: datetime
) -> None:
    """Stage one outbox row per recipient."""
    now = to_microseconds(at)
    expires = to_microseconds(header.expires) if header.expires else None
    for row_id, one in zip(transaction.allocate(deliveries, len(outgoing)), outgoing, strict=True):
        row = {
            "id": row_id,
            "message": message,
            "recipient": one.recipient,
            "role": str(one.role),
            "endpoint": one.endpoint,
            "conversation": header.conversation,
            "state": str(one.state),
            "attempts": 0,
            "first_us": now,
            "next_us": now,
            "expires_us": expires,
        }
        transaction.stage(deliveries, row)


def add_refusal(transaction: Transaction, entry: Stored, refusal: HubError, size: int) -> None:
    """Stage the reasons of a refusal beside its ledger entry; `size` is the body's length in bytes."""
    transaction.stage(
        refusals,
        {
            "node": entry.entry.node,
            "sequence": entry.entry.sequence,
            "at_us": entry.entry.time_us,
            "code": refusal.code,
            "place": _storable(refusal.where, 1000),
            "expected": _storable(refusal.expected, 1000),
            "got": _storable(refusal.got, 1000),
            "operator": _storable(refusal.operator, 2000),
            "size": size,
        },
    )


def _storable(words: str, most: int) -> str:
    """The beginning of a stranger's words, without what no database can hold as text."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in words[:most])


def spend_nonce(transaction: Transaction, department: str, nonce: str, at: datetime, until: datetime) -> None:
    """Remember a request's nonce until its time window has passed. Errors: Refused request.replayed."""
    key = {"department": department, "nonce": nonce}
    if key in [{k: row[k] for k in key} for row in transaction.staged(nonces)]:
        raise Refused("request.replayed")
    where = (nonces.c.department == department, nonces.c.nonce == nonce)
    if transaction.connection.execute(select(nonces.c.nonce).where(*where)).first():
        raise Refused("request.replayed")
    transaction.connection.execute(delete(nonces).where(nonces.c.until_us < to_microseconds(at)))
    transaction.stage(nonces, {**key, "until_us": to_microseconds(until)})
