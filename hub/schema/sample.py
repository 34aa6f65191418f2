"""A minimal valid document for any registered schema, so that nobody has to start from an empty page.

Promise: what comes back has passed the same check as a payload. It fills in what is required and nothing more.
Does not follow recursive schemas beyond 40 levels, and gives up on patterns and rules it cannot satisfy.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from lxml import etree

from hub.errors import Misconfigured, Refused
from hub.schema.schema import Schemas
from hub.schema.xsd_pattern import example, parse

_DEEPEST = 40
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_EXAMPLES = (
    "示例", "1", "true", "2026-01-05T09:00:00+08:00", "2026-01-05", "09:00:00", "P1D", "2026", "2026-01", "--01-05",
    "---05", "--01", "urn:example:1", "zh-CN", "A1", "0", "10", "1.00",
)  # fmt: skip


class _NoSample(Exception):
    """This part of the schema cannot be filled in; another option may."""


def sample(schemas: Schemas, token: str, root: str | None = None) -> Any:
    """The smallest valid element of a payload schema; `root` chooses among its root elements, else the first.

    Errors: `Misconfigured("schema.unknown" | "schema.wrong-root" | "schema.no-sample")`.
    """
    description = schemas.describe(token)
    names = [r.name for r in description.roots]
    if not names or (root is not None and root not in names):
        raise Misconfigured("schema.wrong-root", expected=" | ".join(names[:12]), got=root or "")
    name = f"{{{description.namespace}}}{root or names[0]}"
    model = schemas.model(token)
    prefix = next((p for p, uri in model.namespaces.items() if p and uri == description.namespace), None)
    try:
        element = _element(model.maps.elements[name], {prefix: description.namespace}, 0)
        schemas.check_payload(token, element)
    except (_NoSample, Refused) as reason:
        raise Misconfigured("schema.no-sample", got=f"{token} {root or names[0]}", operator=str(reason)) from reason
    return element


def _element(declared: Any, nsmap: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _NoSample("too deep")
    declared = _concrete(declared)
    element = etree.Element(declared.name, nsmap=nsmap)
    kind = declared.type
    for name, attribute in kind.attributes.items() if kind.is_complex() else ():
        if name is not None and attribute.use == "required":
            element.set(name, attribute.fixed or _text(attribute.type))
    if kind.has_simple_content():
        element.text = declared.fixed or declared.default or _text(kind.content if kind.is_complex() else kind)
    elif kind.is_complex():
        element.extend(_children(kind.content, depth))
    return element


def _concrete(declared: Any) -> Any:
    """The declaration itself, or a member of its substitution group if it is abstract."""
    if not declared.abstract:
        return declared
    for member in declared.iter_substitutes():
        if not member.abstract:
            return member
    raise _NoSample(declared.name)


def _children(particle: Any, depth: int) -> list[Any]:
    """The fewest elements that satisfy a particle; empty where nothing is required."""
    found: list[Any] = []
    for _ in range(particle.min_occurs):
        found.extend(_once(particle, depth))
    return found


def _once(particle: Any, depth: int) -> list[Any]:
    if hasattr(particle, "process_contents"):
        return [_anything(particle)]
    if not hasattr(particle, "model"):
        return [_element(particle, {}, depth + 1)]
    if particle.model != "choice":
        return [child for part in particle for child in _children(part, depth)]
    for option in particle:
        try:
            return _children(option, depth)
        except _NoSample:
            continue
    if len(particle):
        raise _NoSample("no option of a choice can be filled in")
    return []


def _anything(wildcard: Any) -> Any:
    if wildcard.process_contents == "strict":
        raise _NoSample("a strict wildcard")
    return etree.Element("{urn:example}anything", nsmap={"x": "urn:example"})


def _text(kind: Any) -> str:
    """The first candidate that the type itself takes."""
    for candidate in _candidates(kind):
        if kind.is_valid(candidate):
            return candidate
    raise _NoSample(kind.name or kind.local_name or "an anonymous type")


def _candidates(kind: Any) -> Iterator[str]:
    if kind.enumeration:
        yield from (str(value) for value in kind.enumeration)
    for member in getattr(kind, "member_types", None) or ():
        yield from _candidates(member)
    if kind.is_list():
        yield from (" ".join([item] * (kind.min_length or 1)) for item in _candidates(kind.item_type))
    yield from _EXAMPLES
    for bound in (kind.min_value, kind.max_value):
        if bound is not None:
            yield str(bound)
            yield from (str(bound + step) for step in (1, -1) if isinstance(bound, int))
    yield from _of_length(kind)
    yield ""


def _of_length(kind: Any) -> Iterator[str]:
    """Texts by pattern and by length facets, nearest base type last."""
    least = kind.min_length or 0
    if least > 1_000_000:
        raise _NoSample("too long")
    for base in _bases(kind):
        for pattern in getattr(getattr(base, "patterns", None), "regexps", ()):
            try:
                yield example(parse(pattern), least)
            except (ValueError, RecursionError):
                continue
    yield "示" * least
    yield "A" * least
    yield base64.b64encode(bytes(least)).decode()
    yield "00" * least


def _bases(kind: Any) -> Iterator[Any]:
    while kind is not None:
        yield kind
        kind = kind.base_type
