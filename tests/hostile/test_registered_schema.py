"""Rows about schemas that administrators register: numbers and patterns that blow up, attributes given by default.

A bad schema is stopped by lint before it is registered; a good one must stand bad numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hub.errors import Misconfigured
from hub.parser import parse
from hub.schema.lint import lint
from hub.schema.package import SchemaPackage
from hub.schema.schema import Schemas
from tests.hostile.conftest import Refuse
from tests.hostile.guard import Guard
from tests.hostile.refusal import QUICK, decided
from tests.town import Town

HEAD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"'
    ' elementFormDefault="qualified">'
)


def _package(body: str, before: str = "") -> SchemaPackage:
    return SchemaPackage("t", "1", "t.xsd", {"t.xsd": f"{before}{HEAD}{body}</xs:schema>".encode()})


def _element(type: str, name: str = "n", occurs: str = "") -> str:
    return f'<xs:element name="{name}" type="xs:{type}" {occurs}/>'


def _pattern(value: str) -> str:
    return (
        '<xs:element name="r"><xs:simpleType><xs:restriction base="xs:string">'
        f'<xs:pattern value="{value}"/></xs:restriction></xs:simpleType></xs:element>'
    )


RUNAWAY = [
    *("(a+)+b", "(a|a)*b", "(a*)*", "(x+x+)+y", "([a-z]+)*[0-9]"),
    *("(.*a){20}", "(a?){50}a{50}", "(a{1,3}){20}b", "(.*,){11}P"),
]


@pytest.mark.parametrize("value", RUNAWAY)
def test_a_regex_that_blows_up_is_found_before_registration(explained: Schemas, value: str) -> None:
    assert "schema.pattern-slow" in [f.code for f in lint(_package(_pattern(value)), explained.owners()) if f.error]


BLOW_UPS = {
    "minOccurs of 10^9": (_element("string", "r", 'minOccurs="1000000000" maxOccurs="unbounded"'), True),
    "maxOccurs of 10^9": (_element("string", "r", 'minOccurs="0" maxOccurs="1000000000"'), False),
    "minOccurs of 200 digits": (_element("string", "r", f'minOccurs="{"9" * 200}" maxOccurs="unbounded"'), True),
}


@pytest.mark.parametrize("row", BLOW_UPS)
def test_an_occurrence_that_blows_up_is_found_before_registration(explained: Schemas, row: str) -> None:
    inner, error = BLOW_UPS[row]
    body = f'<xs:element name="root"><xs:complexType><xs:sequence>{inner}</xs:sequence></xs:complexType></xs:element>'
    assert ("schema.occurs", error) in [(f.code, f.error) for f in lint(_package(body), explained.owners())]


DOCTYPES = {
    "default attribute": '<!DOCTYPE xs:schema [<!ATTLIST xs:element minOccurs CDATA "0">]>',
    "entity": '<!DOCTYPE xs:schema [<!ENTITY e SYSTEM "{file}">]>',
    "external DTD": '<!DOCTYPE xs:schema SYSTEM "http://127.0.0.1:{port}/x.dtd">',
}


@pytest.mark.parametrize("row", DOCTYPES)
def test_a_doctype_in_a_schema_is_refused(explained: Schemas, guard: Guard, row: str) -> None:
    doctype = DOCTYPES[row].replace("{file}", guard.file_url).replace("{port}", str(guard.port))
    package = _package(_element("string", "root"), doctype)
    with guard.armed():
        assert [finding.code for finding in lint(package, explained.owners())] == ["schema.doctype"]
        with pytest.raises(Misconfigured, match=r"schema\.doctype"):
            package.compile()


@pytest.mark.parametrize("location", ["{file}", "http://127.0.0.1:{port}/x.xsd", "../../x.xsd"])
@pytest.mark.parametrize(
    "form", ['<xs:include schemaLocation="{at}"/>', '<xs:import namespace="urn:u" schemaLocation="{at}"/>']
)
def test_a_schema_reaches_nothing_outside_itself(explained: Schemas, guard: Guard, form: str, location: str) -> None:
    at = location.replace("{file}", guard.file_url).replace("{port}", str(guard.port))
    package = _package(form.replace("{at}", at) + _element("string", "root"))
    with guard.armed():
        assert [finding.code for finding in lint(package, explained.owners())] == ["schema.outside"]


NUMBERS = (
    *("integer", "decimal", "double", "date", "dateTime"),
    *("duration", "gYear", "base64Binary", "hexBinary", "anyURI"),
)


@pytest.fixture(scope="module")
def numeric(town: Town, explained: Schemas) -> Iterator[Town]:
    """The town with a registered schema that has one element of each type."""
    choices = "".join(_element(type, type) for type in NUMBERS)
    body = f'<xs:element name="root"><xs:complexType><xs:choice>{choices}</xs:choice></xs:complexType></xs:element>'
    package = _package(body + _default_attribute())
    assert [f for f in lint(package, explained.owners()) if f.error] == []
    schemas = explained.with_registered([package])
    schemas.model("t-1")
    before = town.hub
    town.hub = replace(before, rules=replace(before.rules, schemas=schemas))
    yield town
    town.hub = before


def _default_attribute() -> str:
    """A second root whose attribute has a default value in the schema."""
    attribute = '<xs:attribute name="role" type="xs:string" default="admin"/>'
    return f'<xs:element name="plain"><xs:complexType>{attribute}</xs:complexType></xs:element>'


LONG = {
    "many digits": "9" * 1_000_000,
    "many zeros": "0" * 1_000_000 + "x",
    "many fraction digits": "0." + "3" * 1_000_000 + "x",
    "large exponent": "1e" + "9" * 100_000 + "x",
    "year of many digits": "9" * 100_000 + "-01-01T00:00:00Zx",
    "period of many digits": "P" + "9" * 100_000 + "Yx",
    "minus signs": "-" * 100_000,
}


@pytest.mark.parametrize("row", LONG)
@pytest.mark.parametrize("type", NUMBERS)
def test_a_number_that_blows_up(numeric: Town, guard: Guard, type: str, row: str) -> None:
    """Taken or refused, it is quick and it is answered."""
    payload = parse(f'<t:root xmlns:t="urn:t"><t:{type}>{LONG[row]}</t:{type}></t:root>'.encode())
    raw = numeric.signed("a", "b", payload=payload, type="t-1")
    with guard.armed():
        code, seconds = decided(numeric, raw)
    assert code in ("", "payload.invalid")
    assert seconds < QUICK, f"{seconds * 1000:.0f} ms"


def test_a_default_attribute_of_a_registered_schema_is_not_written_into_what_was_signed(numeric: Town) -> None:
    raw = numeric.signed("a", "b", payload=parse(b'<t:plain xmlns:t="urn:t"/>'), type="t-1")
    receipt = numeric.submit(raw)
    numeric.deliver()
    handed = next(c for c in numeric.connector.handed if c.message_id == receipt.message_id)
    assert handed.envelope == raw
    assert b"admin" not in handed.envelope


@pytest.fixture
def patterned(town: Town, explained: Schemas) -> Iterator[Town]:
    """The town with a registered schema whose pattern the lint let pass."""
    schemas = explained.with_registered([_package(_pattern("(a{1,3}){20}b"))])
    schemas.model("t-1")
    before = town.hub
    town.hub = replace(before, rules=replace(before.rules, schemas=schemas))
    yield town
    town.hub = before


def test_a_pattern_that_the_c_library_gives_up_on_is_a_refusal(patterned: Town, refuse: Refuse) -> None:
    payload = parse(f'<t:r xmlns:t="urn:t">{"a" * 60}</t:r>'.encode())
    refuse(patterned.signed("a", "b", payload=payload, type="t-1"), "payload.invalid", within=5.0)  # so long it tries


def test_a_hostile_root_for_a_registered_schema(numeric: Town, refuse: Refuse) -> None:
    raw = numeric.signed("a", "b", payload=parse(b'<t:other xmlns:t="urn:t"/>'), type="t-1")
    refuse(raw, "payload.wrong-element")
