"""An installation as a program of layout 1 left it: messages, deliveries, refusals, and a tree with checkpoints.

And revisions that are no files, to take it further than there is."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.store.migrations import Revision
from tests.admin import Administrator

ROOT = Path(__file__).parent.parent
FILES = ROOT / "tests" / "files" / "version-1"


@dataclass(frozen=True, slots=True)
class Imagined(Revision):
    """A revision that is no file."""

    work: Callable[[Any], None]
    since: int = 1

    @property
    def oldest(self) -> int:
        return self.since

    def apply(self, operations: Any) -> None:
        self.work(operations)


@pytest.fixture
def first(tmp_path: Path) -> Administrator:
    """An installation whose database was made and used by a program of layout 1; its key is not needed here."""
    folder = tmp_path / "d"
    (folder / "keys").mkdir(parents=True)
    (folder / "hub.db").write_bytes(database())
    shutil.copy(FILES / "hub.crt", folder / "keys")
    shutil.copy(ROOT / "routing.yaml", folder)
    (folder / "hub.yaml").write_text("hub: hub\n")
    return Administrator(folder)


def database() -> bytes:
    """The SQLite file."""
    return gzip.decompress((FILES / "hub.db.gz").read_bytes())


def rows(path: Path) -> dict[str, list[Any]]:
    """Every row of a file, by table, but what is said of the layout."""
    with closing(sqlite3.connect(path)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {table: file.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    found["meta"] = [row for row in found["meta"] if row[0] not in ("version", "oldest")]
    return found
