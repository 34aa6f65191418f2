"""One routing rule: when it matches and what it does. Evaluating many of them in order is `hub.routing.routing`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub.directory import GROUP, Directory
from hub.routing.condition import Condition, Facts, RecipientIs, Targets

ENDPOINT = "endpoint:"


class Action(StrEnum):
    """What a rule does; the value is its key in the file."""

    DELIVER = "deliver-to"
    COPY = "copy-to"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Rule:
    """All `conditions` must hold. `words`: the addresses of deliver-to and copy-to, else the one reason."""

    name: str
    conditions: tuple[Condition, ...]
    action: Action
    words: tuple[str, ...]
    stop: bool = False
    where: str = ""

    @property
    def ends(self) -> bool:
        """Whether no later rule is looked at once this one matched."""
        return self.stop or self.action is Action.REJECT

    @property
    def recipient(self) -> RecipientIs | None:
        """The condition on recipients, if the rule has one."""
        return next((c for c in self.conditions if isinstance(c, RecipientIs)), None)

    def matches(self, facts: Facts, targets: Targets, directory: Directory) -> bool:
        """Whether every condition holds; a rule without conditions always does."""
        for condition in self.conditions:  # a loop: all() with a generator takes twice as long  # noqa: SIM110
            if not condition.holds(facts, targets, directory):
                return False
        return True

    def selected(self, targets: Targets, directory: Directory) -> tuple[str, ...]:
        """The departments that deliver-to replaces: those that the recipient condition names, or all."""
        recipient = self.recipient
        return tuple(targets) if recipient is None else recipient.selected(targets, directory)


def destinations(address: str, sender: str, directory: Directory) -> tuple[tuple[str, str | None], ...]:
    """The (department, endpoint or None) pairs behind an address of a rule; empty if nobody is there.

    A group leaves the sender out, a disabled department counts as absent.
    """
    if address.startswith(ENDPOINT):
        endpoint = directory.endpoints.get(address[len(ENDPOINT) :])
        if endpoint is None or not directory.expand(endpoint.department):
            return ()
        return ((endpoint.department, endpoint.code),)
    codes = directory.expand(address)
    return tuple((c, None) for c in codes if c != sender or not address.startswith(GROUP))
