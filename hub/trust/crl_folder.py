"""The folder of revocation lists: which files count, and what a list's file is called. Judges no list.

Promises: two lists of one authority for one place have one name, so that a new list takes the old one's file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hub.trust.crl import RevocationList

_SUFFIXES = (".crl", ".pem")


def crl_files(folder: Path) -> list[Path]:
    """The lists that count, by name; a folder that is not there has none."""
    return sorted(p for p in folder.glob("*") if p.suffix in _SUFFIXES) if folder.is_dir() else []


def crl_path(folder: Path, crl: RevocationList) -> Path:
    """Where a list belongs."""
    mark = hashlib.sha256(crl.issuer + crl.signer + crl.place).hexdigest()[:16]
    return folder / f"{mark}.crl"


def put_crl(path: Path, raw: bytes) -> None:
    """Write a list in one step: a serving hub reads the old one or the new one, never half of it. Errors: OSError."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(path.name + ".new")
    partial.write_bytes(raw)
    os.replace(partial, path)
