"""Why each rule did or did not match one document, in order, in Chinese and English. Decides nothing itself.

Walks the same steps as `Routing.plan`, so what it tells is what happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub.directory import Directory
from hub.routing.condition import Condition, Facts
from hub.routing.routing import Draft, Routing, advance, begin
from hub.routing.rule import Rule


class Outcome(StrEnum):
    """What became of one rule."""

    APPLIED = "applied"
    NOT_MATCHED = "notMatched"
    NOT_REACHED = "notReached"


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One condition and the value it met; `key` is its name in the file."""

    key: str
    expected: str
    got: str
    holds: bool

    def sentence(self, lang: str = "en") -> str:
        """One line: what was asked, what was there, and whether that is enough."""
        got = self.got or _EMPTY[lang]
        if lang == "zh":
            return f"{self.key}：应为 {self.expected}，实为 {got}，{'符合' if self.holds else '不符合'}"
        return f"{self.key}: expected {self.expected}, got {got}: {'holds' if self.holds else 'fails'}"


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule: every condition is told, also those after the first that failed.

    `added` and `removed` are department codes; `ended_by` names the rule that ended the list before this one.
    """

    rule: str
    where: str
    outcome: Outcome
    conditions: tuple[ConditionTrace, ...] = ()
    action: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ended_by: str = ""

    def sentence(self, lang: str = "en") -> str:
        """One line on the rule as a whole."""
        if self.outcome is Outcome.NOT_REACHED:
            return _NOT_REACHED[lang].format(rule=self.rule, by=self.ended_by)
        if self.outcome is Outcome.NOT_MATCHED:
            missed = _COMMA[lang].join(c.key for c in self.conditions if not c.holds)
            return _NOT_MATCHED[lang].format(rule=self.rule, missed=missed)
        changes = [f"+{d}" for d in self.added] + [f"-{d}" for d in self.removed]
        return _APPLIED[lang].format(rule=self.rule, action=self.action, changes=" ".join(changes) or _NO_CHANGE[lang])


_EMPTY = {"zh": "（空）", "en": "(empty)"}
_COMMA = {"zh": "、", "en": ", "}
_NO_CHANGE = {"zh": "收件单位不变", "en": "recipients unchanged"}
_NOT_REACHED = {
    "zh": "规则“{rule}”未执行：规则“{by}”已终止处理",
    "en": "rule '{rule}' was not reached: rule '{by}' ended the list",
}
_NOT_MATCHED = {
    "zh": "规则“{rule}”不匹配，不符合的条件：{missed}",
    "en": "rule '{rule}' did not match; conditions that do not hold: {missed}",
}
_APPLIED = {
    "zh": "规则“{rule}”匹配，执行 {action}：{changes}",
    "en": "rule '{rule}' matched, {action}: {changes}",
}


def explain(routing: Routing, facts: Facts, directory: Directory) -> list[RuleTrace]:
    """Tell the story of every rule of the file for one document.

    Errors: as `Routing.plan`: a recipient the sender may not address is refused before any rule is looked at.
    """
    draft, ended_by = begin(facts.header, directory), ""
    traces: list[RuleTrace] = []
    for rule in routing.rules:
        if ended_by:
            traces.append(RuleTrace(rule.name, rule.where, Outcome.NOT_REACHED, ended_by=ended_by))
            continue
        trace, draft = _looked_at(rule, draft, facts, directory)
        traces.append(trace)
        if rule.ends and trace.outcome is Outcome.APPLIED:
            ended_by = rule.name
    return traces


def _looked_at(rule: Rule, draft: Draft, facts: Facts, directory: Directory) -> tuple[RuleTrace, Draft]:
    conditions = tuple(_condition(c, draft, facts, directory) for c in rule.conditions)
    if not all(c.holds for c in conditions):
        return RuleTrace(rule.name, rule.where, Outcome.NOT_MATCHED, conditions), draft
    after = advance(draft, rule, facts.header.sender, directory)
    trace = RuleTrace(
        rule.name,
        rule.where,
        Outcome.APPLIED,
        conditions,
        f"{rule.action} {', '.join(rule.words)}",
        added=tuple(d for d, t in after.targets.items() if draft.targets.get(d) != t),
        removed=tuple(d for d in draft.targets if d not in after.targets),
    )
    return trace, after


def _condition(condition: Condition, draft: Draft, facts: Facts, directory: Directory) -> ConditionTrace:
    return ConditionTrace(
        condition.key,
        condition.expected,
        condition.got(facts, draft.targets),
        condition.holds(facts, draft.targets, directory),
    )
