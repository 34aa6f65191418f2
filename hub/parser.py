"""Step 1: from bytes to a small, plain XML tree, or a refusal.

Promises: what comes out is well-formed XML 1.0 in an encoding that this file chose, holds elements,
attributes and text only (no DOCTYPE, comment, processing instruction or entity), and is within `ParseLimits`.
No network, no file, no XInclude, and no memory spent on a tree that would be too large. It does not know
envelopes, schemas or signatures.

How: the bytes become UTF-8; one linear expression checks that they are a row of tags, text and CDATA sections
within the limits; only then does libxml2 build the tree. Without comments, instructions and DOCTYPE, "<"
opens a tag or a CDATA section and nothing else, so that expression and libxml2 cannot cut the same bytes
differently: where they would, libxml2 finds the document malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, NoReturn

from lxml import etree

from hub.errors import Refused


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """How much a document may hold.

    `max_attributes` is per element and counts namespace declarations too; `max_all_attributes` is for the
    document. `max_namespaces` is how many declarations may be in force at one element: canonicalisation walks
    through them for each element, and 60 x 256 of them turn a document of 700 KB into five seconds of work.
    `max_name` and `max_value` count UTF-8 bytes of a name and of an attribute's value.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_depth: int = 64
    max_elements: int = 100_000
    max_attributes: int = 256
    max_all_attributes: int = 200_000
    max_namespaces: int = 256
    max_name: int = 1_000
    max_value: int = 100_000


DEFAULT = ParseLimits()

# One decoder for the three national names: documents called GB2312 hold GBK characters in practice, and GB
# 18030 contains both.
_DECODERS = {"gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "us-ascii": "ascii"}
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_ACCEPTED = "UTF-8, UTF-16 (BOM), GB18030, GBK, GB2312, US-ASCII"
_DECLARATION = re.compile(
    rb"<\?xml\s+version\s*=\s*(?:'1\.0'|\"1\.0\")"
    rb"(?:\s+encoding\s*=\s*(?:'(?P<a>[A-Za-z][\w.\-]{0,39})'|\"(?P<b>[A-Za-z][\w.\-]{0,39})\"))?"
    rb"(?:\s+standalone\s*=\s*(?:'(?:yes|no)'|\"(?:yes|no)\"))?\s*\?>"
)

# Any declaration that the expression above does not take: XML 1.1, a second one, one in the middle.
_DECLARED_BADLY = re.compile(rb"<\?xml\s")

_NAME_BYTE = rb"[\w.:\-\x80-\xff]"
_CDATA_TEXT = rb"!\[CDATA\[[^\]]*+(?:(?:\](?!\])|\]{2,}+(?!>))[^\]]*+)*+\]{2,}+>"
_CDATA = re.compile(b"<" + _CDATA_TEXT)
_TAG = re.compile(rb"""<[^<>"']*+(?:"[^"<]*+"[^<>"']*+|'[^'<]*+'[^<>"']*+)*+>""")
_ATTRIBUTE = re.compile(rb"""=\s*+(?:"[^"]*+"|'[^']*+')""")
_SHORTEST_ATTRIBUTE = len(b' a=""')

# huge_tree lifts libxml2's own limits: 10 MB for a text (an inline attachment may be longer), 256 levels,
# 50,000 bytes for a name. By the time it runs ours were checked; its guard against entity expansion has
# nothing to guard, since a document with a DOCTYPE never gets here. What stays is its limit of 2,048 levels,
# so that the exact limit can be checked on the finished tree.
_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    attribute_defaults=False,
    huge_tree=True,
    collect_ids=False,
)


class _Grammar(NamedTuple):
    """`document` matches a row of tags and text within limits; the others explain where it stopped."""

    document: re.Pattern[bytes]
    crowded_tag: re.Pattern[bytes]
    long_tag: re.Pattern[bytes]
    too_deep: etree.XPath


def parse(raw: bytes, limits: ParseLimits = DEFAULT) -> etree._Element:
    """Return the root element of the document in `raw`. Errors: Refused xml.*"""
    if len(raw) > limits.max_bytes:
        raise Refused("xml.too-large", expected=f"<= {limits.max_bytes}", got=str(len(raw)))
    body = _to_utf8(raw)
    grammar = _grammar(limits)
    _check_elements(body, limits)
    _check_shape(body, grammar, limits)
    _check_attributes(body, limits)
    root = _build(body, limits)
    if grammar.too_deep(root):
        raise Refused("xml.too-deep", expected=f"<= {limits.max_depth}")
    if body.count(b"xmlns") > limits.max_namespaces:
        _check_namespaces(root, limits)
    return root


def _to_utf8(raw: bytes) -> bytes:
    """The document as UTF-8 without byte order mark and XML declaration.

    UTF-8 itself is not validated here: libxml2 does that, strictly.
    """
    allowed: tuple[str, ...] = ("utf-8", *_DECODERS)
    body = raw
    if (wide := _UTF_16.get(raw[:2])) is not None:
        body, allowed = _decoded(raw[2:], wide), ("utf-16",)
    elif raw.startswith(b"\xef\xbb\xbf"):
        body, allowed = raw[3:], ("utf-8",)
    declaration = _DECLARATION.match(body)
    if declaration is None:
        return body
    name = _declared(declaration, allowed)
    # The blank keeps a second declaration from becoming the first; lines keep their numbers.
    body = b" " + b"\n" * declaration[0].count(b"\n") + body[declaration.end() :]
    return _decoded(body, _DECODERS[name]) if name in _DECODERS else body


