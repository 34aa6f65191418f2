"""What the audit measures a tree by: its name, its keys, its witnesses, its time-stamp authorities. A value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.x509 import Certificate

from hub.audit.checkpoint import LogKey
from hub.tree.key import NoteKey


@dataclass(frozen=True, slots=True)
class LogStandard:
    """The origin of a log, the keys of it and of its witnesses, and how late a leaf may be.

    `keys` sign now; those before them are known by the changes that are kept, and `retired` only gives the dates of
    those that have a certificate. `kept` are checkpoints (notes) from outside, by the name that findings call them by.
    `anchors` are the roots of time-stamp authorities.
    """

    origin: str
    keys: tuple[LogKey, ...]
    witnesses: tuple[NoteKey, ...] = ()
    lag: timedelta = timedelta(seconds=5)
    kept: Mapping[str, bytes] = field(default_factory=dict)
    retired: tuple[LogKey, ...] = ()
    anchors: tuple[Certificate, ...] = ()

    def dated(self, keys: Iterable[NoteKey]) -> list[LogKey]:
        """These keys with the dates of their certificates, as far as known."""
        known = {one.key: one for one in (*self.retired, *self.keys)}
        return [known.get(key, LogKey(key)) for key in keys]
