"""The manifest of a backup, `manifest.json`: what was copied, from which hub, when, and how its ledger stood. A value.

Promises: what is written is read back the same, and what is read has every field of the right type and file names that
stay inside the backup. It proves nothing by itself: whoever can change the files can change their digests here too; the
head and its checkpoint are signed by the hub.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from hub.errors import Misconfigured

FILE = "manifest.json"
DATABASE = "hub.db"
FORMAT = 1
_T = TypeVar("_T")
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the backup: its name with `/` between folders, its size in bytes, its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """The ledger as it stood. `note` is the checkpoint of just this tree with its cosignatures; empty if there is none.

    `chains` says how many entries each node's chain has; those that waited for their place are not in `size`.
    """

    size: int
    root: str
    note: str
    chains: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of it. `keys` are the verifier keys that signed checkpoints then; `layout` is that of the database."""

    at: datetime
    program: str
    hub: str
    ledger: str
    node: str
    engine: str
    layout: int
    head: Head
    counts: Mapping[str, int]
    keys: tuple[str, ...]
    private_keys: bool
    passwords: bool
    files: tuple[Kept, ...] = ()

    def written(self) -> bytes:
        """The JSON, for people to read too."""
        found = {"format": FORMAT, **asdict(self), "at": self.at.isoformat(timespec="seconds")}
        return (json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode()


def read_manifest(raw: bytes) -> Manifest:
    """Read what `written` wrote. Errors: Misconfigured backup.manifest, backup.newer."""
    try:
        found = json.loads(raw)
        if type(found) is dict and type(found.get("format")) is int and found["format"] > FORMAT:
            raise Misconfigured("backup.newer", expected=str(FORMAT), got=str(found["format"]))
        read = _read(found)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Misconfigured("backup.manifest", operator=str(error)) from None
    return read


def _read(found: dict[str, Any]) -> Manifest:
    if found.pop("format") != FORMAT:
        raise ValueError("format")
    values = {
        **found,
        "at": datetime.fromisoformat(found["at"]),
        "head": _typed(Head(**found["head"])),
        "keys": tuple(found["keys"]),
        "files": tuple(_file(one) for one in found["files"]),
    }
    read = _typed(Manifest(**values))
    counted = {**read.counts, **read.head.chains}
    if read.at.tzinfo is None or not all(type(name) is str and type(count) is int for name, count in counted.items()):
        raise ValueError("at, counts or chains")
    if DATABASE not in {one.name for one in read.files} or not all(type(key) is str for key in read.keys):
        raise ValueError("files or keys")
    return read


def _file(found: dict[str, Any]) -> Kept:
    kept = _typed(Kept(**found))
    path = PurePosixPath(kept.name)
    if not path.parts or path.is_absolute() or ".." in path.parts or str(path) != kept.name or "\0" in kept.name:
        raise ValueError(f"file name {kept.name!r}")
    if kept.size < 0 or not _DIGEST.fullmatch(kept.sha256):
        raise ValueError(f"file {kept.name!r}")
    return kept


_KINDS: dict[str, type] = {"str": str, "int": int, "bool": bool, "datetime": datetime, "Head": Head}


def _typed(value: _T) -> _T:
    """The value itself if its plain fields have the types that they are declared with."""
    for one in fields(value):  # type: ignore[arg-type]
        kind = _KINDS.get(str(one.type), Mapping if str(one.type).startswith("Mapping") else tuple)
        got = getattr(value, one.name)
        if not isinstance(got, kind) or (kind is int and isinstance(got, bool)):
            raise TypeError(f"{one.name}: {got!r:.80}")
    return value
