"""XPath 1.0 conditions of routing rules, restricted so that no document can make one slow.

Promises: an expression that compiles here is relative to its element, names only declared prefixes and core
functions, and costs time linear in the document (longest seen: 0.12 s for 60,000 elements). What is left out
was measured on a document of 40,000 elements: `a = b` and `a | b` 2.5 s each, `..` 7.7 s, `a[/b]` 15 s.
It does not know the schema: a path to an element that no schema has is simply never true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from lxml import etree

from hub.errors import Misconfigured

LONGEST = 300
OWN_PREFIXES: Mapping[str, str] = {
    "env": "urn:hub:envelope:v1",
    "od": "urn:hub:official-document:v1",
    "rcp": "urn:hub:receipt:v1",
    "as": "urn:hub:approval-status:v1",
    "ntc": "urn:hub:notice:v1",
}
# XPath's core library without id(), which leaves its element, and without lang(), which climbs.
_CORE = """boolean ceiling concat contains count false floor last local-name name namespace-uri
normalize-space not number position round starts-with string string-length substring substring-after
substring-before sum translate true"""
FUNCTIONS = frozenset(_CORE.split())
_NODE_TESTS = frozenset({"text", "node"})
_AXES = frozenset({"child", "attribute", "self"})
_WORD_OPERATORS = frozenset({"and", "or", "div", "mod"})
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_INSTEAD = {"$": "'…'", "|": "or", "..": ".//"}
_NAME = r"[^\W\d][\w.-]*"
_TOKEN = re.compile(
    r"\s*(?:(?P<literal>\"[^\"]*\"|'[^']*')|(?P<number>\d+(?:\.\d*)?|\.\d+)"
    rf"|(?P<name>{_NAME}(?::(?:{_NAME}|\*))?)"
    r"|(?P<sign>::|//|\.\.|!=|<=|>=|[/()\[\]@,.|+\-=<>*$]))"
)


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class PathTest:
    """A compiled condition: `source` as the administrator wrote it, `test` its boolean form."""

    source: str
    where: str
    namespaces: Mapping[str, str]
    test: etree.XPath

    @property
    def means(self) -> tuple[str, Mapping[str, str]]:
        """Two paths with equal meanings give equal answers."""
        return self.source, self.namespaces

    def holds(self, element: Any) -> bool:
        """Evaluate on `element`: a non-empty node-set or string, or a number other than 0 and NaN, is true.

        Errors: Misconfigured routing.xpath-failed.
        """
        try:
            return bool(self.test(element))
        except etree.XPathError as wrong:
            operator = f"{self.where} {self.source}: {wrong}"
            raise Misconfigured("routing.xpath-failed", operator=operator) from None


def compile_path(source: str, namespaces: Mapping[str, str], where: str) -> PathTest:
    """Compile one condition. `namespaces` adds to `OWN_PREFIXES`; `where` names the place in the file.

    A wrong type (`count('x')`) shows only when evaluated, so every expression is tried on an empty element.
    Errors: Misconfigured routing.xpath-syntax, .xpath-limit, .xpath-prefix, .xpath-function.
    """
    prefixes = {**OWN_PREFIXES, **namespaces}
    _compiled(source, source, prefixes, where)
    _Check(source, _tokens(source, where), prefixes, where).run()
    path = PathTest(source, where, prefixes, _compiled(f"boolean({source})", source, prefixes, where))
    try:
        path.holds(etree.Element("trial"))
    except Misconfigured as wrong:
        raise Misconfigured("routing.xpath-syntax", got=source, where=where, operator=wrong.operator) from None
    return path


def _compiled(expression: str, source: str, prefixes: Mapping[str, str], where: str) -> etree.XPath:
    try:
        return etree.XPath(expression, namespaces=dict(prefixes), regexp=False, smart_strings=False)
    except (etree.XPathError, ValueError, TypeError) as wrong:
        raise Misconfigured("routing.xpath-syntax", got=source, where=where, operator=str(wrong)) from None


def _tokens(source: str, where: str) -> tuple[_Token, ...]:
    if len(source) > LONGEST:
        raise Misconfigured("routing.xpath-limit", expected=f"<= {LONGEST}", got=f"{len(source)}", where=where)
    found: list[_Token] = []
    at, text = 0, source.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Misconfigured("routing.xpath-syntax", got=text[at : at + 20].strip(), where=where)
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tuple(found)


class _Check:
    """One walk over the tokens of an expression that libxml2 found well-formed."""

    def __init__(self, source: str, tokens: tuple[_Token, ...], prefixes: Mapping[str, str], where: str) -> None:
        self._source = source
        self._tokens = (*tokens, _Token("end", ""), _Token("end", ""))
        self._prefixes = prefixes
        self._where = where
        self._depth = 0
        self._descents = 0

    def run(self) -> None:
        after_operand = False
        for at, token in enumerate(self._tokens[:-2]):
            operator = after_operand and (token.text in _WORD_OPERATORS or token.text == "*")
            if token.kind == "name" and not operator:
                self._name(token.text, self._tokens[at + 1].text)
            elif token.kind == "sign":
                self._sign(at, token.text, after_operand)
            ends = token.kind in ("literal", "number", "name") or token.text in (".", "*", ")", "]")
            after_operand = ends and not operator

    def _sign(self, at: int, text: str, after_operand: bool) -> None:
        self._depth += (text == "[") - (text == "]")
        if text in _INSTEAD:
            raise self._limit(text, _INSTEAD[text])
        if text in ("/", "//") and not after_operand:
            raise self._limit(text, f".{text}")
        if text == "//":
            self._descent()
        if text in _COMPARISONS:
            self._comparison(at, text)

    def _descent(self) -> None:
        self._descents += 1
        if self._depth:
            raise self._limit("[ // ]", "[ / ]")
        if self._descents > 1:
            raise self._limit("// … //", "// … /")

    def _comparison(self, at: int, text: str) -> None:
        left, right, beyond = self._tokens[at - 1], self._tokens[at + 1], self._tokens[at + 2]
        constant = {"literal", "number"} & {left.kind, right.kind} or right.text == "-"
        if not constant and not (right.text in FUNCTIONS and beyond.text == "("):
            raise self._limit(f"… {text} {right.text}", f"… {text} '…'")

    def _name(self, name: str, following: str) -> None:
        if following == "(":
            if name not in FUNCTIONS and name not in _NODE_TESTS:
                raise self._function(name)
        elif following == "::":
            if name not in _AXES:
                raise self._limit(f"{name}::", " ".join(f"{axis}::" for axis in sorted(_AXES)))
        elif ":" in name and name.split(":", maxsplit=1)[0] not in self._prefixes:
            raise Misconfigured(
                "routing.xpath-prefix",
                expected=", ".join(sorted(self._prefixes)),
                got=name.split(":", maxsplit=1)[0],
                where=self._where,
            )

    def _function(self, name: str) -> Misconfigured:
        nearest = get_close_matches(name, sorted(FUNCTIONS), n=3, cutoff=0.5) or sorted(FUNCTIONS)
        return Misconfigured(
            "routing.xpath-function",
            expected=", ".join(f"{n}()" for n in nearest),
            got=f"{name}()",
            where=self._where,
        )

    def _limit(self, got: str, expected: str) -> Misconfigured:
        return Misconfigured(
            "routing.xpath-limit", expected=expected, got=got, where=self._where, operator=self._source
        )
