"""Takes a multipart/related body apart: MTOM and SOAP with Attachments.

Promises: one level, at most 100 parts, content exactly as sent; anything else is refused. Only `cid:` leads from the
root to a part, and each part may be used once, so that a small body cannot grow large.
The standard library's message parser descends into nested multiparts and looks at each line once per level: too
slow to give it bodies of strangers. So the body is cut at its boundary here, and the library reads the part headers.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from hub.errors import Refused

MOST_PARTS = 100
MOST_HEADER_BYTES = 8 * 1024
XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"

_HEADERS = BytesHeaderParser()
_END_OF_HEADERS = re.compile(rb"(?:\A|\r?\n)\r?\n")


@dataclass(slots=True)
class Parts:
    """The parts beside the root, by content id. Taking one removes it."""

    waiting: dict[str, bytes] = field(default_factory=dict)

    def take(self, reference: str) -> bytes:
        """The part that a `cid:` reference names. Errors: Refused mime.reference."""
        if not reference.startswith("cid:"):
            raise Refused("mime.reference", expected="cid:", got=reference[:100])
        found = self.waiting.pop(unquote(reference[4:]), None)
        if found is None:
            raise Refused("mime.reference", expected="a part that is there, used once", got=reference[:100])
        return found


@dataclass(frozen=True, slots=True)
class Package:
    """A body taken apart: the XML in `root` with its charset, and the parts it refers to."""

    root: bytes
    charset: str
    parts: Parts


class _Kind(NamedTuple):
    """What a Content-Type header says."""

    multipart: bool
    charset: str
    boundary: str
    start: str


@lru_cache(maxsize=64)
def _kind(content_type: str) -> _Kind:
    kind = Message()
    kind["Content-Type"] = content_type or "text/xml"
    multipart = kind.get_content_maintype() == "multipart"
    return _Kind(multipart, *(_parameter(kind, name) for name in ("charset", "boundary", "start")))


def open_package(body: bytes, content_type: str) -> Package:
    """The root and parts of a body; one that is not multipart is all root. Errors: Refused mime.*"""
    kind = _kind(content_type)
    if not kind.multipart:
        return Package(body, kind.charset, Parts())
    found = [_read_part(part) for part in _split(body, kind.boundary)]
    start = _content_id(kind.start)
    names = [_content_id(str(headers.get("Content-ID", ""))) for headers, _ in found]
    root = names.index(start) if start in names else 0
    headers, content = found.pop(root)
    names.pop(root)
    if len(set(names)) != len(names):
        raise Refused("mime.malformed", expected="a Content-ID of its own for each part")
    waiting = {name: content for name, (_, content) in zip(names, found, strict=True)}
    return Package(content, _parameter(headers, "charset"), Parts(waiting))


def inline_xop(root: Any, parts: Parts) -> None:
    """Replace each xop:Include below `root` by the base64 text that it stands for. Errors: Refused mime.reference."""
    for include in list(root.iter(XOP_INCLUDE)):
        parent = include.getparent()
        if parent is None or len(parent) != 1:
            raise Refused("mime.reference", expected="one xop:Include alone in its element")
        parent.text = base64.b64encode(parts.take(include.get("href", ""))).decode()
        parent.remove(include)


def _parameter(message: Message, name: str) -> str:
    found = message.get_param(name, "")
    return collapse_rfc2231_value(found) if isinstance(found, tuple) else str(found)


def _content_id(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">")


def _split(body: bytes, boundary: str) -> list[bytes]:
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise Refused("mime.malformed", expected="boundary")
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    parts: list[bytes] = []
    begin = -1
    for found in delimiter.finditer(body):
        if begin >= 0:
            parts.append(body[begin : found.start()])
        if found.group(1) and parts:
            return parts
        if len(parts) == MOST_PARTS:
            raise Refused("mime.too-many", expected=f"<= {MOST_PARTS}")
        begin = found.end()
    raise Refused("mime.malformed", expected="parts, and the closing boundary")


def _read_part(part: bytes) -> tuple[Message, bytes]:
    end = _END_OF_HEADERS.search(part, 0, MOST_HEADER_BYTES)
    if end is None:
        raise Refused("mime.malformed", expected=f"part headers of at most {MOST_HEADER_BYTES} bytes")
    headers = _HEADERS.parsebytes(part[: end.start()])
    content = part[end.end() :]
    match str(headers.get("Content-Transfer-Encoding", "binary")).strip().lower():
        case "binary" | "8bit" | "7bit":
            return headers, content
        case "base64":
            return headers, _decoded(content)
        case "quoted-printable":
            return headers, binascii.a2b_qp(content)
    raise Refused("mime.malformed", expected="Content-Transfer-Encoding binary, 8bit, base64 or quoted-printable")


def _decoded(content: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(content.split()), strict_mode=True)
    except binascii.Error:
        raise Refused("mime.malformed", expected="base64") from None
