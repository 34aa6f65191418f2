"""Delivers to departments by SOAP: a client of the delivery-1 service that each of them implements.

Promises: a consignment is sent once, byte for byte as it was stored, and the recipient's acknowledgement comes back as
it was given; everything else is an `Undelivered` with its cause. It does not judge the acknowledgement.
"""

from __future__ import annotations

import ssl

from connectors.soap import writer as write
from connectors.soap.client import CallFailed, Outgoing, SoapClient
from connectors.soap.parameters import DOCUMENT_READERS, Parameters
from connectors.soap.soap import DELIVERY, VERSIONS
from hub.directory import Endpoint
from hub.errors import Refused, Undelivered
from hub.message import Consignment
from hub.parser import ParseLimits

ANSWER_LIMITS = ParseLimits(max_bytes=1024 * 1024, max_elements=1_000)
"""An acknowledgement in its SOAP wrapping is small."""

_OPERATIONS = {"xml": "Deliver", "text": "DeliverText", "binary": "DeliverBinary"}
_LONGEST_PING = 200


class SoapSender:
    """A `hub.connector.Connector` over SOAP; the endpoint's profile chooses form, version and time limit.

    `tls` as for `SoapClient`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._client = SoapClient(tls)

    async def deliver(self, endpoint: Endpoint, consignment: Consignment) -> bytes:
        """Hand a consignment over and return the acknowledgement document. Errors: Undelivered delivery.*"""
        form = endpoint.profile.form
        result = await self._call(endpoint, _OPERATIONS[form], delivery_fields(consignment, form))
        try:
            return DOCUMENT_READERS[form](result, "acknowledgement")
        except Refused as error:
            raise Undelivered("delivery.answer", operator=str(error)) from None

    async def ping(self, endpoint: Endpoint) -> str:
        """What the endpoint answers to a Ping, on one line. Errors: Undelivered delivery.*"""
        result = await self._call(endpoint, "Ping", ())
        words = "".join(c if c.isprintable() else " " for c in result.element.text or "")
        return words.strip()[:_LONGEST_PING] or "OK"

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _call(self, endpoint: Endpoint, operation: str, fields: tuple[bytes, ...]) -> Parameters:
        profile = endpoint.profile
        outgoing = Outgoing(
            url=endpoint.url,
            version=VERSIONS[profile.soap],
            namespace=DELIVERY,
            operation=operation,
            fields=fields,
            seconds=profile.timeout,
            limits=ANSWER_LIMITS,
        )
        try:
            return await self._client.call(outgoing)
        except CallFailed as error:
            raise Undelivered(f"delivery.{error.cause}", operator=error.words) from None


def delivery_fields(consignment: Consignment, form: str) -> tuple[bytes, ...]:
    """The parameters of Deliver, DeliverText or DeliverBinary, in the order of the WSDL."""
    document = write.DOCUMENT_WRITERS[form]
    return (
        write.text("deliveryId", str(consignment.delivery_id)),
        write.text("sender", consignment.sender),
        write.text("messageId", consignment.message_id),
        write.text("type", consignment.type),
        write.text("role", consignment.role),
        write.text("digest", consignment.digest),
        document("envelope", consignment.envelope),
        document("stamp", consignment.stamp),
        write.attachments(consignment.attachments),
        write.links(consignment.references),
    )
