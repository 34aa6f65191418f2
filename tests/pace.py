"""Limits of CPU time in tests that hold on a busy or slow machine.

A try is weighed against a fixed piece of work done right before and after it, so that a limit says how much work
something may be, and not how fast the machine is just now. The quickest of some tries counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")

_TRIES = 5
_ROUNDS = 20_000
_USUAL = 0.0016
"""Seconds that the fixed piece of work takes where the limits were set."""


def within(seconds: float, work: Callable[[], Made]) -> Made:
    """What `work` gives; it may take `seconds` of CPU time of this thread, at the usual pace."""
    took = []
    for _ in range(_TRIES):
        before = slowness()
        started = time.thread_time()
        made = work()
        spent = time.thread_time() - started
        took.append(spent / max(before, slowness()))
        if took[-1] < seconds:
            return made
    raise AssertionError(f"took {min(took):.3f} s at the usual pace, more than {seconds} s")


def slowness() -> float:
    """How many times slower than usual the machine is; never less than 1, so that a fast one does not narrow limits."""
    started = time.thread_time()
    total = 0
    for n in range(_ROUNDS):
        total += n & 7
    return max(1.0, (time.thread_time() - started) / _USUAL)
