"""A department's side of large attachments: uploads a file in parts, downloads one, and goes on after a break.

Promises: a part, or less, is in memory; a connection that breaks is made anew some times, and what is there already is
not sent again, also by a later run; a downloaded file has its name only when its digest was right. It blocks.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.department_client import ExchangeFault
from connectors.soap.client import Told
from hub import proof
from hub.errors import Refused, Unavailable
from hub.hub import utc_now
from hub.proof import Request
from hub.signing import signature
from hub.signing.signer import Signer

PATH = "/attachments/v1"
_TRIES = 5
"""Failures in a row, without a part or a byte more between them, until it gives up."""
_CHUNK = 1024 * 1024
_MOST_ANSWER = 4 * 1024 * 1024
Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Digested:
    """A file's SHA-256 (hex) and size."""

    digest: str
    size: int


def digest_file(path: Path, step: Step = lambda n: None) -> Digested:
    """Read a file once, in pieces. Errors: OSError."""
    whole, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
            size += len(chunk)
            step(len(chunk))
    return Digested(whole.hexdigest(), size)


class AttachmentClient:
    """Calls the attachment door at `url` as one department. Errors of every call: ExchangeFault; Unavailable exchange.*

    `tls` is for https; without one the machine's authorities are believed.
    """

    def __init__(
        self,
        url: str,
        signer: Signer,
        department: str,
        *,
        tls: ssl.SSLContext | None = None,
        seconds: float = 120.0,
        clock: Callable[[], datetime] = utc_now,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._url = url.rstrip("/")
        self._signer = signer
        self._department = department
        self._tls = tls
        self._seconds = seconds
        self._clock = clock
        self._nonce = nonce

    def upload(self, path: Path, known: Digested, step: Step = lambda n: None) -> None:
        """Upload a file, or what is missing of it; `step` is told how many bytes the hub has more.

        Errors: also OSError of the file.
        """
        begun = self._json("POST", "/uploads", self._request("uploadRequest", known))
        one, missing = f"/uploads/{begun['upload']}", list(begun["missing"])
        size = int(begun["partBytes"])
        step(known.size - sum(_length(known, size, number) for number in missing))
        if begun["complete"]:
            return
        with path.open("rb") as file, self._connected(self._url) as connection:
            for number in missing:
                file.seek((number - 1) * size)
                content = file.read(size)
                self._put(connection, f"{one}/parts/{number}", content)
                step(len(content))
        self._json("POST", f"{one}/complete", b"", seconds=max(self._seconds, known.size / 10_000_000))

    def link(self, digest: str) -> str:
        """A new link to an attachment of a message that the department sent or was to get."""
        asked = self._request("downloadRequest", Digested(digest, 0))
        return str(self._json("POST", "/downloads", asked)["href"])

    def download(self, href: str, known: Digested, target: Path, step: Step = lambda n: None) -> None:
        """Download into `target`, which must not be there; what an earlier run got is kept beside it and used.

        Errors: also Refused delivery.altered, OSError.
        """
        part = target.with_name(f"{target.name}.part")
        there = part.stat().st_size if part.exists() else 0
        if there > known.size:
            part.unlink()
            there = 0
        step(there)
        failures = 0
        while there < known.size:
            before = there
            try:
                self._fetch(href, part, there, step)
            except Unavailable:
                failures = failures + 1 if part.exists() and part.stat().st_size == before else 1
                if failures >= _TRIES:
                    raise
            there = part.stat().st_size if part.exists() else 0
        if known.size == 0:
            part.touch()
        if digest_file(part) != known:
            part.unlink()
            raise Refused("delivery.altered", got=target.name)
        part.rename(target)

    def digest_link(self, href: str) -> Digested:
        """What a link leads to, read to its end and kept nowhere."""
        whole, size = hashlib.sha256(), 0
        for chunk in self._chunks(href, 0):
            whole.update(chunk)
            size += len(chunk)
        return Digested(whole.hexdigest(), size)

    def _fetch(self, href: str, part: Path, start: int, step: Step) -> None:
        with part.open("ab") as file:
            for chunk in self._chunks(href, start):
                file.write(chunk)
                step(len(chunk))

    def _chunks(self, href: str, start: int) -> Iterator[bytes]:
        """What a link leads to, from byte `start` on."""
        place = urlsplit(href)
        with self._connected(href) as connection:
            connection.request("GET", f"{place.path}?{place.query}", headers={"Range": f"bytes={start}-"})
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                raise _told(answer.status, answer.read(_MOST_ANSWER))
            while chunk := answer.read(_CHUNK):
                yield chunk
            if answer.length:  # the connection ended before the answer did
                raise Unavailable("exchange.answer", operator=f"{answer.length} bytes are missing")

    def _put(self, connection: http.client.HTTPConnection, path: str, content: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        headers = {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/octet-stream"}
        for tried in range(1, _TRIES + 1):
            try:
                self._call(connection, "PUT", self._url + path, content, headers)
                return
            except Unavailable:
                connection.close()  # the next request connects anew
                if tried == _TRIES:
                    raise

    def _request(self, kind: str, known: Digested) -> bytes:
        made = Request(kind, self._department, self._clock(), self._nonce(), digest=known.digest, size=known.size)
        return signature.sign(proof.request_tree(made), self._signer)

    def _json(self, method: str, path: str, body: bytes, seconds: float = 0) -> Mapping[str, Any]:
        with self._connected(self._url, seconds) as connection:
            answer = self._call(connection, method, self._url + path, body, {"Content-Type": "text/xml; charset=utf-8"})
        try:
            found = json.loads(answer)
        except ValueError:
            raise Unavailable("exchange.answer", operator=repr(answer[:200])) from None
        return found if isinstance(found, dict) else {}

    def _call(
        self, connection: http.client.HTTPConnection, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> bytes:
        with _translated():
            connection.request(method, urlsplit(url).path, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read(_MOST_ANSWER)
        if answer.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise _told(answer.status, content)
        return content

    @contextmanager
    def _connected(self, url: str, seconds: float = 0) -> Iterator[http.client.HTTPConnection]:
        place, seconds = urlsplit(url), seconds or self._seconds
        connection = (
            http.client.HTTPSConnection(place.hostname or "", place.port, timeout=seconds, context=self._tls)
            if place.scheme == "https"
            else http.client.HTTPConnection(place.hostname or "", place.port, timeout=seconds)
        )
        try:
            with _translated():
                yield connection
        finally:
            connection.close()


def _length(known: Digested, size: int, number: int) -> int:
    return min(size, known.size - (number - 1) * size)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ConnectionError, TimeoutError, socket.gaierror, http.client.HTTPException, ssl.SSLError) as error:
        raise Unavailable("exchange.unreachable", operator=f"{type(error).__name__}: {error}") from None


def _told(status: int, content: bytes) -> ExchangeFault | Unavailable:
    """The hub's own words, or that something before it answered."""
    with suppress(ValueError, KeyError, TypeError):
        told = json.loads(content)
        if status != http.HTTPStatus.SERVICE_UNAVAILABLE:
            words = Told(told["code"], told["zh"], told["en"], str(told.get("where", "")), "")
            return ExchangeFault(words)
    return Unavailable("exchange.answer", operator=f"{status} {content[:200]!r}")
