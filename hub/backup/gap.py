"""What a checkpoint that somebody kept outside says of a backup: that it is of the same ledger, and what it lacks.

Pure. Promises: only a checkpoint that the hub's own key signed counts. For one that is not larger than the backup's
tree, an audit of the backup compares the roots; of a larger one only the number of entries can be told: they are gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.tree.checkpoint import open_checkpoint
from hub.tree.key import NoteKey
from hub.tree.note import read_note


@dataclass(frozen=True, slots=True)
class Gap:
    """A checkpoint of `size` entries under the name of its file; the backup has the first `held` of them."""

    name: str
    size: int
    held: int

    @property
    def missing(self) -> int:
        """How many entries were in the ledger then and are not in the backup."""
        return max(0, self.size - self.held)


def gap(name: str, octets: bytes, keys: Iterable[NoteKey], held: int) -> Gap:
    """Judge a note, with the keys that signed the ledger at the time of the backup.

    Errors: Refused note.* of whatever the hub did not sign, or signed of another ledger.
    """
    known = tuple(keys)
    note = read_note(octets)
    return Gap(name, open_checkpoint(note, known[0].name if known else "", known).size, held)
