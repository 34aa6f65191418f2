"""The one way out of the hub: what a connector promises. Implementations live in `connectors/`."""

from __future__ import annotations

from typing import Protocol

from hub.directory import Endpoint
from hub.message import Consignment


class Connector(Protocol):
    """Hands a consignment to an endpoint and brings back the raw answer."""

    async def deliver(self, endpoint: Endpoint, consignment: Consignment) -> bytes:
        """Return the acknowledgement document as the recipient gave it (unverified bytes).

        Errors: `Undelivered` for anything the receiver or the network did wrong. Never retries by itself.
        """
        ...

    async def ping(self, endpoint: Endpoint) -> str:
        """One sentence on what the endpoint answered to a harmless request. Errors: `Undelivered`."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
