"""A long run of the fault tests may be stopped, gone on with, and cut down to some rows; and it says how far it is."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults import progress, reliability, sizes, summary
from tests.faults.selection import ROWS, pytest_collection_modifyitems, pytest_report_collectionfinish

KILLS = "tests/faults/test_kills.py::test_r1_kill_9_on_sqlite"
CRASHES = "tests/faults/test_crashes.py::test_r2_crash_at_every_step[sqlite]"
OTHERS = "tests/faults/test_crashes.py::test_r2_crash_at_every_step[postgresql]"
NO_ROW = "tests/faults/test_crashes.py::test_an_unknown_step_is_refused"
ALL = [KILLS, CRASHES, OTHERS, NO_ROW]


@dataclass
class Ended:
    """What pytest tells of a test that has ended."""

    nodeid: str
    outcome: str
    when: str = "call"
    duration: float = 1.0
    user_properties: list[tuple[str, Any]] = field(default_factory=list)
    longrepr: Any = None


@dataclass(frozen=True)
class Item:
    nodeid: str


class Config:
    """As much of pytest's as is asked for."""

    def __init__(self) -> None:
        self.hook = self
        self.left_out: list[Item] = []

    def pytest_deselected(self, items: list[Item]) -> None:
        self.left_out += items


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of results that is not there yet."""
    monkeypatch.setenv(summary.RESULTS, str(tmp_path / "faults.json"))
    monkeypatch.setenv(sizes.VARIABLE, "long")
    monkeypatch.delenv(ROWS, raising=False)
    return tmp_path / "faults.json"


def left() -> list[str]:
    """Which of all are still to be run."""
    items: Any = [Item(one) for one in ALL]
    config: Any = Config()
    pytest_collection_modifyitems(config, items)
    assert {item.nodeid for item in (*items, *config.left_out)} == set(ALL)
    return [item.nodeid for item in items]


def end(nodeid: str, outcome: str) -> None:
    ended: Any = Ended(nodeid, outcome)
    summary.pytest_runtest_logreport(ended)


def test_what_passed_is_not_run_again_and_what_failed_is() -> None:
    assert left() == ALL
    end(CRASHES, "passed")
    end(KILLS, "failed")
    assert left() == [KILLS, OTHERS, NO_ROW]
    end(KILLS, "passed")
    assert left() == [OTHERS, NO_ROW]


def test_what_passed_in_another_form_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    end(KILLS, "passed")
    monkeypatch.setenv(sizes.VARIABLE, "long,kills=3")
    assert left() == ALL


def test_some_rows_are_run_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROWS, "R1 R9")
    assert left() == [KILLS]


def test_a_line_that_was_cut_off_costs_only_its_own_test(results: Path) -> None:
    end(KILLS, "passed")
    with results.open("a", encoding="utf-8") as file:
        file.write('{"row": "R2", "wh')
    end(CRASHES, "passed")
    assert left() == [OTHERS, NO_ROW]


def test_the_long_form_says_how_long_it_takes() -> None:
    items: Any = [Item(one) for one in ALL]
    said = pytest_report_collectionfinish(items)
    minutes = sizes.MINUTES["R1"] + sizes.MINUTES["R2"]
    assert said == f"3 tests of 2 rows, on two idle cores about {minutes // 60} h {minutes % 60} min"


def test_every_row_has_its_minutes() -> None:
    assert sizes.MINUTES.keys() == reliability.ROWS.keys()


def test_all_results_count_and_the_controls_do_not() -> None:
    zeros = dict.fromkeys(reliability.ZEROS, 0)
    told = [{**zeros, "acknowledged": 7}, {**zeros, "lost": 1, "acknowledged": 5}, {"acknowledged": 60, "unproven": 60}]
    counted = reliability.counted_zeros([{"figures": figures} for figures in told])
    assert counted == {**zeros, "lost": 1, "acknowledged": 12}


def test_progress_is_told_in_ten_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    assert list(progress.counted("cuts", 200)) == list(range(200))
    lines = said.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[1].startswith("    cuts 20 of 200, ")


def test_the_short_form_has_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    monkeypatch.setenv(sizes.VARIABLE, "short")
    assert list(progress.counted("cuts", 200)) == list(range(200))
    assert said.getvalue() == ""


def test_the_long_form_has_the_sizes_that_were_promised() -> None:
    long = sizes.SIZES["long"]
    wanted = replace(long, kills=1_000, postgres_kills=1_000, power_cuts=200, postmaster_kills=100, lost_answers=10_000)
    assert long == wanted
