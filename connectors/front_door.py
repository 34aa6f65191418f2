"""What senders and the operator's tools reach first: the exchange service at /exchange/v1, and /healthz.

How calls, faults and limits are handled is `connectors.soap.door`; what the operations do is `exchange_operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.exchange_operations import perform
from connectors.serving.load import Load
from connectors.soap.door import Seen, Service, SoapDoor
from connectors.soap.soap import EXCHANGE
from connectors.soap.wsdl import wsdl
from hub import __version__
from hub.hub import Hub

PATH = "/exchange/v1"
SERVICE = Service(PATH, EXCHANGE, perform, partial(wsdl, "exchange"))


def front_door(
    current: Callable[[], Hub],
    wake: Callable[[Iterable[str]], None],
    check: Callable[[], None] = lambda: None,
    *,
    load: Load | None = None,
    seen: Seen = lambda outcome, seconds: None,
) -> Starlette:
    """The ASGI application of one hub; see `SoapDoor` for what it is given."""

    async def health(request: Request) -> Response:
        """Say that this process serves, for whom and with which ledger."""
        hub = current()
        return JSONResponse({"ok": True, "hub": hub.id, "version": __version__, "ledger": hub.store.ledger_id})

    door = SoapDoor(SERVICE, current, wake, check, load=load, seen=seen)
    return Starlette(routes=[door.route, Route("/healthz", health, methods=["GET"])])
