"""Codes of the field: form, check digits and the traps a Chinese reviewer would spot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.codes import (
    USCC_ALPHABET,
    check_division,
    check_uscc,
    make_uscc,
    normalise_document_number,
)
from hub.errors import HubError, Misconfigured

# Published codes: two universities, two companies, one with the check character X within.
REAL = ["12100000400000624D", "12100000400002259P", "914403001922038216", "9144030071526726XG"]
prefixes = st.text(USCC_ALPHABET, min_size=16, max_size=16)


def code_of(error: pytest.ExceptionInfo[HubError]) -> str:
    return error.value.code


@pytest.mark.parametrize("code", REAL)
def test_published_codes_pass(code: str) -> None:
    assert check_uscc(code) == code


def test_a_code_is_brought_to_normal_form() -> None:
    assert check_uscc(" １２１００００0 4000 0062 4d\n") == "12100000400000624D"


@given(prefixes)
def test_a_completed_code_is_valid_and_completing_17_agrees(prefix: str) -> None:
    code = make_uscc(prefix)
    assert check_uscc(code) == code
    assert make_uscc(code[:17]) == code


@given(prefixes, st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_one_wrong_character_never_passes(prefix: str, place: int, character: str) -> None:
    code = make_uscc(prefix)
    altered = code[:place] + character + code[place + 1 :]
    if altered != code:
        with pytest.raises(Misconfigured):
            check_uscc(altered)


@pytest.mark.parametrize("letter", "IOSVZ")
def test_a_letter_outside_the_alphabet_is_refused_and_not_guessed(letter: str) -> None:
    with pytest.raises(Misconfigured) as error:
        check_uscc("1210000040000" + letter + "624D")
    assert code_of(error) == "registry.uscc-alphabet"
    assert error.value.got == f"{letter} (14)"


def test_the_organisation_code_within_is_checked_even_if_the_outer_check_is_right() -> None:
    seventeen = "1210000040000062" + "5"  # 4 would be right
    outer = next(c for c in USCC_ALPHABET if outer_is_right(seventeen + c))
    with pytest.raises(Misconfigured) as error:
        check_uscc(seventeen + outer)
    assert code_of(error) == "registry.uscc-organisation"


def outer_is_right(code: str) -> bool:
    """The definition of GB 32100, written apart from the code under test."""
    values = [USCC_ALPHABET.index(c) for c in code]
    weights = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1)
    return sum(v * w for v, w in zip(values, weights, strict=True)) % 31 == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "registry.uscc-length"),
        ("12100000400000624", "registry.uscc-length"),
        ("12100000400000624DD", "registry.uscc-length"),
        ("12100000400000624E", "registry.uscc-check"),
        ("12100000400000625D", "registry.uscc-organisation"),
        ("1210000040000062\U0001f6004D"[:18], "registry.uscc-alphabet"),
    ],
)
def test_the_check_that_failed_is_named(text: str, code: str) -> None:
    with pytest.raises(Misconfigured) as error:
        check_uscc(text)
    assert code_of(error) == code


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    for check in (check_uscc, make_uscc, check_division):
        try:
            check(text)
        except Misconfigured:
            continue
    normalise_document_number(text)


@pytest.mark.parametrize("code", ["120000", "440300", "420506001", "420506001201"])
def test_a_division_has_six_nine_or_twelve_digits(code: str) -> None:
    assert check_division(code) == code


@pytest.mark.parametrize("code", ["", "44030", "0440300", "040300", "4403O0", "4403001", "４４", "٤٤٠٣٠٠"])
def test_a_bad_division_is_refused(code: str) -> None:
    with pytest.raises(Misconfigured) as error:
        check_division(code)
    assert code_of(error) == "registry.division"


@pytest.mark.parametrize(
    "text",
    [
        "国发〔2012〕1号",
        "国发[2012]1号",
        "国发(2012)1号",
        "国发（2012）1号",
        "国发【2012】001号",
        "国发﹝2012﹞第1号",
        "国发〔２０１２〕１号",
        " 国发 〔2012〕 第 01 号 ",
        "国发〔2012年〕1号",
        "国发［2012］1",
    ],
)
def test_every_way_of_typing_a_document_number_is_found(text: str) -> None:
    assert normalise_document_number(text) == "国发〔2012〕1号"


@pytest.mark.parametrize(
    "text", ["", "国发1号", "〔2012〕1号", "国发〔12〕1号", "国发〔2012〕0号", "abc-123", "国" * 101]
)
def test_what_is_no_document_number_is_none(text: str) -> None:
    assert normalise_document_number(text) is None


@given(
    st.text("国发粤府办函税", min_size=1, max_size=8),
    st.integers(1949, 2099),
    st.integers(1, 99999),
    st.sampled_from(["[]", "()", "〔〕", "（）", "【】"]),
    st.booleans(),
)
def test_normalising_is_one_form_for_all_brackets(agency: str, year: int, number: int, pair: str, zeros: bool) -> None:
    typed = (
        f"{agency}{pair[0]}{year}{pair[1]}{number:06d}号" if zeros else f"{agency}{pair[0]}{year}{pair[1]}{number}号"
    )
    proper = f"{agency}〔{year}〕{number}号"
    assert normalise_document_number(typed) == proper
