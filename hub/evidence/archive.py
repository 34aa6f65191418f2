"""Writes the archive of a month: every entry that the ledger took in, with what proves that none is missing.

The file is a container as evidence is, and `verify_evidence.py` reads both. It holds the entries between two
checkpoints and the tree before them in a few hashes, so that a reader grows the one tree into the other. Promises: what
is written was read in one view of the database, and memory is bounded by one bundle of entries or one document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import Connection

from hub.errors import Refused
from hub.evidence.asic import write
from hub.evidence.contents import CHECKPOINT, INDEX, key_files, timestamp_files, trusted_files
from hub.evidence.dossier import Trusted
from hub.hub import Hub
from hub.month import Month
from hub.proof import write_time
from hub.store import archive as rows
from hub.store.archive import Span, Subtree
from hub.store.evidence import read_certificates, read_timestamps
from hub.store.registry import read_anchors
from hub.store.timestamps import read_timestamp
from hub.store.tree_keys import read_changes
from hub.store.tree_proofs import Published, read_checkpoint, read_witnessed
from hub.tree.key import NoteKey
from hub.tree.tiles import bundle
from hub.trust.crl_folder import crl_files

FORMAT = "hub-archive-1"
START, END = "ledger/start", "ledger/end"


def span_of(connection: Connection, month: Month, at: datetime) -> Span:
    """The leaves of a month that has ended. Errors: Refused archive.open-month, archive.empty."""
    if at < month.end:
        raise Refused("archive.open-month", expected=f"> {month.end:%F}", got=str(month))
    span = rows.read_span(connection, month.begin, month.end)
    if span.first >= span.size:
        raise Refused("archive.empty", got=str(month))
    return span


def archive(
    hub: Hub,
    folder: Path,
    month: Month,
    target: IO[bytes],
    keys: Iterable[NoteKey],
    *,
    with_documents: bool = False,
    step: Callable[[int], None] = lambda n: None,
) -> Span:
    """Write a month's archive and return its leaves; `keys` are the log's, `step` is told of entries written.

    Errors: Refused archive.*; Misconfigured tree.damaged; OSError.
    """
    at = hub.clock().replace(microsecond=0)
    with hub.store.reading() as connection:
        span = span_of(connection, month, at)
        files = _files(connection, hub, folder, month, span, tuple(key.text() for key in keys), with_documents, step)
        write(target, files, hub.id, hub.signer, at)
    return span


def _files(
    connection: Connection,
    hub: Hub,
    folder: Path,
    month: Month,
    span: Span,
    keys: tuple[str, ...],
    with_documents: bool,
    step: Callable[[int], None],
) -> Iterator[tuple[str, bytes]]:
    names = []
    for number, forms in enumerate(rows.read_forms(connection, span), start=1):
        names.append(f"ledger/entries/{number:06}")
        yield names[-1], bundle(forms)
        step(len(forms))
    last = _confirmed(connection, span.size)
    if span.first:
        yield START, read_checkpoint(connection, span.first).note.encode()
    yield END, read_checkpoint(connection, span.size).note.encode()
    yield CHECKPOINT, last.note.encode()
    yield from timestamp_files(read_timestamps(connection, last.size)).items()
    yield from key_files([change.note for change in read_changes(connection)]).items()
    yield from trusted_files(_trusted(connection, hub, folder, span))
    read = rows.read_documents if with_documents else rows.read_acts
    for digest, content in read(connection, span):
        yield f"documents/{digest}", content
    index = {
        "format": FORMAT,
        "month": str(month),
        "exported": write_time(hub.clock().replace(microsecond=0)),
        "hub": hub.id,
        "ledger": hub.store.ledger_id,
        "logKeys": keys,
        "first": span.first,
        "size": span.size,
        "entries": names,
        "before": _written(rows.read_subtrees(connection, 0, span.first)),
        "after": _written(rows.read_subtrees(connection, span.size, last.size)),
    }
    yield INDEX, json.dumps(index, ensure_ascii=False, indent=1).encode()


def _written(subtrees: Iterable[Subtree]) -> list[tuple[int, str]]:
    return [(level, root.hex()) for level, root in subtrees]


def _confirmed(connection: Connection, size: int) -> Published:
    """The first checkpoint over these leaves with a time-stamp, else the latest that is cosigned, else their own."""
    stamped = read_timestamp(connection, size)
    if stamped is not None:
        return read_checkpoint(connection, stamped.size)
    try:
        return read_witnessed(connection, size)
    except Refused:
        return read_checkpoint(connection, size)


def _trusted(connection: Connection, hub: Hub, folder: Path, span: Span) -> Trusted:
    certificates = (hub.signer.certificate, *hub.signer.chain)
    signers = read_certificates(connection, rows.read_signers(connection, span))
    crls = (path.read_bytes() for path in crl_files(folder / hub.settings.trust.crl_folder))
    return Trusted(
        certificates=tuple(dict.fromkeys((*certificates, *signers))),
        anchors=tuple(der for _, _, der in read_anchors(connection)),
        crls=tuple(crls),
    )
