"""Makes one SOAP call over HTTP and reads the answer, or says in one word what went wrong.

Promises: one attempt, bounded in time and in bytes of the answer; no redirect, no proxy, cookie or credential from the
environment, no compressed answer. Answers are as hostile as requests: they are parsed within limits, and nothing but a
`CallFailed` comes out of it. It does not know what the operations mean.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType

import aiohttp

from connectors.changing_context import latest_of
from connectors.serving.trace_context import trace_headers
from connectors.soap import writer as write
from connectors.soap.parameters import Parameters
from connectors.soap.soap import SOAP_12, Spoken, Version, read_message
from hub.errors import Refused
from hub.parser import ParseLimits

# Shorter than what servers commonly grant, so that a connection is not reused just as the other side closes it.
_IDLE_SECONDS = 4.0
_HEADERS = {"Accept": "text/xml, application/soap+xml, multipart/related", "Accept-Encoding": "identity"}


class CallFailed(Exception):
    """A call without an answer. `cause` is unreachable, timeout, fault, answer or too-large; `words` are for us."""

    def __init__(self, cause: str, words: str = "") -> None:
        super().__init__(f"{cause}: {words}")
        self.cause = cause
        self.words = words[:500]


@dataclass(frozen=True, slots=True)
class Told:
    """What a HubFault says."""

    code: str
    zh: str
    en: str
    where: str
    correlation_id: str


class FaultAnswered(CallFailed):
    """The other side answered with a SOAP fault. `told` is its HubFault, if it has one; `ours` is a Client fault."""

    def __init__(self, words: str, ours: bool, told: Told | None) -> None:
        super().__init__("fault", words)
        self.ours = ours
        self.told = told


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call to make. `fields` are the parameters, written by `soap_writer`."""

    url: str
    version: Version
    namespace: str
    operation: str
    fields: tuple[bytes, ...]
    seconds: float
    limits: ParseLimits


class SoapClient:
    """Keeps connections open between calls; belongs to one event loop.

    `tls` is for https; without one the machine's authorities are believed. The host name is checked by both. When it
    changes, connections from before are not used again.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def call(self, outgoing: Outgoing) -> Parameters:
        """Make a call and return the fields of its result element. Errors: CallFailed."""
        status, content_type, body = await self._post(outgoing)
        spoken = _read(status, content_type, body, outgoing)
        if spoken.name == "Fault" and spoken.namespace == spoken.version.namespace:
            raise _fault(spoken, status)
        if status // 100 != 2:
            raise CallFailed("fault", f"HTTP {status}")
        if (spoken.namespace, spoken.name) != (outgoing.namespace, f"{outgoing.operation}Response"):
            raise CallFailed("answer", f"not the response of {outgoing.operation}: {spoken.element.tag}")
        try:
            return Parameters.of(spoken).inner(f"{outgoing.operation}Result")
        except Refused as error:
            raise CallFailed("answer", str(error)) from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, outgoing: Outgoing) -> tuple[int, str, bytes]:
        body = write.call(outgoing.version, outgoing.namespace, outgoing.operation, outgoing.fields)
        headers = _headers(outgoing.version, f"{outgoing.namespace}/{outgoing.operation}")
        try:
            async with self._open().post(
                outgoing.url,
                data=body,
                headers={**headers, **trace_headers()},
                timeout=aiohttp.ClientTimeout(total=outgoing.seconds),
                allow_redirects=False,
                ssl=latest_of(self._tls) or True,
            ) as response:
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise CallFailed("answer", "a compressed answer")
                body = await _read_bounded(response.content, outgoing.limits.max_bytes)
                return response.status, response.headers.get("Content-Type", ""), body
        except TimeoutError:
            raise CallFailed("timeout", f"{outgoing.seconds:g} s") from None
        except (aiohttp.ClientResponseError, asyncio.LimitOverrunError) as error:
            raise CallFailed("answer", repr(error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed("unreachable", f"{type(error).__name__}: {error}") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


@lru_cache(maxsize=64)
def _headers(version: Version, action: str) -> Mapping[str, str]:
    """Content type and action, as the SOAP version wants them."""
    kind = f"{version.media_type}; charset=utf-8"
    if version is SOAP_12:
        return MappingProxyType({**_HEADERS, "Content-Type": f'{kind}; action="{action}"'})
    return MappingProxyType({**_HEADERS, "Content-Type": kind, "SOAPAction": f'"{action}"'})


async def _read_bounded(stream: aiohttp.StreamReader, most: int) -> bytes:
    chunks: list[bytes] = []
    total = 0
    async for chunk in stream.iter_any():
        total += len(chunk)
        if total > most:
            raise CallFailed("too-large", f"more than {most} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _read(status: int, content_type: str, body: bytes, outgoing: Outgoing) -> Spoken:
    try:
        return read_message(body, content_type, outgoing.limits)
    except Refused as error:
        if status // 100 != 2:
            raise CallFailed("fault", f"HTTP {status}") from None
        raise CallFailed("answer", f"HTTP {status}, {error.code} {error.operator}") from None


def _fault(spoken: Spoken, status: int) -> FaultAnswered:
    leaves = {str(e.tag).rpartition("}")[2]: (e.text or "").strip() for e in spoken.element.iter() if not len(e)}
    words = " ".join(value for value in leaves.values() if value)
    side = leaves.get("faultcode") or leaves.get("Value", "")
    told = None
    if leaves.get("code") and leaves.get("correlationId"):
        told = Told(*(leaves.get(name, "") for name in ("code", "zh", "en", "where", "correlationId")))
    ours = status != HTTPStatus.SERVICE_UNAVAILABLE and not side.endswith(("Server", "Receiver"))
    return FaultAnswered(f"HTTP {status}, SOAP fault: {words}", ours, told)
