"""Types of options that click does not have: durations as people write them, lists with commas."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_DURATION = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Duration(click.ParamType[timedelta]):
    """`90s`, `15m`, `12h` or `3d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail("write it as 90s, 15m, 12h or 3d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class _Words(click.ParamType[tuple[str, ...]]):
    """`A,B,C`; blanks around the commas and empty words do not count."""

    name = "a,b,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        words = tuple(word.strip() for word in re.split("[,，、]", str(value)))
        return tuple(dict.fromkeys(word for word in words if word))


DURATION = _Duration()
WORDS = _Words()
