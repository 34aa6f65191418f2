"""The contract's WSDL files as they are served: with the address that the settings announce."""

from __future__ import annotations

from functools import lru_cache

from connectors.soap.writer import escape
from schemas import FOLDER

_PLACES = ("http://localhost:8080/exchange/v1", "http://localhost:8080/delivery/v1")
_FILES = {"": "{}-1.wsdl", "12": "{}-1-soap12.wsdl"}


def asked_for_wsdl(query: str) -> str | None:
    """Which file a query string asks for: "" for SOAP 1.1, "12", or None for none. `?WSDL` counts too."""
    name = query.lower().partition("=")[0].partition("&")[0]
    return {"wsdl": "", "singlewsdl": "", "wsdl12": "12", "singlewsdl12": "12"}.get(name)


@lru_cache(maxsize=64)
def wsdl(service: str, version: str, address: str) -> bytes:
    """The WSDL of `service` ("exchange" or "delivery"), whose port is at `address`; one file, no imports."""
    text = (FOLDER / _FILES[version].format(service)).read_text(encoding="utf-8")
    for place in _PLACES:
        text = text.replace(f'"{place}"', '"' + escape(address).replace('"', "&quot;") + '"')
    return text.encode()
