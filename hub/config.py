"""One strict reader for every YAML text an administrator writes: registry, routing, settings.

Promises: plain data only (no tags, anchors, aliases or second documents, at most 32 levels), no key twice, a
line number for every mistake, and no guessing: `no`, `012`, `12:30` and `2026-01-01` stay the words they
are, so a code is never turned into another value. It does not know what any key means; see `check_keys` and
the `*_at` readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml

from hub.errors import Misconfigured

DEEPEST = 32
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{1,9}")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_Value = TypeVar("_Value")


class Located(dict[str, Any]):
    """A YAML mapping that remembers where it and each of its keys stood (`what` text, 1-based lines).

    `words` holds each scalar as it was written, so that 1.10 can still be read as text.
    """

    __slots__ = ("line", "lines", "what", "words")

    def __init__(self, what: str, line: int) -> None:
        super().__init__()
        self.what = what
        self.line = line
        self.lines: dict[str, int] = {}
        self.words: dict[str, str] = {}


def place(mapping: Mapping[str, Any], key: str = "", where: str = "") -> str:
    """Name the place of a mapping, or of one of its keys, as `text:line inner-place`."""
    found = ""
    if isinstance(mapping, Located):
        found = f"{mapping.what}:{mapping.lines.get(key, mapping.line)}"
    return " ".join(part for part in (found, where) if part)


def read_yaml(text: str, what: str) -> Located:
    """Return the one mapping that a YAML text holds; an empty text is an empty mapping.

    `what` names the text in errors ("registry.yaml"): a name, never a path. Inner mappings are `Located`.
    Errors: Misconfigured config.syntax, config.not-plain, config.duplicate-key, config.shape.
    """
    try:
        return _Reader(text, what).read()
    except (yaml.YAMLError, UnicodeError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f"{what}:{mark.line + 1}" if mark is not None else what
        raise Misconfigured("config.syntax", where=where, operator=str(wrong)) from None


def check_keys(mapping: Mapping[str, Any], known: Iterable[str], where: str = "") -> None:
    """Refuse the first key that is not in `known`, naming the nearest known one.

    Errors: Misconfigured config.unknown-key.
    """
    allowed = sorted(known)
    for key in mapping:
        if key not in allowed:
            nearest = get_close_matches(key, allowed, n=1, cutoff=0.5)
            raise Misconfigured(
                "config.unknown-key",
                got=key,
                expected=nearest[0] if nearest else ", ".join(allowed),
                where=place(mapping, key, where),
            )


def text_at(mapping: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """Return the text at `key`, also for a number written without quotes. No default: it must be there.

    Errors: Misconfigured config.missing-key, config.shape.
    """
    value = _value_at(mapping, key, default)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return mapping.words[key] if isinstance(mapping, Located) else str(value)
    return _typed(mapping, key, value, str, "text")


def flag_at(mapping: Mapping[str, Any], key: str, default: bool | None = None) -> bool:
    """Return the truth value at `key`, written true or false and nothing else.

    Errors: Misconfigured config.missing-key, config.shape.
    """
    return _typed(mapping, key, _value_at(mapping, key, default), bool, "true | false")


def number_at(mapping: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """Return the number at `key` as a float.

    Errors: Misconfigured config.missing-key, config.shape.
    """
    value = _value_at(mapping, key, default)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _typed(mapping, key, value, float, "number")


def integer_at(mapping: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """Return the whole number at `key`.

    Errors: Misconfigured config.missing-key, config.shape.
    """
    value = _value_at(mapping, key, default)
    return _typed(mapping, key, "" if isinstance(value, bool) else value, int, "whole number")


def list_at(mapping: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list at `key`; absent or empty, an empty list. Errors: Misconfigured config.shape."""
    value = mapping.get(key)
    return [] if value is None else _typed(mapping, key, value, list, "list")


def section_at(mapping: Mapping[str, Any], key: str) -> Located:
    """Return the mapping at `key`; absent or empty, an empty one. Errors: Misconfigured config.shape."""
    value = mapping.get(key)
    if value is None:
        what, line = (mapping.what, mapping.line) if isinstance(mapping, Located) else ("", 0)
        return Located(what, line)
    return _typed(mapping, key, value, Located, "mapping")


def sections_at(mapping: Mapping[str, Any], key: str) -> list[Located]:
    """Return the list of mappings at `key`; absent is an empty list. Errors: Misconfigured config.shape."""
    return [_typed(mapping, key, item, Located, "list of mappings") for item in list_at(mapping, key)]


def texts_at(mapping: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the list of texts at `key`; absent is empty. Errors: Misconfigured config.shape."""
    items = (str(i) if type(i) is int else i for i in list_at(mapping, key))
    return tuple(_typed(mapping, key, item, str, "list of texts") for item in items)


def _value_at(mapping: Mapping[str, Any], key: str, default: object) -> Any:
    value = mapping.get(key)
    if value is not None:
        return value
    if default is None:
        raise Misconfigured("config.missing-key", expected=key, where=place(mapping))
    return default


def _typed(mapping: Mapping[str, Any], key: str, value: Any, kind: type[_Value], expected: str) -> _Value:
    if isinstance(value, kind):
        return value
    raise Misconfigured("config.shape", expected=f"{key}: {expected}", got=_shown(value), where=place(mapping, key))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list) else str(value)[:60]


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


class _Reader:
    """Builds plain values from parser events, to meet an alias or a tower of brackets before it costs."""

    def __init__(self, text: str, what: str) -> None:
        self._loader = _Loader(text)
        self._what = what

    def read(self) -> Located:
        try:
            return self._document()
        finally:
            self._loader.dispose()

    def _document(self) -> Located:
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return Located(self._what, 1)
        self._loader.get_event()
        value = self._node(0)
        self._loader.get_event()
        if not self._loader.check_event(yaml.StreamEndEvent):
            raise self._not_plain(self._loader.peek_event())
        if value is None:
            return Located(self._what, 1)
        if not isinstance(value, Located):
            raise Misconfigured("config.shape", expected="mapping", got=_shown(value), where=f"{self._what}:1")
        return value

    def _node(self, depth: int) -> Any:
        event = self._loader.get_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor or depth > DEEPEST or event.tag not in (None, "!"):
            raise self._not_plain(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth)
        return self._scalar(event)

    def _mapping(self, start: yaml.MappingStartEvent, depth: int) -> Located:
        found = Located(self._what, _line(start))
        while not self._loader.check_event(yaml.MappingEndEvent):
            key_event = self._loader.peek_event()
            key = self._node(depth + 1)
            if not isinstance(key_event, yaml.ScalarEvent):
                raise self._not_plain(key_event)
            line = _line(key_event)
            name = key_event.value if key is None or isinstance(key, bool) else str(key)
            if name in found:
                raise Misconfigured("config.duplicate-key", got=name, where=f"{self._what}:{line}")
            found.lines[name] = line
            if isinstance(value_event := self._loader.peek_event(), yaml.ScalarEvent):
                found.words[name] = value_event.value
            found[name] = self._node(depth + 1)
        self._loader.get_event()
        return found

    def _sequence(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            found.append(self._node(depth + 1))
        self._loader.get_event()
        return found

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        word: str = event.value
        if not event.implicit[0]:
            return word
        if word in _WORDS:
            return _WORDS[word]
        if _INTEGER.fullmatch(word):
            return int(word)
        return float(word) if _DECIMAL.fullmatch(word) else word

    def _not_plain(self, event: yaml.Event) -> Misconfigured:
        return Misconfigured("config.not-plain", where=f"{self._what}:{_line(event)}")
