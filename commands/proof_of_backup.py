"""Proves a backup before anybody relies on it: every digest, the whole audit of its ledger, its head, what it lacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from commands.frame.command import Phrase, Session
from commands.frame.files import read_file
from commands.frame.progress import progress
from hub.audit.audit import Finding, Report, log_standard, report, standard_of
from hub.audit.checkpoint import LogKey
from hub.audit.finding import differing
from hub.backup.gap import Gap, gap
from hub.backup.manifest import DATABASE, FILE, Manifest
from hub.backup.place import damaged
from hub.backup.take import as_kept, head_of
from hub.hub import read_settings
from hub.store.holdings import count
from hub.store.snapshot import frozen, layout_of
from hub.store.tree_holdings import count_tree
from hub.tree.key import NoteKey

if TYPE_CHECKING:
    from hub.audit.log import LogStandard
    from hub.settings.settings import Settings
    from hub.store.store import Store

_MOST = 100


@dataclass(frozen=True, slots=True)
class Proof:
    """What is wrong with a backup, first things first, how many things that is, and what outside checkpoints say."""

    findings: tuple[Finding, ...]
    wrong: int
    gaps: tuple[Gap, ...] = ()


def read_gaps(manifest: Manifest, since: tuple[Path, ...]) -> tuple[dict[str, bytes], tuple[Gap, ...]]:
    """Checkpoints kept outside, and what each says. Errors: Refused note.*; Misconfigured note.key, file.*"""
    notes = {path.name: read_file(path) for path in since}
    keys = [NoteKey.read(text) for text in manifest.keys]
    return notes, tuple(gap(name, octets, keys, manifest.head.size) for name, octets in notes.items())


def prove(session: Session, folder: Path, manifest: Manifest, since: tuple[Path, ...] = ()) -> Proof:
    """Prove an unpacked backup, changing nothing of it. Errors: Refused note.*; Misconfigured; Unavailable store.*"""
    notes, gaps = read_gaps(manifest, since)
    broken = [Finding("backup.altered", name, "sha256", expected, got) for name, expected, got in
              damaged(folder, manifest)]  # fmt: skip
    if broken:
        return Proof(tuple(broken), len(broken), gaps)
    within = {one.name: notes[one.name] for one in gaps if not one.missing}
    if manifest.head.note:
        within[FILE] = manifest.head.note.encode()
    settings = as_kept(read_settings(folder))
    with _standing(folder / DATABASE) as store:
        found = list(_misplaced(store, manifest))
        audited = audit_copy(session, folder, settings, store, manifest, within)
    return Proof((*found, *audited.findings), len(found) + audited.wrong, gaps)


def audit_copy(
    session: Session,
    folder: Path,
    settings: Settings,
    store: Store,
    manifest: Manifest,
    kept: Mapping[str, bytes],
    *,
    deep: bool = True,
) -> Report:
    """Audit a backup's database with its own files; without `deep` only chains and tree. Errors: Misconfigured."""
    standard = standard_of(folder, settings, store)
    log = _with_keys(log_standard(folder, settings, store, kept), manifest)
    with store.reading() as connection:
        census = count(connection)
        rows = (census.total if deep else census.entries) + count_tree(connection)
    with progress(session, rows, Phrase("正在审计", "auditing")) as step:
        return report(store, standard, log, deep=deep, keep=_MOST, seen=lambda row, number: step(number))


def _with_keys(log: LogStandard, manifest: Manifest) -> LogStandard:
    """With the keys that the manifest names: the private one of a key without certificate is not in a backup."""
    known = {one.key for one in log.keys}
    named = (LogKey(key) for key in map(NoteKey.read, manifest.keys) if key not in known)
    return replace(log, keys=(*log.keys, *named))


def _misplaced(store: Store, manifest: Manifest) -> Iterator[Finding]:
    wanted, got = manifest.head, head_of(store)
    expected = {"size": wanted.size, "root": wanted.root, "note": wanted.note, "chains": dict(wanted.chains)}
    row = {"size": got.size, "root": got.root, "note": got.note, "chains": dict(got.chains)}
    yield from differing("backup.head", DATABASE, expected, row)
    owner = {"hub": manifest.hub, "ledger": manifest.ledger}
    yield from differing("backup.head", DATABASE, owner, {"hub": store.hub_id, "ledger": store.ledger_id})


@contextmanager
def _standing(file: Path) -> Iterator[Store]:
    """The database of a file that may not change; one of an older layout as a copy that is brought to ours."""
    from hub.store.tables import VERSION
    from hub.store.upgrade import upgrade

    if layout_of(file) >= VERSION:
        with frozen(file) as store:
            yield store
        return
    with TemporaryDirectory(prefix="hub-backup-") as folder:
        copy = Path(folder) / DATABASE
        shutil.copy(file, copy)
        upgrade(f"sqlite:///{copy}")
        with frozen(copy) as store:
            yield store


def facts_of(gaps: tuple[Gap, ...]) -> list[dict[str, object]]:
    """What outside checkpoints say, for a program."""
    return [{"note": one.name, "size": one.size, "held": one.held, "missing": one.missing} for one in gaps]


def tell_gaps(session: Session, gaps: tuple[Gap, ...]) -> None:
    """What outside checkpoints say, for people."""
    for one in gaps:
        if one.missing:
            zh = f"{one.name} 证明账本曾有 {one.size} 条账目；备份含前 {one.held} 条，缺少其后的 {one.missing} 条"
            en = (f"{one.name} proves {one.size} entries; the backup has the first {one.held} "
                  f"and lacks the {one.missing} after them")  # fmt: skip
        else:
            zh = f"{one.name}（{one.size} 条账目）之内没有缺失"
            en = f"nothing is missing up to {one.name} ({one.size} entries)"
        session.line(session.phrase(zh, en))
