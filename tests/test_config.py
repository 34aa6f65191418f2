"""The strict YAML reader: plain data, every mistake with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import (
    check_keys,
    flag_at,
    integer_at,
    list_at,
    number_at,
    place,
    read_yaml,
    section_at,
    sections_at,
    text_at,
    texts_at,
)
from hub.errors import Misconfigured
from hub.settings.file import load_settings
from tests.pace import within


def mistake(text: str) -> tuple[str, str]:
    with pytest.raises(Misconfigured) as error:
        read_yaml(text, "t.yaml")
    return error.value.code, error.value.where


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("a: 1\nb: [", "config.syntax", "t.yaml:3"),
        ("a:\n\tb: 1", "config.syntax", "t.yaml:2"),
        ("a: \x00", "config.syntax", "t.yaml"),
        ("a: \ud800", "config.syntax", "t.yaml"),
        ("a: 1\na: 2", "config.duplicate-key", "t.yaml:2"),
        ("b:\n  1: x\n  '1': y", "config.duplicate-key", "t.yaml:3"),
        ("a: &x 1", "config.not-plain", "t.yaml:1"),
        ("a: 1\nb: *x", "config.not-plain", "t.yaml:2"),
        ("a: !!python/object/apply:os.system [id]", "config.not-plain", "t.yaml:1"),
        ("a: !!binary aGVsbG8=", "config.not-plain", "t.yaml:1"),
        ("a: 1\n---\nb: 2", "config.not-plain", "t.yaml:2"),
        ("? [a]\n: 1", "config.not-plain", "t.yaml:1"),
        ("- 1", "config.shape", "t.yaml:1"),
        ("word", "config.shape", "t.yaml:1"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, code: str, where: str) -> None:
    assert mistake(text) == (code, where)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "a: " + "[" * 40 + "]" * 40])
def test_a_tower_is_met_before_it_costs(text: str) -> None:
    assert within(0.5, lambda: mistake(text))[0] == "config.not-plain"


def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))
    assert mistake(bomb) == ("config.not-plain", "t.yaml:1")


@pytest.mark.parametrize("word", ["no", "yes", "012", "0x1f", "1e5", "12:30", "2026-01-01", "1_000", "+1", ".5"])
def test_a_word_stays_the_word_it_is(word: str) -> None:
    assert read_yaml(f"a: {word}", "t.yaml") == {"a": word}


@pytest.mark.parametrize("word", ["310101", "1.10", "0", "91310000631234567"])
def test_a_number_is_read_as_text_exactly_as_it_was_written(word: str) -> None:
    assert text_at(read_yaml(f"a: {word}", "t.yaml"), "a") == word


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n"])
def test_an_empty_text_is_an_empty_mapping(text: str) -> None:
    assert read_yaml(text, "t.yaml") == {}


def test_an_unknown_key_names_the_nearest_known_one_and_its_line() -> None:
    top = read_yaml("departments: []\nedpoints: []\n", "t.yaml")
    with pytest.raises(Misconfigured) as error:
        check_keys(top, ("departments", "endpoints"), "top")
    assert (error.value.code, error.value.got, error.value.expected) == ("config.unknown-key", "edpoints", "endpoints")
    assert error.value.where == "t.yaml:2 top"


def test_a_key_like_none_other_is_answered_with_all_of_them() -> None:
    with pytest.raises(Misconfigured) as error:
        check_keys({"中文": 1}, ("b", "a"))
    assert error.value.expected == "a, b"


def test_values_are_read_as_what_they_should_be() -> None:
    top = read_yaml("t: 文\nf: true\nn: 2\nd: 2.5\nl: [a, 1]\ns: {x: 1}\nm: [{x: 1}]\nnone:\n", "t.yaml")
    assert (text_at(top, "t"), flag_at(top, "f"), integer_at(top, "n")) == ("文", True, 2)
    assert (number_at(top, "n"), number_at(top, "d")) == (2.0, 2.5)
    assert (texts_at(top, "l"), section_at(top, "s"), sections_at(top, "m")) == (("a", "1"), {"x": 1}, [{"x": 1}])
    assert (text_at(top, "none", "d"), list_at(top, "none"), section_at(top, "absent")) == ("d", [], {})
    assert place(top, "s") == "t.yaml:6"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (text_at, "true"),
        (text_at, "[a]"),
        (flag_at, "yes"),
        (flag_at, "1"),
        (integer_at, "true"),
        (integer_at, "1.5"),
        (number_at, "true"),
        (number_at, "ten"),
        (list_at, "a"),
        (section_at, "[a]"),
        (sections_at, "[a]"),
        (texts_at, "[{a: b}]"),
    ],
)
def test_a_wrong_shape_is_refused(read: object, text: str) -> None:
    top = read_yaml(f"# first\na: {text}", "t.yaml")
    with pytest.raises(Misconfigured) as error:
        read(top, "a")  # type: ignore[operator]
    assert (error.value.code, error.value.where) == ("config.shape", "t.yaml:2")


def test_a_missing_key_is_named() -> None:
    inner = sections_at(read_yaml("a:\n  - x: 1\n  - y: 1\n", "t.yaml"), "a")[1]
    with pytest.raises(Misconfigured) as error:
        text_at(inner, "x")
    assert (error.value.code, error.value.expected, error.value.where) == ("config.missing-key", "x", "t.yaml:3")


@given(st.text(max_size=60) | st.text("abc:-[]{}&*!|>'\"# \n\t0.", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_yaml(text, "t.yaml")
    except Misconfigured as error:
        assert error.code.startswith("config.")  # noqa: PT017


def test_a_wrong_name_at_the_top_of_the_settings_is_placed_once() -> None:
    with pytest.raises(Misconfigured) as error:
        load_settings("hub: center\nlisen:\n  port: 1\n")
    assert (error.value.where, error.value.expected) == ("hub.yaml:2", "listen")
