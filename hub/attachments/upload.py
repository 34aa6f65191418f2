"""A department uploads a large attachment in parts, before the message that lists it.

Four steps: begin (proven, like a request to the mailbox), keep each part, tell what is missing, complete. Promises: an
upload is complete only after all its parts were read back and have the digest that was announced; it serves messages of
the department that uploaded it and no others, whatever others upload. It stays for some days, and as long as a message
refers to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.errors import Refused, Unavailable
from hub.hub import Hub
from hub.mailbox import examine, spend
from hub.proof import Request
from hub.settings.settings import Uploading
from hub.store import uploads
from hub.store.content.content import ContentStore
from hub.store.transaction import Transaction
from hub.store.uploads import Part, Upload

MOST_PARTS = 100_000
"""More would make the answer that lists them a large one."""
Token = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an upload has come; `missing` are the numbers of its parts, from 1. `token` is its id on the outside."""

    token: str
    upload: Upload
    missing: tuple[int, ...]


async def begin(hub: Hub, raw: bytes, certificate: bytes = b"", token: Token = secrets.token_urlsafe) -> Standing:
    """Begin an upload, or go on with one: its parts are still there, its earlier token ends.

    Errors: as `mailbox.fetch`; Refused upload.too-large, upload.quota.
    """
    at = hub.clock()
    request, _ = examine(raw, "uploadRequest", hub.rules, at, certificate)
    limits = hub.settings.upload
    if request.size > limits.most_bytes or request.size > MOST_PARTS * limits.part_bytes:
        raise Refused("upload.too-large", expected=f"<= {limits.most_bytes}", got=str(request.size))
    return await hub.writer.run(lambda transaction: _begin(transaction, hub, request, at, token()))


def _begin(transaction: Transaction, hub: Hub, request: Request, at: datetime, token: str) -> Standing:
    spend(transaction, hub, request, at)
    connection, until = transaction.connection, at + timedelta(seconds=hub.settings.upload.keep)
    known = uploads.find_of(connection, request.department, request.digest)
    if known is not None and (known.complete or known.size == request.size):
        uploads.renew(transaction, known.id, token, until)
        return _standing(transaction, replace(known, until=until), token)
    if known is not None:  # announced with another size, so it could never become complete
        uploads.drop(transaction, known.id)
    _check_room(transaction, request, hub.settings.upload)
    made = Upload(
        id=hashlib.sha256(token.encode()).hexdigest()[:32],
        department=request.department,
        digest=request.digest.lower(),
        size=request.size,
        part_bytes=hub.settings.upload.part_bytes,
        complete=False,
        until=until,
    )
    uploads.add(transaction, made, token)
    return _standing(transaction, made, token)


def _check_room(transaction: Transaction, request: Request, limits: Uploading) -> None:
    """Errors: Refused upload.quota. Several at the same moment on several nodes may each find the last room."""
    taken = uploads.bytes_under_way(transaction.connection, request.department)
    if taken + request.size > limits.department_bytes:
        raise Refused("upload.quota", expected=f"<= {limits.department_bytes}", got=str(taken + request.size))


def _standing(transaction: Transaction, upload: Upload, token: str) -> Standing:
    return Standing(token, upload, _missing(upload, uploads.read_parts(transaction.connection, upload.id)))


def _missing(upload: Upload, parts: Sequence[Part]) -> tuple[int, ...]:
    if upload.complete:
        return ()
    return tuple(sorted(set(range(1, upload.parts + 1)).difference(part.number for part in parts)))


def read_standing(hub: Hub, token: str) -> Standing:
    """How far an upload has come; blocks. Errors: Refused upload.unknown."""
    with hub.store.reading() as connection:
        upload = uploads.find_by_token(connection, token, hub.clock())
        if upload is None:
            raise Refused("upload.unknown")
        return Standing(token, upload, _missing(upload, uploads.read_parts(connection, upload.id)))


def expected_size(hub: Hub, token: str, number: int) -> int:
    """How many bytes a part must have; blocks. Errors: Refused upload.unknown, upload.part."""
    with hub.store.reading() as connection:
        upload = uploads.find_by_token(connection, token, hub.clock())
    if upload is None:
        raise Refused("upload.unknown")
    if not 1 <= number <= upload.parts:
        raise Refused("upload.part", expected=f"1..{upload.parts}", got=str(number))
    return upload.size_of(number)


async def keep_part(hub: Hub, token: str, number: int, content: bytes, digest: str) -> None:
    """Store one part safely; the same part again is no error, another content replaces it.

    Errors: Refused upload.unknown, upload.part, upload.altered; Unavailable content.*.
    """
    at = hub.clock()
    found = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
    if found != digest:
        raise Refused("upload.altered", where=str(number))
    part, until = Part(number, digest, len(content)), at + timedelta(seconds=hub.settings.upload.keep)
    upload = await hub.writer.run(lambda transaction: _expect(transaction, token, part, at))
    if upload.complete:
        return
    await asyncio.to_thread(hub.content.put, digest, content)
    await hub.writer.run(lambda transaction: uploads.part_stored(transaction, upload.id, part, until))


def _expect(transaction: Transaction, token: str, part: Part, at: datetime) -> Upload:
    upload = uploads.hold_by_token(transaction, token, at)
    if upload is None:
        raise Refused("upload.unknown")
    if not 1 <= part.number <= upload.parts or part.size != upload.size_of(part.number):
        raise Refused("upload.part", where=str(part.number), got=str(part.size))
    if not upload.complete:
        uploads.expect_part(transaction, upload.id, part)
    return upload


async def complete(hub: Hub, token: str) -> Standing:
    """Read all parts once and let the upload be used; one that is complete stays so.

    Errors: Refused upload.unknown, upload.incomplete, upload.mismatch (its parts are dropped); Unavailable content.*.
    """
    standing, parts = await asyncio.to_thread(_ready, hub, token)
    if standing.upload.complete:
        return standing
    if await asyncio.to_thread(_digest_of, hub.content, parts) != standing.upload.digest:
        await hub.writer.run(lambda transaction: uploads.drop_parts(transaction, standing.upload.id, parts))
        raise Refused("upload.mismatch")
    until = hub.clock() + timedelta(seconds=hub.settings.upload.keep)
    if not await hub.writer.run(lambda t: uploads.finish(t, standing.upload.id, parts, until)):
        raise Refused("upload.incomplete")
    return replace(standing, upload=replace(standing.upload, complete=True, until=until))


def _ready(hub: Hub, token: str) -> tuple[Standing, list[Part]]:
    standing = read_standing(hub, token)
    if standing.missing:
        some = ", ".join(map(str, standing.missing[:10]))
        raise Refused("upload.incomplete", got=some)
    with hub.store.reading() as connection:
        return standing, uploads.read_parts(connection, standing.upload.id)


def _digest_of(content: ContentStore, parts: Sequence[Part]) -> str:
    """The digest of all parts in turn, one at a time in memory. Errors: Unavailable content.*"""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(read_part(content, part))
    return whole.hexdigest()


def read_part(content: ContentStore, part: Part) -> bytes:
    """One part's bytes, which have its digest and size. Errors: Unavailable content.*"""
    found = content.get(part.digest)
    if len(found) != part.size:
        raise Unavailable("content.altered", where=part.digest)
    return found
