"""Sets of characters as code point ranges: the classes of XML Schema regular expressions (part 2, appendix F).

Exact for the Basic Multilingual Plane; blocks other than those named here are taken as the whole plane.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

Range = tuple[int, int]
Ranges = tuple[Range, ...]
ALL: Ranges = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD))
_SPACE: Ranges = ((0x9, 0xA), (0xD, 0xD), (0x20, 0x20))
_BLOCKS: dict[str, Ranges] = {
    "IsBasicLatin": ((0x20, 0x7E),),
    "IsLatin-1Supplement": ((0xA0, 0xFF),),
    "IsCJKUnifiedIdeographs": ((0x4E00, 0x9FFF),),
    "IsCJKUnifiedIdeographsExtensionA": ((0x3400, 0x4DBF),),
    "IsCJKSymbolsandPunctuation": ((0x3001, 0x303F),),
}


def one(character: str) -> Ranges:
    """The set of that single character."""
    return ((ord(character), ord(character)),)


def minus(ranges: Ranges, without: Ranges) -> Ranges:
    """All of `ranges` that is not in `without`."""
    left = list(ranges)
    for low, high in without:
        pieces = [piece for a, b in left for piece in ((a, min(b, low - 1)), (max(a, high + 1), b))]
        left = [(a, b) for a, b in pieces if a <= b]
    return tuple(left)


def overlap(these: Ranges, those: Ranges) -> bool:
    """Whether some character is in both."""
    return any(a <= d and c <= b for a, b in these for c, d in those)


def pick(ranges: Ranges) -> str:
    """A presentable character of the set. Errors: `ValueError` if it is empty."""
    for wanted in "1A a例":
        if any(low <= ord(wanted) <= high for low, high in ranges):
            return wanted
    if not ranges:
        raise ValueError("a character class that nothing matches")
    return chr(ranges[0][0])


def shorthand(letter: str) -> Ranges:
    r"""What \s, \d, \w, \i or \c stands for."""
    if letter == "s":
        return _SPACE
    if letter == "d":
        return category("Nd")
    if letter == "w":
        return minus(ALL, category("P") + category("Z") + category("C"))
    names = category("L") + category("Nl") + one("_") + one(":")
    return names if letter == "i" else names + category("Nd") + ((ord("-"), ord(".")),)


@lru_cache(maxsize=64)
def category(name: str) -> Ranges:
    """The characters of a Unicode category such as L or Nd, or of a block such as IsBasicLatin.

    Errors: `ValueError` for a name that is neither.
    """
    if name.startswith("Is"):
        return _BLOCKS.get(name, ALL)
    found: list[Range] = []
    for code in (code for low, high in ALL for code in range(low, high + 1)):
        if not unicodedata.category(chr(code)).startswith(name):
            continue
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    if not found and name not in ("C", "Cn", "Cs", "Co"):
        raise ValueError(f"unknown property {name!r}")
    return tuple(found)
