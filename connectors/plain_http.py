"""Asks a stranger's web service once: a request out, the answer's status and bytes back, or one word why not.

Promises: one attempt, bounded in time and in bytes of the answer; no redirect, no proxy, cookie or credential from the
environment, no compressed answer; nothing but a `CallFailed` comes out of it. It does not judge status or content.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from connectors.soap.client import CallFailed

_PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the request was carried out."""
        return self.status == HTTPStatus.OK

    @property
    def passing(self) -> bool:
        """Whether the same request may well be answered later."""
        return self.status in _PASSING


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `most` bounds the answer in bytes, `seconds` the whole of it; `tls` None: as the system trusts."""

    url: str
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 30.0
    most: int = 64 * 1024
    tls: ssl.SSLContext | None = None


async def fetch(ask: Ask) -> Answer:
    """Ask once. Errors: CallFailed unreachable, timeout, answer, too-large."""
    try:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session,
            session.request(
                ask.method,
                ask.url,
                data=ask.body,
                headers={"Accept-Encoding": "identity", **ask.headers},
                timeout=aiohttp.ClientTimeout(total=ask.seconds),
                allow_redirects=False,
                ssl=True if ask.tls is None else ask.tls,
            ) as response,
        ):
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise CallFailed("answer", "a compressed answer")
            return Answer(response.status, response.content_type, await _bounded(response.content, ask.most))
    except TimeoutError:
        raise CallFailed("timeout", f"{ask.seconds:g} s") from None
    except (aiohttp.ClientResponseError, asyncio.LimitOverrunError) as error:
        raise CallFailed("answer", repr(error)) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise CallFailed("unreachable", f"{type(error).__name__}: {error}") from None


async def _bounded(stream: aiohttp.StreamReader, most: int) -> bytes:
    found = bytearray()
    async for chunk in stream.iter_any():
        found += chunk
        if len(found) > most:
            raise CallFailed("too-large", f"more than {most} bytes")
    return bytes(found)
