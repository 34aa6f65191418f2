"""Fixtures that every road test shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.town import Town, found_town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A whole town: a hub on SQLite, a CA, departments, a fake connector and a hand-turned clock."""
    made = found_town(tmp_path)
    yield made
    made.close()
