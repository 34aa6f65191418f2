"""Pretend departments for demonstrations and tests: real SOAP endpoints of delivery-1, several in one process.

Promises: each takes a message once however often it is delivered, keeps it in memory, and answers with its own signed
acknowledgement, unless a fault is chosen. With an exchange client it also signs for documents (签收). It checks that
the envelope's signature holds, but not whose it is; it is no model of a department's real system.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.attachments.client import AttachmentClient
from connectors.exchange_client import ExchangeClient
from connectors.pretend.fault import NO_FAULT, HangUp, PretendFault, answer_wrongly
from connectors.pretend.receipt import send_receipt
from connectors.soap import writer as write
from connectors.soap.parameters import DOCUMENT_READERS, Linked, Parameters, attachments, links
from connectors.soap.soap import DELIVERY, Spoken, guess_version, read_call, wrapped
from connectors.soap.wsdl import asked_for_wsdl, wsdl
from hub import proof
from hub.errors import HubError, Misconfigured, Refused
from hub.hub import utc_now
from hub.parser import ParseLimits, parse
from hub.signing import signature
from hub.signing.signer import Signer

_FORMS = {"Deliver": "xml", "DeliverText": "text", "DeliverBinary": "binary"}
_LIMITS = wrapped(ParseLimits(max_bytes=64 * 1024 * 1024))
_UNSIGNED_FOR = ("receipt-1", "notice-1")
_CORRELATION = "pretend"

log = logging.getLogger("hub.pretend")


@dataclass(slots=True)
class Received:
    """A message that a pretend department has. `times` counts how often it was delivered.

    `downloaded` has the SHA-256 of what each link led to, by manifest id.
    """

    delivery_id: int
    sender: str
    message_id: str
    type: str
    role: str
    digest: str
    envelope: bytes = field(repr=False)
    stamp: bytes = field(repr=False)
    attachments: dict[str, bytes] = field(repr=False)
    links: tuple[Linked, ...]
    at: datetime
    times: int = 1
    downloaded: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class PretendDepartment:
    """One department. `stranger` signs in its place under the fault wrong-signer; with `exchange` it sends 签收."""

    code: str
    signer: Signer
    fault: PretendFault = NO_FAULT
    stranger: Signer | None = None
    exchange: ExchangeClient | None = None
    clock: Callable[[], datetime] = utc_now
    calls: int = 0
    handed: dict[tuple[str, str], Received] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, body: bytes, content_type: str) -> Response:
        """Answer one call, rightly or as the fault wants it."""
        self.calls += 1
        wrong = await answer_wrongly(self.fault, self.calls)
        if wrong is not None:
            return wrong
        try:
            if self.fault.name == "fault":
                raise Misconfigured("hub.internal")
            spoken = read_call(body, content_type, DELIVERY, _LIMITS)
            content = self._perform(spoken)
        except HubError as error:
            return _fault(error, body, content_type)
        if self.fault.name == "lost-answer" and self.calls <= self.fault.number:
            return HangUp()
        message = write.message(spoken.version, content)
        return Response(message, media_type=f"{spoken.version.media_type}; charset=utf-8")

    async def close(self) -> None:
        """Finish what is being signed for or downloaded, and release connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.exchange is not None:
            await self.exchange.close()

    def summary(self) -> dict[str, Any]:
        """What it got, for tests: calls, and each message once with the number of its deliveries."""
        return {
            "department": self.code,
            "calls": self.calls,
            "handed": len(self.handed),
            "messages": [
                {
                    "sender": one.sender,
                    "messageId": one.message_id,
                    "type": one.type,
                    "role": one.role,
                    "digest": one.digest,
                    "deliveryId": one.delivery_id,
                    "times": one.times,
                    "attachments": {
                        **{id: hashlib.sha256(c).hexdigest() for id, c in one.attachments.items()},
                        **one.downloaded,
                    },
                }
                for one in self.handed.values()
            ],
        }

    def _perform(self, spoken: Spoken) -> bytes:
        if spoken.name == "Ping":
            result = write.text("PingResult", f"{self.code} OK")
            return write.wrapper(DELIVERY, "PingResponse", [result])
        form = _FORMS.get(spoken.name)
        if form is None:
            raise Refused("soap.operation", expected=", ".join((*_FORMS, "Ping")), got=spoken.name[:100])
        taken = self._take(_read(Parameters.of(spoken), form, self.clock()))
        acknowledgement = write.DOCUMENT_WRITERS[form]("acknowledgement", self._acknowledge(taken))
        result = write.element(f"{spoken.name}Result", acknowledgement)
        return write.wrapper(DELIVERY, f"{spoken.name}Response", [result])

    def _take(self, received: Received) -> Received:
        key = (received.sender, received.message_id)
        known = self.handed.setdefault(key, received)
        if known is not received:
            known.times += 1
            return known
        if received.links:
            self._beside(self._download(received))
        if self.exchange is not None and received.type not in _UNSIGNED_FOR:
            self._beside(send_receipt(self.exchange, self.signer, self.code, received, self.clock()))
        return known

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _download(self, received: Received) -> None:
        """Read what the links lead to, after the acknowledgement: the links wait, the hub does not."""
        client = AttachmentClient("", self.signer, self.code)
        for link in received.links:
            found = await asyncio.to_thread(client.digest_link, link.href)
            received.downloaded[link.id] = found.digest

    def _acknowledge(self, received: Received) -> bytes:
        other = "-other" if self.fault.name == "wrong-message" else ""
        tree = proof.acknowledgement_tree(
            received.message_id + other, received.sender, received.digest, self.code, self.clock()
        )
        if self.fault.name == "unsigned":
            return bytes(etree.tostring(tree))
        wrong = self.fault.name == "wrong-signer" and self.stranger is not None
        return signature.sign(tree, self.stranger if wrong and self.stranger else self.signer)


