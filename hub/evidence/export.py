"""Writes an evidence file: everything about a message or a case that convinces someone who does not trust the hub.

Four steps: find the messages, prove each entry in one checkpoint, collect what the proofs stand on, seal. Promises:
nothing is written that is not yet in the tree; what is written was read in one view of the database. It does not judge
what it writes: that is for `verify_evidence.py`, which shares no code with this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from hub.errors import Refused
from hub.evidence.asic import pack
from hub.evidence.contents import contents
from hub.evidence.dossier import Dossier, Paper, Proven, Trusted
from hub.evidence.pdf import as_pdf
from hub.hub import Hub
from hub.message import Reference
from hub.store import evidence
from hub.store.content.content import ContentStore
from hub.store.outbox import read_references
from hub.store.registry import read_anchors
from hub.store.trace import StoredMessage
from hub.store.tree_keys import read_changes
from hub.store.tree_proofs import Published
from hub.store.uploads import read_parts
from hub.tree.key import NoteKey
from hub.trust.crl_folder import crl_files

LARGEST_INSIDE = 8 * 1024 * 1024
"""Bytes of an uploaded attachment that goes into the file; of a larger one the signed digest has to do."""
Page = Callable[[Dossier], tuple[str, bytes]]
"""Gives the name and the bytes of the readable page."""


def export(
    hub: Hub, folder: Path, found: Iterable[StoredMessage], subject: str, keys: Iterable[NoteKey], page: Page = as_pdf
) -> tuple[Dossier, bytes]:
    """The evidence of these messages and their replies, and the container to hand on; `keys` are the log's.

    Errors: Refused tree.not-numbered while an entry waits for its place; Misconfigured store.lost, tree.damaged.
    """
    dossier = collect(hub, folder, found, subject, keys)
    return dossier, pack(contents(dossier, page(dossier)), hub.id, hub.signer, dossier.exported)


def collect(hub: Hub, folder: Path, found: Iterable[StoredMessage], subject: str, keys: Iterable[NoteKey]) -> Dossier:
    """What an evidence file of these messages holds. Errors: as `export`."""
    with hub.store.reading() as connection:
        messages = evidence.with_replies(connection, found)  # 1
        checkpoint, entries = _prove(connection, messages)  # 2
        signers = {one.entry.signer for one in entries}  # 3
        return Dossier(
            hub=hub.id,
            ledger=hub.store.ledger_id,
            subject=subject,
            exported=_whole_seconds(hub.clock()),
            messages=tuple(_paper(connection, hub.content, one) for one in messages),
            entries=entries,
            evidence=evidence.read_named(connection, entries),
            checkpoint=checkpoint.note,
            log_keys=tuple(key.text() for key in keys),
            trusted=_trusted(connection, hub, folder, signers),
            names=evidence.read_names(connection, (code for e in entries for code in (e.entry.source, e.entry.target))),
            timestamps=tuple(evidence.read_timestamps(connection, checkpoint.size)),
            key_changes=tuple(change.note for change in read_changes(connection)),
        )


def _paper(connection: Connection, content: ContentStore, message: StoredMessage) -> Paper:
    """A message with its small attachments; large ones are only named. Errors: Unavailable content.*"""
    paper = evidence.read_paper(connection, message)
    if paper.purged:
        return paper
    found = read_references(connection, message.id)
    small = [(one.id, _whole(connection, content, one)) for one in found if one.size <= LARGEST_INSIDE]
    outside = tuple(one.id for one in found if one.size > LARGEST_INSIDE)
    return replace(paper, beside=(*paper.beside, *small), outside=outside)


def _whole(connection: Connection, content: ContentStore, one: Reference) -> bytes:
    return b"".join(content.get(part.digest) for part in read_parts(connection, one.upload))


def _prove(connection: Connection, messages: Iterable[StoredMessage]) -> tuple[Published, tuple[Proven, ...]]:
    """One checkpoint, and every entry with its proof in that tree."""
    found = (one for message in messages for one in evidence.read_placed(connection, message))
    entries = list({(one.node, one.sequence): one for one in found}.values())
    try:
        checkpoint = evidence.choose_checkpoint(connection, max((one.index + 1 for one in entries), default=0))
    except Refused as error:
        if error.code != "tree.no-checkpoint":
            raise
        raise Refused("tree.not-numbered") from None
    return checkpoint, tuple(evidence.prove(connection, entries, checkpoint.size))


def _trusted(connection: Connection, hub: Hub, folder: Path, signers: Iterable[str]) -> Trusted:
    """Certificates and lists as they stand now: a list tells since when a certificate is revoked."""
    certificates = (hub.signer.certificate, *hub.signer.chain, *evidence.read_certificates(connection, signers))
    return Trusted(
        certificates=tuple(dict.fromkeys(certificates)),
        anchors=tuple(der for _, _, der in read_anchors(connection)),
        crls=tuple(path.read_bytes() for path in crl_files(folder / hub.settings.trust.crl_folder)),
    )


def _whole_seconds(at: datetime) -> datetime:
    return at.replace(microsecond=0)
