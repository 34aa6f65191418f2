"""What a schema library complains of, as a value and as text that may be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Complaint:
    """The first error: its path with prefixes, what the schema expects there, what it got.

    `got_zh` is the Chinese of `got` where that is a sentence of a library that is known.
    """

    where: str
    expected: str
    got: str
    got_zh: str = ""


def printable(text: str) -> str:
    """One line of at most 200 characters: it ends in logs, faults and terminals."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
