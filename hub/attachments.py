"""Checks an envelope's attachments against its signed manifest. Reads and stores nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from hub.errors import Refused
from hub.message import Attachment


def check_attachments(
    manifest: Iterable[Attachment], beside: Mapping[str, bytes]
) -> tuple[tuple[Attachment, bytes], ...]:
    """Check every manifest line's bytes and return those that travel beside the envelope, in manifest order.

    The schema has made sure that ids are unique.
    Errors: Refused attachment.missing, .unlisted, .altered.
    """
    lines = {line.id: line for line in manifest}
    for id in beside:
        if id not in lines or lines[id].content is not None:
            raise Refused("attachment.unlisted", got=id[:100])
    return tuple(pair for line in lines.values() if (pair := _check(line, beside)) is not None)


def _check(line: Attachment, beside: Mapping[str, bytes]) -> tuple[Attachment, bytes] | None:
    content = line.content if line.content is not None else beside.get(line.id)
    if content is None:
        raise Refused("attachment.missing", got=line.id)
    if len(content) != line.size or hashlib.sha256(content).hexdigest() != line.sha256:
        raise Refused("attachment.altered", where=line.id)
    return None if line.content is not None else (line, content)
