"""Reads SOAP 1.1 and 1.2 messages: from the bytes of an HTTP body to the one element in the Body.

Promises: bounded parsing as for every document, one Body with one element, no header that claims to be understood.
What decides is the content: media type, SOAPAction and WS-Addressing headers are ignored, because old clients send
anything there and an attacker does too. It proves nothing and knows no operation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from connectors.soap.encoding import as_utf8
from connectors.soap.mime import Parts, inline_xop, open_package
from hub.errors import Refused
from hub.parser import ParseLimits, parse

EXCHANGE = "urn:hub:exchange:v1"
DELIVERY = "urn:hub:delivery:v1"

_WRAPPING_DEPTH = 6
_WRAPPING_BYTES = 64 * 1024
_NEXT = ("http://schemas.xmlsoap.org/soap/actor/next", "http://www.w3.org/2003/05/soap-envelope/role/next")
_LAST = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of SOAP, its names and its words for whose fault it is."""

    name: str
    namespace: str
    media_type: str
    client: str
    server: str
    actor: str

    def tag(self, name: str) -> str:
        """The full name of one of SOAP's own elements or attributes."""
        return f"{{{self.namespace}}}{name}"


SOAP_11 = Version("1.1", "http://schemas.xmlsoap.org/soap/envelope/", "text/xml", "Client", "Server", "actor")
SOAP_12 = Version(
    "1.2", "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml", "Sender", "Receiver", "role"
)
VERSIONS = {version.name: version for version in (SOAP_11, SOAP_12)}
_BY_ENVELOPE = {version.tag("Envelope"): version for version in VERSIONS.values()}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One SOAP message: its version, the element in its Body, and the MIME parts that came with it."""

    version: Version
    element: Any
    parts: Parts

    @property
    def namespace(self) -> str:
        """The namespace of the element in the Body."""
        return etree.QName(self.element).namespace or ""

    @property
    def name(self) -> str:
        """The local name of the element in the Body: the operation, its response, or Fault."""
        return str(etree.QName(self.element).localname)


def body_limit(max_bytes: int) -> int:
    """The most bytes of an HTTP body whose documents may hold `max_bytes`: base64 and the wrapping come on top."""
    return max_bytes * 4 // 3 + _WRAPPING_BYTES


def wrapped(limits: ParseLimits) -> ParseLimits:
    """The limits for a SOAP message that carries a document within `limits`."""
    return replace(limits, max_bytes=body_limit(limits.max_bytes), max_depth=limits.max_depth + _WRAPPING_DEPTH)


def guess_version(body: bytes, content_type: str) -> Version:
    """The version to answer in, when a body could not be read."""
    named = SOAP_12.media_type in content_type.lower() or SOAP_12.namespace.encode() in body[:1000]
    return SOAP_12 if named else SOAP_11


def read_message(body: bytes, content_type: str, limits: ParseLimits) -> Spoken:
    """The message in an HTTP body. Errors: Refused soap.*, mime.*, xml.*"""
    if not body.strip():
        raise Refused("soap.empty")
    package = open_package(body, content_type)
    root = parse(as_utf8(package.root, package.charset), limits)
    version = _BY_ENVELOPE.get(root.tag)
    if version is None:
        raise Refused("soap.version", expected=f"{SOAP_11.namespace} Envelope", got=str(root.tag)[:200])
    inline_xop(root, package.parts)
    return Spoken(version, _only_element(root, version), package.parts)


def read_call(body: bytes, content_type: str, namespace: str, limits: ParseLimits) -> Spoken:
    """A message whose Body element is of the contract's `namespace`. Errors: as `read_message`, soap.operation."""
    spoken = read_message(body, content_type, limits)
    if spoken.namespace != namespace:
        raise Refused("soap.operation", expected=namespace, got=str(spoken.element.tag)[:200])
    return spoken


def cut_document(holder: Any) -> bytes | None:
    """The one element in `holder` as a document of its own, or None if there is not exactly one.

    Every namespace declaration in scope comes with it, those too that only its content mentions (`xsi:type="p:T"`).
    """
    if len(holder) != 1 or (holder.text or "").strip() or (holder[0].tail or "").strip():
        return None
    cut: bytes = etree.tostring(holder[0], encoding="UTF-8", xml_declaration=False, with_tail=False)
    return cut


def _only_element(root: Any, version: Version) -> Any:
    header, bodies = root.find(version.tag("Header")), root.findall(version.tag("Body"))
    known = len(bodies) + (header is not None)
    if len(bodies) != 1 or len(root) != known or len(bodies[0]) != 1:
        raise Refused("soap.body", got=f"{len(bodies)} / {sum(len(body) for body in bodies)}")
    for block in header if header is not None else ():
        _check_header(block, version)
    return bodies[0][0]


def _check_header(block: Any, version: Version) -> None:
    wanted = block.get(version.tag("mustUnderstand"), "").strip() in ("1", "true")
    actor = block.get(version.tag(version.actor), "").strip()
    if wanted and actor in ("", *_NEXT, _LAST):
        raise Refused("soap.must-understand", got=str(block.tag)[:200])
