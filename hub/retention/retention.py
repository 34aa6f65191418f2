"""How long the documents of a message stay: ordered rules, the first that fits counts, none means for ever. Pure.

Only documents are meant: envelopes and the attachments beside them. Entries, stamps, acknowledgements and proofs
have no end. It says what may go, and neither finds nor removes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from hub.settings.settings import Keeping

EVER = "ever"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its number from 1; `keep` is None where it says for ever."""

    number: int
    type: str
    classification: str
    keep: timedelta | None

    @property
    def name(self) -> str:
        """How plans and ledger entries call it."""
        kept = EVER if self.keep is None else f"{self.keep.days}d"
        return f"{self.number}: {self.type}, {self.classification}, {kept}"

    def fits(self, type: str, classification: str) -> bool:
        """Whether it speaks of such a message."""
        return fnmatchcase(type, self.type) and self.classification in ("*", classification)


def rules_of(settings: Iterable[Keeping]) -> tuple[Rule, ...]:
    """The rules as `hub.settings.settings` has read and checked them."""
    return tuple(
        Rule(number, one.type, one.classification, _age(one.keep)) for number, one in enumerate(settings, start=1)
    )


def _age(keep: str) -> timedelta | None:
    return None if keep == EVER else timedelta(days=int(keep.removesuffix("d")))


def rule_for(rules: Sequence[Rule], type: str, classification: str) -> Rule | None:
    """The rule that counts for such a message."""
    return next((rule for rule in rules if rule.fits(type, classification)), None)


def is_over(rule: Rule | None, ended: datetime, at: datetime) -> bool:
    """Whether the documents of a message may go at `at`, if its last delivery ended then."""
    return rule is not None and rule.keep is not None and ended + rule.keep <= at


def shortest(rules: Iterable[Rule]) -> timedelta | None:
    """The shortest time that any rule gives; None if nothing ever goes."""
    return min((rule.keep for rule in rules if rule.keep is not None), default=None)
