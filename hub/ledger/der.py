"""Puts the certificates of an RFC 3161 response into the order that DER demands of a SET. Changes nothing else.

Common authorities (OpenSSL's among them) write a chain in its own order, which a strict reader refuses. The field is
not signed, and to permute it changes no length. What does not look like a response is returned as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

_CERTIFICATES = 0xA0  # [0] of SignedData, the only field of that tag
_PATH = (1, 1, 0)
"""From TimeStampResp: its token (a ContentInfo), that one's content, the SignedData in it."""


@dataclass(frozen=True, slots=True)
class _Element:
    """One TLV: its tag, where it begins, where its content begins, and where both end."""

    tag: int
    begin: int
    content: int
    end: int


def sort_certificates(response: bytes) -> bytes:
    """The same response with its certificates in ascending order."""
    try:
        place = _children(response, _Element(0, 0, 0, len(response)))[0]
        for step in _PATH:
            place = _children(response, place)[step]
        field = next(part for part in _children(response, place) if part.tag == _CERTIFICATES)
        found = [response[part.begin : part.end] for part in _children(response, field)]
    except (IndexError, StopIteration):
        return response
    return response[: field.content] + b"".join(sorted(found)) + response[field.end :]


def _children(octets: bytes, parent: _Element) -> list[_Element]:
    """The elements in a constructed one. Errors: IndexError if they do not fill it exactly."""
    found: list[_Element] = []
    place = parent.content
    while place < parent.end:
        element = _element(octets, place)
        if element.end > parent.end:
            raise IndexError
        found.append(element)
        place = element.end
    return found


def _element(octets: bytes, begin: int) -> _Element:
    length, content = octets[begin + 1], begin + 2
    if length & 0x80:
        more = length & 0x7F
        length, content = int.from_bytes(octets[content : content + more]), content + more
    return _Element(octets[begin], begin, content, content + length)
