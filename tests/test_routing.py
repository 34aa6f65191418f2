"""Routing: who gets a document, from the sender's recipients and rights through the rules in order."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from lxml import etree

from hub.directory import Department, Directory, Endpoint, Right
from hub.errors import Misconfigured, Refused
from hub.message import Header, Recipient, Role, Urgency
from hub.routing.routing import Decision, Facts, Routing, Target

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DISTRICTS = ("LUOHU", "FUTIAN", "NANSHAN")
CODES = ("OFFICE", "WATER", "AUDIT", *DISTRICTS)
TOWN = Directory(
    departments=[
        *(Department(code, code, "", "440300") for code in CODES),
        Department("CLOSED", "CLOSED", "", "440300", enabled=False),
    ],
    groups={"districts": DISTRICTS, "supervision": ["AUDIT"], "empty": []},
    endpoints=[Endpoint(code, code) for code in CODES]
    + [Endpoint("WATER-OA", "WATER"), Endpoint("CLOSED-OA", "CLOSED")],
    rights=[Right("OFFICE", "*"), Right("LUOHU", "OFFICE"), Right("LUOHU", "group:districts")],
)


def facts(*to: str | Recipient, sender: str = "OFFICE", type: str = "official-document-1", **more: object) -> Facts:
    recipients = tuple(r if isinstance(r, Recipient) else Recipient(r) for r in to)
    header = Header("m-1", type, sender, recipients, AT, **more)  # type: ignore[arg-type]
    payload = "<d xmlns='urn:d'><kind>request</kind><sum>120</sum></d>"
    root = etree.fromstring(f"<e xmlns='urn:hub:envelope:v1'><header/><payload>{payload}</payload></e>")
    return Facts(header, root, root[1][0], "440300")


def rules(*then: str) -> Routing:
    """Each text is the inside of one rule; names are given by position: r1, r2, ..."""
    lines = [f"  - name: r{n}\n    {text}" for n, text in enumerate(then, 1)]
    return Routing.load("version: 1\nrules:\n" + "\n".join(lines))


def decide(routing: Routing, *to: str | Recipient, **more: object) -> Decision:
    return routing.decide(facts(*to, **more), TOWN)  # type: ignore[arg-type]


def departments(decision: Decision) -> list[str]:
    return [t.department for t in decision.targets]


NO_RULES = Routing.load("version: 1\n")


def test_without_rules_the_senders_recipients_are_the_targets() -> None:
    decision = decide(NO_RULES, "WATER", Recipient("AUDIT", Role.COPY))
    assert decision == Decision((Target("WATER", Role.MAIN), Target("AUDIT", Role.COPY)))


def test_a_group_becomes_its_departments_without_the_sender() -> None:
    assert departments(decide(NO_RULES, "group:districts", sender="LUOHU")) == ["FUTIAN", "NANSHAN"]


def test_a_sender_may_write_to_itself_by_name() -> None:
    assert departments(decide(NO_RULES, "OFFICE")) == ["OFFICE"]


@pytest.mark.parametrize("main_first", [True, False])
def test_a_department_named_twice_stands_once_and_main_wins(main_first: bool) -> None:
    pair = (Recipient("group:districts", Role.COPY), Recipient("FUTIAN"))
    decision = decide(NO_RULES, *(reversed(pair) if main_first else pair))
    assert sorted((t.department, t.role) for t in decision.targets) == [
        ("FUTIAN", Role.MAIN),
        ("LUOHU", Role.COPY),
        ("NANSHAN", Role.COPY),
    ]


@pytest.mark.parametrize("address", ["NOBODY", "CLOSED", "group:nothing", "group:empty", "WATER", "group:supervision"])
def test_unknown_and_forbidden_recipients_get_the_same_answer(address: str) -> None:
    with pytest.raises(Refused) as refusal:
        decide(NO_RULES, "OFFICE", address, sender="LUOHU")
    public = refusal.value.facts()
    assert refusal.value.code == "routing.recipient"
    assert (public["got"], public["expected"], public["where"]) == (address, "", "env:recipients/env:recipient[2]")


def test_one_member_without_a_right_refuses_the_whole_group() -> None:
    town = Directory(TOWN.departments.values(), TOWN.groups, rights=[Right("OFFICE", "FUTIAN")])
    with pytest.raises(Refused, match=r"routing\.recipient") as refusal:
        NO_RULES.decide(facts("group:districts"), town)
    assert "FUTIAN" not in refusal.value.operator
    assert "LUOHU" in refusal.value.operator
    assert "LUOHU" not in refusal.value.sentence("en")


def test_a_right_is_for_a_type() -> None:
    town = Directory(TOWN.departments.values(), rights=[Right("OFFICE", "WATER", "receipt-1")])
    assert NO_RULES.decide(facts("WATER", type="receipt-1"), town).targets
    with pytest.raises(Refused):
        NO_RULES.decide(facts("WATER", type="official-document-1"), town)


def test_a_copy_by_rule_needs_no_right_of_the_sender() -> None:
    routing = rules("then: {copy-to: group:supervision}")
    decision = decide(routing, "OFFICE", sender="LUOHU")
    assert decision.targets == (Target("OFFICE", Role.MAIN), Target("AUDIT", Role.COPY, by_rule="r1"))
    assert decision.applied == ("r1",)


def test_a_copy_to_a_recipient_changes_nothing_for_it() -> None:
    decision = decide(rules("then: {copy-to: endpoint:WATER-OA}"), "WATER")
    assert decision.targets == (Target("WATER", Role.MAIN),)


def test_a_group_in_a_rule_leaves_the_sender_out() -> None:
    decision = decide(rules("then: {copy-to: group:districts}"), "OFFICE", sender="LUOHU")
    assert departments(decision) == ["OFFICE", "FUTIAN", "NANSHAN"]


@pytest.mark.parametrize("target", ["group:nothing", "group:empty", "NOBODY", "CLOSED", "endpoint:CLOSED-OA"])
def test_a_copy_to_nobody_is_only_not_made(target: str) -> None:
    assert departments(decide(rules(f"then: {{copy-to: {target}}}"), "WATER")) == ["WATER"]


@pytest.mark.parametrize("target", ["group:nothing", "group:empty", "NOBODY", "CLOSED", "endpoint:CLOSED-OA"])
def test_a_redirect_to_nobody_refuses_the_document_rather_than_losing_it(target: str) -> None:
    with pytest.raises(Misconfigured) as fault:
        decide(rules(f"then: {{deliver-to: {target}}}"), "WATER")
    assert fault.value.code == "routing.target"
    assert target in fault.value.operator
    assert target not in fault.value.sentence("zh")


def test_a_redirect_replaces_only_the_recipients_it_names() -> None:
    routing = rules("when: {recipient: WATER}\n    then: {deliver-to: endpoint:WATER-OA}")
    decision = decide(routing, "AUDIT", Recipient("WATER", Role.COPY))
    assert decision.targets == (Target("AUDIT", Role.MAIN), Target("WATER", Role.COPY, "WATER-OA", "r1"))


def test_a_redirect_by_group_replaces_its_members_and_is_main_if_one_was() -> None:
    routing = rules("when: {recipient: group:districts}\n    then: {deliver-to: WATER}")
    decision = decide(routing, Recipient("group:districts", Role.COPY), Recipient("LUOHU"), Recipient("AUDIT"))
    assert decision.targets == (Target("AUDIT", Role.MAIN), Target("WATER", Role.MAIN, by_rule="r1"))


def test_a_redirect_without_recipient_condition_replaces_everybody() -> None:
    assert departments(decide(rules("then: {deliver-to: [WATER, AUDIT]}"), "group:districts")) == ["WATER", "AUDIT"]


def test_a_rule_sees_the_recipients_as_earlier_rules_left_them() -> None:
    routing = rules(
        "then: {copy-to: AUDIT}",
        "when: {recipient: AUDIT}\n    then: {deliver-to: OFFICE}",
        "when: {recipient: AUDIT}\n    then: {hold: never}",
    )
    decision = decide(routing, "WATER")
    assert decision.targets == (Target("WATER", Role.MAIN), Target("OFFICE", Role.COPY, by_rule="r2"))
    assert (decision.held, decision.applied) == (None, ("r1", "r2"))


def test_hold_keeps_the_targets_and_the_first_reason() -> None:
    decision = decide(rules("then: {hold: 待核}", "then: {hold: second}", "then: {copy-to: AUDIT}"), "WATER")
    assert (decision.held, departments(decision)) == ("待核", ["WATER", "AUDIT"])


def test_reject_refuses_with_the_rules_words_and_hides_the_rules_name() -> None:
    routing = rules("then: {reject: 请通过省级平台报送}", "then: {copy-to: AUDIT}")
    with pytest.raises(Refused) as refusal:
        decide(routing, "WATER")
    assert refusal.value.code == "routing.rejected"
    assert "请通过省级平台报送" in refusal.value.sentence("zh")
    assert "r1" in refusal.value.operator
    assert "r1" not in refusal.value.sentence("zh")


def test_plan_tells_a_rejection_as_a_value_without_targets() -> None:
    decision = rules("then: {reject: no}").plan(facts("WATER"), TOWN)
    assert decision == Decision((), rejected="no", applied=("r1",))


def test_rights_are_asked_before_any_rule() -> None:
    with pytest.raises(Refused, match=r"routing\.recipient"):
        decide(rules("then: {reject: no}"), "WATER", sender="LUOHU")


def test_stop_ends_the_list_only_if_its_rule_matched() -> None:
    stops = "when: {type: receipt-*}\n    stop: true\n    then: {hold: check}"
    routing = rules(stops, "then: {copy-to: AUDIT}")
    assert departments(decide(routing, "WATER", type="receipt-1")) == ["WATER"]
    assert departments(decide(routing, "WATER")) == ["WATER", "AUDIT"]


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ("type: official-document-1", True),
        ("type: official-document", False),
        ("type: official-*", True),
        ("type: official-document-?", True),
        ("type: [receipt-1, 'official-*']", True),
        ("type: receipt-*", False),
        ("sender: OFFICE", True),
        ("sender: office", False),
        ("sender: group:districts", False),
        ("sender: [group:districts, OFF*]", True),
        ("recipient: FUTIAN", True),
        ("recipient: WATER", False),
        ("recipient: group:districts", True),
        ("recipient: F*", True),
        ("division: 4403", True),
        ("division: ['4401', '44']", True),
        ("division: '440301'", False),
        ("urgency: extraUrgent", True),
        ("urgency: [routine, urgent]", False),
        ("classification: none", True),
        ("classification: secret", False),
        ("{type: official-*, sender: WATER}", False),
        ("payload: d:kind = 'request'", True),
        ("payload: d:sum > 100", True),
        ("payload: count(d:sum) - 1", False),
        ("payload: d:missing", False),
        ("payload: self::d:d", True),
        ("envelope: .//d:kind", True),
        ("envelope: env:header", True),
    ],
)
def test_conditions(when: str, matches: bool) -> None:
    declared = "\n      namespaces: {d: urn:d}" if "payload" in when or "envelope" in when else ""
    routing = rules(f"when:\n      {when}{declared}\n    then: {{hold: matched}}")
    decision = decide(routing, "FUTIAN", "AUDIT", urgency=Urgency.EXTRA_URGENT)
    assert (decision.held == "matched") is matches


def test_version_is_the_start_of_the_texts_digest() -> None:
    assert NO_RULES.version == sha256(b"version: 1\n").hexdigest()[:12]
    assert Routing.load("version: 1 # other\n").version != NO_RULES.version


def test_the_shipped_file_copies_every_approval_status_to_supervision() -> None:
    text = (Path(__file__).parent.parent / "routing.yaml").read_text(encoding="utf-8")
    routing = Routing.load(text)
    assert departments(decide(routing, "WATER", type="approval-status-1")) == ["WATER", "AUDIT"]
    assert departments(decide(routing, "WATER")) == ["WATER"]
    empty = Directory(TOWN.departments.values(), rights=[Right("*", "*")])
    assert departments(routing.decide(facts("WATER", type="approval-status-1"), empty)) == ["WATER"]


def test_the_commented_examples_of_the_shipped_file_load() -> None:
    text = (Path(__file__).parent.parent / "routing.yaml").read_text(encoding="utf-8")
    routing = Routing.load(re.sub(r"(?m)^  # (?=- |  )", "  ", text))
    assert [rule.name for rule in routing.rules] == [
        "supervision copy",
        "duty office",
        "water bureau OA",
        "check requests",
        "other cities",
    ]


ADDRESSES = st.sampled_from([*CODES, "group:districts", "group:empty", "NOBODY", "endpoint:WATER-OA"])
RULES = st.builds(
    lambda when, action, address, stop: f"when: {when}\n    stop: {stop}\n    then: {{{action}: {address}}}",
    st.sampled_from(["{}", "{recipient: WATER}", "{recipient: group:districts}", "{sender: OFFICE}", "{type: r-1}"]),
    st.sampled_from(["copy-to", "deliver-to"]),
    ADDRESSES,
    st.sampled_from(["true", "false"]),
)


@given(
    st.lists(RULES, max_size=6),
    st.lists(st.builds(Recipient, st.sampled_from([*CODES, "group:districts"]), st.sampled_from(Role)), min_size=1),
)
def test_every_decision_has_distinct_enabled_targets(texts: list[str], to: list[Recipient]) -> None:
    try:
        decision = decide(rules(*texts), *to)
    except Misconfigured:
        event("a redirect without destination")
        return
    found = departments(decision)
    assert len(found) == len(set(found)) > 0
    assert all(TOWN.departments[code].enabled for code in found)
    addressed = {code for r in to for code in TOWN.expand(r.address)}
    assert all(t.by_rule is not None or t.department in addressed for t in decision.targets)
