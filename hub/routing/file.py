"""Reads routing.yaml into rules, strictly: every key and value is known, or the file is refused at its line.

It does not know the directory: whether a named department or schema exists is `hub.routing.lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from hub.config import (
    Located,
    check_keys,
    flag_at,
    integer_at,
    place,
    read_yaml,
    section_at,
    sections_at,
    text_at,
    texts_at,
)
from hub.errors import Misconfigured
from hub.message import Classification, Urgency
from hub.routing.condition import Condition, DivisionUnder, FieldIs, Names, PathHolds, RecipientIs
from hub.routing.rule import Action, Rule
from hub.routing.xpath import compile_path

WHAT = "routing.yaml"
FORMAT = 1
_CODE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_GROUP = r"group:[^\s*?\[\]]{1,64}"
_GLOB = r"[A-Za-z0-9._*?-]{1,64}"
_ADDRESS = re.compile(rf"{_CODE}|{_GROUP}|endpoint:{_CODE}")
_PARTY = re.compile(rf"{_GLOB}|{_GROUP}")
_TYPE = re.compile(_GLOB)
_DIVISION = re.compile(r"[0-9]{2,12}")
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_RULE_KEYS = ("name", "when", "then", "stop")
_WHEN_KEYS = (
    "type",
    "sender",
    "division",
    "urgency",
    "classification",
    "recipient",
    "envelope",
    "payload",
    "namespaces",
)
# A field of the header, the words it accepts, and how those words look.
_FIELDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("type", _TYPE),
    ("sender", _PARTY),
    ("urgency", re.compile("|".join(Urgency))),
    ("classification", re.compile("|".join(Classification))),
)


def read_rules(text: str, what: str = WHAT) -> tuple[Rule, ...]:
    """Read the whole file. Errors: Misconfigured config.* and routing.*, each naming `routing.yaml:LINE`, or `what`."""
    rules = tuple(read_rule(section) for section in rule_sections(text, what))
    faults = repeated_names(rules)
    if faults:
        raise faults[0]
    return rules


def rule_sections(text: str, what: str = WHAT) -> list[Located]:
    """Return the rules of the file, each still unread; `what` names it in errors, as for `read_yaml`.

    Errors: Misconfigured config.*, routing.version.
    """
    whole = read_yaml(text, what)
    check_keys(whole, ("version", "rules"))
    version = integer_at(whole, "version")
    if version != FORMAT:
        where = place(whole, "version")
        raise Misconfigured("routing.version", expected=str(FORMAT), got=str(version), where=where)
    return sections_at(whole, "rules")


def read_rule(section: Located) -> Rule:
    """Read one rule. Errors: Misconfigured config.*, routing.rule, routing.value, routing.xpath-*."""
    check_keys(section, _RULE_KEYS)
    name = _checked(section, "name", text_at(section, "name"), _NAME)
    action, words = _action(section_at(section, "then"))
    conditions = _conditions(section_at(section, "when"))
    return Rule(name, conditions, action, words, flag_at(section, "stop", False), place(section))


def repeated_names(rules: Iterable[Rule]) -> list[Misconfigured]:
    """The faults of rules with the name of an earlier one: a trace that names a rule must mean one."""
    first: dict[str, Rule] = {}
    return [
        Misconfigured("routing.duplicate-rule", got=rule.name, where=rule.where)
        for rule in rules
        if first.setdefault(rule.name, rule) is not rule
    ]


def _action(then: Located) -> tuple[Action, tuple[str, ...]]:
    check_keys(then, [*Action])
    if len(then) != 1:
        raise Misconfigured("routing.rule", expected=" | ".join(Action), got=", ".join(then) or "-", where=place(then))
    action = Action(next(iter(then)))
    shape = _ADDRESS if action in (Action.DELIVER, Action.COPY) else _LINE
    if shape is _LINE:
        return action, (_checked(then, action, text_at(then, action), _LINE),)
    return action, _words(then, action, _ADDRESS)


def _conditions(when: Located) -> tuple[Condition, ...]:
    """Cheap conditions first: the first that fails ends the rule."""
    check_keys(when, _WHEN_KEYS)
    found: list[Condition] = [
        FieldIs(key, Names.of(_words(when, key, shape)), _reader(key)) for key, shape in _FIELDS if key in when
    ]
    if "division" in when:
        found.append(DivisionUnder(_words(when, "division", _DIVISION)))
    if "recipient" in when:
        found.append(RecipientIs(Names.of(_words(when, "recipient", _PARTY))))
    namespaces = _namespaces(when)
    for key in ("envelope", "payload"):
        if key in when:
            found.append(PathHolds(key, compile_path(text_at(when, key), namespaces, place(when, key))))
    return tuple(found)


def _reader(key: str) -> Callable[[Any], str]:
    return attrgetter(key)


def _namespaces(when: Located) -> Mapping[str, str]:
    section = section_at(when, "namespaces")
    return {
        _checked(section, key, key, _PREFIX): _checked(section, key, text_at(section, key), _LINE) for key in section
    }


def _words(mapping: Located, key: str, shape: re.Pattern[str]) -> tuple[str, ...]:
    """One word or a list of them; an empty list could never hold, so it is refused."""
    several = isinstance(mapping.get(key), list)
    words = texts_at(mapping, key) if several else (text_at(mapping, key),)
    if not words:
        raise Misconfigured("routing.value", got="[]", expected=_shown(shape), where=place(mapping, key))
    return tuple(_checked(mapping, key, word, shape) for word in words)


def _checked(mapping: Located, key: str, word: str, shape: re.Pattern[str]) -> str:
    if shape.fullmatch(word):
        return word
    raise Misconfigured("routing.value", expected=_shown(shape), got=word[:60], where=place(mapping, key))


def _shown(shape: re.Pattern[str]) -> str:
    return _SHOWN.get(shape, shape.pattern.replace("|", " | "))


_SHOWN: Mapping[re.Pattern[str], str] = {
    _ADDRESS: "CODE | group:NAME | endpoint:CODE",
    _PARTY: "CODE | CODE* | group:NAME",
    _TYPE: "NAME-VERSION | NAME-*",
    _DIVISION: "4403",
    _PREFIX: "PREFIX: URI",
    _LINE: "1-200 字 characters",
    _NAME: "1-64 字 characters",
}
