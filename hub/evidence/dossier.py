"""What an evidence file is made of: values read from the hub's records, and nothing about how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.ledger.ledger import Entry


@dataclass(frozen=True, slots=True)
class Paper:
    """One message: the envelope as it was signed, attachments beside it by manifest id, and the hub's stamp.

    `outside` are the ids of attachments that are too large for an evidence file; their digests stand in the manifest.
    `purged` names the entry (NODE/SEQUENCE) by which its documents went; then there is neither envelope nor attachment.
    """

    sender: str
    message_id: str
    title: str
    received: datetime
    envelope: bytes
    stamp: bytes
    beside: tuple[tuple[str, bytes], ...]
    purged: str = ""
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proven:
    """A ledger entry in its fixed form, with its place in the tree and the proof of it."""

    entry: Entry
    form: bytes
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Trusted:
    """Certificates (DER): of those who signed, and of the authorities; revocation lists as they were loaded."""

    certificates: tuple[bytes, ...]
    anchors: tuple[bytes, ...]
    crls: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that one evidence file will hold. `checkpoint` is the note with its cosignatures; `log_keys` verify it.

    `names` are what departments are called, by code; of those that take part and are still registered.
    `evidence` are the documents that entries name by digest; `timestamps` are pairs of what was stamped and the answer
    (RFC 3161); `key_changes` the notes by which the log's keys were changed.
    """

    hub: str
    ledger: str
    subject: str
    exported: datetime
    messages: tuple[Paper, ...]
    entries: tuple[Proven, ...]
    evidence: Mapping[str, bytes]
    checkpoint: str
    log_keys: tuple[str, ...]
    trusted: Trusted
    names: Mapping[str, str]
    timestamps: tuple[tuple[bytes, bytes], ...] = ()
    key_changes: tuple[str, ...] = ()