def pretend_departments(departments: Iterable[PretendDepartment], base_url: str = "") -> Starlette:
    """The ASGI application of several departments: /dept/CODE/delivery/v1 with its WSDL, and /dept/CODE/received."""
    by_code = {department.code: department for department in departments}

    async def delivery(request: Request) -> Response:
        department = by_code.get(request.path_params["code"])
        if department is None:
            return Response(status_code=404)
        if request.method == "POST":
            return await department.answer(await request.body(), request.headers.get("content-type", ""))
        version = asked_for_wsdl(request.url.query)
        if version is None:
            return Response(status_code=405, headers={"Allow": "GET, POST"})
        address = (base_url or str(request.base_url)).rstrip("/") + request.url.path
        return Response(wsdl("delivery", version, address), media_type="text/xml; charset=utf-8")

    async def received(request: Request) -> Response:
        department = by_code.get(request.path_params["code"])
        return JSONResponse(department.summary()) if department else Response(status_code=404)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for department in by_code.values():
            await department.close()

    return Starlette(
        routes=[
            Route("/dept/{code}/delivery/v1", delivery, methods=["GET", "POST"]),
            Route("/dept/{code}/received", received, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def _read(parameters: Parameters, form: str, at: datetime) -> Received:
    """What a Deliver call hands over. Errors: Refused soap.parameter, xml.*, signature.*, attachment.*"""
    received = Received(
        delivery_id=parameters.number("deliveryId"),
        sender=parameters.text("sender"),
        message_id=parameters.text("messageId"),
        type=parameters.text("type"),
        role=parameters.text("role"),
        digest=parameters.text("digest"),
        envelope=DOCUMENT_READERS[form](parameters, "envelope"),
        stamp=DOCUMENT_READERS[form](parameters, "stamp"),
        attachments=attachments(parameters),
        links=links(parameters),
        at=at,
    )
    if form == "binary" and hashlib.sha256(received.envelope).hexdigest() != received.digest:
        raise Refused("signature.invalid", operator="the digest is not that of the bytes")
    signature.verify(parse(received.envelope))
    return received


def _fault(error: HubError, body: bytes, content_type: str) -> Response:
    log.warning("call", extra={"fields": {"code": error.code, "operator": error.operator}})
    version = guess_version(body, content_type)
    message = write.fault(version, error, _CORRELATION, DELIVERY)
    return Response(message, 500, media_type=f"{version.media_type}; charset=utf-8")
