"""A time-stamp authority over HTTP (RFC 3161, 3.4): one request, one bounded answer. It verifies nothing."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.plain_http import Ask, fetch
from connectors.soap.client import CallFailed
from hub.errors import Unavailable, Undelivered

MOST_BYTES = 64 * 1024
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


@dataclass(frozen=True, slots=True)
class TimestampClient:
    """Asks the authority at `url`."""

    url: str
    seconds: float = 20.0

    async def __call__(self, request: bytes) -> bytes:
        """The response to a request, both DER.

        Errors: Unavailable timestamp.unreachable; Undelivered timestamp.answer.
        """
        try:
            answer = await fetch(Ask(self.url, "POST", request, _HEADERS, self.seconds, MOST_BYTES))
        except CallFailed as failed:
            if failed.cause in ("answer", "too-large"):
                raise Undelivered("timestamp.answer", operator=str(failed)) from None
            raise Unavailable("timestamp.unreachable", operator=str(failed)) from None
        if answer.passing:
            raise Unavailable("timestamp.unreachable", got=f"HTTP {answer.status}")
        if not answer.good or answer.content_type != _HEADERS["Accept"]:
            raise Undelivered("timestamp.answer", got=f"HTTP {answer.status}, {answer.content_type[:60]}")
        return answer.body
