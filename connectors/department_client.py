"""What every SOAP client of a department has: who calls, with which key, and the hub's refusals in the hub's own words.

Promises: one attempt per call. Which operations there are is the clients' business.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from lxml import etree

from connectors.soap.client import CallFailed, FaultAnswered, Outgoing, SoapClient, Told
from connectors.soap.parameters import Parameters
from connectors.soap.soap import VERSIONS
from hub import proof
from hub.catalogue import CATALOGUE
from hub.errors import Refused, Unavailable
from hub.hub import utc_now
from hub.parser import ParseLimits
from hub.proof import Request
from hub.signing import signature
from hub.signing.signer import Signer

T = TypeVar("T")


class ExchangeFault(Refused):
    """The hub's refusal, in the hub's own words. `code` is as in its catalogue, which may be newer than ours."""

    def __init__(self, told: Told) -> None:
        self.zh = told.zh
        self.en = told.en
        super().__init__("exchange.refused", where=told.where, operator=f"correlationId {told.correlation_id}")
        self.code = told.code

    def sentence(self, lang: str = "en") -> str:
        """The hub's whole message in `lang` ("zh" or "en")."""
        return self.zh if lang == "zh" else self.en


class DepartmentClient:
    """Calls one hub as one department. Errors of every call: ExchangeFault; Unavailable exchange.*

    `tls` as for `SoapClient`, with the department's certificate if the hub asks for one. Without a `signer` requests
    are not signed: that certificate has to prove who asks.
    """

    namespace: str
    limits: ParseLimits

    def __init__(
        self,
        url: str,
        signer: Signer | None,
        department: str,
        *,
        tls: ssl.SSLContext | None = None,
        soap: str = "1.1",
        seconds: float = 60.0,
        clock: Callable[[], datetime] = utc_now,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._url = url
        self._signer = signer
        self._department = department
        self._version = VERSIONS[soap]
        self._seconds = seconds
        self._clock = clock
        self._nonce = nonce
        self._client = SoapClient(tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    def _written(self, request: Request) -> bytes:
        """A request as it is sent: signed, or without a signer not."""
        tree = proof.request_tree(request)
        return signature.sign(tree, self._signer) if self._signer is not None else etree.tostring(tree)

    async def _call(self, operation: str, fields: tuple[bytes, ...], read: Callable[[Parameters], T]) -> T:
        outgoing = Outgoing(self._url, self._version, self.namespace, operation, fields, self._seconds, self.limits)
        try:
            return read(await self._client.call(outgoing))
        except FaultAnswered as fault:
            raise _told(fault) from None
        except CallFailed as error:
            code = "answer" if error.cause == "fault" else error.cause
            raise Unavailable(f"exchange.{code}", operator=error.words) from None
        except Refused as error:
            raise Unavailable("exchange.answer", operator=str(error)) from None


def _told(fault: FaultAnswered) -> ExchangeFault | Unavailable:
    """A refusal in the hub's words, or what passes by itself: trouble of the hub, or of something before it."""
    if fault.told is not None and fault.ours:
        return ExchangeFault(fault.told)
    known = fault.told is not None and fault.told.code in CATALOGUE
    return Unavailable(fault.told.code if fault.told and known else "exchange.answer", operator=fault.words)
