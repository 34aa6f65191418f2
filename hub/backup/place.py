"""A backup as files: one folder, or one `.tar` of the same. Seals it with digests, checks them, packs and unpacks.

Promises: a backup is there whole under its name, or not at all; every file in it is on the disk before it gets its name
and closed to everybody but its owner; unpacking writes only plain files that the manifest names.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hub.backup.manifest import FILE, Kept, Manifest, read_manifest
from hub.errors import Misconfigured
from hub.whole import whole_folder

TAR = ".tar"
_PARTIAL = ".hub-backup-"
_BYTES = 1024 * 1024
_LARGEST_MANIFEST = 256 * _BYTES


@contextmanager
def being_made(place: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes the backup `place`, a folder, or a file if that ends in `.tar`.

    Errors: Misconfigured install.not-empty, file.exists; OSError.
    """
    if place.suffix != TAR:
        with whole_folder(place, _PARTIAL) as partial:
            yield partial
        _sync(place.parent)
        return
    if place.exists():
        raise Misconfigured("file.exists", where=place.name, operator=str(place))
    partial = place.with_name(f"{_PARTIAL}{secrets.token_hex(4)}")
    packed = partial.with_suffix(TAR)
    try:
        partial.mkdir(mode=0o700)
        yield partial
        _pack(partial, packed)
        packed.replace(place)
        _sync(place.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        packed.unlink(missing_ok=True)


def seal(folder: Path) -> tuple[Kept, ...]:
    """The files of a backup with their digests, each closed to others and on the disk."""
    return tuple(_sealed(folder, path) for path in _files(folder))


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Write the manifest, last of all; its SHA-256 (hex)."""
    raw = manifest.written()
    (folder / FILE).write_bytes(raw)
    _sealed(folder, folder / FILE)
    for below in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        _sync(below)
    return hashlib.sha256(raw).hexdigest()


def _sealed(folder: Path, path: Path) -> Kept:
    path.chmod(0o600)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return Kept(path.relative_to(folder).as_posix(), path.stat().st_size, digest)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _sync(folder: Path) -> None:
    """A name is on the disk only when its folder is."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _pack(folder: Path, to: Path) -> None:
    """The manifest is the first file, so that it can be looked at without reading the rest."""
    with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in (folder / FILE, *(path for path in _files(folder) if path != folder / FILE)):
                tar.add(path, path.relative_to(folder).as_posix())
        file.flush()
        os.fsync(file.fileno())


def manifest_of(place: Path) -> tuple[Manifest, bytes]:
    """A backup's manifest, and its bytes. Errors: Misconfigured backup.absent, backup.manifest, backup.newer."""
    try:
        raw = _first_in(place) if place.is_file() else (place / FILE).read_bytes()
    except (OSError, tarfile.TarError, EOFError) as error:
        raise Misconfigured("backup.absent", where=place.name, operator=str(error)) from None
    return read_manifest(raw), raw


def _first_in(place: Path) -> bytes:
    with tarfile.open(place, "r:") as tar:
        first = tar.next()
        file = tar.extractfile(first) if first and first.isreg() and first.name == FILE else None
        if file is None:
            raise tarfile.TarError(f"the first file is not {FILE}")
        return file.read(_LARGEST_MANIFEST)


@contextmanager
def as_folder(place: Path) -> Iterator[Path]:
    """The backup as a folder to read from; one in a file is unpacked to a temporary folder.

    Errors: Misconfigured backup.*; OSError.
    """
    if place.is_dir():
        yield place
        return
    manifest, _ = manifest_of(place)
    with TemporaryDirectory(prefix="hub-backup-") as unpacked:
        _unpack(place, Path(unpacked), manifest)
        yield Path(unpacked)


def _unpack(place: Path, folder: Path, manifest: Manifest) -> None:
    known = {FILE, *(one.name for one in manifest.files)}
    try:
        with tarfile.open(place, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                if file is None or member.name not in known:
                    raise Misconfigured("backup.altered", where=member.name[:200])
                to = folder / member.name
                to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                    shutil.copyfileobj(file, out, _BYTES)
    except tarfile.TarError as error:
        raise Misconfigured("backup.altered", where=place.name, operator=str(error)) from None


def damaged(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Every file that is not as the manifest says, or that it does not name: name, expected and got SHA-256."""
    named = {one.name: one for one in manifest.files}
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for name, one in named.items():
        path = there.get(name)
        if path is None or path.is_symlink() or not path.is_file():
            yield name, one.sha256, ""
            continue
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        if got != one.sha256:
            yield name, one.sha256, got
    for name in sorted(there.keys() - named.keys() - {FILE}):
        yield name, "", "?"


def backups_in(home: Path, hub: str, ledger: str) -> list[tuple[Path, Manifest]]:
    """The backups of one hub's ledger in a folder, oldest first; what is not a backup is passed over."""
    found = []
    for place in home.iterdir() if home.is_dir() else ():
        if place.name.startswith(".") or not (place.is_dir() or place.suffix == TAR):
            continue
        try:
            manifest, _ = manifest_of(place)
        except Misconfigured:
            continue
        if (manifest.hub, manifest.ledger) == (hub, ledger):
            found.append((place, manifest))
    return sorted(found, key=lambda one: (one[1].at, one[0].name))


def remove(place: Path) -> None:
    """Delete a backup; its manifest goes first, so that what is left after a crash is no backup."""
    if place.is_dir():
        (place / FILE).unlink()
        shutil.rmtree(place)
    else:
        place.unlink()
