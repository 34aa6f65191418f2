"""`lint` warns of rules that are legal but surely not meant, and `explain` tells why each rule did what it did."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hub.directory import Department, Directory, Endpoint, Right
from hub.errors import Refused
from hub.message import Header, Recipient
from hub.routing.explain import Outcome, explain
from hub.routing.lint import Level, lint, lint_text
from hub.routing.routing import Facts, Routing

TOKENS = ("official-document-1", "receipt-1", "approval-status-1")
TOWN = Directory(
    departments=[
        *(Department(code, code, "", "440300") for code in ("OFFICE", "WATER", "AUDIT", "LUOHU", "FUTIAN")),
        Department("CLOSED", "CLOSED", "", "440300", enabled=False),
    ],
    groups={"districts": ["LUOHU", "FUTIAN"], "empty": []},
    endpoints=[Endpoint("WATER", "WATER"), Endpoint("WATER-OA", "WATER")],
    rights=[Right("*", "*")],
)


def text(*inside: str) -> str:
    lines = [f"  - name: r{n}\n    {rule}" for n, rule in enumerate(inside, 1)]
    return "version: 1\nrules:\n" + "\n".join(lines) + "\n"


def findings(*inside: str) -> list[tuple[str, str, str, str]]:
    found = lint(Routing.load(text(*inside)), TOWN, TOKENS)
    return [(f.level.value, f.code.removeprefix("routing."), f.fault.got, f.fault.expected) for f in found]


@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        ("when: {type: reciept-1}\n    then: {hold: x}", ("warning", "unknown-type", "reciept-1", "receipt-1")),
        ("when: {type: 'invoice-*'}\n    then: {hold: x}", ("warning", "no-match", "invoice-*", "")),
        ("when: {sender: WATTER}\n    then: {hold: x}", ("warning", "unknown-department", "WATTER", "WATER")),
        ("when: {sender: 'X*'}\n    then: {hold: x}", ("warning", "no-match", "X*", "")),
        (
            "when: {recipient: group:district}\n    then: {hold: x}",
            ("warning", "unknown-group", "group:district", "group:districts"),
        ),
        ("when: {division: 4401}\n    then: {hold: x}", ("warning", "no-match", "4401", "")),
        ("then: {copy-to: WATR}", ("warning", "unknown-department", "WATR", "WATER")),
        ("then: {copy-to: group:supervision}", ("warning", "unknown-group", "group:supervision", "")),
        ("then: {copy-to: group:empty}", ("warning", "no-target", "group:empty", "")),
        ("then: {copy-to: CLOSED}", ("warning", "no-target", "CLOSED", "")),
        (
            "then: {copy-to: endpoint:WATER-0A}",
            ("warning", "unknown-endpoint", "endpoint:WATER-0A", "endpoint:WATER-OA"),
        ),
        ("when: {recipient: WATER}\n    then: {deliver-to: group:empty}", ("error", "no-target", "group:empty", "")),
        ("when: {recipient: WATER}\n    then: {deliver-to: NOBODY}", ("error", "unknown-department", "NOBODY", "")),
        ("then: {deliver-to: WATER}", ("warning", "redirect-all", "WATER", "")),
        ("when: {recipient: WATER}\n    then: {deliver-to: WATER}", ("warning", "no-effect", "WATER", "")),
        ("when: {recipient: AUDIT}\n    then: {copy-to: AUDIT}", ("warning", "no-effect", "AUDIT", "")),
    ],
)
def test_one_fault_one_finding(rule: str, finding: tuple[str, str, str, str]) -> None:
    assert findings(rule) == [finding]


def test_a_sound_file_has_no_findings() -> None:
    assert (
        findings(
            "when: {type: 'official-*', sender: group:districts, division: 4403}\n    then: {copy-to: AUDIT}",
            "when: {recipient: WATER}\n    then: {deliver-to: endpoint:WATER-OA}",
            "then: {hold: x}",
        )
        == []
    )


END = "\n    stop: true\n    then: {hold: x}"
LATER = "\n    then: {copy-to: AUDIT}"


@pytest.mark.parametrize(
    ("earlier", "later", "unreachable"),
    [
        ("when: {}", "when: {type: receipt-1}", True),
        ("when: {type: 'receipt-*'}", "when: {type: receipt-1}", True),
        ("when: {type: 'r*'}", "when: {type: 'receipt-*'}", True),
        ("when: {type: 'receipt-?'}", "when: {type: 'receipt-*'}", False),
        ("when: {type: receipt-1}", "when: {type: 'receipt-*'}", False),
        ("when: {type: receipt-1}", "when: {}", False),
        ("when: {type: receipt-1}", "when: {type: receipt-1, sender: WATER}", True),
        ("when: {type: receipt-1, sender: WATER}", "when: {type: receipt-1}", False),
        ("when: {sender: group:districts}", "when: {sender: LUOHU}", True),
        ("when: {sender: group:districts}", "when: {sender: [LUOHU, WATER]}", False),
        ("when: {sender: group:districts}", "when: {sender: group:districts}", True),
        ("when: {sender: LUOHU}", "when: {sender: group:districts}", False),
        ("when: {sender: '*'}", "when: {sender: group:districts}", True),
        ("when: {division: '44'}", "when: {division: ['4403']}", True),
        ("when: {division: 4403}", "when: {division: '44'}", False),
        ("when: {urgency: urgent}", "when: {urgency: urgent, recipient: WATER}", True),
        ("when: {recipient: WATER}", "when: {sender: WATER}", False),
        ("when: {payload: od:title}", "when: {payload: od:title, type: receipt-1}", True),
        ("when: {payload: od:title}", "when: {envelope: od:title}", False),
        ("when: {payload: od:title}", "when: {payload: od:title, namespaces: {od: 'urn:x'}}", False),
    ],
)
def test_rules_behind_a_wider_stop_are_unreachable(earlier: str, later: str, unreachable: bool) -> None:
    found = findings(earlier + END, later + LATER)
    assert (("warning", "unreachable", "r2", "r1") in found) is unreachable


def test_a_reject_ends_the_list_like_a_stop_and_no_stop_does_not() -> None:
    assert findings("then: {reject: x}", "then: {copy-to: AUDIT}")[0][1] == "unreachable"
    assert findings("then: {hold: x}", "then: {copy-to: AUDIT}") == []


def test_a_copy_in_between_may_add_the_recipient_that_a_later_rule_waits_for() -> None:
    waits = "when: {recipient: WATER}"
    assert findings(waits + END, "then: {copy-to: WATER}", waits + LATER) == []
    assert findings(waits + END, "then: {hold: y}", waits + LATER)[0][1] == "unreachable"


def test_lint_text_tells_every_rule_that_cannot_be_read() -> None:
    broken = text(
        "then: {copy_to: WATER}",
        "when: {payload: 'x:a'}\n    then: {hold: x}",
        "when: {payload: 'a['}\n    then: {hold: x}",
        "then: {copy-to: WATR}",
    )
    found = lint_text(broken.replace("r4", "r2"), TOWN, TOKENS)
    assert [(f.level, f.rule, f.code, f.fault.expected) for f in found[:3]] == [
        (Level.ERROR, "r1", "config.unknown-key", "copy-to"),
        (Level.ERROR, "r2", "routing.xpath-prefix", "as, env, ntc, od, rcp"),
        (Level.ERROR, "r3", "routing.xpath-syntax", ""),
    ]
    assert [(f.rule, f.code) for f in found[3:]] == [("r2", "routing.unknown-department")]


def test_lint_text_tells_repeated_names_and_a_text_that_is_no_yaml() -> None:
    twice = text("then: {hold: x}", "then: {hold: x}").replace("r2", "r1")
    assert [f.code for f in lint_text(twice, TOWN, TOKENS)] == ["routing.duplicate-rule"]
    assert [f.code for f in lint_text("version: [", TOWN, TOKENS)] == ["config.syntax"]


def test_every_finding_speaks_both_languages() -> None:
    for finding in lint(Routing.load(text("then: {copy-to: WATR}")), TOWN, TOKENS):
        assert "应为：WATER" in finding.fault.sentence("zh")
        assert "expected: WATER" in finding.fault.sentence("en")


def facts(sender: str, to: list[str], type: str = "receipt-1") -> Facts:
    header = Header("m", type, sender, tuple(Recipient(r) for r in to), datetime(2026, 1, 5, tzinfo=UTC))
    root = etree.fromstring("<e><p><d>1</d></p></e>")
    return Facts(header, root, root[0][0], "440300")


def test_explain_tells_each_condition_with_what_it_met() -> None:
    routing = Routing.load(
        text(
            "when: {type: 'official-*', sender: OFFICE, payload: self::d}\n    then: {hold: x}",
            "when: {recipient: WATER}\n    stop: true\n    then: {deliver-to: AUDIT}",
            "then: {copy-to: FUTIAN}",
        )
    )
    first, second, third = explain(routing, facts("OFFICE", ["WATER", "LUOHU"]), TOWN)
    assert first.outcome is Outcome.NOT_MATCHED
    assert [(c.key, c.expected, c.got, c.holds) for c in first.conditions] == [
        ("type", "official-*", "receipt-1", False),
        ("sender", "OFFICE", "OFFICE", True),
        ("payload", "self::d", "true", True),
    ]
    assert first.sentence("zh") == "规则“r1”不匹配，不符合的条件：type"
    assert first.conditions[0].sentence("zh") == "type：应为 official-*，实为 receipt-1，不符合"
    assert (second.outcome, second.added, second.removed) == (Outcome.APPLIED, ("AUDIT",), ("WATER",))
    assert second.sentence("en") == "rule 'r2' matched, deliver-to AUDIT: +AUDIT -WATER"
    assert (third.outcome, third.ended_by, third.where) == (Outcome.NOT_REACHED, "r2", "routing.yaml:10")


def test_explain_refuses_a_recipient_like_decide() -> None:
    with pytest.raises(Refused, match=r"routing\.recipient"):
        explain(Routing.load("version: 1"), facts("OFFICE", ["NOBODY"]), TOWN)


WHENS = (
    "{}",
    "{recipient: WATER}",
    "{sender: group:districts}",
    "{sender: LUOHU}",
    "{type: 'r*'}",
    "{type: receipt-1}",
)
RULES = st.builds(
    lambda when, then, stop: f"when: {when}\n    stop: {stop}\n    then: {{{then}}}",
    st.sampled_from(WHENS),
    st.sampled_from(["hold: x", "reject: y", "copy-to: AUDIT", "copy-to: WATER", "deliver-to: LUOHU"]),
    st.sampled_from(["true", "false"]),
)
EVERY_CASE = [
    facts(sender, to, type)
    for sender, to, type in itertools.product(
        ("OFFICE", "LUOHU", "FUTIAN"), (["WATER"], ["AUDIT"], ["WATER", "FUTIAN"]), ("receipt-1", "official-1")
    )
]


@given(st.lists(RULES, max_size=5))
def test_explain_tells_what_plan_does_and_unreachable_rules_are_never_reached(inside: list[str]) -> None:
    routing = Routing.load(text(*inside))
    unreachable = {f.rule for f in lint(routing, TOWN, TOKENS) if f.code == "routing.unreachable"}
    for case in EVERY_CASE:
        decision = routing.plan(case, TOWN)
        traces = explain(routing, case, TOWN)
        assert [t.rule for t in traces if t.outcome is Outcome.APPLIED] == list(decision.applied)
        assert not unreachable & set(decision.applied)
