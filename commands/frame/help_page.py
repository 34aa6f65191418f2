"""A help page in the user's language, laid out for wide characters, which click counts as one column."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

from commands.frame.phrase import Phrase
from commands.frame.terminal import pad, width, wrap

USAGE = Phrase("用法", "Usage")
ARGUMENTS = Phrase("参数", "Arguments")
OPTIONS = Phrase("选项", "Options")
EXAMPLES = Phrase("示例", "Examples")
COMMANDS = Phrase("命令", "Commands")

Line = tuple[str, str]
"""What is explained, and its explanation."""

_WIDEST_TERM = 34


def columns() -> int:
    """How wide a page may be."""
    return max(60, min(110, shutil.get_terminal_size().columns))


def usage(path: str, lang: str, pieces: Sequence[str]) -> str:
    """How the command is written: its path, its options, its arguments."""
    options = Phrase("[选项]", "[OPTIONS]").by(lang)
    return f"{USAGE.by(lang)}: {' '.join([path, options, *pieces])}"


def paragraph(text: str, indent: int = 0) -> str:
    """A wrapped paragraph."""
    return "\n".join(" " * indent + line for line in wrap(text, columns() - indent))


def listed(title: Phrase, lines: Sequence[Line], lang: str) -> str:
    """A titled list of terms, each with its explanation beside or below it; empty if there are none."""
    if not lines:
        return ""
    left = min(_WIDEST_TERM, max(width(term) for term, _ in lines)) + 2
    return "\n".join([f"{title.by(lang)}:", *(row for line in lines for row in _explained(line, left))])


def _explained(line: Line, left: int) -> Iterable[str]:
    term, text = line
    lines = wrap(text, columns() - left - 2)
    if width(term) + 2 > left:
        yield f"  {term}"
    else:
        yield f"  {pad(term, left)}{lines.pop(0)}".rstrip()
    for rest in lines:
        yield f"  {' ' * left}{rest}".rstrip()


def examples(lines: Sequence[str], lang: str) -> str:
    """Commands to copy, never wrapped."""
    if not lines:
        return ""
    return "\n".join([f"{EXAMPLES.by(lang)}:", *(f"  {line}" for line in lines)])


def page(parts: Iterable[str]) -> str:
    """Parts with a blank line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part)
