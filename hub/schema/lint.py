"""What is unwise about a schema before it is registered: traps of the C library, of time, of signatures, of names.

Finds, and changes nothing. Does not judge style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.catalogue import CATALOGUE
from hub.errors import Misconfigured
from hub.schema.package import MAX_BYTES, MAX_FILES, XS, SchemaPackage, parse_xsd
from hub.schema.xsd_pattern import parse, runs_away

MOST_OCCURRENCES = 10_000
# The C library takes U+4E00 to U+9FA5 for no letters at all (its tables name only the ends of the range), and
# leaves the Han extensions out of XML names.
_LETTERS = re.compile(r"\\[pP]\{Lo?\}|\\[icIC]")
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_UNSIGNED_TYPES = ("QName", "NOTATION")
_TYPE_ATTRIBUTES = ("type", "base", "itemType", "memberTypes")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; a finding that is an `error` forbids registration."""

    code: str
    where: str
    got: str = ""
    error: bool = True
    got_zh: str = ""

    def sentence(self, lang: str = "en") -> str:
        """What is wrong, with what was found there, and what to do, in `lang` ("zh" or "en")."""
        text = CATALOGUE[self.code]
        if lang == "zh":
            return "；".join((f"{text.zh}：{self.got_zh or self.got}" if self.got else text.zh, text.next_zh))
        return "; ".join((f"{text.en}: {self.got}" if self.got else text.en, text.next_en))


def lint(package: SchemaPackage, owners: Mapping[str, str]) -> list[Finding]:
    """All findings, in file order; `owners` is `Schemas.owners()`. Raises nothing for a bad schema."""
    try:
        package.check()
        found = [*_size(package), *_names(package, owners), *_contents(package)]
        broken = package.broken()
    except Misconfigured as error:
        broken = [error]
    if broken:
        return [Finding(error.code, error.where, error.got, got_zh=error.got_zh) for error in broken]
    return found


def _size(package: SchemaPackage) -> Iterator[Finding]:
    if len(package.files) > MAX_FILES or sum(map(len, package.files.values())) > MAX_BYTES:
        yield Finding("schema.too-large", package.entry)


def _names(package: SchemaPackage, owners: Mapping[str, str]) -> Iterator[Finding]:
    parts = dict(package.reachable())
    namespace = parts[package.entry].get("targetNamespace", "")
    if not namespace:
        yield Finding("schema.no-namespace", package.entry)
    elif owners.get(namespace, package.name) != package.name:
        yield Finding("schema.namespace-taken", package.entry, namespace)
    if not any(True for root in parts.values() for _ in root.iterchildren(XS + "element")):
        yield Finding("schema.no-root", package.entry)


def _contents(package: SchemaPackage) -> Iterator[Finding]:
    for file, content in package.files.items():
        for element in parse_xsd(file, content).iter(XS + "*"):
            where = f"{file}:{element.sourceline}"
            yield from _pattern(element, where)
            yield from _occurrences(element, where)
            yield from _unsigned(element, where)


def _pattern(element: Any, where: str) -> Iterator[Finding]:
    if element.tag != XS + "pattern":
        return
    text = element.get("value", "")
    if _LETTERS.search(text):
        yield Finding("schema.pattern-letters", where, text[:200])
    try:
        if runs_away(parse(text)):
            yield Finding("schema.pattern-slow", where, text[:200])
    except (ValueError, RecursionError):
        yield Finding("schema.pattern-broken", where, text[:200])


def _occurrences(element: Any, where: str) -> Iterator[Finding]:
    """A required count is an error, since the smallest document is that long; an upper bound only costs counting."""
    for name, error in (("minOccurs", True), ("maxOccurs", False)):
        text = element.get(name, "").strip()
        if text.isdecimal() and (len(text) > 9 or int(text) > MOST_OCCURRENCES):
            yield Finding("schema.occurs", where, f"{name}={text[:40]}", error)


def _unsigned(element: Any, where: str) -> Iterator[Finding]:
    for attribute in _TYPE_ATTRIBUTES:
        for name in element.get(attribute, "").split():
            prefix, _, local = name.rpartition(":")
            if local in _UNSIGNED_TYPES and element.nsmap.get(prefix or None) == _SCHEMA:
                yield Finding("schema.qname", where, name)
