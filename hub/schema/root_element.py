"""The elements with which a payload of a schema may begin, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hub.schema.package import XS, SchemaPackage


@dataclass(frozen=True, slots=True)
class RootElement:
    """A payload element that a schema offers, with its Chinese label and English documentation."""

    name: str
    zh: str
    en: str


def roots_of(package: SchemaPackage) -> tuple[str, tuple[RootElement, ...]]:
    """The target namespace, and the global elements declared in it."""
    namespace = ""
    found: list[RootElement] = []
    for file, root in package.reachable():
        if file == package.entry:
            namespace = root.get("targetNamespace", "")
        found.extend(_root_element(element) for element in root.iterchildren(XS + "element"))
    return namespace, tuple(found)


def _root_element(element: Any) -> RootElement:
    texts = dict(_documentation(element))
    return RootElement(element.get("name", ""), texts.get("zh", ""), texts.get("en", ""))


def _documentation(element: Any) -> Iterator[tuple[str, str]]:
    """(language, text) of each xs:documentation; a text without language counts as English."""
    for note in element.iterfind(f"{XS}annotation/{XS}documentation"):
        language = note.get("{http://www.w3.org/XML/1998/namespace}lang", "en")
        yield language.partition("-")[0], " ".join("".join(note.itertext()).split())
