"""What is probably wrong with a routing file, given the registry and the registered types. Changes nothing.

Promises: an error makes the file unusable or documents refused; a warning is legal but rarely meant. It finds
unreachable rules only where it can prove them so: silence is no proof of the contrary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from hub.directory import GROUP, Directory
from hub.errors import Misconfigured
from hub.routing.condition import DivisionUnder, FieldIs, Names, RecipientIs, is_glob
from hub.routing.file import WHAT, read_rule, repeated_names, rule_sections
from hub.routing.routing import Routing, version_of
from hub.routing.rule import ENDPOINT, Action, Rule, destinations
from hub.routing.shadow import covers


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at; `fault` has code, place and sentences, `rule` is empty for the whole file."""

    level: Level
    rule: str
    fault: Misconfigured

    @property
    def code(self) -> str:
        """The code in the catalogue."""
        return self.fault.code


def lint_text(text: str, directory: Directory, tokens: Collection[str], what: str = WHAT) -> list[Finding]:
    """Check a text, called `what`, that may not even load: every rule that cannot be read is an error of its own."""
    try:
        sections = rule_sections(text, what)
    except Misconfigured as fault:
        return [Finding(Level.ERROR, "", fault)]
    rules: list[Rule] = []
    findings: list[Finding] = []
    for section in sections:
        try:
            rules.append(read_rule(section))
        except Misconfigured as fault:
            findings.append(Finding(Level.ERROR, str(section.get("name") or ""), fault))
    findings += [Finding(Level.ERROR, fault.got, fault) for fault in repeated_names(rules)]
    return findings + lint(Routing(tuple(rules), version_of(text)), directory, tokens)


def lint(routing: Routing, directory: Directory, tokens: Collection[str]) -> list[Finding]:
    """Check rules that could be loaded. `tokens` are the registered types, such as "receipt-1"."""
    findings: list[Finding] = []
    for rule in routing.rules:
        findings += _conditions(rule, directory, tokens)
        findings += _targets(rule, directory)
    findings += _unreachable(routing.rules, directory)
    return findings


def _finding(level: Level, code: str, rule: Rule, got: str, expected: str = "") -> Finding:
    return Finding(level, rule.name, Misconfigured(code, got=got, expected=expected, where=rule.where))


def _conditions(rule: Rule, directory: Directory, tokens: Collection[str]) -> Iterator[Finding]:
    for condition in rule.conditions:
        if isinstance(condition, DivisionUnder):
            yield from _divisions(rule, condition, directory)
        elif isinstance(condition, FieldIs) and condition.key == "type":
            yield from _names(rule, condition.names, "routing.unknown-type", tokens, directory)
        elif isinstance(condition, RecipientIs) or (isinstance(condition, FieldIs) and condition.key == "sender"):
            yield from _names(rule, condition.names, "routing.unknown-department", directory.departments, directory)


def _names(rule: Rule, names: Names, code: str, known: Collection[str], directory: Directory) -> Iterator[Finding]:
    for word in names.words:
        if word.startswith(GROUP):
            if word[len(GROUP) :] not in directory.groups:
                yield _unknown(Level.WARNING, "routing.unknown-group", rule, word, _groups(directory))
        elif is_glob(word):
            if not Names.of((word,)).match_any(known, directory):
                yield _finding(Level.WARNING, "routing.no-match", rule, word)
        elif word not in known:
            yield _unknown(Level.WARNING, code, rule, word, known)


def _divisions(rule: Rule, condition: DivisionUnder, directory: Directory) -> Iterator[Finding]:
    for prefix in condition.prefixes:
        if not any(d.division.startswith(prefix) for d in directory.departments.values()):
            yield _finding(Level.WARNING, "routing.no-match", rule, prefix)


def _targets(rule: Rule, directory: Directory) -> Iterator[Finding]:
    """A redirect to nowhere refuses documents: an error. A copy to nobody is only not made: a warning."""
    if rule.action not in (Action.COPY, Action.DELIVER):
        return
    level = Level.ERROR if rule.action is Action.DELIVER else Level.WARNING
    for word in rule.words:
        yield from _target(level, rule, word, directory)
    if rule.action is Action.DELIVER and rule.recipient is None:
        yield _finding(Level.WARNING, "routing.redirect-all", rule, ", ".join(rule.words))
    if rule.recipient is not None and rule.recipient.names.words == rule.words and len(rule.words) == 1:
        yield _finding(Level.WARNING, "routing.no-effect", rule, ", ".join(rule.words))


def _target(level: Level, rule: Rule, word: str, directory: Directory) -> Iterator[Finding]:
    if word.startswith(ENDPOINT) and word[len(ENDPOINT) :] not in directory.endpoints:
        known = [ENDPOINT + code for code in directory.endpoints]
        yield _unknown(level, "routing.unknown-endpoint", rule, word, known)
    elif word.startswith(GROUP) and word[len(GROUP) :] not in directory.groups:
        yield _unknown(level, "routing.unknown-group", rule, word, _groups(directory))
    elif ":" not in word and word not in directory.departments:
        yield _unknown(level, "routing.unknown-department", rule, word, directory.departments)
    elif not destinations(word, "", directory):
        yield _finding(level, "routing.no-target", rule, word)


def _groups(directory: Directory) -> list[str]:
    return [GROUP + name for name in directory.groups]


def _unknown(level: Level, code: str, rule: Rule, word: str, known: Iterable[str]) -> Finding:
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return _finding(level, code, rule, word, nearest[0] if nearest else "")


def _unreachable(rules: tuple[Rule, ...], directory: Directory) -> Iterator[Finding]:
    for at, later in enumerate(rules):
        for before, earlier in enumerate(rules[:at]):
            if earlier.ends and covers(earlier, later, rules[before + 1 : at], directory):
                yield _finding(Level.WARNING, "routing.unreachable", later, later.name, earlier.name)
                break
