"""A SOAP service over HTTP: POST a call to its path, GET its WSDL there.

Promises: every POST gets a SOAP message back, an answer or a fault with code and HTTP 500 (413, 408, 415 and 405 for
trouble of HTTP itself, 503 with Retry-After when trying again helps), never a traceback, a path or a library's words;
bodies are bounded in bytes and time and calls in number; one log line per call. It decides nothing about documents.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.client_certificate import certificate_of
from connectors.serving.load import Held, Load
from connectors.soap import writer as write
from connectors.soap.answered import Answered
from connectors.soap.soap import body_limit, guess_version
from connectors.soap.wsdl import asked_for_wsdl
from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.hub import Hub

BODY_SECONDS = 120.0
"""How long a caller may take to send a whole body."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_STATUS = {"http.too-large": 413, "http.slow": 408, "http.coded": 415, "http.method": 405}
_UNREAD = {*_STATUS, "http.busy"}

log = logging.getLogger("hub.accept")


@dataclass(frozen=True, slots=True)
class Service:
    """One contract: where it is served, its WSDL, how a call's body, content type and client certificate are answered.

    The certificate (DER) is the connection's, and empty unless it may prove who calls. `wsdl` is given the SOAP version
    ("" for 1.1, "12") and the announced address, in a worker thread. `most_bytes` is of a document in a call; None: as
    the settings say.
    """

    path: str
    namespace: str
    perform: Callable[[Hub, bytes, str, bytes], Awaitable[Answered]]
    wsdl: Callable[[str, str], bytes]
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call, for its log line. `code` is empty if it was answered."""

    event: str
    sender: str = ""
    message_id: str = ""
    count: int | None = None
    code: str = ""
    operator: str = ""


Seen = Callable[[Outcome, float], None]


class SoapDoor:
    """Answers for one service. `current` gives the hub of this moment, `wake` tells the dispatcher who has mail.

    `check` raises Unavailable while no call may be taken. `load` is shared by the doors of a process; `seen` is told of
    each call what became of it, and the seconds it took.
    """

    def __init__(
        self,
        service: Service,
        current: Callable[[], Hub],
        wake: Callable[[Iterable[str]], None] = lambda endpoints: None,
        check: Callable[[], None] = lambda: None,
        *,
        load: Load | None = None,
        seen: Seen = lambda outcome, seconds: None,
    ) -> None:
        self._service = service
        self._current = current
        self._wake = wake
        self._check = check
        self._load = load or Load()
        self._seen = seen

    @property
    def route(self) -> Route:
        """Where it is served."""
        return Route(self._service.path, self.answer, methods=_METHODS)

    async def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        if request.method in ("GET", "HEAD") and (version := asked_for_wsdl(request.url.query)) is not None:
            address = self._current().settings.public_url + self._service.path
            written = await run_in_threadpool(self._service.wsdl, version, address)
            return Response(written, media_type="text/xml; charset=utf-8")
        began = time.perf_counter()
        correlation = secrets.token_hex(8)
        held = self._load.hold()
        try:
            response, outcome = await self._answer(request, correlation, held)
        except ClientDisconnect:
            response, outcome = Response(status_code=400), Outcome("call", code="http.disconnected")
        finally:
            held.leave()
        seconds = time.perf_counter() - began
        self._seen(outcome, seconds)
        _log(outcome, correlation, seconds)
        return response

    async def _answer(self, request: Request, correlation: str, held: Held) -> tuple[Response, Outcome]:
        hub = self._current()
        body = b""
        content_type = request.headers.get("content-type", "")
        try:
            self._admit(request, hub, held)
            most = body_limit(self._service.most_bytes or hub.settings.limits.max_bytes)
            body = await read_body(request, most, held)
            certificate = certificate_of(request, hub.settings.listen)
            answered = await self._service.perform(hub, body, content_type, certificate)
        except HubError as error:
            return self._fault(error, body, content_type, correlation)
        except ClientDisconnect:
            raise
        except Exception as error:
            log.exception("call", extra={"fields": {"correlation": correlation}})
            return self._fault(Misconfigured("hub.internal", operator=repr(error)), body, content_type, correlation)
        self._wake(answered.endpoints)
        return _reply(answered)

    def _admit(self, request: Request, hub: Hub, held: Held) -> None:
        if request.method != "POST":
            raise Refused("http.method", expected="POST, GET ?wsdl", got=request.method[:20])
        held.admit(hub.settings.limits)
        self._check()
        coding = request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise Refused("http.coded", expected="identity", got=coding[:40])

    def _fault(self, error: HubError, body: bytes, content_type: str, correlation: str) -> tuple[Response, Outcome]:
        version = guess_version(body, content_type)
        response = Response(
            write.fault(version, error, correlation, self._service.namespace),
            status_code=503 if isinstance(error, Unavailable) else _STATUS.get(error.code, 500),
            media_type=f"{version.media_type}; charset=utf-8",
        )
        if isinstance(error, Unavailable):
            response.headers["Retry-After"] = str(error.retry_after)
        if error.code == "http.method":
            response.headers["Allow"] = "GET, POST"
        if error.code in _UNREAD:
            # The rest of the body was not read, so the next request on this connection could not be found.
            response.headers["Connection"] = "close"
        return response, Outcome("call", code=error.code, operator=error.operator)


async def read_body(request: Request, most: int, held: Held) -> bytes:
    """The whole body, of at most `most` bytes. Errors: Refused http.too-large, http.slow; Unavailable http.busy."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > most:
        raise Refused("http.too-large", expected=f"<= {most}", got=declared[:20])
    held.grow(int(declared))
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _gather(request, most, held)
    except TimeoutError:
        raise Refused("http.slow", expected=f"<= {BODY_SECONDS:.0f} s") from None


async def _gather(request: Request, most: int, held: Held) -> bytes:
    """The chunks as one body; a body without Content-Length is bounded here."""
    chunks: list[bytes] = []
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > most:
            raise Refused("http.too-large", expected=f"<= {most}")
        held.grow(total)
        chunks.append(chunk)
    return b"".join(chunks)


def _reply(answered: Answered) -> tuple[Response, Outcome]:
    version = answered.version
    response = Response(write.message(version, answered.content), media_type=f"{version.media_type}; charset=utf-8")
    return response, Outcome(answered.operation, answered.sender, answered.message_id, answered.count)


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
