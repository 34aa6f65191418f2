"""Each trap is found in a schema that has it, and in none of the hub's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hub.schema.lint import Finding, lint
from hub.schema.package import MAX_FILES, SchemaPackage
from hub.schema.schema import _BUILTIN, Schemas, _builtin_package
from hub.schema.xsd_pattern import example, parse, runs_away

EXAMPLES = Path(__file__).parent.parent / "examples"
OWNERS = Schemas.builtin().owners()
HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">'
ROOT = '<xs:element name="r" type="xs:string"/>'


def package(body: str, head: str = HEAD) -> SchemaPackage:
    return SchemaPackage("t", "1", "t.xsd", {"t.xsd": f"{head}{body}</xs:schema>".encode()})


def pattern(value: str) -> str:
    return (
        '<xs:element name="r"><xs:simpleType><xs:restriction base="xs:string">'
        f'<xs:pattern value="{value}"/></xs:restriction></xs:simpleType></xs:element>'
    )


def codes(body: str, head: str = HEAD) -> list[str]:
    return [finding.code for finding in lint(package(body, head), OWNERS)]


def accepts(value: str, text: str) -> bool:
    element = etree.Element("{urn:t}r")
    element.text = text
    return bool(package(pattern(value)).compile()(element))


@pytest.mark.parametrize("name", _BUILTIN)
def test_the_hubs_own_schemas_are_clean(name: str) -> None:
    assert lint(_builtin_package(name, _BUILTIN[name]), OWNERS) == []


def test_the_example_schema_is_clean() -> None:
    assert lint(SchemaPackage.from_folder(EXAMPLES / "permit-form"), OWNERS) == []


@pytest.mark.parametrize(
    "value", [r"\p{L}+", r"\p{Lo}+", r"[\p{L}\p{N}]+", r"\P{L}+", r"\i\c*", r"[\i]+", r"[^\p{L}]+"]
)
def test_letter_properties_are_found(value: str) -> None:
    assert codes(pattern(value)) == ["schema.pattern-letters"]


@pytest.mark.parametrize("value", [r"\w+", r"\p{IsCJKUnifiedIdeographs}+", "[一-龥]+", r"\S+", r"\p{Lu}+", r"\p{Nd}+"])
def test_properties_that_work_are_not_found(value: str) -> None:
    assert codes(pattern(value)) == []


def test_the_c_library_still_has_the_bug_that_the_lint_is_for() -> None:
    assert not accepts(r"\p{L}+", "中")
    assert not accepts(r"\p{Lo}+", "文")
    assert accepts(r"\w+", "中文")
    assert accepts(r"\p{IsCJKUnifiedIdeographs}+", "中文")


SLOW = [
    "(a+)+b", "(a*)*", "(a|a)*b", "(a|aa)*b", r"(\d+,?)+;", "([a-z]+[0-9]*)*", "(([a-z])+.)+", "a*a*a*b",
    ".*x.*y.*z", "((ab?)+)*c", r"(\w|\d)+!", "(a{1,200})*",
]  # fmt: skip
QUICK = [
    "[0-9]+(,[0-9]+)*", "(ab|ac)*", r"\s*\S[\s\S]*", r"[^\s@]+@[^\s@]+", "([0-9]{4})*", "a*b*c*", r"(\d{3}-)*\d{4}",
    "[A-Z]{2}[0-9]{1,9}", "(GB|GM)/T [0-9]+", "(0|[1-9][0-9]*)(\\.[0-9]+)?", "[a-z-[aeiou]]+", "",
]  # fmt: skip


@pytest.mark.parametrize("value", SLOW)
def test_patterns_that_run_away_are_found(value: str) -> None:
    assert "schema.pattern-slow" in codes(pattern(value))


@pytest.mark.parametrize("value", QUICK)
def test_harmless_patterns_are_left_alone(value: str) -> None:
    assert codes(pattern(value)) == []


@pytest.mark.parametrize("value", ["(a", "a)", "[a", "*a", "a{x}", r"\p{Zzz}", "a{2"])
def test_patterns_that_are_none_are_found(value: str) -> None:
    assert set(codes(pattern(value))) & {"schema.pattern-broken", "schema.broken"}


@pytest.mark.parametrize("value", [v for v in QUICK if v])
def test_an_example_matches_its_pattern(value: str) -> None:
    assert accepts(value, example(parse(value)))


@pytest.mark.parametrize("value", [r"[\w-[\d]]{3}", r"[^a-z]\W", r"\P{L}{2}", r"[\-\]\\]+", r"\.\{\}", "[^\\^]"])
def test_examples_follow_classes_and_escapes(value: str) -> None:
    assert accepts(value, example(parse(value)))


def test_an_example_can_be_made_long_enough() -> None:
    assert example(parse("A[0-9]*"), 5) == "A1111"
    assert example(parse("(AB|C*)"), 3) == "CCC"
    assert example(parse("A{2,3}"), 9) == "AAA"


TEXTS = st.recursive(
    st.sampled_from(["a", "b", "[a-c]", r"\d", "中", "."]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda options: "(" + "|".join(options) + ")"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}"])).map(lambda t: f"({t[0]}){t[1]}"),
    ),
    max_leaves=6,
)


@given(TEXTS)
def test_every_example_matches_by_a_second_opinion(value: str) -> None:
    """Python's matcher, because the C library wrongly refuses "" for ((a)*){2}."""
    tree = parse(value)
    runs_away(tree)
    assert re.fullmatch(value, example(tree))


