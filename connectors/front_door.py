"""The hub's SOAP door over HTTP: POST a call to /exchange/v1, GET its WSDL there, GET /healthz.

Promises: every POST gets a SOAP message back, an answer or a fault with code and HTTP 500 (413, 408, 415 and 405 for
trouble of HTTP itself, 503 with Retry-After when trying again helps), never a traceback, a path or a library's words;
bodies are bounded in bytes and time and calls in number; one log line per call. It decides nothing about documents.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import soap_writer as write
from connectors.exchange_operations import Answered, perform
from connectors.soap import EXCHANGE, body_limit, guess_version
from connectors.wsdl import asked_for_wsdl, wsdl
from hub import __version__
from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.hub import Hub

PATH = "/exchange/v1"
BODY_SECONDS = 120.0
"""How long a caller may take to send a whole body."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_STATUS = {"http.too-large": 413, "http.slow": 408, "http.coded": 415, "http.method": 405}

log = logging.getLogger("hub.accept")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call, for its log line. `code` is empty if it was answered."""

    event: str
    sender: str = ""
    message_id: str = ""
    count: int | None = None
    code: str = ""
    operator: str = ""


class FrontDoor:
    """The exchange service. `current` gives the hub of this moment, `wake` tells the dispatcher who has mail.

    `check` raises Unavailable while no call may be taken.
    """

    def __init__(
        self, current: Callable[[], Hub], wake: Callable[[Iterable[str]], None], check: Callable[[], None]
    ) -> None:
        self._current = current
        self._wake = wake
        self._check = check
        self._inside = 0

    async def exchange(self, request: Request) -> Response:
        """Answer one HTTP request for the exchange service."""
        if request.method in ("GET", "HEAD") and (version := asked_for_wsdl(request.url.query)) is not None:
            address = self._current().settings.public_url + PATH
            return Response(wsdl("exchange", version, address), media_type="text/xml; charset=utf-8")
        began = time.perf_counter()
        correlation = secrets.token_hex(8)
        self._inside += 1
        try:
            response, outcome = await self._answer(request, correlation)
        except ClientDisconnect:
            response, outcome = Response(status_code=400), Outcome("call", code="http.disconnected")
        finally:
            self._inside -= 1
        _log(outcome, correlation, time.perf_counter() - began)
        return response

    async def health(self, request: Request) -> Response:
        """Say that this process serves, for whom and with which ledger."""
        hub = self._current()
        return JSONResponse({"ok": True, "hub": hub.id, "version": __version__, "ledger": hub.store.ledger_id})

    async def _answer(self, request: Request, correlation: str) -> tuple[Response, Outcome]:
        hub = self._current()
        body = b""
        content_type = request.headers.get("content-type", "")
        try:
            self._admit(request, hub)
            body = await _read_body(request, body_limit(hub.settings.limits.max_bytes))
            answered = await perform(hub, body, content_type)
        except HubError as error:
            return _fault(error, body, content_type, correlation)
        except ClientDisconnect:
            raise
        except Exception as error:
            log.exception("call", extra={"fields": {"correlation": correlation}})
            return _fault(Misconfigured("hub.internal", operator=repr(error)), body, content_type, correlation)
        self._wake(answered.endpoints)
        return _reply(answered)

    def _admit(self, request: Request, hub: Hub) -> None:
        if request.method != "POST":
            raise Refused("http.method", expected="POST, GET ?wsdl", got=request.method[:20])
        if self._inside > hub.settings.limits.concurrent:
            raise Unavailable("http.busy")
        self._check()
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise Refused("http.coded", expected="identity", got=coding[:40])


def front_door(
    current: Callable[[], Hub], wake: Callable[[Iterable[str]], None], check: Callable[[], None] = lambda: None
) -> Starlette:
    """The ASGI application of one hub; `check` raises Unavailable while no call may be taken."""
    door = FrontDoor(current, wake, check)
    return Starlette(
        routes=[
            Route(PATH, door.exchange, methods=_METHODS),
            Route("/healthz", door.health, methods=["GET"]),
        ]
    )


async def _read_body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > most:
        raise Refused("http.too-large", expected=f"<= {most}", got=declared[:20])
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _gather(request, most)
    except TimeoutError:
        raise Refused("http.slow", expected=f"<= {BODY_SECONDS:.0f} s") from None


async def _gather(request: Request, most: int) -> bytes:
    """The chunks as one body; a body without Content-Length is bounded here."""
    chunks: list[bytes] = []
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > most:
            raise Refused("http.too-large", expected=f"<= {most}")
        chunks.append(chunk)
    return b"".join(chunks)


def _reply(answered: Answered) -> tuple[Response, Outcome]:
    version = answered.version
    response = Response(write.message(version, answered.content), media_type=f"{version.media_type}; charset=utf-8")
    return response, Outcome(answered.operation, answered.sender, answered.message_id, answered.count)


def _fault(error: HubError, body: bytes, content_type: str, correlation: str) -> tuple[Response, Outcome]:
    version = guess_version(body, content_type)
    response = Response(
        write.fault(version, error, correlation, EXCHANGE),
        status_code=503 if isinstance(error, Unavailable) else _STATUS.get(error.code, 500),
        media_type=f"{version.media_type}; charset=utf-8",
    )
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    if error.code == "http.method":
        response.headers["Allow"] = "GET, POST"
    if error.code in _STATUS:
        # The rest of the body was not read, so the next request on this connection could not be found.
        response.headers["Connection"] = "close"
    return response, Outcome("call", code=error.code, operator=error.operator)


def _log(outcome: Outcome, correlation: str, seconds: float) -> None:
    fields = {
        "sender": outcome.sender,
        "message": outcome.message_id,
        "count": "" if outcome.count is None else outcome.count,
        "code": outcome.code,
        "ms": f"{seconds * 1000:.1f}",
        "correlation": correlation,
        "operator": outcome.operator,
    }
    log.log(logging.WARNING if outcome.code else logging.INFO, outcome.event, extra={"fields": fields})
