"""How a stamp says whom a message goes to: by their codes while they are few, else by number and digest of a list.

A stamp travels with each delivery, so one that named ten thousand would be sent ten thousand times. The list is one
document for all, kept as evidence of the acceptance. Every reader of a stamp's recipients asks here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

NAMED_MOST = 200
"""A stamp names so many by itself: 7 KB of it."""


@dataclass(frozen=True, slots=True)
class Recipients:
    """What a stamp states: the codes in `named`; or, with a `digest` (SHA-256, hex), only that of their list."""

    count: int
    named: tuple[str, ...] = ()
    digest: str = ""

    @classmethod
    def by_name(cls, codes: Iterable[str]) -> Recipients:
        """Each of them named, in the order given."""
        named = tuple(codes)
        return cls(len(named), named)

    @classmethod
    def by_list(cls, codes: Iterable[str]) -> Recipients:
        """Their number, and the digest of their list."""
        written = write_list(codes)
        return cls(written.count(b"\n"), digest=hashlib.sha256(written).hexdigest())

    @classmethod
    def of(cls, codes: Iterable[str]) -> Recipients:
        """As a new stamp states them: by name up to `NAMED_MOST`."""
        codes = tuple(codes)
        return cls.by_name(codes) if len(codes) <= NAMED_MOST else cls.by_list(codes)

    def are(self, codes: Iterable[str]) -> bool:
        """Whether it is these who are stated, in whatever order."""
        return sorted(self.named) == sorted(codes) if not self.digest else self == Recipients.by_list(codes)


def write_list(codes: Iterable[str]) -> bytes:
    """The list of these codes: each once, in order of their octets in UTF-8, with a line feed after each."""
    return b"".join(code + b"\n" for code in sorted({code.encode() for code in codes}))
