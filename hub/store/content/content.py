"""The content store: immutable blobs of a few megabytes, each under its SHA-256.

Promises: what `put` has returned for is on stable storage; what `get` returns has the digest asked for, computed while
it was read. One blob fits in memory (`MOST_BYTES`); larger things are lists of blobs, which is not this package's
business. Who refers to a blob is not known here; the caller deletes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hub.errors import Misconfigured, Unavailable

MOST_BYTES = 8 * 1024 * 1024
"""The largest blob."""

DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Blob:
    """One blob as a listing tells it. `stored_at` is the store's own clock."""

    digest: str
    size: int
    stored_at: datetime


class ContentStore(Protocol):
    """What a folder and a bucket have in common. All may block; all raise Unavailable content.* when out of reach."""

    def put(self, digest: str, content: bytes) -> None:
        """Keep a blob; a blob that is there already stays. The caller has checked the digest."""
        ...

    def get(self, digest: str) -> bytes:
        """The blob's bytes. Errors: Unavailable content.missing, content.altered."""
        ...

    def has(self, digest: str) -> bool:
        """Whether a blob is there; says nothing about its bytes."""
        ...

    def delete(self, digest: str) -> None:
        """Remove a blob; none is no error."""
        ...

    def blobs(self) -> Iterator[Blob]:
        """Every blob, in no order."""
        ...

    def sweep(self, before: datetime) -> int:
        """Remove what interrupted writes left behind before that time; return how many things that were."""
        ...


def open_content(place: str, folder: Path) -> ContentStore:
    """The store that a setting names: a path, relative to `folder`, or `s3://[KEY:SECRET@]HOST[:PORT]/BUCKET[/PREFIX]`.

    Errors: Misconfigured content.place, content.driver.
    """
    if place.startswith("s3://"):
        from hub.store.content.bucket import open_bucket

        return open_bucket(place)
    if "://" in place or not place:
        raise Misconfigured("content.place", got=place.partition("://")[0])
    from hub.store.content.folder import Folder

    return Folder(folder / place)


def checked(digest: str, content: bytes) -> bytes:
    """`content`, if it has that digest. Errors: Unavailable content.altered."""
    if hashlib.sha256(content).hexdigest() != digest:
        raise Unavailable("content.altered", where=digest)
    return content
