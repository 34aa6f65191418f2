"""routing.yaml is read strictly: each mistake is named with its line and what stands right."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hub.errors import Misconfigured
from hub.routing.routing import Routing
from hub.routing.xpath import compile_path
from tests.pace import within


def fault_of(text: str) -> Misconfigured:
    with pytest.raises(Misconfigured) as fault:
        Routing.load(text)
    return fault.value


def rule(inside: str) -> str:
    return f"version: 1\nrules:\n  - name: one\n    {inside}\n"


@pytest.mark.parametrize(
    ("text", "code", "place", "expected"),
    [
        ("version: 2\n", "routing.version", "routing.yaml:1", "1"),
        ("rules: []\n", "config.missing-key", "routing.yaml:1", "version"),
        ("version: 1\nrule: []\n", "config.unknown-key", "routing.yaml:2", "rules"),
        ("version: 1\nrules: one\n", "config.shape", "routing.yaml:2", "rules: list"),
        ("version: 1\nrules: [one]\n", "config.shape", "routing.yaml:2", "rules: list of mappings"),
        (rule("then: {copyto: WATER}"), "config.unknown-key", "routing.yaml:4", "copy-to"),
        (rule("wen: {}\n    then: {hold: x}"), "config.unknown-key", "routing.yaml:4", "when"),
        (rule("when: {sendr: A}\n    then: {hold: x}"), "config.unknown-key", "routing.yaml:4", "sender"),
        (rule("stop: true"), "routing.rule", "routing.yaml:3", "deliver-to | copy-to | hold | reject"),
        (rule("then: {hold: x, reject: y}"), "routing.rule", "routing.yaml:4", "deliver-to | copy-to | hold | reject"),
        (rule("then: {hold: x}\n    stop: yes"), "config.shape", "routing.yaml:5", "stop: true | false"),
        (rule("then: {copy-to: []}"), "routing.value", "routing.yaml:4", "CODE | group:NAME | endpoint:CODE"),
        (rule("then: {copy-to: 'A B'}"), "routing.value", "routing.yaml:4", "CODE | group:NAME | endpoint:CODE"),
        (rule("then: {copy-to: 'WATER*'}"), "routing.value", "routing.yaml:4", "CODE | group:NAME | endpoint:CODE"),
        (rule("then: {hold: ''}"), "routing.value", "routing.yaml:4", "1-200"),
        (rule("when: {type: []}\n    then: {hold: x}"), "routing.value", "routing.yaml:4", "NAME-VERSION | NAME-*"),
        (rule("when: {type: 'group:a'}\n    then: {hold: x}"), "routing.value", "routing.yaml:4", ""),
        (rule("when: {sender: 'endpoint:A'}\n    then: {hold: x}"), "routing.value", "routing.yaml:4", ""),
        (rule("when: {division: 4403*}\n    then: {hold: x}"), "routing.value", "routing.yaml:4", "4403"),
        (rule("when: {urgency: high}\n    then: {hold: x}"), "routing.value", "", "routine | urgent | extraUrgent"),
        (rule("when: {classification: 绝密}\n    then: {hold: x}"), "routing.value", "", "none | confidential"),
        (rule('then: {reject: "two\\nlines"}'), "routing.value", "routing.yaml:4", "1-200"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, code: str, place: str, expected: str) -> None:
    fault = fault_of(text)
    assert fault.code == code
    assert fault.where.startswith(place)
    assert fault.expected.startswith(expected)


def test_a_rule_without_a_name_is_refused() -> None:
    assert fault_of("version: 1\nrules:\n  - then: {hold: x}\n").code == "config.missing-key"


def test_two_rules_of_one_name_are_refused() -> None:
    one = "  - name: same\n    then: {hold: x}\n"
    fault = fault_of("version: 1\nrules:\n" + one + one)
    assert (fault.code, fault.got, fault.where) == ("routing.duplicate-rule", "same", "routing.yaml:5")


def test_an_xpath_fault_names_its_line() -> None:
    fault = fault_of(rule("when:\n      type: receipt-1\n      payload: 'a['\n    then: {hold: x}"))
    assert (fault.code, fault.where) == ("routing.xpath-syntax", "routing.yaml:6")


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("", "routing.xpath-syntax", ""),
        ("a b", "routing.xpath-syntax", ""),
        ("a[", "routing.xpath-syntax", ""),
        ("'a' = 'b", "routing.xpath-syntax", ""),
        ("count('a')", "routing.xpath-syntax", ""),
        ("a) or (b", "routing.xpath-syntax", ""),
        ("p:a", "routing.xpath-prefix", "as, env, ntc, od, rcp"),
        ("a[p:*]", "routing.xpath-prefix", "as, env, ntc, od, rcp"),
        ("@p:a", "routing.xpath-prefix", "as, env, ntc, od, rcp"),
        ("document('file:///etc/passwd')", "routing.xpath-function", ""),
        ("a[contain(., 'x')]", "routing.xpath-function", "contains()"),
        ("re:test('a', 'b')", "routing.xpath-function", ""),
        ("id('a')", "routing.xpath-function", ""),
        ("and('a')", "routing.xpath-function", ""),
        ("$a", "routing.xpath-limit", "'…'"),
        ("a | b", "routing.xpath-limit", "or"),
        ("../a", "routing.xpath-limit", ".//"),
        ("/a", "routing.xpath-limit", "./"),
        ("//a", "routing.xpath-limit", ".//"),
        ("a and /b", "routing.xpath-limit", "./"),
        ("a * /b", "routing.xpath-limit", "./"),
        ("a[/b]", "routing.xpath-limit", "./"),
        (".//a[.//b]", "routing.xpath-limit", "[ / ]"),
        (".//a//b", "routing.xpath-limit", "// … /"),
        ("a = b", "routing.xpath-limit", "… = '…'"),
        ("a[b != c]", "routing.xpath-limit", "… != '…'"),
        ("(a) = (b)", "routing.xpath-limit", "… = '…'"),
        ("a < b < 1", "routing.xpath-limit", "… < '…'"),
        ("string(a) = b", "routing.xpath-limit", "… = '…'"),
        ("ancestor::a", "routing.xpath-limit", "attribute:: child:: self::"),
        ("a[preceding-sibling::a]", "routing.xpath-limit", "attribute:: child:: self::"),
        ("descendant::a", "routing.xpath-limit", "attribute:: child:: self::"),
        ("a" * 301, "routing.xpath-limit", "<= 300"),
    ],
)
def test_xpaths_that_are_refused(path: str, code: str, expected: str) -> None:
    with pytest.raises(Misconfigured) as fault:
        compile_path(path, {}, "routing.yaml:1")
    assert fault.value.code == code
    assert fault.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("path", "truth"),
    [
        ("a", True),
        ("z", False),
        ("a = '1'", True),
        ("'1' = a", True),
        ("a > -1", True),
        ("a * 2 = 2", True),
        ("a div 2 = 0.5", True),
        ("* = '1'", True),
        ("count(*) = count(a) + 3", True),
        ("b = string(c)", True),
        ("not(z) and (a or z)", True),
        ("and or z", False),
        ("self::r/a/@x = 'q'", True),
        ("child::a/attribute::x", True),
        (".//d[text() = 'deep']", True),
        ("b/node()", True),
        ("p:e", True),
        ("0", False),
        ("number('x')", False),
        ("''", False),
        ("'0'", True),
        ("a[1][@x]/text()", True),
        ('contains(b, "同意")', True),
    ],
)
def test_xpaths_that_are_allowed(path: str, truth: bool) -> None:
    element = etree.fromstring("<r xmlns:p='urn:p'><a x='q'>1</a><b>同意<d>deep</d></b><c>同意deep</c><p:e/></r>")
    assert compile_path(path, {"p": "urn:p"}, "").holds(element) is truth


@pytest.mark.parametrize(
    "path",
    [
        ".//*[contains(translate(., 'abc', 'def'), 'q')]",
        ".//*[count(*[count(*[count(*) > 9]) > 9]) > 9]",
        ".//a[b = 'q']/b[@x = '2']",
        "sum(.//a/@x) = 3",
        ".//*[position() = last()] = 'q'",
    ],
)
def test_an_allowed_xpath_stays_quick_on_a_large_document(path: str) -> None:
    wide = etree.fromstring("<r>" + "".join(f"<a x='1'>t{n}<b/></a>" for n in range(10_000)) + "</r>")
    condition = compile_path(path, {}, "")
    within(1.5, lambda: condition.holds(wide))  # the quadratic forms that are refused need seconds


@given(st.text(alphabet="ab/.*[]()@|=<>'\"$:-+ 12p,ndot", max_size=24))
def test_any_text_is_either_a_condition_or_a_named_fault(path: str) -> None:
    element = etree.fromstring("<a><b>1</b><b p='2'><a/></b></a>")
    with contextlib.suppress(Misconfigured):
        assert compile_path(path, {}, "routing.yaml:1").holds(element) in (True, False)


def test_a_path_that_fails_on_a_document_tells_only_the_operator() -> None:
    condition = compile_path("a[sum('x')]", {}, "routing.yaml:7")
    with pytest.raises(Misconfigured) as fault:
        condition.holds(etree.fromstring("<r><a/></r>"))
    assert fault.value.code == "routing.xpath-failed"
    assert fault.value.operator.startswith("routing.yaml:7 a[sum('x')]")
    assert "sum" not in fault.value.sentence("en")
    assert "routing.yaml" not in fault.value.sentence("en")


@pytest.mark.parametrize("name", ["routing.md", "routing.zh-CN.md"])
def test_every_example_of_the_reference_loads(name: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / name).read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [len(Routing.load(example).rules) for example in examples] == [1, 1, 1, 2, 1, 2]
