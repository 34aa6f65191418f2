"""The layout of the database, revision by revision: one file each, `NNNN_words.py`, never changed once released.

A revision has `upgrade(op)`, which brings the layout of the number before it to its own with Alembic's operations, and
`OLDEST`, the oldest layout whose programs still work on it. `python -m hub.store.migrations "words"` writes the file
of a new one. What is here only finds them; `hub.store.upgrade` runs them.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.operations import Operations


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the layout; `name` is its file's."""

    number: int
    name: str

    @property
    def words(self) -> str:
        """What it does, in a few words."""
        return self.name.partition("_")[2].replace("_", " ")

    @property
    def oldest(self) -> int:
        """The oldest layout whose programs work on this one."""
        return int(self._module.OLDEST)

    def apply(self, operations: Operations) -> None:
        """Bring the layout before this one to it."""
        self._module.upgrade(operations)

    @property
    def _module(self) -> Any:
        return import_module(f"{__name__}.{self.name}")


@cache
def revisions() -> tuple[Revision, ...]:
    """All revisions, in order."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name[:1].isdigit())
    return tuple(Revision(int(name[:4]), name) for name in names)


def latest() -> Revision:
    """The revision that this program works with."""
    return revisions()[-1]
