"""What a recipient is given of uploaded attachments with a message: small ones whole, large ones as links.

A link works for some time without further proof, like the message that it stands in. It knows no connector.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.errors import Unavailable, Undelivered
from hub.hub import Hub
from hub.message import Consignment, Reference
from hub.store import uploads
from hub.store.transaction import Transaction
from hub.store.uploads import Upload

PATH = "/attachments/v1"
Token = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Link:
    """Where to download an attachment, without further proof, until then."""

    href: str
    digest: str
    size: int
    until: datetime


async def linked(
    hub: Hub, consignment: Consignment, inline_most: int, token: Token = secrets.token_urlsafe
) -> Consignment:
    """The consignment with its uploaded attachments: inside it up to `inline_most` bytes in all, the others as links.

    Errors: Undelivered delivery.attachment while the content store does not give what it should.
    """
    if not consignment.references:
        return consignment
    inside, outside, room = [], [], inline_most
    for one in consignment.references:
        if one.size <= room:
            room -= one.size
            inside.append((one.id, await asyncio.to_thread(_read_whole, hub, one)))
        else:
            outside.append(one)
    at = hub.clock()

    def give(transaction: Transaction) -> tuple[Reference, ...]:
        return tuple(_linked(transaction, hub, one, consignment.recipient, at, token()) for one in outside)

    references = await hub.writer.run(give) if outside else ()
    return replace(consignment, attachments=(*consignment.attachments, *inside), references=references)


def _linked(transaction: Transaction, hub: Hub, one: Reference, recipient: str, at: datetime, token: str) -> Reference:
    upload = uploads.find(transaction.connection, one.upload)
    if upload is None:
        raise Undelivered("delivery.attachment", operator=f"no upload {one.upload}")
    return replace(one, href=add_link(transaction, hub, upload, recipient, at, token).href)


def _read_whole(hub: Hub, one: Reference) -> bytes:
    with hub.store.reading() as connection:
        parts = uploads.read_parts(connection, one.upload)
    try:
        content = b"".join(hub.content.get(part.digest) for part in parts)
    except Unavailable as error:
        raise Undelivered("delivery.attachment", operator=f"{error.code} {error.where} {error.operator}") from None
    if len(content) != one.size:
        raise Undelivered("delivery.attachment", operator=f"upload {one.upload} has {len(content)} bytes")
    return content


def add_link(transaction: Transaction, hub: Hub, upload: Upload, department: str, at: datetime, token: str) -> Link:
    """Let a department download an upload for some time."""
    until = at + timedelta(seconds=hub.settings.upload.link)
    uploads.add_ticket(transaction, token, upload.id, department, at, until)
    href = f"{hub.settings.public_url}{PATH}/{upload.digest}?ticket={token}"
    return Link(href, upload.digest, upload.size, until)
