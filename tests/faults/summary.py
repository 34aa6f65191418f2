"""The table at the end of a test run: each fault by its row in the list, with its numbers, and what was skipped why.

With `HUB_FAULTS_RESULTS=FILE` each is added there as it ends, one JSON object a line, for docs/reliability.md; the next
run with that file goes on with what is missing in it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.sizes import wish

PROPERTY = "fault"
RESULTS = "HUB_FAULTS_RESULTS"
_ROW = re.compile(r"test_(r\d+)_(\w+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test of a row. `figures` by name; `reason` why it was skipped; `form` as it was asked for."""

    row: str
    what: str
    outcome: str
    seconds: float
    figures: dict[str, Any]
    reason: str = ""
    form: str = field(default_factory=wish)
    when: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M}")

    def line(self) -> str:
        told = self.reason or ", ".join(f"{name} {value}" for name, value in self.figures.items())
        return f"{self.row:4} {self.outcome:7} {self.seconds:6.1f} s  {self.what}: {told}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table if a fault was tried."""
    found = sorted(_outcomes(terminalreporter.stats), key=lambda one: (int(one.row[1:]), one.what))
    if not found:
        return
    skipped = sum(one.outcome == "skipped" for one in found)
    terminalreporter.section(f"faults: {len(found)} tried, {skipped} of them skipped")
    for one in found:
        terminalreporter.write_line(one.line())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what became of a test, if that is wanted."""
    path = os.environ.get(RESULTS)
    ended = report.when == "call" or report.outcome != "passed"
    if path and ended:
        for one in _outcomes({report.outcome: [report]}):
            with Path(path).open("a", encoding="utf-8") as file:
                # On a line of its own, also after one that was cut off.
                file.write("\n" + json.dumps(asdict(one), ensure_ascii=False) + "\n")


def _outcomes(stats: dict[str, list[Any]]) -> Iterator[Outcome]:
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, []):
            named = named_by(getattr(report, "nodeid", ""))
            if named is None:
                continue
            figures: dict[str, Any] = {}
            for name, value in report.user_properties:
                if name == PROPERTY:
                    figures |= value
            reason = report.longrepr[2].removeprefix("Skipped: ") if outcome == "skipped" else ""
            yield Outcome(*named, outcome, report.duration, figures, reason)


def named_by(nodeid: str) -> tuple[str, str] | None:
    """Which row a test is of, and what it tries; None if it is none of them."""
    named = _ROW.search(nodeid)
    if named is None or "tests/faults/" not in nodeid:
        return None
    return named[1].upper(), named[2].replace("_", " ") + "".join(re.findall(r"\[.*\]", nodeid))


def survived() -> set[tuple[str, str]]:
    """What the file of results says that it passed in this very form, by row and name."""
    path = Path(os.environ.get(RESULTS, ""))
    told = read(path) if path.is_file() else []
    return {(one["row"], one["what"]) for one in told if one["outcome"] == "passed" and one["form"] == wish()}


def read(path: Path) -> list[dict[str, Any]]:
    """What a file of results tells; a line that was being written when the machine went is no result."""
    told = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            told.append(json.loads(line))
    return told
