"""Texts under their titles, within the width of a terminal. Sentences are folded; no word, code or key is ever cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from commands.frame.terminal import HANGS, pad, unbreakable, width, wrap

NOTHING = "-"
_GAP = 2
_INDENT = 4
_NEVER_FOLDED = 20
"""Columns up to this wide are left alone: times, codes, states."""


def in_columns(rows: Sequence[Sequence[str]], room: int) -> Iterator[str]:
    """The lines of rows, the titles among them; one that is too wide goes on in indented lines.

    It ends with the last line that has something to say.
    """
    widths = _fitted(rows, room)
    parts = list(_parts(widths, room))
    for row in rows:
        told = max(place for place, text in enumerate(row) if text != NOTHING or place == 0)
        for part in parts:
            if part.start <= told:
                yield from _laid_out(row[part], widths[part], _INDENT if part.start else 0)


def fits(rows: Sequence[Sequence[str]], room: int) -> bool:
    """Whether each row can stand side by side, with its sentences folded."""
    return _spread(_fitted(rows, room)) <= room


def upright(fields: Sequence[tuple[str, str]], room: int) -> Iterator[str]:
    """The lines of one record, of titles and texts. What does not fit beside its title stands whole below it."""
    widest = max(width(title) for title, _ in fields)
    left = max(room - widest - _GAP, _NEVER_FOLDED)
    for title, text in fields:
        if unbreakable(text) > left:
            indent = _INDENT if unbreakable(text) <= room - _INDENT else 0  # a line of nothing but a key is copied best
            yield title
            yield from _laid_out([text], [_foldable(text, room - indent)], indent)
        else:
            yield from _laid_out([title, text], [widest, min(left, width(text))])


def _laid_out(row: Sequence[str], widths: Sequence[int], indent: int = 0) -> Iterator[str]:
    """The lines of one row; a text that is wider than its column stands in several."""
    texts = zip(row, widths, strict=True)
    folded = [[text] if width(text) <= wide else wrap(text, wide - HANGS) for text, wide in texts]
    for parts in zip_longest(*folded, fillvalue=""):
        line = (" " * _GAP).join(pad(part, wide) for part, wide in zip(parts, widths, strict=True))
        yield (" " * indent + line).rstrip()


def _fitted(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide each column is: as wide as its widest text, or folded where that makes the row fit."""
    columns = list(zip(*rows, strict=True))
    widths = [max(width(text) for text in texts) for texts in columns]
    space = room - (_spread(widths) - sum(widths))
    if sum(widths) <= space:
        return widths
    words = [max(map(unbreakable, texts)) for texts in columns]
    least = [min(wide, max(word, _NEVER_FOLDED)) for wide, word in zip(widths, words, strict=True)]
    if sum(least) > space:
        return [min(wide, max(word, room - _INDENT)) for wide, word in zip(widths, words, strict=True)]
    while sum(widths) > space:
        widths[max(range(len(widths)), key=lambda place: widths[place] - least[place])] -= 1
    return widths


def _foldable(text: str, room: int) -> int:
    """How wide a text is that has this much room, and is folded if it can be."""
    return min(width(text), max(room, unbreakable(text)))


def _parts(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Which columns stand side by side, as many as there is room for."""
    first, used = 0, 0
    for place, wide in enumerate(widths):
        if place > first and used + wide > room:
            yield slice(first, place)
            first, used = place, _INDENT
        used += wide + _GAP
    yield slice(first, len(widths))


def _spread(widths: Sequence[int]) -> int:
    """How wide a line of columns is."""
    return sum(widths) + _GAP * (len(widths) - 1)
