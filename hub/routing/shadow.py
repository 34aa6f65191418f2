"""Whether one routing rule always takes what a later one would. True is proven; False proves nothing."""

from __future__ import annotations

from collections.abc import Iterable

from hub.directory import GROUP, Directory
from hub.routing.condition import (
    Condition,
    DivisionUnder,
    FieldIs,
    Names,
    PathHolds,
    RecipientIs,
    is_glob,
)
from hub.routing.rule import Action, Rule


def covers(earlier: Rule, later: Rule, between: Iterable[Rule], directory: Directory) -> bool:
    """Whether `earlier` matches whatever `later` would match; `between` are the rules in the middle."""
    if earlier.recipient is not None and any(r.action in (Action.COPY, Action.DELIVER) for r in between):
        # A rule in the middle may add the very recipient that the later rule waits for.
        return False
    return all(any(_wider(wide, narrow, directory) for narrow in later.conditions) for wide in earlier.conditions)


def _wider(earlier: Condition, later: Condition, directory: Directory) -> bool:
    if earlier.key != later.key:
        return False
    if isinstance(earlier, DivisionUnder) and isinstance(later, DivisionUnder):
        return all(prefix.startswith(earlier.prefixes) for prefix in later.prefixes)
    if isinstance(earlier, PathHolds) and isinstance(later, PathHolds):
        return earlier.path.means == later.path.means
    if isinstance(earlier, FieldIs | RecipientIs) and isinstance(later, FieldIs | RecipientIs):
        return all(_takes(earlier.names, word, directory) for word in later.names.words)
    return False


def _takes(names: Names, word: str, directory: Directory) -> bool:
    """Whether everything that `word` stands for is one of `names`."""
    if word in names.words or "*" in names.words:
        return True
    if word.startswith(GROUP):
        return False
    if is_glob(word):
        # A pattern whose only wildcard is * takes another pattern exactly if it takes its text.
        return Names.of(w for w in names.words if "?" not in w and not w.startswith(GROUP)).match(word, directory)
    return names.match(word, directory)
