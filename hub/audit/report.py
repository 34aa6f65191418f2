"""What an audit came to: what it looked at, how much, and what it found. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hub.audit.finding import Finding


class Row(StrEnum):
    """What the audit counts."""

    ENTRY = "entry"
    DOCUMENT = "document"
    MESSAGE = "message"
    DELIVERY = "delivery"
    REFUSAL = "refusal"
    LEAF = "leaf"
    CHECKPOINT = "checkpoint"
    TIMESTAMP = "timestamp"


Seen = Callable[[Row, int], None]
"""Told of each row looked at, or of several: kind and number."""
Count = Callable[[int], None]
"""Told how many more rows of one kind were looked at."""


class Told:
    """Tells of each row once, though they be looked at a second time."""

    def __init__(self, tell: Count) -> None:
        self._tell = tell
        self._told = 0

    def anew(self) -> Count:
        """To be told of the rows from the first one on."""
        looked = 0

        def count(number: int) -> None:
            nonlocal looked
            looked += number
            if looked > self._told:
                self._tell(looked - self._told)
                self._told = looked

        return count


@dataclass(frozen=True, slots=True)
class Looked:
    """What one portion of the rows came to: how many of each kind it was, and what is wrong with them."""

    rows: Mapping[Row, int]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How many rows were looked at, how many findings there are, and the first of them in order of reading."""

    rows: Mapping[Row, int]
    wrong: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether everything agreed."""
        return not self.wrong
