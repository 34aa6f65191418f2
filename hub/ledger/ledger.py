"""The ledger's rules: an entry's byte form, its hash, and how a chain is checked. Nothing is read or written here.

The byte form is the magic `HLE1`, then every field of `Entry` in order, each as a 4-byte big-endian length and its
bytes: text as UTF-8, whole numbers as 8 bytes big-endian, digests as 32 raw bytes (or none). The hash of an entry is
SHA-256 over a zero byte and the form, which is also the leaf hash of RFC 6962, so that a Merkle tree can be grown over
entries without hashing them again. Each entry carries the hash of the one before it in the chain of its node.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from hub.message import Hop

MAGIC = b"HLE1"
FIRST = bytes(32)
"""The previous hash of a node's first entry."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One hop of one message. Digests only, never a document's text.

    `time_us` counts microseconds since 1970-01-01 UTC; `sender` and `message_id` name the message; `source` and
    `target` are the two ends of this hop; `document` is the envelope's SHA-256, `evidence` that of what proves the hop
    (an acknowledgement, a refused body), both raw bytes or empty; `rules` names the schema and routing versions;
    `signer` is a certificate's thumbprint in hex; `detail` is a code, never free text from outside.
    """

    ledger: str
    node: str
    sequence: int
    time_us: int
    kind: Hop
    sender: str
    message_id: str
    source: str
    target: str
    document: bytes
    evidence: bytes
    rules: str
    signer: str
    detail: str
    previous: bytes


FIELDS = tuple(f.name for f in fields(Entry))
_PACK_LENGTH = struct.Struct(">I").pack
_PACK_NUMBER = struct.Struct(">Q").pack


def to_microseconds(at: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC of an aware datetime, exact."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(time_us: int) -> datetime:
    """The aware UTC datetime of `to_microseconds`."""
    return _EPOCH + time_us * _MICROSECOND


def form(entry: Entry) -> bytes:
    """The entry's fixed byte form, version 1."""
    parts = [MAGIC]
    for name in FIELDS:
        value = getattr(entry, name)
        if isinstance(value, str):
            value = value.encode()
        elif isinstance(value, int):
            value = _PACK_NUMBER(value)
        parts.append(_PACK_LENGTH(len(value)))
        parts.append(value)
    return b"".join(parts)


def hash_form(formed: bytes) -> bytes:
    """The entry hash: SHA-256 over 0x00 and the form (RFC 6962 leaf hash)."""
    return hashlib.sha256(b"\x00" + formed).digest()


def entry_hash(entry: Entry) -> bytes:
    """The hash of an entry, 32 raw bytes."""
    return hash_form(form(entry))


def read_form(formed: bytes) -> Entry:
    """The entry of a byte form. Errors: `ValueError` if the form is not exactly one entry of version 1."""
    if formed[:4] != MAGIC:
        raise ValueError("not a ledger entry of version 1")
    values: list[object] = []
    place = 4
    for field in fields(Entry):
        size = int.from_bytes(formed[place : place + 4], "big")
        value = formed[place + 4 : place + 4 + size]
        if len(value) != size:
            raise ValueError(f"{field.name} is cut short")
        place += 4 + size
        values.append(_READ[str(field.type)](value))
    if place != len(formed):
        raise ValueError("bytes after the last field")
    return Entry(*values)  # type: ignore[arg-type]


_READ: dict[str, Callable[[bytes], object]] = {
    "str": lambda value: value.decode(),
    "int": lambda value: int.from_bytes(value, "big"),
    "bytes": bytes,
    "Hop": lambda value: Hop(value.decode()),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it stands in storage: its columns, its byte form and its hash, which must all agree."""

    entry: Entry
    form: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with one stored entry; `field` names the column, so that a reader can look at it."""

    node: str
    sequence: int
    field: str
    expected: str
    got: str


def check_chain(rows: Iterable[Stored]) -> Iterator[Flaw]:
    """Yield every flaw of one node's chain, given its entries in order of sequence from 1.

    The columns are compared with the form field by field, the form with the hash, each hash with the next entry.
    """
    previous, sequence = FIRST, 0
    for row in rows:
        entry = row.entry
        sequence += 1
        if entry.sequence != sequence:
            yield Flaw(entry.node, entry.sequence, "sequence", str(sequence), str(entry.sequence))
            sequence = entry.sequence
        yield from _check_columns(row)
        computed = hash_form(row.form)
        if computed != row.hash:
            yield Flaw(entry.node, entry.sequence, "hash", computed.hex(), row.hash.hex())
        if entry.previous != previous:
            yield Flaw(entry.node, entry.sequence, "previous", previous.hex(), entry.previous.hex())
        previous = row.hash


def _check_columns(row: Stored) -> Iterator[Flaw]:
    if form(row.entry) == row.form:
        return
    try:
        formed = read_form(row.form)
    except ValueError as error:
        yield Flaw(row.entry.node, row.entry.sequence, "form", "a form of version 1", str(error))
        return
    for name in FIELDS:
        expected, got = getattr(formed, name), getattr(row.entry, name)
        if expected != got:
            yield Flaw(row.entry.node, row.entry.sequence, name, _show(expected), _show(got))


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
