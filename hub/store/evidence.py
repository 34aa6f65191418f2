"""Reads what an evidence file holds: messages with their bytes, entries in fixed form, the documents they name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from hub.errors import Misconfigured, Refused
from hub.evidence.dossier import Paper, Proven
from hub.ledger.ledger import read_form
from hub.store.purging import purged_of
from hub.store.tables import certificates, departments, ledger
from hub.store.timestamps import read_timestamp
from hub.store.trace import StoredMessage, find_messages, read_attachments, read_document, read_envelope, read_message
from hub.store.tree_proofs import Published, read_checkpoint, read_place, read_proofs, read_witnessed

MOST_MESSAGES = 1000


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry's fixed form and the index of its leaf in the tree."""

    node: str
    sequence: int
    form: bytes
    index: int


def find_case(connection: Connection, texts: Sequence[str]) -> list[StoredMessage]:
    """The messages whose case or document number is one of these, oldest first."""
    found = find_messages(connection, texts, MOST_MESSAGES)
    return [one for one in reversed(found) if {one.case_number, one.document_number}.intersection(texts)]


def with_replies(connection: Connection, found: Iterable[StoredMessage]) -> list[StoredMessage]:
    """These messages, and each one's replies behind it; none twice."""
    whole: dict[int, StoredMessage] = {}
    for one in found:
        traced = read_message(connection, one.sender, one.message_id)
        whole.update({m.id: m for m in (one, *(traced.replies if traced else ()))})
    return list(whole.values())


def read_paper(connection: Connection, message: StoredMessage) -> Paper:
    """A message with its bytes, or with the entry of its purge. Errors: Misconfigured store.lost."""
    purge, kept = read_purge(connection, message), read_envelope(connection, message)
    gone = purge is not None and kept is None
    if kept is None and not gone:
        raise Misconfigured("store.lost", got=message.digest)
    return Paper(
        sender=message.sender,
        message_id=message.message_id,
        title=message.document_number or message.case_number or "",
        received=message.received,
        envelope=kept or b"",
        stamp=message.stamp,
        beside=() if gone else tuple(read_attachments(connection, message.id)),
        purged=f"{purge[0]}/{purge[1]}" if gone and purge else "",
    )


def read_purge(connection: Connection, message: StoredMessage) -> tuple[str, int, bytes] | None:
    """Node, sequence and form of the entry by which a message's documents were purged."""
    found = purged_of(connection, [message.id]).get(message.id)
    if found is None:
        return None
    named = and_(func.length(ledger.c.evidence) > 0, ledger.c.evidence == bytes.fromhex(found[1]))
    row = connection.execute(select(ledger.c.node, ledger.c.sequence, ledger.c.form).where(named)).first()
    return (row.node, row.sequence, bytes(row.form)) if row else None


def read_placed(connection: Connection, message: StoredMessage) -> list[Placed]:
    """Every entry about a message, that of its purge too. Errors: Refused tree.not-numbered while one has no place."""
    rows = connection.execute(
        select(ledger.c.node, ledger.c.sequence, ledger.c.form)
        .where(ledger.c.sender == message.sender, ledger.c.message_id == message.message_id)
        .order_by(ledger.c.time_us, ledger.c.node, ledger.c.sequence)
    )
    found = [(row.node, row.sequence, row.form) for row in rows.all()]
    purge = read_purge(connection, message)
    return [Placed(*one, read_place(connection, *one[:2])) for one in (*found, *([purge] if purge else []))]


def choose_checkpoint(connection: Connection, size: int) -> Published:
    """The latest checkpoint of at least this size that a witness cosigned, else the first with a time-stamp, else the
    latest of all, which may be smaller.

    Errors: Refused tree.no-checkpoint.
    """
    try:
        return read_witnessed(connection, size)
    except Refused:
        stamped = read_timestamp(connection, size)
        return read_checkpoint(connection, stamped.size if stamped else None)


def prove(connection: Connection, entries: Sequence[Placed], size: int) -> list[Proven]:
    """Each of these entries with its proof in the tree of this size.

    Errors: Refused tree.not-numbered if one is not in it yet; Misconfigured tree.damaged, if a form is no entry too.
    """
    for one in entries:
        if one.index >= size:
            raise Refused("tree.not-numbered", got=f"{one.node[:64]}/{one.sequence}")
    proofs = read_proofs(connection, (one.index for one in entries), size)
    return [_proven(one, proof) for one, proof in zip(entries, proofs, strict=True)]


def _proven(one: Placed, proof: Iterable[bytes]) -> Proven:
    try:
        return Proven(read_form(one.form), one.form, one.index, tuple(proof))
    except ValueError as error:
        raise Misconfigured("tree.damaged", where=f"{one.node}/{one.sequence}", operator=str(error)) from None


def read_timestamps(connection: Connection, size: int) -> list[tuple[bytes, bytes]]:
    """The time-stamps of the checkpoint of exactly this size, each as (the note it is over, the response)."""
    stamped = read_timestamp(connection, size)
    return [(stamped.note, stamped.response)] if stamped is not None and stamped.size == size else []


def read_named(connection: Connection, entries: Iterable[Proven]) -> dict[str, bytes]:
    """The documents that entries name as evidence, by digest; an entry may name one that was never kept."""
    named = {one.entry.evidence.hex(): None for one in entries if one.entry.evidence}
    found = {digest: read_document(connection, digest) for digest in named}
    return {digest: content for digest, content in found.items() if content is not None}


def read_certificates(connection: Connection, thumbprints: Iterable[str]) -> list[bytes]:
    """The enrolled certificates of these thumbprints, DER."""
    query = select(certificates.c.der).where(certificates.c.thumbprint.in_(sorted(set(thumbprints))))
    return [bytes(der) for der in connection.scalars(query.order_by(certificates.c.thumbprint))]


def read_names(connection: Connection, codes: Iterable[str]) -> dict[str, str]:
    """What these departments are called, by code; one that is not registered (any more) has no name."""
    query = select(departments.c.code, departments.c.name).where(departments.c.code.in_(sorted(set(codes))))
    return {row.code: row.name for row in connection.execute(query)}
