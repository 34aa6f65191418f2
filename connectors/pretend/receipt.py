"""How a pretend department signs for a document: a receipt-1 envelope sent back through the hub like any message."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import datetime
from typing import Protocol

from lxml import etree

from connectors.department_client import ExchangeFault
from connectors.exchange_client import ExchangeClient
from hub import envelope
from hub.errors import Unavailable
from hub.message import Header, Recipient
from hub.proof import write_time
from hub.signing import signature
from hub.signing.signer import Signer

NAMESPACE = "urn:hub:receipt:v1"
TYPE = "receipt-1"
_ATTEMPTS = 5
_PAUSE = 0.5

log = logging.getLogger("hub.pretend")


class Document(Protocol):
    """What a receipt says of the document that it is for."""

    @property
    def sender(self) -> str:
        """Who sent it."""
        ...

    @property
    def message_id(self) -> str:
        """Its id."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of its envelope, hexadecimal."""
        ...


def signed_for(document: Document, department: str, person: str, signer: Signer, at: datetime) -> bytes:
    """The signed envelope by which a department says that `person` has signed for a document."""
    payload = etree.Element(f"{{{NAMESPACE}}}receipt", nsmap={"rcp": NAMESPACE})
    for tag, text in (
        ("kind", "signedFor"),
        ("ofMessageId", document.message_id),
        ("ofSender", document.sender),
        ("ofDigest", document.digest),
        ("time", write_time(at)),
        ("personName", person),
    ):
        etree.SubElement(payload, f"{{{NAMESPACE}}}{tag}").text = text
    name = hashlib.sha256(f"{department} {document.sender} {document.message_id}".encode()).hexdigest()
    header = Header(
        message_id=f"signed-{name[:32]}",
        type=TYPE,
        sender=department,
        recipients=(Recipient(document.sender),),
        created=at,
        in_reply_to=document.message_id,
    )
    return signature.sign(envelope.build(header, payload), signer)


async def send_receipt(
    exchange: ExchangeClient, signer: Signer, department: str, document: Document, at: datetime
) -> None:
    """Sign for a document; what the hub refuses is logged, what it cannot take now is tried again a few times."""
    raw = signed_for(document, department, "值班员", signer, at)
    for attempt in range(_ATTEMPTS):
        try:
            await exchange.submit(raw)
            return
        except ExchangeFault as fault:
            log.warning("receipt", extra={"fields": {"department": department, "code": fault.code}})
            return
        except Unavailable as error:
            log.warning("receipt", extra={"fields": {"department": department, "code": error.code}})
            await asyncio.sleep(_PAUSE * (attempt + 1))
