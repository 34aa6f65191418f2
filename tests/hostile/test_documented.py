"""docs/hostile-input.md names tests that exist, and every test of this folder stands in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "hostile-input.md").read_text(encoding="utf-8")
APART = {"test_fuzz.py", "test_documented.py"}


def _tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/)?([\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 50
    for outside, file, name in named:
        assert name in _tests((TESTS if outside else TESTS / "hostile") / file), name


def test_every_refusal_here_is_documented() -> None:
    """What is taken, so that a row can be trusted to refuse for its own reason, need not be."""
    for file in sorted((TESTS / "hostile").glob("test_*.py")):
        if file.name not in APART:
            missing = {name for name in _tests(file) if f"{file.name}::{name}`" not in PAGE}
            assert missing <= TAKEN, missing


TAKEN = {
    "test_a_certificate_that_is_in_order_is_taken",
    "test_five_in_the_message_are_taken",
    "test_a_list_late_but_within_its_grace_is_taken_and_alarms",
    "test_a_traced_message_has_no_field_that_was_left_out_here",
    "test_a_hostile_root_for_a_registered_schema",
}
