"""Tells how far a fault test has come that takes minutes: on a terminal a line that changes, elsewhere now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from tests.faults.sizes import chosen

_LINES = 10
"""How often it is told where there is no terminal."""
_TOLD: dict[str, int] = {}


def counted(what: str, most: int) -> Iterator[int]:
    """Count from 0 to below `most`, and say on the way how many are done and how long the others may take."""
    began = time.monotonic()
    for number in range(most):
        if number:
            tell(what, number, most, time.monotonic() - began)
        yield number


def tell(what: str, done: int, most: int, seconds: float) -> None:
    """Say how much is done of something, and for how long that took; the short form has nothing to say."""
    if chosen().name == "short":
        return
    each = seconds / max(1, done)
    left = each * max(0, most - done)
    line = f"    {what} {done} of {most}, {each:.2g} s each, {left / 60:.0f} min left"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line}\033[K")
    elif _TOLD.get(what) != (tenth := done * _LINES // most):
        _TOLD[what] = tenth
        sys.stderr.write(f"{line}\n")
