"""What goes into a backup beside the copy of the database: the files that an installation needs, and the manifest.

Promises: passwords stand in the copied settings, and private keys in the backup, only if asked for. Files that the
settings name outside the data directory lie under `outside/`; of a content store only one in a folder is copied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from hub import __version__
from hub.backup.manifest import Head, Manifest
from hub.settings.settings import FILE, Settings
from hub.settings.text import without_passwords
from hub.store.chain_holdings import heads
from hub.store.content.content import DIGEST
from hub.store.engine import read_facts
from hub.store.holdings import count
from hub.store.store import Store
from hub.store.tree import read_head
from hub.store.tree_proofs import read_checkpoint
from hub.tree.key import NoteKey
from hub.trust.crl_folder import crl_files

OUTSIDE = "outside"
_DEMO = ("ca", "departments")
"""What `hub init` makes for trials, keys and all."""


def name_inside(path: str) -> str:
    """Where a file that the settings name lies in a backup."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        return f"{OUTSIDE}/{pure.name}"
    return str(pure)


def as_kept(settings: Settings) -> Settings:
    """The settings as they hold within a backup, for an audit there; private keys are not looked for."""
    anchors = settings.ledger.timestamp_anchors
    ledger = replace(settings.ledger, key="", timestamp_anchors=name_inside(anchors) if anchors else "")
    return replace(settings, certificate=name_inside(settings.certificate), ledger=ledger)


def gather(folder: Path, settings: Settings, to: Path, *, keys: bool, passwords: bool) -> list[str]:
    """Copy the files of a data directory; the names of those that the settings name and that are not there.

    Errors: Misconfigured config.*, backup.password; OSError.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    (to / FILE).write_text(text if passwords else without_passwords(text), encoding="utf-8")
    missing = []
    for name, path in _named(folder, settings, keys):
        if path.is_file():
            _copy(path, to / name)
        else:
            missing.append(name)
    return missing


def _named(folder: Path, settings: Settings, keys: bool) -> Iterator[tuple[str, Path]]:
    """The files by their names in the backup; certificates that the hub had before count, as for the audit."""
    tls = settings.listen.tls
    wanted = [settings.routing, settings.ledger.timestamp_anchors, tls.certificate, tls.client_ca]
    private = [settings.key, settings.ledger.key, tls.key] if keys else []
    for path in filter(None, (*wanted, *private)):
        yield name_inside(path), folder / path
    for path in (settings.certificate, *([settings.key] if keys else [])):
        home = PurePosixPath(name_inside(path)).parent
        beside = (folder / path).parent.glob(f"*{PurePosixPath(path).suffix}")
        for found in sorted({folder / path, *beside}):
            yield str(home / found.name), found
    place = settings.content.place
    for found in _blobs(folder / place) if "://" not in place else ():
        yield f"{name_inside(place)}/{found.parent.name}/{found.name}", found
    for found in crl_files(folder / settings.trust.crl_folder):
        yield f"{name_inside(settings.trust.crl_folder)}/{found.name}", found
    for found in _below(folder, _DEMO if keys else ()):
        yield found.relative_to(folder).as_posix(), found


def _blobs(folder: Path) -> Iterator[Path]:
    """What a content store in a folder holds; what is still being written has a longer name."""
    found = folder.glob("[0-9a-f][0-9a-f]/*")
    yield from sorted(path for path in found if DIGEST.fullmatch(path.parent.name + path.name))


def _below(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        yield from sorted(path for path in (folder / name).rglob("*") if path.is_file())


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("rb") as file, open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        shutil.copyfileobj(file, out)


def describe(
    copy: Store,
    settings: Settings,
    at: datetime,
    engine: str,
    keys: Iterable[NoteKey],
    *,
    private: bool,
    passwords: bool,
) -> Manifest:
    """The manifest, without its files, of the backup that holds this copy of the database."""
    with copy.reading() as connection:
        counts = asdict(count(connection))
    return Manifest(
        at=at,
        program=__version__,
        hub=copy.hub_id,
        ledger=copy.ledger_id,
        node=settings.node,
        engine=engine,
        layout=int(read_facts(copy.engine)["version"]),
        head=head_of(copy),
        counts=counts,
        keys=tuple(key.text() for key in keys),
        private_keys=private,
        passwords=passwords,
    )


def head_of(store: Store) -> Head:
    """How a ledger stands."""
    with store.reading() as connection:
        tree = read_head(connection)
        note = read_checkpoint(connection, tree.size).note if tree.size else ""
        chains = {stored.entry.node: stored.entry.sequence for stored in heads(connection)}
    return Head(tree.size, tree.root.hex(), note, chains)
