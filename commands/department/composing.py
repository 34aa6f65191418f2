"""Makes a signed envelope out of what a user gave on the command line. Sends nothing."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from commands.frame.files import read_file
from connectors.attachments.client import digest_file
from hub import envelope
from hub.codes import normalise_document_number
from hub.message import Attachment, Classification, Header, Recipient, Role, Urgency
from hub.parser import parse
from hub.signing import signature
from hub.signing.signer import Signer

LARGE = 8 * 1024 * 1024
_MEDIA_TYPES = {".ofd": "application/ofd", ".xml": "application/xml", ".wps": "application/vnd.ms-works"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent. With `beside` the attachments travel next to the envelope, otherwise inside it.

    Those of more than `LARGE` bytes do neither: they are uploaded before.
    """

    sender: str
    main: Sequence[str]
    copies: Sequence[str]
    type: str
    payload: Path
    attachments: Sequence[Path] = ()
    beside: bool = False
    message_id: str = ""
    urgency: str = "routine"
    classification: str = "none"
    life: timedelta | None = None
    conversation: str | None = None
    reply_to: str | None = None
    document_number: str | None = None
    case_number: str | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A signed envelope, the attachments that belong next to it, by manifest id, and the files to upload before it."""

    header: Header
    raw: bytes
    beside: Mapping[str, bytes]
    uploads: tuple[tuple[Path, Attachment], ...] = ()


def compose(draft: Draft, signer: Signer, at: datetime) -> Composed:
    """Build and sign. Errors: Refused xml.* of the payload file, signature.*; OSError of a file."""
    lines, beside, uploads = _attach(draft)
    header = _header(draft, at)
    payload = parse(read_file(draft.payload))
    raw = signature.sign(envelope.build(header, payload, lines), signer)
    return Composed(header, raw, beside, uploads)


def _header(draft: Draft, at: datetime) -> Header:
    number = draft.document_number
    main = [Recipient(address) for address in draft.main]
    copies = [Recipient(address, Role.COPY) for address in draft.copies]
    return Header(
        message_id=draft.message_id or f"{draft.sender}-{at:%Y%m%d}-{secrets.token_hex(6)}",
        type=draft.type,
        sender=draft.sender,
        recipients=(*main, *copies),
        created=at,
        expires=at + draft.life if draft.life is not None else None,
        urgency=Urgency(draft.urgency),
        classification=Classification(draft.classification),
        conversation=draft.conversation,
        in_reply_to=draft.reply_to,
        document_number=(normalise_document_number(number) or number) if number else None,
        case_number=draft.case_number,
    )


def _attach(draft: Draft) -> tuple[list[Attachment], dict[str, bytes], tuple[tuple[Path, Attachment], ...]]:
    lines, beside, uploads = [], {}, []
    for place, path in enumerate(draft.attachments, start=1):
        if _is_large(path):
            known = digest_file(path)
            line = Attachment(f"a{place}", path.name, _media_type(path), known.size, known.digest)
            lines.append(line)
            uploads.append((path, line))
            continue
        content = read_file(path)
        line = envelope.attachment(f"a{place}", path.name, _media_type(path), content, inline=not draft.beside)
        lines.append(line)
        if draft.beside:
            beside[line.id] = content
    return lines, beside, tuple(uploads)


def _is_large(path: Path) -> bool:
    return str(path) != "-" and path.stat().st_size > LARGE


def _media_type(path: Path) -> str:
    return _MEDIA_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
