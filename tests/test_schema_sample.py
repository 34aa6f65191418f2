"""A sample exists for every root element, and is valid; where none can be made, the answer says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hub.errors import Misconfigured
from hub.schema.package import SchemaPackage
from hub.schema.sample import sample
from hub.schema.schema import Schemas

EXAMPLES = Path(__file__).parent.parent / "examples"
SCHEMAS = Schemas.builtin().with_registered([SchemaPackage.from_folder(EXAMPLES / "permit-form")])
ROOTS = [(token, root.name) for token in SCHEMAS.tokens() for root in SCHEMAS.describe(token).roots]


def schemas_with(body: str) -> Schemas:
    text = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" '
        f'elementFormDefault="qualified">{body}</xs:schema>'
    )
    return Schemas({}).with_registered([SchemaPackage("t", "1", "t.xsd", {"t.xsd": text.encode()})])


def of_type(restriction: str) -> Schemas:
    return schemas_with(f'<xs:element name="r"><xs:simpleType>{restriction}</xs:simpleType></xs:element>')


def of_content(content: str, more: str = "") -> Schemas:
    return schemas_with(f'<xs:element name="r"><xs:complexType>{content}</xs:complexType></xs:element>{more}')


@pytest.mark.parametrize(("token", "root"), ROOTS, ids=[f"{t}:{r}" for t, r in ROOTS])
def test_every_root_has_a_valid_sample(token: str, root: str) -> None:
    element = sample(SCHEMAS, token, root)
    assert etree.QName(element).localname == root
    SCHEMAS.check_payload(token, etree.fromstring(etree.tostring(element)))


def test_without_a_root_the_first_is_taken() -> None:
    assert etree.QName(sample(SCHEMAS, "approval-status-1")).localname == "application"


def test_a_root_that_is_not_there_is_refused() -> None:
    with pytest.raises(Misconfigured) as caught:
        sample(SCHEMAS, "receipt-1", "letter")
    assert (caught.value.code, caught.value.expected) == ("schema.wrong-root", "receipt")


def test_an_unknown_schema_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"schema\.unknown"):
        sample(SCHEMAS, "receipt-9")


BUILT_IN = [
    "string", "token", "int", "long", "decimal", "boolean", "date", "dateTime", "time", "duration", "gYear",
    "gYearMonth", "gMonthDay", "gDay", "gMonth", "anyURI", "language", "base64Binary", "hexBinary", "double",
    "NMTOKEN", "ID", "positiveInteger", "negativeInteger", "unsignedByte",
]  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_types_are_filled_in(name: str) -> None:
    sample(of_type(f'<xs:restriction base="xs:{name}"/>'), "t-1")


@settings(max_examples=25, deadline=None)
@given(st.integers(-1000, 1000), st.integers(0, 50))
def test_numbers_stay_in_their_bounds(low: int, span: int) -> None:
    element = sample(
        of_type(
            f'<xs:restriction base="xs:int"><xs:minInclusive value="{low}"/>'
            f'<xs:maxInclusive value="{low + span}"/></xs:restriction>'
        ),
        "t-1",
    )
    assert low <= int(element.text) <= low + span


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.sampled_from(["string", "base64Binary", "hexBinary"]))
def test_texts_have_their_length(length: int, base: str) -> None:
    sample(of_type(f'<xs:restriction base="xs:{base}"><xs:length value="{length}"/></xs:restriction>'), "t-1")


def test_patterns_of_a_base_type_and_lengths_are_met() -> None:
    text = sample(
        of_type(
            '<xs:restriction><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="K-[0-9]+"/>'
            '</xs:restriction></xs:simpleType><xs:minLength value="8"/></xs:restriction>'
        ),
        "t-1",
    ).text
    assert text == "K-111111"


def test_lists_unions_and_enumerations_are_filled_in() -> None:
    assert sample(of_type('<xs:list itemType="xs:int"/>'), "t-1").text == "1"
    assert sample(of_type('<xs:union memberTypes="xs:date xs:int"/>'), "t-1").text
    enumerated = '<xs:restriction base="xs:string"><xs:enumeration value="甲"/></xs:restriction>'
    assert sample(of_type(enumerated), "t-1").text == "甲"


def test_choices_attributes_groups_and_wildcards_are_filled_in() -> None:
    content = (
        '<xs:sequence><xs:choice minOccurs="2" maxOccurs="2"><xs:element name="a" type="xs:int"/>'
        '<xs:element name="b"/></xs:choice><xs:group ref="t:G"/>'
        '<xs:any namespace="##other" processContents="lax"/></xs:sequence>'
        '<xs:attribute name="u" type="xs:date" use="required"/><xs:attribute name="v" use="required" fixed="7"/>'
        '<xs:attribute name="w"/>'
    )
    members = '<xs:element name="c"/><xs:element name="d" minOccurs="0"/>'
    group = f'<xs:group name="G"><xs:sequence>{members}</xs:sequence></xs:group>'
    element = sample(of_content(content, group), "t-1")
    assert [etree.QName(e).localname for e in element] == ["a", "a", "c", "anything"]
    assert dict(element.attrib) == {"u": "2026-01-05", "v": "7"}


def test_an_abstract_element_is_replaced_by_a_member_of_its_group() -> None:
    more = '<xs:element name="h" abstract="true"/><xs:element name="m" substitutionGroup="t:h"/>'
    element = sample(of_content('<xs:sequence><xs:element ref="t:h"/></xs:sequence>', more), "t-1", "r")
    assert etree.QName(element[0]).localname == "m"


def test_a_choice_leads_out_of_a_recursion() -> None:
    element = sample(
        of_content('<xs:choice><xs:element ref="t:r"/><xs:element name="end" type="xs:int"/></xs:choice>'), "t-1"
    )
    assert element.xpath("count(//*[local-name()='end'])") == 1


@pytest.mark.parametrize(
    "content",
    [
        '<xs:sequence><xs:element ref="t:r"/></xs:sequence>',
        '<xs:sequence><xs:any namespace="##other" processContents="strict"/></xs:sequence>',
    ],
)
def test_where_no_sample_can_be_made_it_says_so(content: str) -> None:
    with pytest.raises(Misconfigured, match=r"schema\.no-sample"):
        sample(of_content(content), "t-1")


def test_an_impossible_type_has_no_sample() -> None:
    impossible = (
        '<xs:restriction base="xs:string"><xs:pattern value="[0-9]{3}"/><xs:maxLength value="2"/></xs:restriction>'
    )
    with pytest.raises(Misconfigured, match=r"schema\.no-sample"):
        sample(of_type(impossible), "t-1")
