"""Checkpoints (C2SP tlog-checkpoint) and the cosignatures of witnesses (C2SP tlog-cosignature).

A checkpoint is the text of a signed note: origin, size and root of the tree, one line each. A cosignature is a
witness's statement that, at its time, this was the largest tree it had seen of this origin, consistent with all before.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.errors import Refused
from hub.tree.key import Ed25519NoteSigner, Kind, NoteKey
from hub.tree.note import Note, Signature, opened, read_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_HASH_BYTES = 32
_TIME_BYTES = 8
_MOST_SECONDS = 253402300799  # the end of the year 9999, beyond which there is no datetime


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one log: so many leaves, this root (32 bytes). `extensions` are lines that we never write."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text to be signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        """Read a note's text as a checkpoint. Errors: Refused note.not-checkpoint."""
        lines = text.split("\n")
        if lines.pop() or len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
            raise Refused("note.not-checkpoint")
        root = read_base64(lines[2])
        if root is None or len(root) != _HASH_BYTES:
            raise Refused("note.not-checkpoint")
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature: the witness's key name, the time it states, and its line."""

    witness: str
    at: datetime
    line: str


def open_checkpoint(note: Note, origin: str, keys: Iterable[NoteKey]) -> Checkpoint:
    """The checkpoint of a note signed by one of the log's keys. Errors: Refused note.*"""
    opened(note, keys)
    return checkpoint_of(note, origin)


def checkpoint_of(note: Note, origin: str) -> Checkpoint:
    """The checkpoint of this log that a note says to be, whoever signed it. Errors: Refused note.*"""
    checkpoint = Checkpoint.read(note.text)
    if checkpoint.origin != origin:
        raise Refused("note.other-log", expected=origin, got=checkpoint.origin[:200])
    return checkpoint


def cosign(note: Note, witness: Ed25519NoteSigner, at: datetime) -> Signature:
    """A witness's cosignature for a checkpoint that it has checked; whole seconds."""
    value = witness.cosign(note.text.encode(), int(at.timestamp()))
    return Signature(witness.key.name, witness.key.id, value)


def cosignatures(note: Note, witnesses: Iterable[NoteKey]) -> list[Cosignature]:
    """The cosignatures of a note by these witnesses, verified. Errors: Refused note.unknown-key, note.invalid."""
    known = [key for key in witnesses if key.kind is Kind.COSIGNATURE]
    return [_cosignature(signature) for signature in opened(note, known)]


def _cosignature(signature: Signature) -> Cosignature:
    seconds = int.from_bytes(signature.value[:_TIME_BYTES])
    if seconds > _MOST_SECONDS:
        raise Refused("note.invalid", got=signature.name)
    return Cosignature(signature.name, datetime.fromtimestamp(seconds, UTC), signature.line())
