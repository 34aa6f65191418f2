"""Reads the parameters of a call out of its wrapper element, and the results out of an answer's.

Promises: each field is there at most once and holds what its type says, or the call is refused. Children may stand in
the contract's namespace or in none: SOAP::Lite and old Delphi clients send them unqualified, and whatever matters in
them is signed. It reads no signed document.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connectors.soap.encoding import write_text
from connectors.soap.mime import Parts
from connectors.soap.soap import Spoken, cut_document
from hub.errors import Refused

_MOST_DIGITS = 19


class Parameters:
    """The children of one element, by local name."""

    __slots__ = ("_children", "_namespace", "_parts", "element")

    def __init__(self, element: Any, namespace: str, parts: Parts) -> None:
        self.element = element
        self._namespace = namespace
        self._parts = parts
        self._children: dict[str, Any] = {}
        for child in element:
            name = self._local_name(child)
            if name in self._children:
                raise Refused("soap.parameter", where=name[:100], expected="at most once")
            self._children[name] = child

    @classmethod
    def of(cls, spoken: Spoken) -> Parameters:
        """The parameters of a message. Errors: Refused soap.parameter."""
        return cls(spoken.element, spoken.namespace, spoken.parts)

    def inner(self, name: str) -> Parameters:
        """A structured child. Errors: Refused soap.parameter."""
        return Parameters(self._required(name), self._namespace, self._parts)

    def each(self, array: str, item: str) -> Iterator[Parameters]:
        """The items of an array; none if it is absent or empty. Errors: Refused soap.parameter."""
        found = self._children.get(array)
        for child in found if found is not None else ():
            if self._local_name(child) != item:
                raise Refused("soap.parameter", where=array, expected=item)
            yield Parameters(child, self._namespace, self._parts)

    def text(self, name: str, default: str | None = None) -> str:
        """A text, without the space around it. Errors: Refused soap.parameter."""
        if default is not None and name not in self._children:
            return default
        return self._text(name).strip()

    def number(self, name: str) -> int:
        """A whole number, not negative. Errors: Refused soap.parameter."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise Refused("soap.parameter", where=name, expected="a whole number", got=text[:40])
        return int(text)

    def document(self, name: str) -> bytes:
        """The document in an XmlHolder, cut out. Errors: Refused soap.parameter."""
        cut = cut_document(self._required(name))
        if cut is None:
            raise Refused("soap.parameter", where=name, expected="exactly one element")
        return cut

    def text_document(self, name: str) -> bytes:
        """The document in a string. Errors: Refused soap.parameter, xml.encoding."""
        return write_text(self._text(name))

    def binary(self, name: str) -> bytes:
        """The bytes of a base64 field, or of the MIME part that it refers to. Errors: Refused soap.parameter, mime.*"""
        field = self._required(name)
        text = self._text(name)
        reference = field.get("href", "") or (text.strip() if text.lstrip().startswith("cid:") else "")
        if reference:
            return self._parts.take(reference)
        try:
            return binascii.a2b_base64("".join(text.split()), strict_mode=True)
        except (binascii.Error, ValueError):
            raise Refused("soap.parameter", where=name, expected="base64") from None

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._children

    def _text(self, name: str) -> str:
        field = self._required(name)
        if len(field):
            raise Refused("soap.parameter", where=name, expected="text")
        return str(field.text or "")

    def _required(self, name: str) -> Any:
        if name not in self._children:
            raise Refused("soap.parameter", where=name, expected="one element")
        return self._children[name]

    def _local_name(self, child: Any) -> str:
        return str(child.tag).removeprefix(f"{{{self._namespace}}}")


DOCUMENT_READERS = {"xml": Parameters.document, "text": Parameters.text_document, "binary": Parameters.binary}
"""How a document is read, by the form of the operation."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A large attachment to be downloaded: manifest id, address, and what it must turn out to be."""

    id: str
    href: str
    size: int
    digest: str


def links(parameters: Parameters) -> tuple[Linked, ...]:
    """The links beside a document. Errors: Refused soap.parameter."""
    return tuple(
        Linked(item.text("id"), item.text("href"), item.number("size"), item.text("sha256").lower())
        for item in parameters.each("links", "link")
    )


def attachments(parameters: Parameters) -> dict[str, bytes]:
    """The attachments beside a document, by manifest id. Errors: Refused soap.parameter, attachment.duplicate."""
    found: dict[str, bytes] = {}
    for item in parameters.each("attachments", "attachment"):
        id = item.text("id")
        if id in found:
            raise Refused("attachment.duplicate", got=id[:100])
        found[id] = item.binary("content")
    return found
