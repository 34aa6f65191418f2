"""A department downloads a large attachment: a link on request, and the bytes in pieces.

Promises: only the sender and the recipients of a message get a link to its attachments; every part is compared with its
digest before any of it is given, and one part at a time is in memory. That a department has a message is said by its
acknowledgement, whose digest covers the manifest; a download is a line in the log and no ledger entry.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hub.attachments.handout import Link, add_link
from hub.errors import Refused
from hub.hub import Hub
from hub.mailbox import examine, spend
from hub.store import uploads
from hub.store.transaction import Transaction
from hub.store.uploads import Part, Upload

Token = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one part: its bytes from `start` up to `end`."""

    part: Part
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Opened:
    """An attachment that a ticket opens, and for which department."""

    upload: Upload
    parts: tuple[Part, ...]
    department: str

    def pieces(self, first: int, last: int) -> Iterator[Piece]:
        """The stretches that hold bytes `first` to `last`, both included."""
        begin = 0
        for part in self.parts:
            start, end = max(first - begin, 0), min(last + 1 - begin, part.size)
            if start < end:
                yield Piece(part, start, end)
            begin += part.size


async def ask(hub: Hub, raw: bytes, certificate: bytes = b"", token: Token = secrets.token_urlsafe) -> Link:
    """A link for a department that asks, proven like a request to the mailbox.

    What it may not have and what does not exist get the same answer. Errors: as `mailbox.fetch`; attachment.unknown.
    """
    at = hub.clock()
    request, _ = examine(raw, "downloadRequest", hub.rules, at, certificate)

    def give(transaction: Transaction) -> Link:
        spend(transaction, hub, request, at)
        upload = uploads.entitled(transaction.connection, request.department, request.digest)
        if upload is None:
            raise Refused("attachment.unknown")
        return add_link(transaction, hub, upload, request.department, at, token())

    return await hub.writer.run(give)


def open_ticket(hub: Hub, digest: str, token: str) -> Opened:
    """What a link opens; blocks. Errors: Refused attachment.unknown."""
    with hub.store.reading() as connection:
        found = uploads.find_ticket(connection, token, hub.clock())
        if found is None or found[0].digest != digest:
            raise Refused("attachment.unknown")
        upload, holder = found
        return Opened(upload, tuple(uploads.read_parts(connection, upload.id)), holder)
