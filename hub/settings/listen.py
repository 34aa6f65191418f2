"""Where the front door listens: its address, its TLS, and the proxies whose word about a caller counts.

Promises: settings that contradict each other are refused when they are read. It opens no file and no socket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from hub.errors import Misconfigured

CLIENTS = ("none", "optional", "required")
"""Whether callers are asked for a certificate, and whether one without is let in."""

_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS of the front door; no `certificate` is plain HTTP. All three are PEM files.

    `certificate` may hold its chain. `client_ca` are the authorities of the callers' certificates. With `proof` an
    enrolled certificate of the connection stands for the signature of a Fetch, Confirm, Status or inquiry.
    """

    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    client: str = "none"
    proof: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the front door listens, and the address that its WSDL announces.

    `forwarded_certificate` is the header in which a proxy hands on the caller's certificate (PEM, URL-encoded);
    it is read from the addresses and networks in `trusted_proxies`, with spaces between, and from nobody else.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    tls: Tls = field(default_factory=Tls)
    forwarded_certificate: str = ""
    trusted_proxies: str = ""

    @property
    def scheme(self) -> str:
        """How the port itself is spoken to."""
        return "https" if self.tls.certificate else "http"

    def trusts(self, address: str) -> bool:
        """Whether an address is a trusted proxy's."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in _networks(self.trusted_proxies))


def check_listen(listen: Listen) -> None:
    """Refuse settings that cannot work together. Errors: Misconfigured settings.value."""
    tls = listen.tls
    if tls.client not in CLIENTS:
        raise _wrong("tls.client", ", ".join(CLIENTS), tls.client)
    if bool(tls.certificate) != bool(tls.key):
        raise _wrong("tls.key" if tls.certificate else "tls.certificate", "certificate and key", "one of them")
    if tls.client != "none" and not (tls.certificate and tls.client_ca):
        raise _wrong("tls.client", "certificate, key and client_ca", "not all of them")
    if listen.forwarded_certificate and not _HEADER.fullmatch(listen.forwarded_certificate):
        raise _wrong("forwarded_certificate", "the name of a header", listen.forwarded_certificate)
    if bool(listen.forwarded_certificate) != bool(listen.trusted_proxies.split()):
        raise _wrong("trusted_proxies", "forwarded_certificate and trusted_proxies", "one of them")
    try:
        _networks(listen.trusted_proxies)
    except ValueError:
        raise _wrong("trusted_proxies", "IP addresses or networks", listen.trusted_proxies[:200]) from None
    if tls.proof and tls.client == "none" and not listen.forwarded_certificate:
        raise _wrong("tls.proof", "tls.client or forwarded_certificate", "no certificates of callers")


@lru_cache(maxsize=64)
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(word) for word in text.split())


def _wrong(where: str, expected: str, got: str) -> Misconfigured:
    return Misconfigured("settings.value", where=f"listen.{where}", expected=expected, got=got)
