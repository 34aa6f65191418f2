"""docs/hostile-input.md, in both languages, names tests and codes that exist, and every test of this folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hub.catalogue import CATALOGUE

TESTS = Path(__file__).parent.parent
ENGLISH, CHINESE = (TESTS.parent / "docs" / f"hostile-input{language}.md" for language in ("", ".zh-CN"))
PAGES = pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda page: page.name)
APART = {"test_fuzz.py", "test_documented.py"}
ANSWERS = {"accepted": "接收", "same receipt": "返回同一戳记", "one line": "仅一行", "escaped": "已转义"}
"""What answers an attack where no code does, in both languages."""

_NAMED = re.compile(r"`(tests/)?([\w/]+\.py)::(\w+)`")
_CODE = re.compile(r"([a-z]*)\.([a-z-]+|\*)")


def _file(outside: str, name: str) -> Path:
    return (TESTS if outside else TESTS / "hostile") / name


def _tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def _rows(page: Path) -> list[tuple[str, str]]:
    """Of each row of the tables: the tests, and what answers."""
    lines = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [(tests, answer) for _, _, tests, answer, _ in lines if "`" in tests]


def _codes(answer: str) -> list[str]:
    """The codes of a cell; one that begins with a dot has the noun of that before it."""
    codes: list[str] = []
    for noun, word in _CODE.findall(answer):
        codes.append(f"{noun or codes[-1].partition('.')[0]}.{word}")
    return codes


@PAGES
def test_every_named_test_exists(page: Path) -> None:
    named = _NAMED.findall(page.read_text(encoding="utf-8"))
    assert len(named) > 50
    for outside, file, name in named:
        assert name in _tests(_file(outside, file)), name


@PAGES
def test_every_refusal_here_is_documented(page: Path) -> None:
    """What is taken, so that a row can be trusted to refuse for its own reason, need not be."""
    told = page.read_text(encoding="utf-8")
    for file in sorted((TESTS / "hostile").glob("test_*.py")):
        if file.name not in APART:
            missing = {name for name in _tests(file) if f"{file.name}::{name}`" not in told}
            assert missing <= TAKEN, missing


@PAGES
def test_every_code_exists_and_is_one_that_the_tests_of_its_row_expect(page: Path) -> None:
    answered = [(code, tests) for tests, answer in _rows(page) for code in _codes(answer) if not code.endswith("*")]
    assert len(answered) > 70
    for code, tests in answered:
        assert code in CATALOGUE
        files = {_file(outside, file) for outside, file, _ in _NAMED.findall(tests)}
        assert not files or any(f'"{code}"' in file.read_text(encoding="utf-8") for file in files), code


def test_both_languages_tell_the_same_tests_and_answers_in_each_row() -> None:
    for (tests, answer), (other_tests, other_answer) in zip(_rows(ENGLISH), _rows(CHINESE), strict=True):
        assert re.findall("`.*?`", other_tests) == re.findall("`.*?`", tests)
        assert _codes(other_answer) == _codes(answer), tests
        for english, chinese in ANSWERS.items():
            assert (chinese in other_answer) == (english in answer), tests


TAKEN = {
    "test_a_certificate_that_is_in_order_is_taken",
    "test_five_in_the_message_are_taken",
    "test_a_list_late_but_within_its_grace_is_taken_and_alarms",
    "test_a_traced_message_has_no_field_that_was_left_out_here",
    "test_a_hostile_root_for_a_registered_schema",
}
