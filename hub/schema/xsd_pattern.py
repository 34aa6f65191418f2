"""XSD regular expressions as small trees: can matching run away, and what is an example of a match.

Matches nothing itself; the C library does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from hub.schema.xsd_chars import ALL, Range, Ranges, category, minus, one, overlap, pick, shorthand

_SINGLE = {"n": 0xA, "r": 0xD, "t": 0x9}
_MANY = 50
_SOME = 8


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of `ranges`."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts one after another."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part repeated; `most` None means without end."""

    part: Pattern
    least: int
    most: int | None

    @property
    def long(self) -> bool:
        """Whether it may repeat often enough to cost time."""
        return self.most is None or self.most > _MANY

    @property
    def often(self) -> bool:
        """Whether a part that can be cut in several ways may come often enough for the ways to multiply."""
        return self.most is None or self.most > _SOME

    @property
    def stretches(self) -> bool:
        """Whether there is a choice of how often."""
        return self.most is None or self.most > self.least


Pattern = Chars | Sequence | Choice | Repeat


def parse(pattern: str) -> Pattern:
    """The tree of an XSD regular expression. Errors: `ValueError` if it is not one."""
    reader = _Reader(pattern)
    tree = reader.choice()
    if reader.at < len(pattern):
        raise ValueError(f"unexpected {pattern[reader.at]!r} at {reader.at}")
    return tree


def runs_away(tree: Pattern) -> bool:
    """Whether some text makes a backtracking matcher try exponentially many ways, or cubically many.

    Cautious: it may call a harmless pattern dangerous, and never the reverse for the usual forms:
    (a+)+, (a|a)*, (a*b?)*, .*x.*y.*z
    """
    return any(_ambiguous(node) for node in _nodes(tree))


def example(tree: Pattern, length: int = 0) -> str:
    """A short text that the pattern matches, of at least `length` characters if it can be."""
    text = _shortest(tree)
    if len(text) >= length:
        return text
    return _grown(tree, length - len(text))


def _nodes(tree: Pattern) -> Iterator[Pattern]:
    yield tree
    for child in _children(tree):
        yield from _nodes(child)


def _children(tree: Pattern) -> tuple[Pattern, ...]:
    match tree:
        case Sequence(parts):
            return parts
        case Choice(options):
            return options
        case Repeat(part):
            return (part,)
        case _:
            return ()


def _ambiguous(node: Pattern) -> bool:
    if isinstance(node, Sequence):
        return _cubic(node)
    if not isinstance(node, Repeat) or not node.often:
        return False
    first, tails = _first(node.part), _tails(node.part)
    choices = (n for n in _nodes(node.part) if isinstance(n, Choice))
    return overlap(first, tails) or any(_same_start(choice) for choice in choices)


def _cubic(node: Sequence) -> bool:
    """Three endless repeats of overlapping characters in one row."""
    sets = [_first(part.part) for part in node.parts if isinstance(part, Repeat) and part.long]
    return any(sum(overlap(these, those) for those in sets) >= 3 for these in sets)


def _same_start(choice: Choice) -> bool:
    """Two options that one character satisfies and that start alike."""
    return any(
        overlap(_first(left), _first(right)) and min(_shortest_length(left), _shortest_length(right)) <= 1
        for left, right in combinations(choice.options, 2)
    )


def _first(tree: Pattern) -> Ranges:
    """The characters a match may start with."""
    match tree:
        case Chars(ranges):
            return ranges
        case Choice(options):
            return tuple(r for option in options for r in _first(option))
        case Repeat(part):
            return _first(part)
        case Sequence(parts):
            found: list[Range] = []
            for part in parts:
                found.extend(_first(part))
                if _shortest_length(part) > 0:
                    break
            return tuple(found)


def _tails(tree: Pattern) -> Ranges:
    """The characters of endless repeats at the end, looking through parts that they could swallow."""
    match tree:
        case Chars():
            return ()
        case Choice(options):
            return tuple(r for option in options for r in _tails(option))
        case Repeat(part):
            return (_first(part) if tree.stretches else ()) + _tails(part)
        case Sequence(parts):
            found: Ranges = ()
            for part in parts:
                if _shortest_length(part) > 0:
                    found = found if overlap(found, _first(part)) else ()
                found += _tails(part)
            return found


