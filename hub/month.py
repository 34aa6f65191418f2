"""Months by UTC, as people write them and as row ids carry them. Pure.

A row id is `number + (count << BITS)`, so that ids rise with time and all of a month lie side by side. `count` is 1 in
January 1970 and stays below 2**13 until the year 2652: so long an id is a whole number for every reader of JSON too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

BITS = 40


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month by UTC."""

    year: int
    number: int

    @classmethod
    def read(cls, text: str) -> Month:
        """Read `2026-10`. Errors: `ValueError`."""
        return cls.of(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC))

    @classmethod
    def of(cls, at: datetime) -> Month:
        """The month of a moment."""
        utc = at.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def counted(cls, count: int) -> Month:
        """The month with this count, which is not below 1."""
        return cls(1970 + (count - 1) // 12, (count - 1) % 12 + 1)

    @property
    def count(self) -> int:
        """Which month it is since 1970, from 1."""
        return (self.year - 1970) * 12 + self.number

    @property
    def first_id(self) -> int:
        """Below every row id of this month, and not below any of an earlier one."""
        return self.count << BITS

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return datetime(self.year + self.number // 12, self.number % 12 + 1, 1, tzinfo=UTC)

    def following(self, many: int) -> Iterator[Month]:
        """This month and those after it, `many` in all."""
        return (Month.counted(count) for count in range(self.count, self.count + many))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


def month_of_id(row_id: int) -> Month | None:
    """The month that a row id carries; None for one that was given out before ids carried any."""
    return Month.counted(row_id >> BITS) if row_id >> BITS else None
