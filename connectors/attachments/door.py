"""Large attachments over HTTP: uploads in parts before a message, downloads of whole attachments or ranges after it.

Promises: one part at a time is in memory for each call, within the bounds of `Load`; what a part says of itself is
checked before it is kept, and what is kept is checked before it is given; a connection that breaks leaves whole parts
behind and nothing else. Errors are JSON, as in `HubError.facts`. The dialogue is docs/large-attachments.md.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.attachments.stream import AttachmentStream, answer_headers, asked_range
from connectors.client_certificate import certificate_of
from connectors.serving.load import Held, Load
from connectors.soap.door import read_body
from hub.accept import refuse
from hub.attachments import download, upload
from hub.attachments.handout import PATH
from hub.errors import HubError, Misconfigured, Refused, Unavailable
from hub.hub import Hub
from hub.mailbox import REQUEST_LIMITS
from hub.proof import write_time

_STATUS = {
    "upload.unknown": 404,
    "attachment.unknown": 404,
    "upload.incomplete": 409,
    "upload.mismatch": 409,
    "upload.quota": 409,
    "upload.too-large": 413,
    "http.too-large": 413,
    "http.slow": 408,
    "attachment.range": 416,
}
_CLOSING = {"http.too-large", "http.slow", "http.busy", "upload.unknown", "upload.part", "upload.header"}
"""After these the rest of a body may be unread, so the next request on the connection could not be found."""
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):\s*(?:$|[,;])", re.ASCII)
_PART = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)

log = logging.getLogger("hub.attachments")
Endpoint = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AttachmentDoor:
    """Answers for the hub that `current` gives; `check` raises Unavailable while nothing may be taken."""

    current: Callable[[], Hub]
    check: Callable[[], None] = lambda: None
    load: Load = field(default_factory=Load)

    @property
    def routes(self) -> list[BaseRoute]:
        """Where it is served."""
        one = f"{PATH}/uploads/{{token}}"
        return [
            Route(f"{PATH}/uploads", self._guarded(self._begin), methods=["POST"]),
            Route(one, self._guarded(self._standing), methods=["GET"]),
            Route(f"{one}/parts/{{number}}", self._guarded(self._part), methods=["PUT"]),
            Route(f"{one}/complete", self._guarded(self._complete), methods=["POST"]),
            Route(f"{PATH}/downloads", self._guarded(self._ask), methods=["POST"]),
            Route(f"{PATH}/{{digest}}", self._guarded(self._give), methods=["GET", "HEAD"]),
        ]

    async def _begin(self, hub: Hub, request: Request, held: Held) -> Response:
        self.check()
        raw = await read_body(request, REQUEST_LIMITS.max_bytes, held)
        begun = upload.begin(hub, raw, certificate_of(request, hub.settings.listen))
        return _told(await _recorded(hub, raw, begun), 201)

    async def _standing(self, hub: Hub, request: Request, held: Held) -> Response:
        return _told(await run_in_threadpool(upload.read_standing, hub, request.path_params["token"]))

    async def _part(self, hub: Hub, request: Request, held: Held) -> Response:
        self.check()
        token, number = request.path_params["token"], request.path_params["number"]
        if not _PART.fullmatch(number):
            raise Refused("upload.part", got=number[:20])
        size = await run_in_threadpool(upload.expected_size, hub, token, int(number))
        digest = _announced(request)
        content = await read_body(request, size, held)
        await upload.keep_part(hub, token, int(number), content, digest)
        return Response(status_code=204)

    async def _complete(self, hub: Hub, request: Request, held: Held) -> Response:
        return _told(await upload.complete(hub, request.path_params["token"]))

    async def _ask(self, hub: Hub, request: Request, held: Held) -> Response:
        raw = await read_body(request, REQUEST_LIMITS.max_bytes, held)
        asked = download.ask(hub, raw, certificate_of(request, hub.settings.listen))
        link = await _recorded(hub, raw, asked)
        told = {"href": link.href, "sha256": link.digest, "size": link.size, "until": write_time(link.until)}
        return JSONResponse(told, 201)

    async def _give(self, hub: Hub, request: Request, held: Held) -> Response:
        digest, ticket = request.path_params["digest"], request.query_params.get("ticket", "")
        opened = await run_in_threadpool(download.open_ticket, hub, digest, ticket)
        wanted = asked_range(request.headers, opened.upload)
        headers, status = answer_headers(opened.upload, wanted)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        held.grow(opened.upload.part_bytes)
        return await AttachmentStream.open(hub.content, opened, wanted, headers, status)

    def _guarded(self, work: Callable[[Hub, Request, Held], Awaitable[Response]]) -> Endpoint:
        async def answer(request: Request) -> Response:
            hub, held = self.current(), self.load.hold()
            try:
                held.admit(hub.settings.limits)
                response = await work(hub, request, held)
            except HubError as error:
                response = _refusal(error, request)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Exception as error:
                log.exception("attachments")
                response = _refusal(Misconfigured("hub.internal", operator=repr(error)), request)
            if isinstance(response, AttachmentStream):
                response.ended = held.leave
            else:
                held.leave()
            return response

        return answer


async def _recorded(hub: Hub, raw: bytes, verb: Awaitable[T]) -> T:
    """Await a verb that itself records no refusals."""
    try:
        return await verb
    except Refused as refusal:
        reason = refusal
        at = hub.clock()
        await hub.writer.run(lambda transaction: refuse(transaction, raw, reason, at))
        raise


def _announced(request: Request) -> str:
    """The SHA-256 (hex) that a part comes with, in the form of RFC 9530. Errors: Refused upload.header."""
    given = request.headers.get("content-digest") or request.headers.get("repr-digest") or ""
    found = _DIGEST.search(given)
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise Refused("upload.header", expected="sha-256=:BASE64:", got=given[:100])
    return digest.hex()


def _told(standing: upload.Standing, status: int = 200) -> Response:
    one = standing.upload
    told = {
        "upload": standing.token,
        "sha256": one.digest,
        "size": one.size,
        "partBytes": one.part_bytes,
        "parts": one.parts,
        "missing": list(standing.missing),
        "complete": one.complete,
        "until": write_time(one.until),
    }
    return JSONResponse(told, status)


def _refusal(error: HubError, request: Request) -> Response:
    status = _STATUS.get(error.code, 400 if isinstance(error, Refused) else 500)
    headers = {}
    if isinstance(error, Unavailable):
        status, headers["Retry-After"] = 503, str(error.retry_after)
    if error.code in _CLOSING:
        headers["Connection"] = "close"
    if error.code == "attachment.range":
        headers["Content-Range"] = f"bytes */{error.expected}"
    fields = {"code": error.code, "operator": error.operator, "where": error.where}
    log.log(logging.WARNING if isinstance(error, Refused) else logging.ERROR, "call", extra={"fields": fields})
    return JSONResponse(error.facts(), status, headers)
