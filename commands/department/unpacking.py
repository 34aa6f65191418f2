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

    What it links to is `carrying.download_all`'s, into the same folder.
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
    for id, content in _attachments(fetched):
        write_new(home / name_of(fetched, id), content)
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


def name_of(fetched: Fetched, id: str) -> str:
    """The file name of an attachment: its place in the manifest, and its name as far as it is harmless."""
    [(place, name)] = [(n, one.name) for n, one in enumerate(_manifest(fetched), start=1) if one.id == id]
    return f"{place:02}-{_fit(name)}"


def _manifest(fetched: Fetched) -> tuple[Attachment, ...]:
    from hub import envelope
    from hub.parser import parse

    return envelope.read(parse(fetched.envelope)).attachments


def _attachments(fetched: Fetched) -> list[tuple[str, bytes]]:
    """The attachments that came, by id, inside the envelope or beside it; those that are not as signed are refused.

    Errors: Refused attachment.missing, .unlisted, .altered.
    """
    from hub.attachments.attachments import match_attachments

    manifest = _manifest(fetched)
    linked = {link.id: (link.size, link.digest) for link in fetched.links}
    apart = {line.id: (line.size, line.sha256) for line in match_attachments(manifest, fetched.attachments).uploaded}
    for id in linked.keys() | apart.keys():
        if linked.get(id) != apart.get(id):
            raise Refused("attachment.unlisted" if id not in apart else "attachment.missing", got=id[:100])
    return [(line.id, _content(line, fetched)) for line in manifest if line.id not in apart]


def _content(line: Attachment, fetched: Fetched) -> bytes:
    return line.content if line.content is not None else fetched.attachments[line.id]


def _fit(name: str) -> str:
    """A file name without anything that a file system or a shell would understand."""
    return _UNFIT.sub("_", name).lstrip(". ")[:100] or "_"
