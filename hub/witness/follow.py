"""Following a log through a change of its keys: the one way in which a witness comes to believe another key.

Promises: a change is followed only if every key that is known and every new one has signed it, and if the tree at which
it was made is proven to be of the history that was seen and of the checkpoint that is offered. Nothing is kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.errors import Refused
from hub.tree.checkpoint import Checkpoint
from hub.tree.key import NoteKey
from hub.tree.key_change import KeyChange, following, open_change
from hub.tree.merkle import proves_consistency
from hub.tree.note import Note, opened
from hub.witness.judge import Verdict


class State(Protocol):
    """A size of the tree with its root."""

    @property
    def size(self) -> int:
        """How many leaves."""
        ...

    @property
    def root(self) -> bytes:
        """Their root."""
        ...


class Proofs(Protocol):
    """Where consistency proofs come from."""

    async def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """What is handed over as the proof between two sizes."""
        ...


@dataclass(frozen=True, slots=True)
class Followed:
    """The changes, each as handed over, that lead to the key of a note; or an alarm, with the proof that failed."""

    changes: tuple[tuple[KeyChange, bytes], ...] = ()
    alarm: Verdict | None = None
    proof: tuple[bytes, ...] = field(default=())


def led_to(note: Note, known: Iterable[NoteKey], after: int, offered: Sequence[bytes]) -> Followed:
    """The fewest of the `offered` changes that lead from `known` keys, changed last at `after`, to one of a note's."""
    changes, whole = _opened(offered, note.text.partition("\n")[0])
    led = following(known, after, changes)
    for count, change in enumerate(led, 1):
        if is_signed(note, change.new):
            return Followed(tuple((one, changes[one]) for one in led[:count]))
    return Followed(alarm=Verdict.UNKNOWN_KEY if whole else Verdict.KEY_CHANGE)


async def check_history(followed: Followed, kept: Checkpoint, offered: Checkpoint, log: Proofs) -> Followed:
    """The same, or the alarm that one of the changes was made on another tree than these two checkpoints are of."""
    for change, _ in followed.changes:
        if offered.size < change.size:
            return Followed(alarm=Verdict.KEY_CHANGE)
        for state in (kept, offered):
            joined, proof = await _joined(change, state, log)
            if not joined:
                return Followed(alarm=Verdict.KEY_CHANGE, proof=proof)
    return followed


def is_signed(note: Note, keys: Iterable[NoteKey]) -> bool:
    """Whether one of these keys has signed, and none wrongly. Errors: Refused note.invalid."""
    try:
        return bool(opened(note, keys))
    except Refused as error:
        if error.code == "note.unknown-key":
            return False
        raise


def _opened(offered: Sequence[bytes], origin: str) -> tuple[dict[KeyChange, bytes], bool]:
    """The changes that all their keys have signed, and whether they are all."""
    found: dict[KeyChange, bytes] = {}
    for octets in offered:
        try:
            found[open_change(octets, origin)] = octets
        except Refused:
            continue
    return found, len(found) == len(offered)


async def _joined(one: State, other: State, log: Proofs) -> tuple[bool, tuple[bytes, ...]]:
    old, new = sorted((one, other), key=lambda state: state.size)
    proof = await log.consistency(old.size, new.size) if 0 < old.size < new.size else ()
    return proves_consistency(old.size, new.size, proof, old.root, new.root), proof
