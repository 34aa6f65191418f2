"""The words by which one process tells others through PostgreSQL that there is something to do (LISTEN, NOTIFY).

Promises: a word is a hint and nothing more, bounded in size; whoever misses it finds the same by looking at the tables.
SQLite has no such thing, and there every process looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

DUE, RULES = "hub_due", "hub_rules"
CHANNELS = (DUE, RULES)
ALL = "*"
_MOST_BYTES = 7_000
"""PostgreSQL takes less than 8,000 bytes in one notification."""
_MOST_WORDS = 4
"""More notifications than that at once say `ALL`: looking at the tables is then cheaper than reading them."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What another process told. `endpoints` may have something due, any of them if `everything`; `rules`: changed."""

    endpoints: tuple[str, ...] = ()
    everything: bool = False
    rules: bool = False


def words_for(endpoints: Iterable[str]) -> list[str]:
    """What to say on `DUE` about these endpoints: codes with spaces between, in as few words as may be."""
    words: list[str] = []
    for code in dict.fromkeys(endpoints):
        if words and len(words[-1].encode()) + 1 + len(code.encode()) <= _MOST_BYTES:
            words[-1] += f" {code}"
        else:
            words.append(code)
    return words if len(words) <= _MOST_WORDS else [ALL]


def read_word(channel: str, word: str) -> Heard:
    """What a notification says."""
    if channel == RULES:
        return Heard(rules=True)
    return Heard(everything=True) if word == ALL else Heard(endpoints=tuple(word.split()))


def announce_rules(connection: Connection) -> None:
    """Tell serving processes, when this transaction commits, that the registry is another."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(RULES, "")))
