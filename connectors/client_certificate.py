"""Whose certificate a request came with: shown on its connection, or handed on by a proxy.

Whether it counts for anything is judged by the hub, not here.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from hub.errors import Misconfigured
from hub.settings.listen import Listen
from hub.trust.certificate import LARGEST, split_certificates

CLIENT_CERTIFICATE = "hub.client-certificate"
"""The ASGI extension with the certificate that a caller showed on its connection, at `der`."""

log = logging.getLogger("hub.tls")


def certificate_of(request: Request, listen: Listen) -> bytes:
    """The client certificate (DER) that may prove who calls; empty if there is none, or none that may.

    Of a trusted proxy only its word about its caller counts, never its own certificate.
    """
    if not listen.tls.proof:
        return b""
    if listen.forwarded_certificate and request.client is not None and listen.trusts(request.client.host):
        return _forwarded(request.headers.getlist(listen.forwarded_certificate))
    found: bytes = request.scope.get("extensions", {}).get(CLIENT_CERTIFICATE, {}).get("der", b"")
    return found


def shown_on(transport: Any) -> bytes:
    """The certificate (DER) that the other side of a TLS transport showed; empty if it showed none."""
    secured = transport.get_extra_info("ssl_object")
    return (secured.getpeercert(binary_form=True) or b"") if secured is not None else b""


def _forwarded(values: list[str]) -> bytes:
    """The certificate in a header; a header that comes twice was not written by the proxy alone."""
    if len(values) != 1 or not 0 < len(values[0]) <= 4 * LARGEST:
        return b""
    try:
        (der,) = split_certificates(unquote_to_bytes(values[0]))
    except (Misconfigured, ValueError) as error:
        log.warning("forwarded-certificate", extra={"fields": {"operator": str(error)[:200]}})
        return b""
    return der
