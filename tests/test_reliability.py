"""The pages of survived faults: a Chinese word for all that a fault test tells, and the same results on both."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.faults import reliability
from tests.faults.five_zeros import FiveZeros
from tests.faults.sizes import SIZES
from tests.faults.summary import named_by
from tests.faults.wording import ENGLISH, Wording
from tests.faults.wording_zh import CHINESE, REASONS, WORDS

FOLDER = Path(__file__).parent / "faults"
TELLING = {"tell", "all_is_well", "check"}
NO_FIGURES = {"patience", "findings"}
TREES = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.py"))]
NODES = [node for tree in TREES for node in ast.walk(tree)]
_OUTCOME = re.compile(r"(\w+) \((.*?); \*\*(.*?)\*\*, (.*?), (\d+) s\): (.*)")
_NAMES = "|".join(sorted((name.replace("_", " ") for name in WORDS), key=len, reverse=True))


def faults_tried() -> Iterator[str]:
    """What every test of a fault tries, once for each engine if it is parametrised."""
    for node in NODES:
        if isinstance(node, ast.FunctionDef) and named_by(f"tests/faults/x.py::{node.name}"):
            constants = (one for mark in node.decorator_list for one in ast.walk(mark) if isinstance(one, ast.Constant))
            engines = [f"[{one.value}]" for one in constants if one.value in ("sqlite", "postgresql")]
            for engine in engines or [""]:
                named = named_by(f"tests/faults/x.py::{node.name}{engine}")
                assert named is not None
                yield named[1]


def figures_told() -> Iterator[str]:
    """Names of figures: the five zeros, what `tell` and its like are given, and dictionaries of texts with numbers."""
    yield from (one.name for one in fields(FiveZeros))
    for node in NODES:
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TELLING:
            yield from (word.arg for word in node.keywords if word.arg)
        if isinstance(node, ast.Dict) and all(isinstance(value, ast.JoinedStr) for value in node.values):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant))


def reasons_told() -> Iterator[str]:
    """How each reason for which a fault test is skipped begins."""
    for node in NODES:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.skip":
            first = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
            assert isinstance(first, ast.Constant)
            yield first.value


def test_every_test_of_a_fault_has_its_name_in_chinese() -> None:
    found = list(faults_tried())
    assert len(found) > 25
    assert [one for one in found if CHINESE.test(one).isascii()] == []


def test_every_figure_outcome_and_form_has_its_word_in_chinese() -> None:
    found = set(figures_told()) - NO_FIGURES
    assert len(found) > 40
    assert found - WORDS.keys() == set()
    assert {*SIZES, "passed", "failed", "error", "skipped"} - WORDS.keys() == set()
    assert len(set(WORDS.values())) == len(WORDS)


def test_every_reason_for_a_skip_is_told_in_chinese() -> None:
    found = list(reasons_told())
    assert len(found) > 8
    assert [one for one in found if not one.startswith(tuple(REASONS))] == []
    assert CHINESE.reason("needs strace") == "缺少程序 strace"


def test_both_languages_have_the_same_rows_in_the_same_order() -> None:
    assert list(CHINESE.rows) == list(ENGLISH.rows)


@pytest.mark.parametrize("wording", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_both_pages_are_made_of_the_same_results(wording: Wording) -> None:
    """The results are read from the English page; both tables made of them are those that stand there."""
    english, chinese = (path.read_text(encoding="utf-8") for path in reliability.PAGES)
    results = list(results_in(english))
    assert len(results) >= len(ENGLISH.rows) - english.count(ENGLISH.missing)
    page = english if wording is ENGLISH else chinese
    assert reliability.rows(results, wording) == [line for line in page.splitlines() if line.startswith("| R")]


def test_the_heads_of_both_pages_are_those_of_the_program_with_the_same_numbers() -> None:
    counted = []
    for path, wording in reliability.PAGES.items():
        head = path.read_text(encoding="utf-8").partition("\n| R")[0] + "\n"
        found = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(wording.head)), head)
        assert found is not None, path.name
        counted.append([found[name] for name in ("acknowledged", "tried", "failed", "skipped", "runs")])
    assert counted[0] == counted[1]


def results_in(page: str) -> Iterator[dict[str, Any]]:
    """What the table of the English page tells, as a file of results would."""
    for line in page.splitlines():
        row, *_, told = line.removeprefix("| ").removesuffix(" |").split(" | ") if line.startswith("| R") else ("", "")
        for found in filter(None, map(_OUTCOME.fullmatch, told.split("<br>"))):
            yield {"row": row, **_result(*found.groups())}


def _result(outcome: str, what: str, form: str, when: str, seconds: str, said: str) -> dict[str, Any]:
    skipped = outcome == "skipped"
    parts = [] if skipped else re.split(rf", (?=(?:{_NAMES}) )", said)
    named = [found for part in parts if (found := re.fullmatch(rf"({_NAMES}) (.*)", part))]
    return {
        "outcome": outcome,
        "what": what,
        "form": form,
        "when": when,
        "seconds": float(seconds),
        "reason": said if skipped else "",
        "figures": {found[1].replace(" ", "_"): found[2] for found in named},
    }
