"""Text on a terminal: how wide it is, how it breaks, and that nothing in it can command the terminal."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from typing import TextIO

_WIDE = frozenset({"W", "F"})
_BREAKS = re.compile(r"\s+|[（《〈【〔]?[\x21-\u2e7f]+|[（《〈【〔]?[^\x00-\u2e7f]")
"""Blanks, words, single wide characters; an opening bracket is not left alone at the end of a line."""
_NEVER_FIRST = frozenset("，。；：、？！）”’》〉】〕")
HANGS = 2
"""What `wrap` may leave at the end of a line beyond its columns: a full-width stop."""


def safe(text: str) -> str:
    """Write out every control, format and surrogate character as its escape, so that a terminal only shows it."""
    if text.isprintable():
        return text
    return "".join(c if harmless(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def harmless(character: str) -> bool:
    """Whether a character only shows itself: it neither moves the cursor nor colours, reorders or hides text."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def width(text: str) -> int:
    """How many columns a safe text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_columns(c) for c in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def pad(text: str, columns: int) -> str:
    """The text with blanks after it, `columns` wide in all."""
    return text + " " * (columns - width(text))


def wrap(text: str, columns: int) -> list[str]:
    """Break a text into lines of at most `columns`: at blanks, and between Chinese characters."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and width(line + piece.rstrip()) > columns and piece[0] not in _NEVER_FIRST:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def told(text: str, stream: TextIO) -> str:
    """A sentence as it is shown on a stream: escaped, and in lines of whole words where a terminal is too narrow."""
    shown, room = safe(text), room_on(stream)
    if room is None or width(shown) <= room:
        return shown
    return "\n".join(wrap(shown, max(room - HANGS, 1)))


def unbreakable(text: str) -> int:
    """How wide the widest piece of a text is that `wrap` does not break."""
    return max((width(piece.strip()) for piece in _pieces(text)), default=0)


def room_on(stream: TextIO) -> int | None:
    """How many columns the terminal has that a stream writes to; None if it is a file or a pipe."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _pieces(text: str) -> Iterator[str]:
    """Words with the blanks before them, and single wide characters."""
    blank = ""
    for found in _BREAKS.finditer(text):
        piece = found.group()
        if piece.isspace():
            blank = " "
        else:
            yield blank + piece
            blank = ""
