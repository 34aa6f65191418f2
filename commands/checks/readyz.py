"""What a serving process says of itself at `/readyz`, asked over the network, or why it cannot be heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from urllib.request import OpenerDirector


class Disbelieved(Exception):
    """Who answers at an https address shows no certificate that is believed; why, in the words of the TLS library."""


class NotAPage(Exception):
    """What answers is no `/readyz` of a hub; its HTTP status."""


class ShutOut(Exception):
    """No TLS connection comes about, or it is ended, for another reason; which, in the words of the TLS library."""


def read_page(url: str, timeout: float, tls: ssl.SSLContext | None = None) -> Any:
    """What `/readyz` of a serving process says, None if nobody answers; `tls`: what https goes by.

    Errors: ValueError if the address is none or does not speak HTTP; NotAPage, Disbelieved, ShutOut.
    """
    import ssl
    from http.client import HTTPException
    from urllib.error import URLError
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url}: http:// | https://")
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=tls))
    try:
        return _answer(opener, f"{url.rstrip('/')}/readyz", timeout)
    except (URLError, TimeoutError, ConnectionError, ssl.SSLError) as error:
        # TLS 1.3 says only after the handshake that a client's certificate is missing: then the error comes bare.
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Disbelieved(cause.verify_message) from None
        if isinstance(cause, ssl.SSLError):
            raise ShutOut(cause.reason or str(cause)) from None
        return None
    except HTTPException as error:
        raise ValueError(f"not an answer of /readyz: {error!r}") from None


def _answer(opener: OpenerDirector, address: str, timeout: float) -> Any:
    import json
    from urllib.error import HTTPError

    try:
        answer = opener.open(address, timeout=timeout)
    except HTTPError as error:
        answer = error
    with answer:
        content = answer.read(1_000_000)
    try:
        return json.loads(content)
    except ValueError:
        raise NotAPage(str(answer.status)) from None
