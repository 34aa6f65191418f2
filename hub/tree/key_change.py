"""Changes of the keys that sign a log's checkpoints: notes that the old keys and the new ones sign. Pure.

Promises: a change is opened only if every key it takes away and every key it brings has signed it, so nobody who lacks
one of them can make one; and it names the state of the tree at which it was made, so it is of one history only. It
does not say which keys to begin with: whoever knows the keys before or after it may believe it.
"""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.errors import Misconfigured, Refused
from hub.tree.checkpoint import Checkpoint
from hub.tree.key import Kind, NoteKey, NoteSigner
from hub.tree.note import Note, opened, read_note, sign_note

HEADER = "hub/key-change/v1"
MOST_KEYS = 8
"""Keys on one side of a change, at most."""
_OLD, _NEW = "old ", "new "
_FIXED = 4


@dataclass(frozen=True, slots=True)
class KeyChange:
    """From the checkpoint after `size` on, `new` sign instead of `old`; `root` is the tree's at that size."""

    origin: str
    size: int
    root: bytes
    old: tuple[NoteKey, ...]
    new: tuple[NoteKey, ...]

    def text(self) -> str:
        """The text to be signed: header, the three lines of a checkpoint, a line for each key."""
        state = (HEADER, self.origin, str(self.size), base64.b64encode(self.root).decode())
        keys = (*(_OLD + key.text() for key in self.old), *(_NEW + key.text() for key in self.new))
        return "".join(f"{line}\n" for line in (*state, *keys))

    @classmethod
    def read(cls, text: str) -> KeyChange:
        """Read a note's text as a change. Errors: Refused note.not-key-change."""
        header, _, rest = text.partition("\n")
        lines = rest.split("\n")[_FIXED - 1 : -1]
        try:
            state = Checkpoint.read("".join(f"{line}\n" for line in rest.split("\n")[: _FIXED - 1]))
            old = tuple(NoteKey.read(line.removeprefix(_OLD)) for line in lines if line.startswith(_OLD))
            new = tuple(NoteKey.read(line.removeprefix(_NEW)) for line in lines if line.startswith(_NEW))
        except (Refused, Misconfigured):
            raise Refused("note.not-key-change") from None
        change = cls(state.origin, state.size, state.root, old, new)
        if header != HEADER or change.text() != text or not change._sound():
            raise Refused("note.not-key-change")
        return change

    def _sound(self) -> bool:
        sides = (self.old, self.new)
        named = all(key.name == self.origin and key.kind is not Kind.COSIGNATURE for side in sides for key in side)
        return named and set(self.old) != set(self.new) and all(0 < len({*s}) == len(s) <= MOST_KEYS for s in sides)


def sign_change(change: KeyChange, signers: Iterable[NoteSigner]) -> Note:
    """The change as a note, signed once by each key among `signers`."""
    return sign_note(change.text(), {signer.key: signer for signer in signers}.values())


def open_change(octets: bytes, origin: str) -> KeyChange:
    """Read a change of this log that all its keys have signed. Errors: Refused note.*"""
    note = read_note(octets)
    change = KeyChange.read(note.text)
    if change.origin != origin:
        raise Refused("note.other-log", expected=origin, got=change.origin[:200])
    keys = {*change.old, *change.new}
    found = {(signature.name, signature.key_id) for signature in opened(note, keys)}
    lacking = sorted(key.id.hex() for key in keys if (key.name, key.id) not in found)
    if lacking:
        raise Refused("note.half-signed", expected=", ".join(lacking))
    return change


def following(known: Iterable[NoteKey], after: int, changes: Iterable[KeyChange]) -> list[KeyChange]:
    """The changes beyond the size `after`, in order, that lead on from keys that are `known`.

    A change leads on only from all that is known: who stole one of two keys cannot change both.
    """
    keys, size, led = frozenset(known), after, []
    for change in sorted(changes, key=lambda one: one.size):
        if change.size > size and keys <= set(change.old):
            keys, size = frozenset(change.new), change.size
            led.append(change)
    return led


@dataclass(frozen=True, slots=True)
class Epochs:
    """Which keys sign checkpoints of which size: `keys[i]` those up to `sizes[i]`, the last ones all after it.

    An epoch without keys is one to which no chain of changes leads.
    """

    sizes: tuple[int, ...]
    keys: tuple[tuple[NoteKey, ...], ...]

    @classmethod
    def of(cls, own: Iterable[NoteKey], changes: Sequence[tuple[int, KeyChange | None]]) -> Epochs:
        """From keys that are believed and the changes by size, ascending; None for one that cannot be opened."""
        believed, opened_ = frozenset(own), [change for _, change in changes]
        place = _place_of(believed, opened_)
        keys: list[tuple[NoteKey, ...]] = [()] * (len(opened_) + 1)
        keys[place] = tuple(sorted(believed, key=lambda key: key.text()))
        for before in range(place - 1, -1, -1):
            change = opened_[before]
            keys[before] = change.old if change and set(change.new) == set(keys[before + 1]) else ()
        for after in range(place, len(opened_)):
            change = opened_[after]
            keys[after + 1] = change.new if change and set(change.old) == set(keys[after]) else ()
        return cls(tuple(size for size, _ in changes), tuple(keys))

    def at(self, size: int) -> tuple[NoteKey, ...]:
        """The keys of the epoch of a checkpoint of this size."""
        return self.keys[bisect_left(self.sizes, size)]

    def signing(self, before: int, size: int) -> tuple[tuple[NoteKey, ...], bool]:
        """Keys whose signatures count on the checkpoint that follows the one of size `before`, and whether all must be.

        The first after a change carries the signatures of both sides.
        """
        first, last = bisect_left(self.sizes, before), bisect_left(self.sizes, size)
        if first >= last:
            return self.keys[last], False
        return tuple(dict.fromkeys(key for epoch in self.keys[first : last + 1] for key in epoch)), True


def _place_of(own: frozenset[NoteKey], changes: Sequence[KeyChange | None]) -> int:
    """The epoch of these keys, the latest if there are several; the last one if no change names them."""
    for place in range(len(changes), -1, -1):
        before = changes[place - 1] if place else None
        after = changes[place] if place < len(changes) else None
        if own in ([frozenset(before.new)] if before else []) + ([frozenset(after.old)] if after else []):
            return place
    return len(changes)
