"""Looks after the content store: takes away what nobody needs any more, and compares what is there with its digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.attachments.upload import read_part
from hub.errors import Unavailable
from hub.store import sweeping
from hub.store.content.content import ContentStore
from hub.store.store import Store
from hub.store.uploads import Part

GRACE = timedelta(days=1)
"""A blob younger than this stays, whoever refers to it."""
Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Swept:
    """What went: lapsed uploads, blobs and their bytes, and files that interrupted writes had left behind."""

    uploads: int = 0
    blobs: int = 0
    bytes: int = 0
    leftovers: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """A blob that is not there, or is not what it was."""

    digest: str
    code: str


def sweep(store: Store, content: ContentStore, at: datetime, grace: timedelta = GRACE) -> Swept:
    """Take away lapsed uploads, and blobs that nobody refers to and that are older than `grace`.

    Errors: Unavailable content.*, store.*; what went until then is gone for good reason.
    """
    with store.transaction() as transaction:
        sweeping.lock(transaction)
        lapsed = sweeping.lapsed(transaction.connection, at)
        sweeping.forget(transaction, lapsed)
    number = size = 0
    for some in sweeping.in_batches(blob for blob in content.blobs() if blob.stored_at < at - grace):
        with store.transaction() as transaction:
            sweeping.lock(transaction)
            for blob in sweeping.unneeded(transaction.connection, some):
                content.delete(blob.digest)
                number, size = number + 1, size + blob.size
    return Swept(len(lapsed), number, size, content.sweep(at - grace))


def plan(store: Store, content: ContentStore, at: datetime, grace: timedelta = GRACE) -> Swept:
    """What `sweep` would take now of what nobody refers to; blobs of uploads that would lapse by it come on top."""
    number = size = 0
    with store.reading() as connection:
        lapsed = sweeping.lapsed(connection, at)
        for some in sweeping.in_batches(blob for blob in content.blobs() if blob.stored_at < at - grace):
            for blob in sweeping.unneeded(connection, some):
                number, size = number + 1, size + blob.size
    return Swept(len(lapsed), number, size)


def parts_of(store: Store) -> list[Part]:
    """The blobs that must be there."""
    with store.reading() as connection:
        return sweeping.kept_parts(connection)


def check(store: Store, content: ContentStore, parts: list[Part], step: Step = lambda n: None) -> Iterator[Damage]:
    """Read every blob and compare it with its digest; what is swept meanwhile is no damage.

    Errors: Unavailable content.* when the store itself is out of reach.
    """
    for part in parts:
        try:
            read_part(content, part)
        except Unavailable as error:
            if error.code not in ("content.missing", "content.altered"):
                raise
            if part.digest in {one.digest for one in parts_of(store)}:
                yield Damage(part.digest, error.code)
        step(part.size)