def _shortest_length(tree: Pattern) -> int:
    match tree:
        case Chars():
            return 1
        case Sequence(parts):
            return sum(_shortest_length(part) for part in parts)
        case Choice(options):
            return min(_shortest_length(option) for option in options)
        case Repeat(part, least):
            return least * _shortest_length(part)


def _shortest(tree: Pattern) -> str:
    match tree:
        case Chars(ranges):
            return pick(ranges)
        case Sequence(parts):
            return "".join(_shortest(part) for part in parts)
        case Choice(options):
            return _shortest(min(options, key=_shortest_length))
        case Repeat(part, least):
            return _shortest(part) * least


def _grown(tree: Pattern, missing: int) -> str:
    """The shortest text, made longer by the first repeat that can stretch."""
    match tree:
        case Repeat(part, least, most) if _shortest_length(part):
            unit = _shortest(part)
            times = least + -(-missing // len(unit))
            return unit * (times if most is None else min(times, most))
        case Sequence(parts):
            for i, part in enumerate(parts):
                longer = _grown(part, missing)
                if len(longer) > _shortest_length(part):
                    return "".join((*map(_shortest, parts[:i]), longer, *map(_shortest, parts[i + 1 :])))
        case Choice(options):
            return max((_grown(option, missing) for option in options), key=len)
    return _shortest(tree)


class _Reader:
    """Recursive descent over XML Schema part 2, appendix F."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        if self.at >= len(self.text):
            raise ValueError("ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def choice(self) -> Pattern:
        options = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Pattern:
        parts: list[Pattern] = []
        while self.peek() and self.peek() not in "|)":
            parts.append(self.quantified(self.atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def quantified(self, part: Pattern) -> Pattern:
        sign = self.peek()
        if sign and sign in "?*+":
            self.at += 1
            return Repeat(part, int(sign == "+"), 1 if sign == "?" else None)
        if sign != "{":
            return part
        end = self.text.index("}", self.at)
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        self.at = end + 1
        return Repeat(part, int(low), int(high) if high else (None if comma else int(low)))

    def atom(self) -> Pattern:
        character = self.take()
        if character == "(":
            inner = self.choice()
            if self.take() != ")":
                raise ValueError("unbalanced parenthesis")
            return inner
        if character == "[":
            return Chars(self.group())
        if character == ".":
            return Chars(minus(ALL, ((0xA, 0xA), (0xD, 0xD))))
        if character == "\\":
            return Chars(self.escape())
        if character in "?*+{}])":
            raise ValueError(f"unexpected {character!r}")
        return Chars(one(character))

    def escape(self) -> Ranges:
        letter = self.take()
        if letter in "pP":
            end = self.text.index("}", self.at)
            ranges = category(self.text[self.at + 1 : end])
            self.at = end + 1
            return ranges if letter == "p" else minus(ALL, ranges)
        if letter in _SINGLE:
            return ((_SINGLE[letter], _SINGLE[letter]),)
        if letter.lower() in "sdwic":
            ranges = shorthand(letter.lower())
            return ranges if letter.islower() else minus(ALL, ranges)
        return one(letter)

    def group(self) -> Ranges:
        negative = self.peek() == "^"
        self.at += negative
        ranges: list[Range] = []
        without: Ranges = ()
        while (character := self.take()) != "]" or not ranges:
            if character == "-" and self.peek() == "[":
                self.at += 1
                without = self.group()
                continue
            ranges.extend(self.member(character))
        chosen = minus(ALL, tuple(ranges)) if negative else tuple(ranges)
        return minus(chosen, without) if without else chosen

    def member(self, character: str) -> Ranges:
        """One character, one escape, or a range a-z."""
        low = self.escape() if character == "\\" else one(character)
        if self.peek() != "-" or self.text[self.at + 1 : self.at + 2] in ("]", "["):
            return low
        self.at += 1
        end = self.take()
        high = self.escape() if end == "\\" else one(end)
        return ((low[0][0], high[0][1]),)
