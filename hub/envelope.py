"""Reads an envelope tree into values, and builds one from values. Proves nothing and checks no schema.

`read` expects a tree that passed schema envelope-1, so that every element is where the schema says.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from lxml import etree

from hub.errors import Refused
from hub.message import Attachment, Classification, Envelope, Header, Recipient, Role, Urgency
from hub.proof import read_time, write_time

NAMESPACE = "urn:hub:envelope:v1"
_Q = "{" + NAMESPACE + "}"
_STRIP = len(_Q)
_WITHOUT_SPACE = str.maketrans("", "", " \t\r\n")


def read(root: Any) -> Envelope:
    """The header and attachment manifest of an env:envelope that passed its schema.

    Errors: Refused envelope.time, envelope.invalid for content that is no base64.
    """
    attachments = root.find(_Q + "attachments")
    return Envelope(
        header=_read_header(root[0]),
        attachments=tuple(_read_attachment(e) for e in attachments) if attachments is not None else (),
    )


def payload_of(root: Any) -> Any:
    """The payload element of an env:envelope that passed its schema."""
    return root.find(_Q + "payload")[0]


def _read_header(element: Any) -> Header:
    field = {e.tag[_STRIP:]: (e.text or "").strip() for e in element}
    recipients = element.find(_Q + "recipients")
    return Header(
        message_id=field["messageId"],
        type=field["type"],
        sender=field["sender"],
        recipients=tuple(Recipient((e.text or "").strip(), Role(e.get("role", Role.MAIN))) for e in recipients),
        created=read_time(field["created"]),
        expires=read_time(field["expires"]) if "expires" in field else None,
        urgency=Urgency(field.get("urgency", Urgency.ROUTINE)),
        classification=Classification(field.get("classification", Classification.NONE)),
        conversation=field.get("conversation"),
        in_reply_to=field.get("inReplyTo"),
        document_number=field.get("documentNumber"),
        case_number=field.get("caseNumber"),
    )


def _read_attachment(element: Any) -> Attachment:
    field = {e.tag[_STRIP:]: e.text or "" for e in element}
    content = field.get("content")
    return Attachment(
        id=field["id"].strip(),
        name=field["name"],
        media_type=field["mediaType"].strip(),
        size=int(field["size"]),
        sha256=field["sha256"].strip().lower(),
        content=_decoded(content) if content is not None else None,
    )


def _decoded(text: str) -> bytes:
    """The C library lets any character into base64, and readers differ about what stray ones mean."""
    try:
        return base64.b64decode(text.translate(_WITHOUT_SPACE), validate=True)
    except ValueError:
        raise Refused("envelope.invalid", where="env:content", expected="base64") from None


def attachment(id: str, name: str, media_type: str, content: bytes, *, inline: bool) -> Attachment:
    """The manifest line for `content`; with `inline` the bytes will stand in the envelope itself."""
    digest = hashlib.sha256(content).hexdigest()
    return Attachment(id, name, media_type, len(content), digest, content if inline else None)


def build(header: Header, payload: Any, attachments: Iterable[Attachment] = ()) -> Any:
    """The unsigned env:envelope tree; `payload` is moved into it."""
    root = etree.Element(_Q + "envelope", nsmap={"env": NAMESPACE})
    root.set("version", "1")
    _build_header(etree.SubElement(root, _Q + "header"), header)
    etree.SubElement(root, _Q + "payload").append(payload)
    lines = tuple(attachments)
    if lines:
        manifest = etree.SubElement(root, _Q + "attachments")
        for line in lines:
            _build_attachment(etree.SubElement(manifest, _Q + "attachment"), line)
    return root


def _build_header(element: Any, header: Header) -> None:
    _add(element, "messageId", header.message_id)
    _add(element, "type", header.type)
    _add(element, "sender", header.sender)
    recipients = etree.SubElement(element, _Q + "recipients")
    for recipient in header.recipients:
        child = etree.SubElement(recipients, _Q + "recipient")
        child.set("role", recipient.role)
        child.text = recipient.address
    _add(element, "created", _time(header.created))
    _add(element, "expires", _time(header.expires))
    _add(element, "urgency", header.urgency)
    _add(element, "classification", header.classification)
    _add(element, "conversation", header.conversation)
    _add(element, "inReplyTo", header.in_reply_to)
    _add(element, "documentNumber", header.document_number)
    _add(element, "caseNumber", header.case_number)


def _build_attachment(element: Any, line: Attachment) -> None:
    _add(element, "id", line.id)
    _add(element, "name", line.name)
    _add(element, "mediaType", line.media_type)
    _add(element, "size", str(line.size))
    _add(element, "sha256", line.sha256)
    if line.content is not None:
        _add(element, "content", base64.b64encode(line.content).decode())


def _add(element: Any, tag: str, text: str | None) -> None:
    if text is not None:
        etree.SubElement(element, _Q + tag).text = text


def _time(at: datetime | None) -> str | None:
    return write_time(at) if at is not None else None
