"""Writes SOAP messages as bytes, so that a signed document is pasted in as it is and never serialised anew.

Promises: every element it writes carries a prefix, so no default namespace reaches a pasted document; every text is
escaped, and characters that XML does not have are replaced.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

from connectors.soap.encoding import embeddable, read_text
from connectors.soap.soap import SOAP_12, Version
from hub.errors import HubError, Refused
from hub.message import Reference

_UNSAYABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAULT_WORDS = {"soap.must-understand": "MustUnderstand", "soap.version": "VersionMismatch"}


def message(version: Version, content: bytes) -> bytes:
    """A whole SOAP message around the bytes of its one Body element."""
    return b"".join((*_before(version), content, _BEHIND))


_BEHIND = b"</soap:Body></soap:Envelope>"


def _before(version: Version) -> tuple[bytes, ...]:
    start = b'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="'
    return (start, version.namespace.encode(), b'"><soap:Body>')


def wrapper(namespace: str, name: str, fields: Iterable[bytes]) -> bytes:
    """The element that stands in the Body: the operation's name, or its response's."""
    return b"".join(_wrapped(namespace, name, fields))


def call(version: Version, namespace: str, name: str, fields: Iterable[bytes]) -> bytes:
    """A whole SOAP message with a wrapper in its Body; the fields, which may be long, are copied once."""
    return b"".join((*_before(version), *_wrapped(namespace, name, fields), _BEHIND))


def _wrapped(namespace: str, name: str, fields: Iterable[bytes]) -> tuple[bytes, ...]:
    tag = name.encode()
    return (b"<hub:", tag, b' xmlns:hub="', namespace.encode(), b'">', *fields, b"</hub:", tag, b">")


def element(name: str, *content: bytes) -> bytes:
    """An element of the contract around content that is XML already."""
    tag = name.encode()
    return b"<hub:%b>%b</hub:%b>" % (tag, b"".join(content), tag)


def text(name: str, value: str) -> bytes:
    """An element with text."""
    return element(name, escape(value).encode())


def binary(name: str, value: bytes) -> bytes:
    """An element with bytes as base64."""
    return element(name, base64.b64encode(value))


def holder(name: str, document: bytes) -> bytes:
    """An XmlHolder with a stored document."""
    return element(name, embeddable(document))


def text_document(name: str, document: bytes) -> bytes:
    """An element with a stored document as text, its XML declaration kept."""
    return text(name, read_text(document))


DOCUMENT_WRITERS = {"xml": holder, "text": text_document, "binary": binary}
"""How a document is written, by the form of the operation."""


def attachments(beside: Iterable[tuple[str, bytes]]) -> bytes:
    """The optional array of attachments; nothing if there are none."""
    items = [element("attachment", text("id", id), binary("content", content)) for id, content in beside]
    return element("attachments", *items) if items else b""


def links(references: Iterable[Reference]) -> bytes:
    """The optional array of links to large attachments; nothing if there are none."""
    items = [
        element(
            "link", text("id", one.id), text("href", one.href), text("size", str(one.size)), text("sha256", one.digest)
        )
        for one in references
    ]
    return element("links", *items) if items else b""


def fault(version: Version, error: HubError, correlation_id: str, namespace: str) -> bytes:
    """A SOAP message with a fault: whose fault it is, and a HubFault of `namespace` in its detail."""
    zh, en = error.sentence("zh"), error.sentence("en")
    side = version.client if isinstance(error, Refused) else version.server
    code = _FAULT_WORDS.get(error.code, side)
    fields = (
        text("code", error.code),
        text("zh", zh),
        text("en", en),
        text("where", error.where) if error.where else b"",
        text("correlationId", correlation_id),
    )
    form = _FAULT_12 if version is SOAP_12 else _FAULT_11
    words = (code.encode(), escape(zh).encode(), escape(en).encode(), wrapper(namespace, "HubFault", fields))
    return message(version, form % words)


def escape(value: str) -> str:
    """Text for element content; what XML cannot say becomes U+FFFD."""
    clean = _UNSAYABLE.sub("\ufffd", value)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


_FAULT_11 = (
    b"<soap:Fault><faultcode>soap:%b</faultcode><faultstring>%b / %b</faultstring><detail>%b</detail></soap:Fault>"
)
_FAULT_12 = (
    b"<soap:Fault><soap:Code><soap:Value>soap:%b</soap:Value></soap:Code><soap:Reason>"
    b'<soap:Text xml:lang="zh">%b</soap:Text><soap:Text xml:lang="en">%b</soap:Text>'
    b"</soap:Reason><soap:Detail>%b</soap:Detail></soap:Fault>"
)
