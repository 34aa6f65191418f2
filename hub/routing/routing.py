"""Who gets a document: the sender's recipients and rights, then the rules of routing.yaml in order. Pure.

Promises: nobody is addressed without a right of the sender unless a rule of the administrator says so; an
unknown and a forbidden recipient get the same answer; each department stands once in a decision; no rule ever
leaves a document without a destination. It does not store, hold or deliver anything: a decision is a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from hub.directory import GROUP, Directory
from hub.errors import Misconfigured, Refused
from hub.message import Header, Recipient, Role
from hub.routing.condition import Facts, Target, Targets
from hub.routing.file import WHAT, read_rules
from hub.routing.rule import Action, Rule, destinations

__all__ = ["Decision", "Draft", "Facts", "Routing", "Target", "advance", "begin", "version_of"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a document goes. `held`, `rejected`: a rule's reason; `applied` names the rules that matched."""

    targets: tuple[Target, ...]
    held: str | None = None
    rejected: str | None = None
    applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision between two rules; `targets` by department code, in the order in which they were added."""

    targets: Targets
    held: str | None = None
    rejected: str | None = None
    applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """The rules in force. `version` is the first 12 hex digits of SHA-256 of the text, for the ledger."""

    rules: tuple[Rule, ...]
    version: str

    @classmethod
    def load(cls, text: str, what: str = WHAT) -> Routing:
        """Read the text of routing.yaml, or of a file called `what`.

        Errors: Misconfigured config.*, routing.*, each with its line.
        """
        return cls(read_rules(text, what), version_of(text))

    def decide(self, facts: Facts, directory: Directory) -> Decision:
        """Return where the document goes; `rejected` is always None here.

        Errors: Refused routing.recipient, routing.rejected; Misconfigured routing.target, .xpath-failed.
        """
        decision = self.plan(facts, directory)
        if decision.rejected is not None:
            raise Refused("routing.rejected", expected=decision.rejected, operator=decision.applied[-1])
        return decision

    def plan(self, facts: Facts, directory: Directory) -> Decision:
        """Return the decision even if a rule rejects: then without targets. Errors: else as `decide`."""
        draft = begin(facts.header, directory)
        for rule in self.rules:
            if rule.matches(facts, draft.targets, directory):
                draft = advance(draft, rule, facts.header.sender, directory)
                if rule.ends:
                    break
        return Decision(tuple(draft.targets.values()), draft.held, draft.rejected, draft.applied)


def version_of(text: str) -> str:
    """The version of a routing text, as the ledger keeps it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def begin(header: Header, directory: Directory) -> Draft:
    """Expand the recipients that the sender wrote, and check its right to each department behind them.

    One department without a right refuses the whole document: a sender must never believe that somebody has
    it who has not. Errors: Refused routing.recipient.
    """
    targets: dict[str, Target] = {}
    for number, recipient in enumerate(header.recipients, 1):
        for department in _addressed(header, recipient, number, directory):
            _merge(targets, Target(department, recipient.role))
    return Draft(targets)


def advance(draft: Draft, rule: Rule, sender: str, directory: Directory) -> Draft:
    """Apply a rule that matched. Errors: Misconfigured routing.target."""
    draft = replace(draft, applied=(*draft.applied, rule.name))
    if rule.action is Action.REJECT:
        return replace(draft, targets={}, rejected=rule.words[0])
    if rule.action is Action.HOLD:
        return replace(draft, held=draft.held or rule.words[0])
    if rule.action is Action.COPY:
        return replace(draft, targets=_extended(dict(draft.targets), rule, Role.COPY, sender, directory))
    return replace(draft, targets=_redirected(draft.targets, rule, sender, directory))


def _addressed(header: Header, recipient: Recipient, number: int, directory: Directory) -> tuple[str, ...]:
    is_group = recipient.address.startswith(GROUP)
    codes = tuple(c for c in directory.expand(recipient.address) if not is_group or c != header.sender)
    forbidden = [c for c in codes if not directory.may_send(header.sender, c, header.type)]
    if codes and not forbidden:
        return codes
    why = f"no right to: {', '.join(forbidden[:5])}" if codes else "no enabled department there"
    where = f"env:recipients/env:recipient[{number}]"
    raise Refused("routing.recipient", got=recipient.address, where=where, operator=why)


def _merge(targets: dict[str, Target], target: Target) -> None:
    """Add a target. A department that is there keeps its endpoint and place; main wins over copy."""
    known = targets.get(target.department)
    if known is None:
        targets[target.department] = target
    elif target.role is Role.MAIN and known.role is Role.COPY:
        targets[target.department] = replace(known, role=Role.MAIN)


def _redirected(targets: Targets, rule: Rule, sender: str, directory: Directory) -> Targets:
    """Put the rule's targets in place of the selected ones, of which a rule that matched has at least one."""
    selected = frozenset(rule.selected(targets, directory))
    role = Role.MAIN if any(targets[d].role is Role.MAIN for d in selected) else Role.COPY
    kept = {d: t for d, t in targets.items() if d not in selected}
    if not any(destinations(address, sender, directory) for address in rule.words):
        raise Misconfigured("routing.target", operator=f"{rule.where} {rule.name}: {', '.join(rule.words)}")
    return _extended(kept, rule, role, sender, directory)


def _extended(targets: dict[str, Target], rule: Rule, role: Role, sender: str, directory: Directory) -> Targets:
    for address in rule.words:
        for department, endpoint in destinations(address, sender, directory):
            _merge(targets, Target(department, role, endpoint, rule.name))
    return targets
