"""Rows and records as aligned text for people, or as JSON for programs. Decides nothing about what is shown."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import zip_longest
from typing import Any

from commands.frame.phrase import Phrase
from commands.frame.terminal import pad, safe, unbreakable, width, wrap

_GAP = 2
_HANGS = 2
"""What `wrap` may leave at the end of a line beyond its columns: a full-width stop."""
_NEVER_FOLDED = 20
"""Columns up to this wide are left alone: times, codes, states."""
_NOTHING = "-"
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

    Where that is not enough, each row of an `upright` table is written as a record, without what it lacks.
    """
    cells = [[safe(c.title.by(lang)) for c in columns], *([cell(value, lang) for value in row] for row in rows)]
    widths = _fitted(list(zip(*cells, strict=True)), room)
    if upright and room is not None and _spread(widths) > room:
        titles, *texts = cells
        shown = ([one for one in zip(_aligned(titles), row, strict=True) if one[1] != _NOTHING] for row in texts)
        return "\n\n".join("\n".join(_upright(fields, room)) for fields in shown)
    return "\n".join(line for row in cells for line in _laid_out(row, widths))


def _laid_out(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row; a text that is wider than its column stands in several."""
    texts = zip(row, widths, strict=True)
    folded = [[text] if width(text) <= wide else wrap(text, wide - _HANGS) for text, wide in texts]
    for parts in zip_longest(*folded, fillvalue=""):
        yield "  ".join(pad(part, wide) for part, wide in zip(parts, widths, strict=True)).rstrip()


def _fitted(columns: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """How wide each column is: as wide as its widest text, or folded where that makes the table fit."""
    widths = [max(width(text) for text in texts) for texts in columns]
    space = (room or sys.maxsize) - (_spread(widths) - sum(widths))
    if sum(widths) <= space:
        return widths
    words = [max(unbreakable(text) for text in texts) for texts in columns]
    least = [min(wide, max(word, _NEVER_FOLDED)) for wide, word in zip(widths, words, strict=True)]
    if sum(least) > space:
        return widths
    while sum(widths) > space:
        widths[max(range(len(widths)), key=lambda place: widths[place] - least[place])] -= 1
    return widths


def _spread(widths: Sequence[int]) -> int:
    """How wide a line of columns is."""
    return sum(widths) + _GAP * (len(widths) - 1)


def as_record(columns: Sequence[Column], values: Sequence[object], lang: str) -> str:
    """Lay one record out, a line for each field."""
    titles = _aligned([safe(c.title.by(lang)) for c in columns])
    texts = (cell(value, lang) for value in values)
    return "\n".join(_upright(list(zip(titles, texts, strict=True)), sys.maxsize))


def _aligned(titles: Sequence[str]) -> list[str]:
    widest = max(width(title) for title in titles)
    return [pad(title, widest) for title in titles]


def _upright(fields: Sequence[tuple[str, str]], room: int) -> Iterator[str]:
    """The lines of one record, of titles that are equally wide, and texts."""
    for title, text in fields:
        left = max(room - width(title) - _GAP, _NEVER_FOLDED)
        yield from _laid_out((title, text), (width(title), min(left, width(text))))


def as_json(value: object) -> str:
    """Write JSON with readable Chinese, in which no character can command a terminal."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=2)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def cell(value: object, lang: str) -> str:
    """One value for people: times are local, nothing is `-`."""
    if isinstance(value, tuple | list) and not isinstance(value, Phrase):
        return ", ".join(cell(item, lang) for item in value) or _NOTHING
    return safe(_words(value, lang)) or _NOTHING


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
