"""The conditions a routing rule can ask, and the facts they look at. What a rule does is `hub.routing.rule`.

Promises: a condition only reads; equal facts, targets and directory give equal answers. It knows no YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

from hub.directory import GROUP, Directory
from hub.message import Header, Role
from hub.routing.xpath import PathTest


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at: only signed content, and the sender's division from the registry."""

    header: Header
    root: Any
    payload: Any
    sender_division: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One department that gets the document. No `endpoint`: its default; no `by_rule`: the sender's wish."""

    department: str
    role: Role
    endpoint: str | None = None
    by_rule: str | None = None


Targets = Mapping[str, Target]


@dataclass(frozen=True, slots=True)
class Names:
    """A choice of names as a rule writes it: exact, with * and ?, or `group:NAME` for a group's members."""

    words: tuple[str, ...]
    exact: frozenset[str]
    glob: re.Pattern[str] | None
    groups: tuple[str, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Names:
        """Sort the words of a condition by kind; any of them is enough for a match."""
        words = tuple(words)
        groups = tuple(w[len(GROUP) :] for w in words if w.startswith(GROUP))
        plain = [w for w in words if not w.startswith(GROUP)]
        globs = [translate(w) for w in plain if is_glob(w)]
        exact = frozenset(w for w in plain if not is_glob(w))
        return cls(words, exact, re.compile("|".join(globs)) if globs else None, groups)

    def match(self, name: str, directory: Directory) -> bool:
        """Whether `name` is one of these names."""
        if name in self.exact:
            return True
        if self.glob is not None and self.glob.match(name):
            return True
        return bool(self.groups) and any(name in _members(group, directory) for group in self.groups)

    def match_any(self, names: Collection[str], directory: Directory) -> bool:
        """Whether one of `names` is one of these; quick for thousands of them unless there are globs."""
        if not self.exact.isdisjoint(names):
            return True
        if self.glob is not None and any(map(self.glob.match, names)):
            return True
        return any(not _members(group, directory).isdisjoint(names) for group in self.groups)


def _members(group: str, directory: Directory) -> frozenset[str]:
    return directory.groups.get(group, frozenset())


def is_glob(word: str) -> bool:
    """Whether a word of a condition stands for a pattern."""
    return "*" in word or "?" in word


@dataclass(frozen=True, slots=True)
class FieldIs:
    """A header field (`type`, `sender`, `urgency`, `classification`) is one of `names`."""

    key: str
    names: Names
    read: Callable[[Header], str]

    @property
    def expected(self) -> str:
        """The condition as the file writes it."""
        return ", ".join(self.names.words)

    def got(self, facts: Facts, targets: Targets) -> str:
        """The value that was compared."""
        return str(self.read(facts.header))

    def holds(self, facts: Facts, targets: Targets, directory: Directory) -> bool:
        """Compare the field."""
        return self.names.match(self.read(facts.header), directory)


@dataclass(frozen=True, slots=True)
class DivisionUnder:
    """The sender's division code begins with one of `prefixes`."""

    prefixes: tuple[str, ...]
    key: str = "division"

    @property
    def expected(self) -> str:
        """The condition as the file writes it."""
        return ", ".join(self.prefixes)

    def got(self, facts: Facts, targets: Targets) -> str:
        """The value that was compared."""
        return facts.sender_division

    def holds(self, facts: Facts, targets: Targets, directory: Directory) -> bool:
        """Compare the division."""
        return facts.sender_division.startswith(self.prefixes)


@dataclass(frozen=True, slots=True)
class RecipientIs:
    """At least one target, as the rules before this one left them, is one of `names`."""

    names: Names
    key: str = "recipient"

    @property
    def expected(self) -> str:
        """The condition as the file writes it."""
        return ", ".join(self.names.words)

    def got(self, facts: Facts, targets: Targets) -> str:
        """The departments that were compared."""
        return ", ".join(targets)

    def holds(self, facts: Facts, targets: Targets, directory: Directory) -> bool:
        """Look for one match."""
        return self.names.match_any(targets, directory)

    def selected(self, targets: Targets, directory: Directory) -> tuple[str, ...]:
        """The departments that match."""
        return tuple(d for d in targets if self.names.match(d, directory))


@dataclass(frozen=True, slots=True)
class PathHolds:
    """An XPath is true on the envelope's root (`key` envelope) or on the payload element (`key` payload)."""

    key: str
    path: PathTest

    @property
    def expected(self) -> str:
        """The condition as the file writes it."""
        return self.path.source

    def got(self, facts: Facts, targets: Targets) -> str:
        """The truth value of the path."""
        return str(self.path.holds(self._element(facts))).lower()

    def holds(self, facts: Facts, targets: Targets, directory: Directory) -> bool:
        """Evaluate the path. Errors: Misconfigured routing.xpath-failed."""
        return self.path.holds(self._element(facts))

    def _element(self, facts: Facts) -> Any:
        return facts.root if self.key == "envelope" else facts.payload


Condition = FieldIs | DivisionUnder | RecipientIs | PathHolds
