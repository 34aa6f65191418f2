"""What a witness concludes from the checkpoint that it kept, the one that it is offered, and a proof between. Pure.

Promises: `GROWN` is answered only if the proof shows that the kept tree is the beginning of the offered one. Both
checkpoints must have been opened with the log's key before: then each of these three alarms is one that the log's own
signature proves. The two about keys are `hub.witness.follow`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from hub.tree.checkpoint import Checkpoint
from hub.tree.merkle import proves_consistency


class Verdict(StrEnum):
    """What became of the log since the kept checkpoint. The value of an alarm is the end of its code."""

    SAME = "same"
    GROWN = "grown"
    FORK = "fork"
    ROLLBACK = "rollback"
    INCONSISTENT = "inconsistent"
    UNKNOWN_KEY = "unknown-key"
    KEY_CHANGE = "key-change"

    @property
    def alarming(self) -> bool:
        """Whether the log has lied, or was put back, or its key is stolen."""
        return self not in (Verdict.SAME, Verdict.GROWN)


def judge_alone(kept: Checkpoint, offered: Checkpoint) -> Verdict | None:
    """The verdict that needs no proof, or None if the offered tree is larger and so needs one."""
    if offered.size > kept.size:
        return None
    if offered.size < kept.size:
        return Verdict.ROLLBACK
    return Verdict.SAME if offered.root == kept.root else Verdict.FORK


def judge_grown(kept: Checkpoint, offered: Checkpoint, proof: Sequence[bytes]) -> Verdict:
    """The verdict on a larger tree with what was handed over as its consistency proof."""
    proven = proves_consistency(kept.size, offered.size, proof, kept.root, offered.root)
    return Verdict.GROWN if proven else Verdict.INCONSISTENT
