"""Rows and records as aligned text for people, or as JSON for programs. Decides nothing about what is shown."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from commands.frame import layout
from commands.frame.phrase import Phrase
from commands.frame.terminal import safe

_YES, _NO = Phrase("是", "yes"), Phrase("否", "no")
# json.dumps leaves these as they are; a terminal would not. Inside JSON they can only stand in strings.
_UNSAFE = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or one line of a record; `key` is its name in JSON and never changes."""

    key: str
    title: Phrase


def column(key: str, zh: str, en: str) -> Column:
    """Write a column in short."""
    return Column(key, Phrase(zh, en))


def as_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[object]],
    lang: str,
    room: int | None = None,
    *,
    upright: bool = False,
) -> str:
    """Lay rows out under their titles; in a terminal of `room` columns sentences are folded, but no word is cut.

    Where that is not enough, a row goes on in indented lines; or, in an `upright` table, each is written as a record
    without what it lacks.
    """
    space, titles = room or sys.maxsize, _titles(columns, lang)
    texts = [[cell(value, lang) for value in row] for row in rows]
    if not upright or layout.fits([titles, *texts], space):
        return "\n".join(layout.in_columns([titles, *texts], space))
    return "\n\n".join("\n".join(layout.upright(_had(titles, row), space)) for row in texts)


def as_record(columns: Sequence[Column], values: Sequence[object], lang: str, room: int | None = None) -> str:
    """Lay one record out, a line for each field, within the `room` of a terminal."""
    texts = (cell(value, lang) for value in values)
    fields = list(zip(_titles(columns, lang), texts, strict=True))
    return "\n".join(layout.upright(fields, room or sys.maxsize))


def as_facts(texts: Sequence[str], room: int | None = None) -> str:
    """Lay out texts side by side."""
    return "\n".join(layout.in_columns([[safe(text) for text in texts]], room or sys.maxsize))


def _titles(columns: Sequence[Column], lang: str) -> list[str]:
    return [safe(c.title.by(lang)) for c in columns]


def _had(titles: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str]]:
    """What a record does not lack."""
    return [field for field in zip(titles, texts, strict=True) if field[1] != layout.NOTHING]


def as_json(value: object) -> str:
    """Write JSON with readable Chinese, in which no character can command a terminal."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=2)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def cell(value: object, lang: str) -> str:
    """One value for people: times are local, nothing is `-`."""
    if isinstance(value, tuple | list) and not isinstance(value, Phrase):
        return ", ".join(cell(item, lang) for item in value) or layout.NOTHING
    return safe(_words(value, lang)) or layout.NOTHING


def _words(value: object, lang: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            return (_YES if value else _NO).by(lang)
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case float():
            return f"{value:g}"
        case Phrase():
            return value.by(lang)
    return str(value)


def plain(value: object) -> Any:
    """The same value in JSON's types: times in UTC, durations in seconds."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Phrase):
        return value._asdict()
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(item) for item in value]
    return _scalar(value.value if isinstance(value, Enum) else value)


def _scalar(value: object) -> str | int | float | bool | None:
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        case timedelta():
            return value.total_seconds()
    return str(value)
