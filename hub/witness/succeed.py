"""A new witness in place of one that saw more than the hub has now: how the authority goes on after a restored backup.

Promises: the new one begins at a checkpoint that the old one cosigned itself, so that the hub is still held to all of
that; what the old one saw beyond it stays in the old folder, with the alarm. It has a name and a key of its own,
because the old key has promised never to sign less than it saw. Whether the loss may be accepted is for people to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import Misconfigured, Refused
from hub.tree.checkpoint import Checkpoint, cosignatures, open_checkpoint
from hub.tree.key import NoteKey
from hub.tree.note import Note, opened, read_note
from hub.witness.folder import WitnessFolder


@dataclass(frozen=True, slots=True)
class Succession:
    """The new witness; the ledger is held to `held` entries, while the old witness had seen `seen`."""

    folder: WitnessFolder
    held: int
    seen: int

    @property
    def missing(self) -> int:
        """How many entries the old witness had seen that the new one does not ask for."""
        return self.seen - self.held


def succeed(
    old: WitnessFolder, octets: bytes, path: Path, name: str, private: Ed25519PrivateKey, why: str, at: datetime
) -> Succession:
    """Make the folder of a new witness that begins at the checkpoint in `octets`, and settle the old one's alarms.

    Errors: Misconfigured witness.not-seen, witness.exists, witness.setting, witness.damaged; Refused note.*
    """
    if name == old.settings.name:
        raise Misconfigured("witness.setting", where="name", expected=f"!= {old.settings.name}", got=name)
    note = read_note(octets)
    keys = _keys_at(old, Checkpoint.read(note.text).size)
    begin = open_checkpoint(note, old.settings.origin, keys)
    try:
        cosignatures(note, [old.signer.key])
    except Refused:
        raise Misconfigured("witness.not-seen", expected=old.settings.name) from None
    seen, _ = old.kept()
    settings = replace(old.settings, name=name, keys=keys)
    first = Note(note.text, opened(note, keys))
    made = WitnessFolder.create(path, settings, private, at, first)
    old.settle(f"{why} [{name}: {begin.size} / {seen.size}]", at)
    return Succession(made, begin.size, seen.size)


def _keys_at(old: WitnessFolder, size: int) -> tuple[NoteKey, ...]:
    """The keys that the old witness knew of a log of this size: the restored one may be from before a change."""
    before = [change for change in old.changes() if change.size <= size]
    return before[-1].new if before else old.settings.keys
