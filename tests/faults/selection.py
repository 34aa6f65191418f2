"""Which tests of the long form are still to be run, and how long they take: a run may be stopped and gone on with.

`HUB_FAULTS_ROWS="R3 R8"` chooses rows; what the file of results (`HUB_FAULTS_RESULTS`) has as passed is left out.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.sizes import MINUTES, wish
from tests.faults.summary import named_by, survived

ROWS = "HUB_FAULTS_ROWS"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what nobody asked for, and what is on record."""
    rows, done = os.environ.get(ROWS, "").split(), survived()
    if not rows and not done:
        return
    names = {item: named_by(item.nodeid) for item in items}
    left_out = [item for item, name in names.items() if name in done or (rows and (not name or name[0] not in rows))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_report_collectionfinish(items: list[pytest.Item]) -> str:
    """Say how long it takes, if it is long."""
    if wish() != "long":
        return ""
    rows = [name[0] for item in items if (name := named_by(item.nodeid))]
    minutes = sum(MINUTES[row] for row in set(rows))
    return f"{len(rows)} tests of {len(set(rows))} rows, on two idle cores about {minutes // 60} h {minutes % 60} min"
