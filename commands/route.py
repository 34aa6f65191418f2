"""`hub route`: the rules of routing.yaml: whether they are right, and what they do to a document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.frame.command import ExitCode, Phrase, Session, argument, column, noun, option, why_option
from commands.frame.files import FILE, read_file, read_text
from commands.frame.words import ROLES

if TYPE_CHECKING:
    from hub.hub import Rules
    from hub.routing.explain import RuleTrace
    from hub.routing.lint import Finding
    from hub.routing.routing import Decision, Facts
    from hub.routing.rule import Rule

RULE_COLUMNS = (
    column("name", "规则", "RULE"),
    column("when", "条件", "WHEN"),
    column("then", "动作", "THEN"),
    column("stop", "终止", "STOP"),
)
TARGET_COLUMNS = (
    column("department", "收件单位", "DEPARTMENT"),
    column("role", "主送/抄送", "ROLE"),
    column("endpoint", "端点", "ENDPOINT"),
    column("byRule", "依据规则", "BY RULE"),
)
_LEVELS = {"error": Phrase("错误", "error"), "warning": Phrase("提醒", "warning")}

command = noun("route", zh="路由规则（routing.yaml）。", en="Routing rules (routing.yaml).")


@command.verb(
    "lint",
    zh="检查路由规则：错误使规则无法使用，提醒表示可能并非本意",
    en="Check the rules: an error makes them unusable, a warning is probably not what was meant",
    examples=("hub route lint", "hub route lint new-routing.yaml"),
)
@argument("file", zh="要检查的文件（默认为现用的）", en="file (default: the one in use)", type=FILE, required=False)
def lint(session: Session, file: Path | None) -> ExitCode:
    """Check the rules against the registry and the registered types."""
    file = file or _rules_file(session)
    findings = _findings(session, read_text(file), file.name)
    _show_findings(session, findings)
    return ExitCode.CHECK_FAILED if _is_wrong(findings) else ExitCode.OK


def _findings(session: Session, text: str, name: str) -> list[Finding]:
    from hub.routing.lint import lint_text

    return lint_text(text, *_known(session), name)


def _is_wrong(findings: list[Finding]) -> bool:
    from hub.routing.lint import Level

    return any(f.level is Level.ERROR for f in findings)


def _show_findings(session: Session, findings: list[Finding]) -> None:
    from commands.schema import show_findings

    if session.json:
        facts = [{"level": f.level, "rule": f.rule, "code": f.code, **f.fault.facts()} for f in findings]
        session.write_json({"ok": not _is_wrong(findings), "findings": facts})
    elif findings:
        show_findings(session, [(_LEVELS[f.level], f.fault.where, f.fault) for f in findings])
    else:
        session.line(session.phrase("路由规则没有问题", "the rules are in order"))


@command.verb(
    "apply",
    zh="启用新的路由规则：检查后替换现用文件，并记入账本",
    en="Put new rules into force: they are checked, take the place of those in use, and are on record",
    examples=("hub route apply new-routing.yaml --reason '增加抄送'",),
)
@argument("file", zh="新的规则文件（- 为标准输入）", en="file with the new rules (- for standard input)", type=FILE)
@why_option
def apply(session: Session, file: Path) -> ExitCode:
    """Put rules into force unless they have errors; a serving hub goes by them within a second."""
    from commands.frame.opened import opened_store
    from commands.frame.order import order_of
    from hub.administration.in_force import apply_routing

    text = read_text(file)
    findings = _findings(session, text, file.name)
    if _is_wrong(findings):
        _show_findings(session, findings)
        return ExitCode.CHECK_FAILED
    with opened_store(session) as store:
        order = order_of(store.hub_id, session.why)
        changed = apply_routing(store, _rules_file(session), text, order, session.clock())
    same = Phrase("与现用规则相同，没有变化", "these are the rules in use; nothing changed")
    session.done(Phrase("新规则已启用", "the new rules are in force") if changed else same, changed=changed)
    return ExitCode.OK


@command.verb("show", zh="列出现用的路由规则", en="Show the rules in use", examples=("hub route show",))
def show(session: Session) -> None:
    """Show the rules in use, in order."""
    from hub.routing.routing import Routing

    routing = Routing.load(read_text(_rules_file(session)))
    rows = [(rule.name, _conditions(rule), _action(rule), rule.ends) for rule in routing.rules]
    session.table(RULE_COLUMNS, rows, empty=Phrase("没有路由规则", "no rules"))


@command.verb(
    "explain",
    zh="说明一份信封会送到哪里，以及每条规则为何匹配或不匹配",
    en="Tell where an envelope would go, and why each rule did or did not match",
    examples=("hub route explain message.xml", "hub route explain message.xml --rules new-routing.yaml"),
)
@argument("file", zh="信封文件（XML）；不验证签名", en="envelope (XML); its signature is not checked", type=FILE)
@option("--rules", "rules_file", zh="改用此规则文件", en="use this rules file instead", type=FILE)
def explain(session: Session, file: Path, rules_file: Path | None) -> None:
    """Explain one envelope's way."""
    from dataclasses import replace

    from hub.routing.explain import explain as told
    from hub.routing.routing import Routing

    rules = _rules(session)
    if rules_file is not None:
        rules = replace(rules, routing=Routing.load(read_text(rules_file), rules_file.name))
    facts = _facts(file, rules)
    traces = told(rules.routing, facts, rules.directory)
    decision = rules.routing.plan(facts, rules.directory)
    if session.json:
        session.write_json({"rules": [_trace_facts(t) for t in traces], "decision": _decision_facts(decision)})
        return
    for line in _story(traces, session.lang):
        session.line(line)
    _show_decision(session, decision)


