"""Named steps of the roads at which a test may end the process, as suddenly as `kill -9` would.

`HUB_CRASH_AT=deliver.answered:3` in the environment ends it when it gets to that step for the third time. Without the
variable, which is read once, a step is a call of a function that does nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

VARIABLE = "HUB_CRASH_AT"
POINTS = (
    "accept.examined",  # the envelope is proven, nothing is stored
    "accept.admitted",  # its rows are staged in an open transaction
    "store.flushed",  # all rows are with the database (PostgreSQL: leave for it with the commit), not committed
    "store.committed",  # committed, nobody has been told
    "writer.answered",  # the answers of a group are given out, none has left the process
    "dispatch.recovered",  # what was leased at the last end is waiting again
    "dispatch.leased",  # leases are taken, nothing is sent
    "deliver.sending",  # one delivery is about to be sent
    "deliver.answered",  # the recipient has answered, nothing is recorded
    "deliver.recorded",  # outcome and entry are staged in an open transaction
    "deliver.settled",  # the outcome is committed
    "sequence.held",  # the sequencer has taken its lease
    "sequence.planned",  # it knows how the tree will grow
    "sequence.signed",  # a checkpoint is signed in an open transaction
    "sequence.published",  # the checkpoint is committed
)


def armed(wish: str) -> Callable[[str], None]:
    """What a step calls under a wish NAME:N (N is 1 if left out); an empty wish does nothing. Errors: ValueError."""
    if not wish:
        return _pass
    name, _, number = wish.partition(":")
    if name not in POINTS:
        raise ValueError(f"{VARIABLE}: no such step: {name}")
    left = int(number or 1)

    def crash(reached: str) -> None:
        nonlocal left
        left -= reached == name
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def _pass(reached: str) -> None:
    return None


point = armed(os.environ.get(VARIABLE, ""))
"""Called as `crash.point(NAME)` at each step of `POINTS`."""
