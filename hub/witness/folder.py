"""What a witness keeps on its own disk: settings and key, the last checkpoint, changes of the log's keys, evidence.

Promises: a checkpoint is on the disk before `keep` returns; the kept one carries the witness's own cosignature, so a
damaged or missing file is noticed and never taken for a new beginning; a folder is used by one process at a time.
Evidence is never overwritten. Nothing here comes from, or needs, the hub's database.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.errors import Misconfigured, Refused
from hub.tree.checkpoint import Checkpoint, cosign, cosignatures
from hub.tree.key import Ed25519NoteSigner, Kind, NoteKey
from hub.tree.key_change import KeyChange, following, open_change
from hub.tree.merkle import EMPTY
from hub.tree.note import Note, read_note
from hub.witness.settings import FILE, WitnessSettings

KEY = "witness.key"
KEPT = "kept.note"
LOCK = "witness.lock"
EVIDENCE = "evidence"
CHANGES = "key-changes"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What convicts a log: the checkpoint kept, the note offered, what was handed over as a proof between, and what as
    changes of its keys if they were asked for.
    """

    code: str
    kept: bytes
    offered: bytes
    proof: tuple[bytes, ...]
    at: datetime
    changes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """An opened folder."""

    path: Path
    settings: WitnessSettings
    signer: Ed25519NoteSigner = field(repr=False)

    @classmethod
    def create(
        cls,
        path: Path,
        settings: WitnessSettings,
        private: Ed25519PrivateKey,
        at: datetime,
        first: Note | None = None,
    ) -> WitnessFolder:
        """Make a folder that keeps the checkpoint `first`, or else that of the empty tree.

        Errors: Misconfigured witness.exists, witness.setting.
        """
        settings.check()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise Misconfigured("witness.exists", operator=str(path))
        (path / EVIDENCE).mkdir()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(path / KEY, pem)
        made = cls(path, settings, Ed25519NoteSigner.of(settings.name, private, Kind.COSIGNATURE))
        made.keep(first or Note(Checkpoint(settings.origin, 0, EMPTY).text(), ()), at)
        # Last, because this is the file by which `open` knows a folder.
        _write(path / FILE, settings.text().encode())
        return made

    @classmethod
    def open(cls, path: Path) -> WitnessFolder:
        """Open a folder. Errors: Misconfigured witness.absent, note.signer, config.*, witness.setting."""
        settings = WitnessSettings.read(_read(path / FILE, "witness.absent").decode("utf-8", "replace"))
        pem = _read(path / KEY, "key.unreadable")
        return cls(path, settings, Ed25519NoteSigner.from_pem(settings.name, pem, Kind.COSIGNATURE))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process out: two could cosign two trees. Errors: Misconfigured witness.running."""
        with (self.path / LOCK).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Misconfigured("witness.running", operator=str(self.path)) from None
            yield

    def kept(self) -> tuple[Checkpoint, datetime]:
        """The last checkpoint seen, and when. Errors: Misconfigured witness.damaged."""
        try:
            note = read_note(_read(self.path / KEPT, "witness.damaged"))
            seen = cosignatures(note, [self.signer.key])
            return Checkpoint.read(note.text), seen[0].at
        except Refused as wrong:
            raise Misconfigured("witness.damaged", operator=str(wrong)) from None

    def kept_bytes(self) -> bytes:
        """The kept note as it lies on the disk."""
        return _read(self.path / KEPT, "witness.damaged")

    def keep(self, note: Note, at: datetime) -> Note:
        """Keep a checkpoint in place of the last one, and only then return its cosignature, as a note of its own."""
        cosigned = cosign(note, self.signer, at)
        _write(self.path / KEPT, Note(note.text, (*note.signatures, cosigned)).written().encode())
        return Note(note.text, (cosigned,))

    def changes(self) -> list[KeyChange]:
        """The changes of the log's keys that were followed, first to last. Errors: Misconfigured witness.damaged."""
        home = self.path / CHANGES
        files = sorted(home.glob("*.note")) if home.is_dir() else []
        try:
            found = [open_change(_read(file, "witness.damaged"), self.settings.origin) for file in files]
        except Refused as wrong:
            raise Misconfigured("witness.damaged", operator=str(wrong)) from None
        if following(self.settings.keys, -1, found) != found:
            raise Misconfigured("witness.damaged", operator=CHANGES)
        return found

    def log_keys(self) -> tuple[NoteKey, ...]:
        """The log's keys: those of the settings, as the changes left them. Errors: Misconfigured witness.damaged."""
        changes = self.changes()
        return changes[-1].new if changes else self.settings.keys

    def keep_change(self, change: KeyChange, octets: bytes) -> None:
        """Keep a change that is followed; from now on its new keys are the log's."""
        home = self.path / CHANGES
        home.mkdir(exist_ok=True)
        _write(home / f"{change.size:020d}.note", octets)

    def convict(self, evidence: Evidence, digest: str) -> Path:
        """Put evidence on the disk, once for each code and digest (hex, of what was offered); where it lies."""
        home = self.path / EVIDENCE / f"{evidence.code}-{digest[:16]}"
        if (home / "about.json").exists():
            return home
        home.mkdir(exist_ok=True)
        _write(home / "kept.note", evidence.kept)
        _write(home / "offered.note", evidence.offered)
        about = {
            "code": evidence.code,
            "hub": self.settings.hub,
            "at": evidence.at.isoformat(),
            "keys": [key.text() for key in self.log_keys()],
            "proof": [part.hex() for part in evidence.proof],
            "changes": [octets.decode("utf-8", "replace") for octets in evidence.changes],
        }
        _write(home / "about.json", json.dumps(about, ensure_ascii=False, indent=2).encode())
        return home

    def unsettled(self) -> list[Path]:
        """The evidence that nobody has settled yet, oldest name first."""
        found = (self.path / EVIDENCE).iterdir()
        return sorted(home for home in found if home.is_dir() and not (home / "settled.json").exists())

    def settle(self, why: str, at: datetime) -> list[Path]:
        """Note beside each piece of unsettled evidence why the witness may go on; what was settled."""
        settled = self.unsettled()
        for home in settled:
            said = {"why": why, "at": at.isoformat()}
            _write(home / "settled.json", json.dumps(said, ensure_ascii=False).encode())
        return settled


def _read(path: Path, code: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(code, operator=str(error)) from None


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all, and be sure that it is on the disk."""
    fresh = path.with_name(f".{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
