"""The hub's own messages: the signed notice by which a sender learns that a delivery was given up.

A notice is an ordinary envelope from the hub, and takes the ordinary way in and out.
"""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from hub import envelope
from hub.catalogue import CATALOGUE
from hub.message import Consignment, Header, Recipient
from hub.proof import write_time
from hub.signing import signature
from hub.signing.signer import Signer

NAMESPACE = "urn:hub:notice:v1"
TYPE = "notice-1"


def non_delivery(
    consignment: Consignment, attempts: int, cause: str, hub_id: str, signer: Signer, at: datetime
) -> bytes:
    """The signed envelope that tells a sender which recipient did not get which message, and why."""
    text = CATALOGUE[cause]
    payload = etree.Element(f"{{{NAMESPACE}}}nonDelivery", nsmap={"ntc": NAMESPACE})
    for tag, value in (
        ("ofMessageId", consignment.message_id),
        ("recipient", consignment.recipient),
        ("cause", cause),
        ("zh", text.zh),
        ("en", text.en),
        ("lastAttempt", write_time(at)),
        ("attempts", str(attempts)),
    ):
        etree.SubElement(payload, f"{{{NAMESPACE}}}{tag}").text = value
    header = Header(
        # A restored hub gives the numbers of deliveries that were lost to others, and a receiver takes an id once.
        message_id=f"notice-{consignment.delivery_id}-{attempts}-{consignment.digest[:16]}",
        type=TYPE,
        sender=hub_id,
        recipients=(Recipient(consignment.sender),),
        created=at,
        in_reply_to=consignment.message_id,
    )
    return signature.sign(envelope.build(header, payload), signer)
