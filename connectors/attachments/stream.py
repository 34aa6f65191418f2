"""One attachment, or a range of it, as the answer to a GET: headers, then pieces as fast as the other side takes them.

Promises: the first part is read and checked before the headers go out, so that what is damaged is an error with a code;
should a later part turn out to be damaged, the connection is cut before any of it is sent. One part is in memory.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Callable, Iterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.serving.http_server import HANG_UP
from hub.attachments.download import Opened, Piece
from hub.attachments.upload import read_part
from hub.errors import HubError, Refused
from hub.store.content.content import ContentStore
from hub.store.uploads import Upload

_CHUNK = 256 * 1024
STALL_SECONDS = 60.0
"""Who takes nothing for so long is cut off: a part is in memory for each reader."""
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)
Span = tuple[int, int]

log = logging.getLogger("hub.attachments")


def asked_range(headers: Mapping[str, str], upload: Upload) -> Span | None:
    """First and last byte of the one range that is asked for; None for the whole (RFC 9110, 14.2).

    What is no single range of bytes is not heeded. Errors: Refused attachment.range.
    """
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or headers.get("if-range", _tag(upload)) != _tag(upload):
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        span = max(upload.size - int(suffix), 0), upload.size - 1
    else:
        span = int(first), min(int(last), upload.size - 1) if last else upload.size - 1
        if last and int(last) < int(first):
            return None
    if span[0] >= upload.size or suffix == "0":
        raise Refused("attachment.range", expected=str(upload.size), got=headers.get("range", "")[:50])
    return span


def answer_headers(upload: Upload, wanted: Span | None) -> tuple[dict[str, str], int]:
    """Headers and status of an answer with the whole, or with a range."""
    first, last = wanted or (0, upload.size - 1)
    digest = base64.b64encode(bytes.fromhex(upload.digest)).decode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(last - first + 1),
        "Accept-Ranges": "bytes",
        "ETag": _tag(upload),
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if wanted is None:
        return headers, 200
    return {**headers, "Content-Range": f"bytes {first}-{last}/{upload.size}"}, 206


def _tag(upload: Upload) -> str:
    return f'"{upload.digest}"'


class AttachmentStream(Response):
    """Sends pieces; `ended` is called when nothing more is sent, however it ended."""

    ended: Callable[[], None] = staticmethod(lambda: None)

    def __init__(
        self, store: ContentStore, pieces: Iterator[Piece], first: bytes, opened: Opened, headers: Mapping[str, str]
    ) -> None:
        self._store = store
        self._pieces = pieces
        self._first = first
        self._opened = opened
        self._given = headers

    @classmethod
    async def open(
        cls, store: ContentStore, opened: Opened, wanted: Span | None, headers: Mapping[str, str], status: int
    ) -> AttachmentStream:
        """An answer whose first part is checked already. Errors: Unavailable content.*"""
        first, last = wanted or (0, opened.upload.size - 1)
        pieces = opened.pieces(first, last)
        stream = cls(store, pieces, await _read(store, next(pieces)), opened, headers)
        stream.status_code = status
        return stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers and all pieces."""
        try:
            raw = [(name.lower().encode(), value.encode()) for name, value in self._given.items()]
            await send({"type": "http.response.start", "status": self.status_code, "headers": raw})
            await self._send_all(scope, send)
        finally:
            self.ended()

    async def _send_all(self, scope: Scope, send: Send) -> None:
        content, self._first = self._first, b""
        try:
            await _send_in_chunks(content, send)
            for piece in self._pieces:
                del content  # before the next is read
                content = await _read(self._store, piece)
                await _send_in_chunks(content, send)
        except TimeoutError:
            self._cut(Refused("http.slow", expected=f"<= {STALL_SECONDS:.0f} s"), scope)
            return
        except HubError as error:
            self._cut(error, scope)
            return
        await send({"type": "http.response.body", "body": b""})
        fields = {"department": self._opened.department, "sha256": self._opened.upload.digest}
        log.info("downloaded", extra={"fields": {**fields, "bytes": self._given["Content-Length"]}})

    def _cut(self, error: HubError, scope: Scope) -> None:
        """End the connection, so that the other side sees that something is missing."""
        fields = {"code": error.code, "where": error.where, "operator": error.operator}
        log.error("download", extra={"fields": fields})
        cut = scope.get("extensions", {}).get(HANG_UP)
        if cut is None:
            raise error
        cut["abort"]()


async def _read(store: ContentStore, piece: Piece) -> bytes:
    content = await asyncio.to_thread(read_part, store, piece.part)
    return content if piece.end - piece.start == len(content) else content[piece.start : piece.end]


async def _send_in_chunks(content: bytes, send: Send) -> None:
    """In small steps, each waiting until the last has left: what the server holds for a slow reader stays small."""
    for start in range(0, len(content), _CHUNK):
        chunk = content[start : start + _CHUNK]
        async with asyncio.timeout(STALL_SECONDS):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
