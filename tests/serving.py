"""Ways for a test to reach an ASGI application: called directly, or over a real socket from a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree
from starlette.types import ASGIApp

from connectors.serving.http_server import address_of, bind, serve_on

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
XML = "text/xml; charset=utf-8"
UNPREPARED = "from hub.schema.schema import Schemas; Schemas.warm = lambda self: None"
"""What a process runs that need not prepare the words of refusals, which takes it seconds."""


@dataclass(frozen=True)
class Heard:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        return etree.fromstring(self.body)

    def text(self, name: str) -> str:
        """The text of the first element of this local name."""
        return str(self.tree.findtext(f".//{{*}}{name}"))

    @property
    def code(self) -> str:
        """The code in the HubFault, after a check that this is a right SOAP fault that tells no secrets."""
        assert self.tree.tag in (f"{{{SOAP_11}}}Envelope", f"{{{SOAP_12}}}Envelope")
        assert self.tree.find(".//{*}Fault") is not None
        assert self.status >= 400
        for secret in (b"Traceback", b"lxml", b"/work", b"site-packages", b".py", b"PRIVATE"):
            assert secret not in self.body
        assert len(self.text("correlationId")) == 16
        return self.text("code")


def ask(
    app: ASGIApp,
    body: bytes | Iterable[bytes] = b"",
    content_type: str = XML,
    *,
    method: str = "POST",
    path: str = "/exchange/v1",
    headers: Mapping[str, str] | None = None,
) -> Heard:
    """Call an application directly; a body of several chunks has no Content-Length."""
    return asyncio.run(_ask(app, body, content_type, method, path, headers or {}))


async def _ask(
    app: ASGIApp, body: bytes | Iterable[bytes], content_type: str, method: str, path: str, headers: Mapping[str, str]
) -> Heard:
    chunks = [body] if isinstance(body, bytes) else list(body)
    sent = {"content-type": content_type, **headers}
    if isinstance(body, bytes):
        sent.setdefault("content-length", str(len(body)))
    place, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": place,
        "raw_path": place.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items() if v],
        "server": ("hub.test", 80),
        "client": ("127.0.0.1", 1),
    }
    heard: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        if not chunks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        heard.append(message)

    await app(scope, receive, send)
    fields = {k.decode(): v.decode() for k, v in heard[0]["headers"]}
    return Heard(heard[0]["status"], fields, b"".join(m.get("body", b"") for m in heard[1:]))


@contextlib.contextmanager
def serving(app: ASGIApp, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve an application on a free port, by TLS if given; yields its address."""
    bound = bind("127.0.0.1", 0)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=_run, args=(loop, serve_on(bound, app, stop, drain=1, tls=tls)))
    thread.start()
    try:
        yield address_of(bound, "https" if tls else "http")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


def soap(content: bytes, header: bytes = b"", version: str = SOAP_11) -> bytes:
    """A SOAP message as a client would write it, by hand."""
    return b'<s:Envelope xmlns:s="%b">%b<s:Body>%b</s:Body></s:Envelope>' % (
        version.encode(),
        b"<s:Header>%b</s:Header>" % header if header else b"",
        content,
    )


class Now:
    """Gives what was last put in: lets one server serve many tests."""

    def __init__(self) -> None:
        self.value: Any = None

    def __call__(self) -> Any:
        return self.value
