"""Checks an envelope's attachments against its signed manifest. Reads and stores nothing.

What neither stands in the envelope nor came beside it must have been uploaded before; who accepts a message looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hub.errors import Refused
from hub.message import Attachment


@dataclass(frozen=True, slots=True)
class Attached:
    """Checked attachments that came beside an envelope, and the lines whose bytes must have been uploaded."""

    beside: tuple[tuple[Attachment, bytes], ...]
    uploaded: tuple[Attachment, ...]


def check_attachments(
    manifest: Iterable[Attachment], beside: Mapping[str, bytes]
) -> tuple[tuple[Attachment, bytes], ...]:
    """Check every manifest line's bytes and return those that travel beside the envelope, in manifest order.

    Errors: Refused attachment.missing, .unlisted, .altered.
    """
    found = match_attachments(manifest, beside)
    for line in found.uploaded:
        raise Refused("attachment.missing", got=line.id)
    return found.beside


def match_attachments(manifest: Iterable[Attachment], beside: Mapping[str, bytes]) -> Attached:
    """Check the bytes that came, and tell which manifest lines have none.

    The schema has made sure that ids are unique. Errors: Refused attachment.unlisted, .altered.
    """
    lines = {line.id: line for line in manifest}
    for id in beside:
        if id not in lines or lines[id].content is not None:
            raise Refused("attachment.unlisted", got=id[:100])
    apart = [line for line in lines.values() if line.content is None]
    for line in lines.values():
        _check(line, beside.get(line.id) if line.content is None else line.content)
    return Attached(
        beside=tuple((line, beside[line.id]) for line in apart if line.id in beside),
        uploaded=tuple(line for line in apart if line.id not in beside),
    )


def _check(line: Attachment, content: bytes | None) -> None:
    if content is None:
        return
    if len(content) != line.size or hashlib.sha256(content).hexdigest() != line.sha256:
        raise Refused("attachment.altered", where=line.id)
