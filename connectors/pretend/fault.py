"""The faults that a pretend department can have: how a receiving system goes wrong, by name."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from connectors.serving.http_server import HANG_UP
from hub.errors import Misconfigured

_PLAIN = (
    *("none", "down", "hang", "error500", "fault", "garbage", "bomb", "endless"),
    *("unsigned", "wrong-message", "wrong-signer"),
)
_NUMBERED = {"slow": "SECONDS", "flaky": "N", "lost-answer": "N"}
NAMES = (*_PLAIN, *(f"{name}:{number}" for name, number in _NUMBERED.items()))


@dataclass(frozen=True, slots=True)
class PretendFault:
    """One fault. `number` is seconds for slow, and how many calls it lasts for flaky and lost-answer."""

    name: str = "none"
    number: float = 0.0


NO_FAULT = PretendFault()


def parse_fault(text: str) -> PretendFault:
    """The fault that a text such as "slow:2.5" names. Errors: Misconfigured mock.fault."""
    name, colon, number = text.strip().partition(":")
    try:
        if name in _PLAIN and not colon:
            return PretendFault(name)
        if name in _NUMBERED and math.isfinite(value := float(number)) and value >= 0:
            return PretendFault(name, value)
    except ValueError:
        pass
    raise Misconfigured("mock.fault", expected=", ".join(NAMES), got=text[:100])


class HangUp(Response):
    """Cuts the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the connection; where the server does not let us, break off in the middle of an answer."""
        extension = _extension(scope)
        if extension is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            return
        extension["abort"]()
        await _gone(receive)


class Hang(Response):
    """Never answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait until the caller has gone."""
        await _gone(receive)


async def answer_wrongly(fault: PretendFault, calls: int) -> Response | None:
    """The answer of a department that does not even take the message, or None if it goes on to take it.

    `calls` counts this one too.
    """
    if fault.name == "slow":
        await asyncio.sleep(fault.number)
    if fault.name == "flaky" and calls > fault.number:
        return None
    wrong = _WRONG.get(fault.name)
    return wrong() if wrong is not None else None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _extension(scope: MutableMapping[str, Any]) -> Any:
    return scope.get("extensions", {}).get(HANG_UP)


def _internal_error() -> Response:
    return Response("<html><body>java.lang.NullPointerException</body></html>", 500, media_type="text/html")


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65536
        # Sending to a caller who has gone does not wait; without this the event loop would never get to know it.
        await asyncio.sleep(0)


_BOMB = b"".join(
    (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "ha">',
        *(b'<!ENTITY e%d "%b">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10)),
        b"]><a>&e9;</a>",
    )
)

_WRONG: Mapping[str, Callable[[], Response]] = {
    "down": HangUp,
    "hang": Hang,
    "error500": _internal_error,
    "flaky": _internal_error,
    "garbage": lambda: Response(bytes(range(256)) * 16, media_type="text/xml"),
    "bomb": lambda: Response(_BOMB, media_type="text/xml"),
    "endless": lambda: StreamingResponse(_endless(), media_type="text/xml"),
}
