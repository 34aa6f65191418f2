"""Puts fetched messages into folders, one each: envelope, stamp, attachments, and what a later confirmation needs.

Names inside a message are strangers' words: none of them leaves its folder or replaces a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from commands.frame.files import write_new
from hub.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from connectors.exchange_client import Fetched
    from hub.message import Attachment

ENVELOPE = "envelope.xml"
STAMP = "stamp.xml"
DELIVERY = "delivery.json"
_UNFIT = re.compile(r"[^\w.〔〕（）()\- ]")


def unpack(fetched: Fetched, folder: Path) -> Path:
    """Write one message into a folder of its own below `folder`; the same message again changes nothing.

    Errors: Refused delivery.altered, attachment.*; OSError, also for a folder that is in the way.
    """
    if hashlib.sha256(fetched.envelope).hexdigest() != fetched.digest:
        raise Refused("delivery.altered", got=f"{fetched.sender}/{fetched.message_id}")
    home = folder / f"{fetched.delivery_id}-{_fit(fetched.sender)}-{_fit(fetched.message_id)}"
    if _is_here(home, fetched):
        return home
    home.mkdir(parents=True)
    write_new(home / ENVELOPE, fetched.envelope)
    write_new(home / STAMP, fetched.stamp)
    for place, (name, content) in enumerate(_attachments(fetched), start=1):
        write_new(home / f"{place:02}-{_fit(name)}", content)
    write_new(home / DELIVERY, _note(fetched))
    return home


def read_unpacked(folder: Path) -> list[Fetched]:
    """The deliveries whose folders lie below `folder`, or that is one itself. Errors: Misconfigured mailbox.nothing."""
    from datetime import UTC, datetime

    from connectors.exchange_client import Fetched

    notes = [folder / DELIVERY] if (folder / DELIVERY).is_file() else sorted(folder.glob(f"*/{DELIVERY}"))
    if not notes:
        raise Misconfigured("mailbox.nothing", where=folder.name, operator=str(folder))
    return [
        Fetched(**json.loads(note.read_bytes()), lease_until=datetime.now(UTC), envelope=b"", stamp=b"", attachments={})
        for note in notes
    ]


def _is_here(home: Path, fetched: Fetched) -> bool:
    """Whether the message was written before, whole: its note is written last."""
    return (home / DELIVERY).is_file() and (home / DELIVERY).read_bytes() == _note(fetched)


def _note(fetched: Fetched) -> bytes:
    names = ("delivery_id", "sender", "message_id", "type", "role", "digest")
    return json.dumps({name: getattr(fetched, name) for name in names}, ensure_ascii=False, indent=2).encode()


def _attachments(fetched: Fetched) -> list[tuple[str, bytes]]:
    """The attachments by name, inside the envelope or beside it; those that are not as signed are refused."""
    from hub import envelope
    from hub.attachments import check_attachments
    from hub.parser import parse

    manifest = envelope.read(parse(fetched.envelope)).attachments
    check_attachments(manifest, fetched.attachments)
    return [(line.name, _content(line, fetched)) for line in manifest]


def _content(line: Attachment, fetched: Fetched) -> bytes:
    return line.content if line.content is not None else fetched.attachments[line.id]


def _fit(name: str) -> str:
    """A file name without anything that a file system or a shell would understand."""
    return _UNFIT.sub("_", name).lstrip(". ")[:100] or "_"
