"""Codes: 统一社会信用代码 (GB 32100), 行政区划代码 (GB/T 2260), 发文字号.

Promises: a code is either returned in its one normal form or refused with the check that failed. It judges
form and check digits only; whether a code was ever assigned to anybody is not asked.
"""

from __future__ import annotations

import re
import unicodedata

from hub.errors import Misconfigured

# GB 32100-2015: digits and capitals without I, O, S, V, Z.
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUE = {character: value for value, character in enumerate(USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECKS = "0123456789X"
_DIVISION = re.compile(r"[1-9][0-9]{5}(?:[0-9]{3}){0,2}")

_OPENING = "[(〔【〖{<〈《「『"
_CLOSING = "])〕】〗}>〉》」』"
_BRACKETS = re.escape(_OPENING + _CLOSING)
_DOCUMENT_NUMBER = re.compile(
    rf"(?P<agency>[^{_BRACKETS}\d]{{1,40}})[{re.escape(_OPENING)}](?P<year>(?:19|20)[0-9]{{2}})年?"
    rf"[{re.escape(_CLOSING)}]第?0*(?P<sequence>[1-9][0-9]{{0,5}})号?"
)


def check_uscc(text: str) -> str:
    """Return a unified social credit code in normal form: 18 characters, half width, capitals, no blanks.

    A letter I or O is refused and never read as 1 or 0: only its owner knows what was meant.
    Errors: Misconfigured registry.uscc-length, -alphabet, -organisation, -check (GB 32100-2015, GB 11714).
    """
    code = _plain(text).upper()
    if len(code) != 18:
        raise Misconfigured("registry.uscc-length", expected="18", got=str(len(code)))
    _check_alphabet(code)
    organisation = _organisation_check(code[8:16])
    if code[16] != organisation:
        raise Misconfigured("registry.uscc-organisation", expected=organisation, got=code[16])
    last = _uscc_check(code[:17])
    if code[17] != last:
        raise Misconfigured("registry.uscc-check", expected=last, got=code[17])
    return code


def make_uscc(prefix: str) -> str:
    """Complete a code: 16 characters get both check characters, 17 get the last one.

    Errors: Misconfigured registry.uscc-*, also when the organisation check within the 17 characters is wrong.
    """
    code = _plain(prefix).upper()
    if len(code) not in (16, 17):
        raise Misconfigured("registry.uscc-length", expected="16 | 17", got=str(len(code)))
    _check_alphabet(code)
    code = code[:16] + (code[16:] or _organisation_check(code[8:16]))
    return check_uscc(code + _uscc_check(code))


def check_division(text: str) -> str:
    """Return an administrative division code: 6 digits, or 9 for a town, or 12 for a village.

    Errors: Misconfigured registry.division.
    """
    code = _plain(text)
    if not (_DIVISION.fullmatch(code) and code.isascii()):
        raise Misconfigured("registry.division", expected="6 | 9 | 12 × 0-9", got=code[:20])
    return code


def normalise_document_number(text: str) -> str | None:
    """Return a 发文字号 as it should stand, like 国发〔2012〕1号, or None.

    Any bracket, full-width digits, blanks, 第 and leading zeros are accepted. Meant for searching.
    """
    if len(text) > 100:
        return None
    found = _DOCUMENT_NUMBER.fullmatch(_plain(text))
    if found is None:
        return None
    return f"{found['agency']}〔{found['year']}〕{found['sequence']}号"


def _plain(text: str) -> str:
    """Half width, without any blank. 〔〕 have no other width and stay."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _check_alphabet(code: str) -> None:
    for place, character in enumerate(code, start=1):
        if character not in _USCC_VALUE:
            raise Misconfigured("registry.uscc-alphabet", expected=USCC_ALPHABET, got=f"{character} ({place})")


def _uscc_check(first17: str) -> str:
    total = sum(_USCC_VALUE[c] * weight for c, weight in zip(first17, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def _organisation_check(first8: str) -> str:
    total = sum(int(c, 36) * weight for c, weight in zip(first8, _ORGANISATION_WEIGHTS, strict=True))
    return _ORGANISATION_CHECKS[-total % 11]