def _story(traces: list[RuleTrace], lang: str) -> Iterator[str]:
    for trace in traces:
        yield f"{trace.where}  {trace.sentence(lang)}"
        for condition in trace.conditions:
            yield f"    {'✓' if condition.holds else '✗'} {condition.sentence(lang)}"


def _show_decision(session: Session, decision: Decision) -> None:
    session.line("")
    if decision.rejected is not None:
        session.line(session.phrase(f"结果：拒收，{decision.rejected}", f"result: rejected, {decision.rejected}"))
        return
    if decision.held is not None:
        session.line(session.phrase(f"结果：暂存投递，{decision.held}", f"result: held, {decision.held}"))
    roles = {str(role): said for role, said in ROLES.items()}
    rows = [(t.department, roles.get(str(t.role), t.role), t.endpoint, t.by_rule) for t in decision.targets]
    session.table(TARGET_COLUMNS, rows)


def _facts(file: Path, rules: Rules) -> Facts:
    from hub import envelope
    from hub.parser import parse
    from hub.routing.routing import Facts

    root = parse(read_file(file), rules.parse_limits)
    rules.schemas.check_envelope(root)
    header = envelope.read(root).header
    sender = rules.directory.departments.get(header.sender)
    return Facts(header, root, envelope.payload_of(root), sender.division if sender else "")


def _rules_file(session: Session) -> Path:
    from hub.hub import read_settings

    return session.folder / read_settings(session.folder).routing


def _rules(session: Session) -> Rules:
    from commands.frame.opened import opened_store, rules_of

    with opened_store(session) as store:
        return rules_of(session, store)


def _known(session: Session) -> tuple[Any, Any]:
    """The directory and the registered types, read without the rules in use: they may be what is broken."""
    from commands.frame.change import read
    from commands.schema import known_tokens

    return read(session).directory(), known_tokens(session)


def _conditions(rule: Rule) -> tuple[str, ...]:
    return tuple(f"{condition.key}: {condition.expected}" for condition in rule.conditions)


def _action(rule: Rule) -> str:
    return f"{rule.action} {', '.join(rule.words)}"


def _trace_facts(trace: RuleTrace) -> dict[str, Any]:
    conditions = [{"key": c.key, "expected": c.expected, "got": c.got, "holds": c.holds} for c in trace.conditions]
    return {
        "rule": trace.rule,
        "where": trace.where,
        "outcome": trace.outcome,
        "conditions": conditions,
        "action": trace.action,
        "added": trace.added,
        "removed": trace.removed,
        "endedBy": trace.ended_by,
    }


def _decision_facts(decision: Decision) -> dict[str, Any]:
    targets = [
        {"department": t.department, "role": t.role, "endpoint": t.endpoint, "byRule": t.by_rule}
        for t in decision.targets
    ]
    return {"targets": targets, "held": decision.held, "rejected": decision.rejected, "applied": decision.applied}
