"""The inquiry service beside the exchange door, at /inquiry/v1 for SOAP 1.1 and 1.2; WSDLs by ?wsdl and ?wsdl12.

Promises: a body is bounded, decoded and parsed by the hub's own rules before spyne sees an element of it, so no
DOCTYPE, entity or oversize gets there; every trouble becomes a fault with a HubFault; what is refused is on record. Who
may see what is `hub.inquire`. spyne is imported by `service` and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from threading import Lock
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
_MAKING = Lock()
_LIMITS = wrapped(ParseLimits(max_bytes=MOST_BYTES, max_depth=20, max_elements=500, max_attributes=50))


def inquiry_door(
    current: Callable[[], Hub],
    *,
    load: Load | None = None,
    seen: Seen = lambda outcome, seconds: None,
) -> SoapDoor:
    """The door of the inquiry service; see `SoapDoor` for what it is given."""
    return SoapDoor(Service(PATH, NAMESPACE, _perform, _written, MOST_BYTES), current, load=load, seen=seen)


def service() -> InquiryService:
    """The service of this process, made by the first who asks, which takes a second or so; the others wait for it."""
    with _MAKING:
        return _made()


@cache
def _made() -> InquiryService:
    from connectors.inquiry.service import InquiryService

    return InquiryService()


async def _perform(hub: Hub, body: bytes, content_type: str, certificate: bytes) -> Answered:
    """Answer one call. Errors: Refused, with the refusal on record; Unavailable; Misconfigured."""
    from connectors.inquiry.service import Asking

    asking = Asking(hub, from_thread.run, certificate)
    try:
        return await run_in_threadpool(_answer, asking, body, content_type)
    except Refused as refusal:
        recorded, at = refusal, hub.clock()
        await hub.writer.run(lambda transaction: refuse(transaction, body, recorded, at))
        raise


def _answer(asking: Asking, body: bytes, content_type: str) -> Answered:
    spoken = read_call(body, content_type, NAMESPACE, _LIMITS)
    content = service().call(spoken.element, asking)
    return Answered(spoken.name, content, spoken.version, asking.asker, asking.message_id)


@lru_cache(maxsize=16)
def _written(version: str, address: str) -> bytes:
    from connectors.inquiry.wsdl import tidy

    return tidy(service().wsdl(), version, address)
