"""Brings a backup back as a data directory, so that it goes on as what it is: a hub that has lost its latest time.

Promises: the database is as in the backup but for one act on record, the names of the chains that are closed, and its
new layout if the program is newer; no node goes on with an old chain, so that no number that stands in a stamp of the
lost time is given out again. It cannot see whether the hub that was backed up is still alive somewhere: with one key,
both would sign different trees of one size, which every witness takes for a fork.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from hub.administration.administered import NODE, Deed, Facts
from hub.backup.gap import Gap
from hub.backup.manifest import DATABASE, Manifest
from hub.errors import Misconfigured, Refused
from hub.settings.file import load_settings
from hub.settings.settings import FILE
from hub.settings.text import with_database, with_node
from hub.store.administer import record
from hub.store.backups import close_chains
from hub.store.copying import Original, abandon, copy
from hub.store.engine import check_absent, opened
from hub.store.operate import Order
from hub.store.partitions import make_ahead
from hub.store.snapshot import moment
from hub.store.store import Store
from hub.store.tree_proofs import Published, read_checkpoint, read_witnessed
from hub.store.upgrade import upgrade

HERE = f"sqlite:///{DATABASE}"
_LONGEST_NODE = 64


def node_after(node: str, at: datetime) -> str:
    """A node name for the time after a restoration; it holds the moment, so that no restoration repeats another's."""
    ending = f"-r{at:%Y%m%dT%H%M%S}"
    return f"{node[: _LONGEST_NODE - len(ending)]}{ending}"


def put_files(backup: Path, manifest: Manifest, to: Path, *, node: str, url: str) -> None:
    """Copy everything but the database to an empty folder; its settings name the new node and the database at `url`.

    Errors: Misconfigured config.*, settings.value, node.closed for a node that has a chain; OSError.
    """
    for one in manifest.files:
        if one.name != DATABASE:
            path = to / one.name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy(backup / one.name, path)
            path.chmod(0o600)
    text = (to / FILE).read_text(encoding="utf-8")
    if node == manifest.node or node in manifest.head.chains:
        raise Misconfigured("node.closed", got=node)
    text = with_node(text, node)
    if load_settings(text).database != url:
        text = with_database(text, url)
    (to / FILE).write_text(text, encoding="utf-8")


def check_target(database: str) -> None:
    """The database to restore to is PostgreSQL and has nothing in it, or none is named.

    Errors: Misconfigured store.url, store.exists, store.*; Unavailable store.*
    """
    if not database:
        return
    with opened(database) as engine:
        if engine.dialect.name != "postgresql":
            raise Misconfigured("store.url", expected="postgresql+psycopg://HOST/NAME")
        check_absent(engine)


def put_database(backup: Path, to: Path) -> Path:
    """Copy the database to a folder and bring it to this program's layout; the file. Errors: store.*; OSError."""
    file = to / DATABASE
    shutil.copy(backup / DATABASE, file)
    file.chmod(0o600)
    upgrade(f"sqlite:///{file}")
    return file


def read_notes(url: str, hub: str) -> tuple[str, str]:
    """The ledger's latest checkpoint, and the latest that a witness cosigned; empty where there is none."""
    store = Store.open(url, NODE, hub_id=hub)
    try:
        with store.reading() as connection:
            return _note(read_checkpoint, connection), _note(read_witnessed, connection)
    finally:
        store.close()


def _note(read: Callable[[Connection], Published], connection: Connection) -> str:
    try:
        return read(connection).note
    except Refused:
        return ""


@contextmanager
def moved_to(url: str, file: Path, hub: str, seen: Callable[[int], None]) -> Iterator[None]:
    """The database of a file in the empty one at `url`, for the block; if that fails, the latter is empty again.

    `seen` is told of each row twice. Errors: Misconfigured store.exists, store.*; Unavailable store.*
    """
    with moment(f"sqlite:///{file}", hub) as whole:
        copy(Original(whole.connection), url, seen)
    try:
        yield
    except BaseException:
        abandon(url)
        raise


@dataclass(frozen=True, slots=True)
class Restoration:
    """What is brought back: the manifest with its SHA-256 (hex), the new node name, what is known to be lost."""

    manifest: Manifest
    digest: str
    node: str
    gaps: tuple[Gap, ...] = ()


def settle(url: str, order: Order, restoration: Restoration, at: datetime) -> None:
    """Close the old chains and put the restoration on record. Errors: Misconfigured store.*; Unavailable store.*"""
    manifest = restoration.manifest
    make_ahead(url, at)
    store = Store.open(url, NODE, hub_id=manifest.hub)
    try:
        with store.transaction() as transaction:
            close_chains(transaction.connection, manifest.node)
            before, after = _facts(restoration)
            record(transaction, order, at, Deed.DATABASE_RESTORED, before, after)
    finally:
        store.close()


def _facts(restoration: Restoration) -> tuple[Facts, Facts]:
    manifest, head = restoration.manifest, restoration.manifest.head
    known = max((gap.size for gap in restoration.gaps), default=0)
    lost = {"database tree": {"size": str(known)}} if known > head.size else {}
    at = manifest.at.isoformat(timespec="seconds")
    before = {"database hub": {"node": manifest.node}, **lost}
    after = {
        "database hub": {"node": restoration.node, "backup": at, "manifest": restoration.digest},
        "database chains": {name: str(number) for name, number in head.chains.items()},
        "database tree": {"size": str(head.size), "root": head.root},
    }
    return before, after
