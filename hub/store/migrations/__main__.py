"""Writes the file of a new revision: `python -m hub.store.migrations "words that say what it does"`.

Compares the tables in `hub.store.tables` with what the revisions make so far, on SQLite. What Alembic does not see
(sequences, CHECK and partition clauses, rows that must change) is for its author to write; `tests/test_migrations.py`
compares both on both engines.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hub.store.migrations import latest, revisions

_FILE = '''"""Revision {number}: {words}."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

OLDEST = {oldest}


def upgrade(op: Operations) -> None:
    """{sentence}."""
{body}
'''


def written(words: str, folder: Path) -> Path:
    """Write the next revision's file into `folder`."""
    number = latest().number + 1
    slug = "_".join(re.findall(r"[a-z0-9]+", words.lower()))
    path = folder / f"{number:04}_{slug}.py"
    said = words[:1].upper() + words[1:]
    text = _FILE.format(number=number, words=words, sentence=said, oldest=latest().oldest, body=differences())
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def differences() -> str:
    """The operations that bring what the revisions make to the tables of `hub.store.tables`, indented by four."""
    from alembic.autogenerate import produce_migrations, render_python_code
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import NullPool, create_engine

    from hub.store.tables import metadata
    from hub.store.upgrade import run

    engine = create_engine("sqlite://", poolclass=NullPool)  # so that its connection ends with the block
    with engine.begin() as connection:
        for revision in revisions():
            run(connection, revision)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        operations = produce_migrations(context, metadata).upgrade_ops
        assert operations is not None  # one set of tables gives one set of operations
        lines = render_python_code(operations).splitlines()
        return "\n".join(line for line in lines if not line.lstrip().startswith("# ###"))


def main(arguments: Sequence[str]) -> int:
    """Write the file and say where it is."""
    if len(arguments) != 1 or not re.search(r"[A-Za-z0-9]", arguments[0]):
        sys.stderr.write('python -m hub.store.migrations "words"\n')
        return 2
    sys.stdout.write(f"{written(arguments[0], Path(__file__).parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