def test_a_required_count_that_is_huge_is_an_error_and_an_allowed_one_a_warning() -> None:
    body = (
        '<xs:element name="r"><xs:complexType><xs:sequence>'
        '<xs:element name="x" minOccurs="0" maxOccurs="999999"/>'
        '<xs:element name="y" minOccurs="20000" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>'
    )
    found = lint(package(body), OWNERS)
    assert [(f.code, f.error, f.got) for f in found] == [
        ("schema.occurs", False, "maxOccurs=999999"),
        ("schema.occurs", True, "minOccurs=20000"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        '<xs:element name="r" type="xs:QName"/>',
        '<xs:element name="r"><xs:complexType><xs:attribute name="a" type="xs:QName"/></xs:complexType></xs:element>',
        '<xs:simpleType name="Q"><xs:restriction base="xs:QName"/></xs:simpleType>' + ROOT,
        '<xs:simpleType name="Q"><xs:list itemType="xs:QName"/></xs:simpleType>' + ROOT,
        '<xs:simpleType name="Q"><xs:union memberTypes="xs:int xs:QName"/></xs:simpleType>' + ROOT,
    ],
)
def test_content_whose_prefix_no_signature_protects_is_found(body: str) -> None:
    assert codes(body) == ["schema.qname"]


def test_a_type_of_ones_own_called_qname_is_fine() -> None:
    own = '<xs:simpleType name="QName"><xs:restriction base="xs:string"/></xs:simpleType>'
    assert codes(own + '<xs:element name="r" type="t:QName"/>') == []


def test_a_missing_target_namespace_is_found() -> None:
    assert codes(ROOT, '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">') == ["schema.no-namespace"]


@pytest.mark.parametrize("taken", ["urn:hub:envelope:v1", "urn:hub:receipt:v1", "http://www.w3.org/2000/09/xmldsig#"])
def test_a_namespace_of_another_schema_is_found(taken: str) -> None:
    assert codes(ROOT, HEAD.replace("urn:t", taken)) == ["schema.namespace-taken"]


def test_a_schema_without_a_global_element_is_found() -> None:
    assert codes("") == ["schema.no-root"]


def test_too_many_files_are_found() -> None:
    files = {f"{n}.xsd": f"{HEAD}{ROOT}</xs:schema>".encode() for n in range(MAX_FILES + 1)}
    assert "schema.too-large" in [f.code for f in lint(SchemaPackage("t", "1", "0.xsd", files), OWNERS)]


@pytest.mark.parametrize("body", ["<!-- -->", "<broken", '<xs:element name="r" type="t:Absent"/>'])
def test_lint_raises_nothing_for_a_bad_schema(body: str) -> None:
    assert all(f.error for f in lint(package(body), OWNERS))


@given(st.binary(max_size=60))
def test_lint_raises_nothing_for_junk(content: bytes) -> None:
    assert lint(SchemaPackage("t", "1", "t.xsd", {"t.xsd": content}), OWNERS)


def test_a_finding_speaks_both_languages() -> None:
    finding = Finding("schema.qname", "t.xsd:1", "xs:QName")
    assert "xs:anyURI" in finding.sentence("en")
    assert "请改用" in finding.sentence("zh")
