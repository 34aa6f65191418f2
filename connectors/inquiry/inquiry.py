"""The inquiry service beside the exchange door, at /inquiry/v1 for SOAP 1.1 and 1.2; WSDLs by ?wsdl and ?wsdl12.

Promises: a body is bounded, decoded and parsed by the hub's own rules before spyne sees an element of it, so no
DOCTYPE, entity or oversize gets there; every trouble becomes a fault with a HubFault; what is refused is on record. Who
may see what is `hub.inquire`. spyne is imported by `inquiry_door` and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from anyio import from_thread
from starlette.concurrency import run_in_threadpool

from connectors.inquiry.names import NAMESPACE, PATH
from connectors.serving.load import Load
from connectors.soap.answered import Answered
from connectors.soap.door import Seen, Service, SoapDoor
from connectors.soap.soap import read_call, wrapped
from hub.accept import refuse
from hub.errors import Refused
from hub.hub import Hub
from hub.parser import ParseLimits

if TYPE_CHECKING:
    from connectors.inquiry.service import Asking, InquiryService

MOST_BYTES = 64 * 1024
"""A question is a few words and one signed request, which is a few kilobytes with its certificates."""
_LIMITS = wrapped(ParseLimits(max_bytes=MOST_BYTES, max_depth=20, max_elements=500, max_attributes=50))


def inquiry_door(
    current: Callable[[], Hub],
    *,
    load: Load | None = None,
    seen: Seen = lambda outcome, seconds: None,
) -> SoapDoor:
    """The door of the inquiry service; see `SoapDoor` for what it is given. Takes some tenths of a second."""
    from connectors.inquiry.service import InquiryService

    service = InquiryService()
    contract = Service(PATH, NAMESPACE, partial(_perform, service), _written(service), MOST_BYTES)
    return SoapDoor(contract, current, load=load, seen=seen)


async def _perform(service: InquiryService, hub: Hub, body: bytes, content_type: str, certificate: bytes) -> Answered:
    """Answer one call. Errors: Refused, with the refusal on record; Unavailable; Misconfigured."""
    from connectors.inquiry.service import Asking

    asking = Asking(hub, from_thread.run, certificate)
    try:
        return await run_in_threadpool(_answer, service, asking, body, content_type)
    except Refused as refusal:
        recorded, at = refusal, hub.clock()
        await hub.writer.run(lambda transaction: refuse(transaction, body, recorded, at))
        raise


def _answer(service: InquiryService, asking: Asking, body: bytes, content_type: str) -> Answered:
    spoken = read_call(body, content_type, NAMESPACE, _LIMITS)
    content = service.call(spoken.element, asking)
    return Answered(spoken.name, content, spoken.version, asking.asker, asking.message_id)


def _written(service: InquiryService) -> Callable[[str, str], bytes]:
    from connectors.inquiry.wsdl import tidy

    described = service.wsdl()
    return lru_cache(maxsize=16)(partial(tidy, described))
