"""Signed notes (C2SP signed-note): a text, an empty line, and signature lines. Reads, writes, verifies with given keys.

Promises: what is read is exactly a note of the format and within its bounds; `opened` answers only if a known key
signed the text and no known key's signature fails. It does not say which keys to trust.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from hub.errors import Refused
from hub.tree.key import ID_BYTES, NoteKey, NoteSigner, is_name

MOST_BYTES = 64 * 1024
MOST_SIGNATURES = 100
_DASH = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose, by which key id, and the bytes that follow the id."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as read. Reading proves nothing. `text` ends in a newline."""

    text: str
    signatures: tuple[Signature, ...]

    def written(self) -> str:
        """The whole note."""
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)


def sign_note(text: str, signers: Iterable[NoteSigner]) -> Note:
    """Sign a text that ends in a newline with each signer, in order."""
    octets = text.encode()
    return Note(text, tuple(Signature(s.key.name, s.key.id, s.sign(octets)) for s in signers))


def read_note(octets: bytes) -> Note:
    """Read a note. Errors: Refused note.malformed."""
    text = _text_of(octets)
    body, separator, lines = text.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise _malformed("an empty line before the signatures, a newline at the end")
    found = tuple(read_signature(line) for line in lines[:-1].split("\n"))
    if len(found) > MOST_SIGNATURES:
        raise _malformed(f"<= {MOST_SIGNATURES} signatures", str(len(found)))
    return Note(body + "\n", found)


def read_signature(line: str) -> Signature:
    """Read one signature line, given without its newline. Errors: Refused note.malformed."""
    name, space, coded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise _malformed("\u2014 NAME BASE64", line[:80])
    value = read_base64(coded)
    if value is None or len(value) <= ID_BYTES:
        raise _malformed("BASE64(key id, signature)", coded[:80])
    return Signature(name, value[:ID_BYTES], value[ID_BYTES:])


def opened(note: Note, keys: Iterable[NoteKey]) -> tuple[Signature, ...]:
    """The signatures of a note by these keys, verified. Errors: Refused note.unknown-key, note.invalid."""
    known = {(key.name, key.id): key for key in keys}
    octets = note.text.encode()
    verified: list[Signature] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not key.verifies(octets, signature.value):
            raise Refused("note.invalid", got=signature.name)
        verified.append(signature)
    if not verified:
        raise Refused("note.unknown-key", expected=", ".join(sorted({name for name, _ in known})))
    return tuple(verified)


def read_base64(coded: str) -> bytes | None:
    """Standard base64 in its one canonical spelling, or None."""
    try:
        value = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == coded else None


def _text_of(octets: bytes) -> str:
    if len(octets) > MOST_BYTES:
        raise _malformed(f"<= {MOST_BYTES} bytes", str(len(octets)))
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise _malformed("UTF-8") from None
    if _CONTROL.search(text):
        raise _malformed("no control characters")
    return text


def _malformed(expected: str, got: str = "") -> Refused:
    return Refused("note.malformed", expected=expected, got=got)
