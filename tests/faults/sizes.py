"""How much of each fault: one table for the short form (`make test`), the middle one, and the long (`make faults`).

`HUB_FAULTS=long` chooses one; `HUB_FAULTS=long,messages=20,kills=300` changes some of its numbers, and results say so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

VARIABLE = "HUB_FAULTS"


@dataclass(frozen=True, slots=True)
class Sizes:
    """One form. `messages` is what each sender hands in per round unless a row has its own number.

    `cold_each`: every so-many-th kill is followed by the command as an administrator types it, 0 for none; the others
    by a fork, which is quick. `back_in`: the seconds within which nineteen of twenty killed hubs have to answer again.
    The soak lasts for its seconds, and until its messages are acknowledged.
    """

    name: str
    cold_each: int
    kills: int
    back_in: float
    postgres_kills: int
    messages: int
    crash_rounds: int
    fsync_kills: int
    broken_connections: int
    lost_answers: int
    wrong_answers: int
    postmaster_kills: int
    power_cuts: int
    stopped_seconds: float
    load_seconds: float
    flipped: int
    waiting: int
    soak_seconds: float
    soak_messages: int


SIZES = {
    "short": Sizes(
        "short", cold_each=0, kills=2, back_in=120.0, postgres_kills=1, messages=6, crash_rounds=1, fsync_kills=1,
        broken_connections=16, lost_answers=4, wrong_answers=1, postmaster_kills=1, power_cuts=1, stopped_seconds=0.8,
        load_seconds=0.7, flipped=20, waiting=2_000, soak_seconds=2.0,
        soak_messages=0,
    ),
    "medium": Sizes(
        "medium", cold_each=1, kills=10, back_in=8.0, postgres_kills=5, messages=40, crash_rounds=1, fsync_kills=5,
        broken_connections=80, lost_answers=100, wrong_answers=4, postmaster_kills=3, power_cuts=3, stopped_seconds=3.0,
        load_seconds=3.0, flipped=100, waiting=20_000, soak_seconds=60.0,
        soak_messages=0,
    ),
    "long": Sizes(
        "long", cold_each=10, kills=1_000, back_in=2.0, postgres_kills=1_000, messages=100, crash_rounds=10,
        fsync_kills=200, broken_connections=10_000, lost_answers=10_000, wrong_answers=100, postmaster_kills=100,
        power_cuts=200, stopped_seconds=30.0, load_seconds=30.0, flipped=1_000, waiting=100_000, soak_seconds=600.0,
        soak_messages=750_000,
    ),
}  # fmt: skip
"""Long: what kills and power cuts leave of a million acknowledged messages, the soak hands in."""
MINUTES = {
    "R1": 50, "R2": 14, "R3": 25, "R5": 2, "R6": 1, "R8": 4, "R9": 5, "R10": 5, "R11": 6, "R12": 3, "R13": 1,
    "R14": 1, "R15": 1, "R16": 2, "R17": 4, "R18": 120, "R19": 4, "R20": 1, "R21": 1, "R22": 9,
}  # fmt: skip
"""How long each row of the long form takes on two idle cores."""


def chosen() -> Sizes:
    """The form that the environment asks for. Errors: ValueError."""
    name, *changes = wish().split(",")
    form = SIZES[name]
    numbers = dict(change.split("=") for change in changes)
    usual = {field: getattr(form, field) for field in numbers}
    return replace(form, **{field: type(usual[field])(number) for field, number in numbers.items()})


def wish() -> str:
    """What the environment asks for, as it says it."""
    return os.environ.get(VARIABLE, "short")
