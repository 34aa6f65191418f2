"""Part of the audit: one checkpoint and its cosignatures, against the keys of the log and of its witnesses. Pure.

Times of signing are the database's word; a cosignature's time is its witness's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.audit.finding import Finding, differing, shown
from hub.errors import Refused
from hub.ledger.ledger import from_microseconds, to_microseconds
from hub.tree.checkpoint import Checkpoint, checkpoint_of, cosignatures, open_checkpoint
from hub.tree.key import NoteKey
from hub.tree.note import Note, Signature, opened, read_note, read_signature

_LATEST_US = 253_402_300_799_000_000  # the end of the year 9999, beyond which there is no datetime


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that signs checkpoints, and between which times it may: those of its certificate, None if it has none."""

    key: NoteKey
    dates: tuple[datetime, datetime] | None = None


def check_checkpoint(
    row: Sequence[Any], origin: str, keys: Sequence[LogKey], *, joint: bool = False
) -> Iterator[Finding]:
    """Yield what is wrong with a stored checkpoint: size, root, note, time of signing. Its tree is not looked at.

    One of `keys` has to have signed it; all of them if it is `joint`, the first after a change of keys.
    """
    size, root, written, signed_us = row
    what = name_of(size)
    try:
        note = read_note(written.encode() if isinstance(written, str) else b"")
        signatures = opened(note, [known.key for known in keys])
        found = checkpoint_of(note, origin)
    except (Refused, UnicodeEncodeError) as error:
        yield Finding("audit.checkpoint", what, "note", got=getattr(error, "code", "note.malformed"))
        return
    stored = {"size": size, "root": root}
    yield from differing("audit.checkpoint", what, {"size": found.size, "root": found.root}, stored)
    yield from _check_dates(signatures, what, signed_us, keys)
    if joint:
        signed = {(signature.name, signature.key_id) for signature in signatures}
        lacking = [known.key.id.hex() for known in keys if (known.key.name, known.key.id) not in signed]
        if lacking:
            yield Finding("audit.key-change", what, "note", ", ".join(lacking))


def _check_dates(
    signatures: Iterable[Signature], what: str, signed_us: Any, keys: Sequence[LogKey]
) -> Iterator[Finding]:
    if not isinstance(signed_us, int) or not 0 <= signed_us <= _LATEST_US:
        yield Finding("audit.checkpoint", what, "signed_us", got=shown(signed_us))
        return
    at = from_microseconds(signed_us)
    known = {(item.key.name, item.key.id): item for item in keys}
    for signature in signatures:
        dates = known[signature.name, signature.key_id].dates
        if dates and not dates[0] <= at <= dates[1]:
            expected = " - ".join(date.isoformat() for date in dates)
            yield Finding("audit.checkpoint-key", what, "signed_us", expected, at.isoformat())


def check_cosignatures(
    row: Sequence[Any], lines: Iterable[Sequence[Any]], witnesses: Sequence[NoteKey]
) -> Iterator[Finding]:
    """Yield what is wrong with the cosignatures kept of a checkpoint: witness, line, time."""
    size, _, written, _ = row
    what = name_of(size)
    for witness, line, at_us in lines:
        try:
            text = read_note(written.encode() if isinstance(written, str) else b"").text
            signature = read_signature(line.removesuffix("\n") if isinstance(line, str) else "")
            (found,) = cosignatures(Note(text, (signature,)), witnesses)
        except (Refused, UnicodeEncodeError) as error:
            yield Finding("audit.cosignature", what, shown(witness), got=getattr(error, "code", "note.malformed"))
            continue
        expected = {"witness": found.witness, "line": found.line, "at_us": to_microseconds(found.at)}
        yield from differing("audit.cosignature", what, expected, {"witness": witness, "line": line, "at_us": at_us})


def read_kept(octets: bytes, origin: str, keys: Callable[[int], Sequence[NoteKey]]) -> Checkpoint:
    """A checkpoint that somebody else kept, proven to be this log's; `keys` by its size. Errors: Refused note.*"""
    note = read_note(octets)
    return open_checkpoint(note, origin, keys(Checkpoint.read(note.text).size))


def name_of(size: object) -> str:
    """How findings call a checkpoint."""
    return f"checkpoint {shown(size)}"
