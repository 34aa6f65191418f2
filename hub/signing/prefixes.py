"""Namespace prefixes that occur in values, as in `xsi:type="p:T"`, and that exclusive C14N therefore does not
sign.

Exclusive C14N writes out the binding of a prefix only where an element or attribute is named with it. A
prefix in a value can be bound anew without touching the digest, unless the InclusiveNamespaces list names it.
This file finds such prefixes. It sees a value that is one qualified name; of lists of names, XPath or other
small languages it knows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

NO_PREFIX = "xsi:type without prefix"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSI_TYPE = f"{{{_XSI}}}type"

_SPACE = rb"(?:[ \t\n]|&#x[9AD];)*+"
_NAME = rb"[A-Za-z_\x80-\xff][\w.\-\x80-\xff]*+"
# Each begins with a fixed text, which the engine finds far quicker than a set of characters; so a text is found by the
# colon near its end and then read from its start.
_LOCAL_NAME_AT_END = re.compile(rb":%b%b</" % (_NAME, _SPACE))
_PREFIX_AT_START = re.compile(rb"%b(%b)" % (_SPACE, _NAME))
_IN_ATTRIBUTE = re.compile(rb'="%b(%b):%b%b"' % (_SPACE, _NAME, _NAME, _SPACE))


def prefixes_in_values(root: etree._Element, canonical: bytes) -> frozenset[str]:
    """Return the prefixes in values that the element around them is not itself named with.

    `canonical` is the canonical form of `root`. `NO_PREFIX`, which no list can name, stands for an `xsi:type`
    that means the default namespace on an element that does not use it.
    """
    found = {prefix.decode() for prefix in (*_IN_ATTRIBUTE.findall(canonical), *_in_texts(canonical))}
    suspects = found & _bound_prefixes(root) if found else found
    needed = set(_standing_apart(root, suspects)) if suspects else set()
    if _XSI.encode() in canonical and _has_plain_type(root):
        needed.add(NO_PREFIX)
    return frozenset(needed)


def _in_texts(canonical: bytes) -> Iterator[bytes]:
    for end in _LOCAL_NAME_AT_END.finditer(canonical):
        start = canonical.rindex(b">", 0, end.start()) + 1
        if prefix := _PREFIX_AT_START.fullmatch(canonical, start, end.start()):
            yield prefix[1]


def _bound_prefixes(root: etree._Element) -> set[str]:
    inherited = {prefix for prefix in root.nsmap if prefix}
    return inherited | {prefix for _, (prefix, _) in etree.iterwalk(root, events=("start-ns",))}


def _standing_apart(root: etree._Element, suspects: set[str]) -> Iterator[str]:
    for element in root.iter("*"):
        for value in (element.text or "", *element.attrib.values()):
            prefix, colon, _ = value.strip().partition(":")
            if colon and prefix in suspects and prefix != element.prefix:
                yield str(prefix)


def _has_plain_type(root: etree._Element) -> bool:
    typed = (element for element in root.iter("*") if _XSI_TYPE in element.attrib)
    return any(element.prefix and ":" not in element.attrib[_XSI_TYPE] for element in typed)