def _declared(declaration: re.Match[bytes], allowed: tuple[str, ...]) -> str:
    written = declaration["a"] or declaration["b"]
    if written is None:
        return allowed[0]
    name = written.decode("ascii").lower()
    if name not in allowed:
        raise Refused("xml.encoding", expected=allowed[0] if len(allowed) == 1 else _ACCEPTED, got=name)
    return name


def _decoded(raw: bytes, codec: str) -> bytes:
    try:
        return raw.decode(codec).encode("utf-8")
    except UnicodeError as wrong:
        raise Refused("xml.encoding", expected=_ACCEPTED, operator=str(wrong)) from None


def _check_elements(body: bytes, limits: ParseLimits) -> None:
    """Nearly every document passes by the upper bound of the first line; only beyond it they are counted."""
    if body.count(b"<") <= limits.max_elements:
        return
    outline = _CDATA.sub(b"", body)
    if outline.count(b"<") - outline.count(b"</") > limits.max_elements:
        raise _too_many("elements", limits.max_elements)


def _check_attributes(body: bytes, limits: ParseLimits) -> None:
    """Likewise: every attribute takes five bytes and an equals sign."""
    most = limits.max_all_attributes
    if len(body) // _SHORTEST_ATTRIBUTE <= most or body.count(b"=") <= most:
        return
    tags = b"".join(_TAG.findall(_CDATA.sub(b"", body)))
    if next(islice(_ATTRIBUTE.finditer(tags), most, None), None) is not None:
        raise _too_many("attributes", most)


def _too_many(what: str, limit: int) -> Refused:
    return Refused("xml.too-many", where=what, expected=f"<= {limit}")


def _check_shape(body: bytes, grammar: _Grammar, limits: ParseLimits) -> None:
    stop = found.end() if (found := grammar.document.match(body)) else 0
    if stop == len(body) and b"\0" not in body:
        return
    for opening, code in ((b"<!--", "xml.comment"), (b"<!DOCTYPE", "xml.doctype")):
        if body.startswith(opening, stop):
            raise Refused(code)
    if body.startswith(b"<?", stop) and not _DECLARED_BADLY.match(body, stop):
        raise Refused("xml.instruction")
    _refuse_tag(body, stop, grammar, limits)


def _refuse_tag(body: bytes, stop: int, grammar: _Grammar, limits: ParseLimits) -> NoReturn:
    if grammar.crowded_tag.match(body, stop):
        raise _too_many("attributes of one element", limits.max_attributes)
    if grammar.long_tag.match(body, stop):
        raise Refused("xml.too-long", expected=f"name <= {limits.max_name}, value <= {limits.max_value} bytes")
    line = body.count(b"\n", 0, stop) + 1
    raise Refused("xml.malformed", where=f"XML:{line}", operator=f"not XML, or NUL, from UTF-8 byte {stop}")


def _build(body: bytes, limits: ParseLimits) -> etree._Element:
    try:
        return etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError as wrong:
        if getattr(wrong, "code", None) == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            raise Refused("xml.too-deep", expected=f"<= {limits.max_depth}") from None
        raise Refused("xml.malformed", where=f"XML:{wrong.lineno or 1}", operator=str(wrong)[:300]) from None


def _check_namespaces(root: etree._Element, limits: ParseLimits) -> None:
    in_force = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_force += 1 if event == "start-ns" else -1
        if in_force > limits.max_namespaces:
            raise _too_many("namespaces", limits.max_namespaces)


@lru_cache(maxsize=8)
def _grammar(limits: ParseLimits) -> _Grammar:
    """Every repetition is possessive: it never gives back, so time is linear in the document."""
    most, name, value = limits.max_attributes, limits.max_name, limits.max_value
    quoted = rb"""(?:"[^"<]{0,%d}+"|'[^'<]{0,%d}+')""" % (value, value)
    attribute = rb"\s++%b{1,%d}+\s*+=\s*+%b" % (_NAME_BYTE, name, quoted)
    start = rb"</?+%b{1,%d}+" % (_NAME_BYTE, name)
    rest = rb"(?:>|(?:%b){0,%d}+\s*+/?+>)" % (attribute, most)
    long_value = rb"""(?:"[^"<]{%d}|'[^'<]{%d})""" % (value + 1, value + 1)
    long_name = rb"%b{%d}" % (_NAME_BYTE, name + 1)
    long_attribute = rb"\s++(?:%b|%b++\s*+=\s*+%b)" % (long_name, _NAME_BYTE, long_value)
    return _Grammar(
        document=re.compile(rb"\s*+(?:(?:%b%b|<%b)[^<]*+)*+" % (start, rest, _CDATA_TEXT)),
        crowded_tag=re.compile(rb"%b(?:%b){%d}" % (start, attribute, most + 1)),
        long_tag=re.compile(
            rb"</?+(?:%b|%b++(?:%b){0,%d}+%b)" % (long_name, _NAME_BYTE, attribute, most, long_attribute)
        ),
        too_deep=etree.XPath(f"boolean({'/*' * (limits.max_depth + 1)})"),
    )
