"""Character encodings at the edge: what bytes mean as text, and the same text as UTF-8.

Promises: a body's byte order mark decides, else its XML declaration, else the HTTP charset, else UTF-8, else GB 18030;
of the last three the first that the bytes agree with. Old systems send GBK under `charset=utf-8`, so the HTTP header is
only a hint. A wrong guess cannot alter a document unnoticed: its signature is over characters. It knows no XML beyond
the declaration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hub.errors import Refused

ACCEPTED = "UTF-8, UTF-16, GB18030, GBK, GB2312, US-ASCII"

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
# Documents called GB2312 hold GBK characters in practice, and GB 18030 contains both.
_CODECS = {"utf-8": "utf-8", "gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "us-ascii": "ascii"}
_DECLARATION = re.compile(r"<\?xml\s[^<>]*\?>")
_DECLARED = re.compile(r"""\sencoding\s*=\s*["']([A-Za-z][\w.\-]{0,39})["']""")
_LONGEST_DECLARATION = 200


def as_utf8(body: bytes, charset: str = "") -> bytes:
    """The document in `body` as UTF-8 without byte order mark and XML declaration. Errors: Refused xml.encoding."""
    text = read_text(body, charset)
    declaration = _DECLARATION.match(text)
    # The newline keeps a second declaration from becoming the first.
    return text.encode() if declaration is None else ("\n" + text[declaration.end() :]).encode()


def embeddable(document: bytes) -> bytes:
    """A stored document, to be pasted into another: its own bytes if they are plain UTF-8, else as `as_utf8`."""
    plain = document[:1] == b"<" and document[1:2] not in (b"?", b"\0")
    return document if plain else as_utf8(document)


def read_text(body: bytes, charset: str = "") -> str:
    """The whole document as text, its XML declaration kept. Errors: Refused xml.encoding."""
    for codec in _candidates(body, charset):
        try:
            return body.decode(codec).removeprefix("\ufeff")
        except UnicodeError:
            continue
    raise Refused("xml.encoding", expected=ACCEPTED)


def write_text(text: str) -> bytes:
    """A document that came as text, in the encoding that its own declaration names, so that both agree."""
    declared = _declared(text[:_LONGEST_DECLARATION])
    if declared == "utf-16":
        return b"\xff\xfe" + text.encode("utf-16-le")
    try:
        return text.encode(_CODECS.get(declared, "utf-8"))
    except UnicodeError:
        raise Refused("xml.encoding", expected=ACCEPTED, got=declared) from None


def _candidates(body: bytes, charset: str) -> Iterator[str]:
    if (wide := _MARKS.get(body[:2])) is not None:
        yield wide
    elif body.startswith(b"\xef\xbb\xbf"):
        yield "utf-8"
    elif declared := _declared(body[:_LONGEST_DECLARATION].decode("latin-1")):
        if declared not in _CODECS:
            raise Refused("xml.encoding", expected=ACCEPTED, got=declared)
        yield _CODECS[declared]
    else:
        yield from dict.fromkeys((_CODECS.get(charset.strip().lower(), "utf-8"), "utf-8", "gb18030"))


def _declared(text: str) -> str:
    declaration = _DECLARATION.match(text)
    found = _DECLARED.search(declaration.group()) if declaration else None
    return found.group(1).lower() if found else ""
