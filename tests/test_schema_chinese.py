"""What the schema libraries say in English is said in Chinese, too, in the refusal of a document."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lxml import etree

import cli
from hub.errors import Refused
from hub.schema.chinese import in_chinese
from hub.schema.complaint import Complaint
from hub.schema.model import explain
from hub.schema.package import SchemaPackage
from hub.schema.schema import Schemas
from tests.pace import within

NOTICE = etree.parse(f"{cli.__file__.removesuffix('cli.py')}examples/notice.xml").getroot()
ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
"""Three English words in a row: no name, no value of the samples below."""
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def of(base: str, *facets: str) -> str:
    rows = "".join(f"<xs:{name} value='{value}'/>" for name, _, value in (facet.partition("=") for facet in facets))
    return f"<xs:simpleType><xs:restriction base='xs:{base}'>{rows}</xs:restriction></xs:simpleType>"


FIELDS = {
    "len": (of("string", "length=4"), "abcd", ["abc", "abcde"]),
    "short": (of("token", "minLength=2", "maxLength=5"), "abc", ["a", "abcdefg", ""]),
    "num": (of("int", "minInclusive=1", "maxInclusive=9"), "4", ["0", "10", "x", "", "9" * 300, "9" * 12]),
    "between": (
        of("decimal", "minExclusive=1", "maxExclusive=9", "totalDigits=4", "fractionDigits=2"),
        "2.5",
        ["1", "9", "1.234", "3.33333", "x"],
    ),
    "kind": (of("string", "enumeration=one", "enumeration=two"), "one", ["three"]),
    "code": (of("string", "pattern=[A-Z]{3}"), "ABC", ["abc", "a\n\tb"]),
    "date": (of("date"), "2026-01-01", ["2026-13-01", "2026-02-30", "x"]),
    "when": (of("dateTime"), "2026-01-01T00:00:00Z", ["2026-01-01", "2026-01-01T25:00:00Z"]),
    "flag": (of("boolean"), "true", ["yes"]),
    "octets": (of("base64Binary"), "AAAA", ["*", "A"]),
    "hex": (of("hexBinary"), "00", ["0", "zz"]),
    "qname": (of("QName"), "t:a", ["no:a", "1"]),
    "language": (of("language"), "zh", ["1234567890"]),
}
"""Name of a field: its type, a value that is right, values that are wrong."""
FORM = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns:t="urn:t"
 elementFormDefault="qualified"><xs:element name="form"><xs:complexType><xs:sequence>
{"".join(f'<xs:element name="{name}" minOccurs="0">{type}</xs:element>' for name, (type, _, _) in FIELDS.items())}
<xs:element name="fixed" type="xs:string" fixed="yes"/><xs:element name="nil" type="xs:int" nillable="true"/>
<xs:element name="list"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>
<xs:element name="union"><xs:simpleType><xs:union memberTypes="xs:int xs:date"/></xs:simpleType></xs:element>
<xs:element name="empty"><xs:complexType/></xs:element>
<xs:element name="item" maxOccurs="3"><xs:complexType><xs:attribute name="id" type="xs:ID" use="required"/>
<xs:attribute name="no" type="xs:int"/><xs:attribute name="ref" type="xs:IDREF"/><xs:attribute name="fix" fixed="1"/>
</xs:complexType></xs:element><xs:any namespace="##other" minOccurs="0"/></xs:sequence></xs:complexType>
<xs:unique name="once"><xs:selector xpath="t:item"/><xs:field xpath="@no"/></xs:unique>
</xs:element></xs:schema>"""
FILLED = etree.fromstring(
    '<t:form xmlns:t="urn:t">'
    + "".join(f"<t:{name}>{right}</t:{name}>" for name, (_, right, _) in FIELDS.items())
    + "<t:fixed>yes</t:fixed><t:nil>3</t:nil><t:list>1 2</t:list><t:union>5</t:union><t:empty/>"
    '<t:item id="a" no="1"/><t:item id="b" no="2" ref="a" fix="1"/></t:form>'
)


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas.builtin().with_registered([SchemaPackage("form", "1", "form.xsd", {"form.xsd": FORM.encode()})])


def test_no_class_of_python_stands_in_what_a_stranger_reads(schemas: Schemas) -> None:
    wrong = copy.deepcopy(FILLED)
    wrong.find("{urn:t}date").text = "19.3.2031"
    with pytest.raises(Refused) as told:
        schemas.check_payload("form-1", wrong)
    assert told.value.got == "Invalid datetime string '19.3.2031'"
    assert told.value.got_zh == "“19.3.2031”不是有效的日期或时间"


def spoilings(element: Any) -> Iterator[Any]:
    """The document with each of its elements spoilt in each usual way."""
    ways: tuple[Callable[[Any], Any], ...] = (
        lambda one: one.getparent() is not None and one.getparent().remove(one),
        lambda one: one.addnext(copy.deepcopy(one)) if one.getparent() is not None else None,
        lambda one: setattr(one, "tag", "{urn:x}other"),
        lambda one: setattr(one, "text", "x" * 300),
        lambda one: setattr(one, "text", ""),
        lambda one: setattr(one, "text", "junk\n\t'"),
        lambda one: one.append(etree.Element("{urn:x}child")),
        lambda one: one.set("bogus", "1"),
        lambda one: one.set(f"{XSI}nil", "true"),
        lambda one: one.set(f"{XSI}bogus", "true"),
        lambda one: one.attrib.clear(),
        *(lambda one, name=name: name in one.attrib and one.set(name, "zzz") for name in ("id", "no", "ref", "fix")),
    )
    for place in range(len(list(element.iter()))):
        for way in ways:
            spoilt = copy.deepcopy(element)
            way(list(spoilt.iter())[place])
            yield spoilt


def wrong_values() -> Iterator[Any]:
    """The form with each wrong value."""
    for name, (_, _, wrong) in FIELDS.items():
        for value in wrong:
            spoilt = copy.deepcopy(FILLED)
            spoilt.find(f"{{urn:t}}{name}").text = value
            yield spoilt
    for name, value in (("id", "b"), ("no", "2"), ("ref", "zz")):
        spoilt = copy.deepcopy(FILLED)
        spoilt.find("{urn:t}item").set(name, value)
        yield spoilt


def complaints(schemas: Schemas, token: str, element: Any) -> Iterator[Complaint]:
    """What each library says of a document."""
    compiled = schemas._by_token[token]
    for said in (compiled._first_error(element), explain(compiled.model, element)):
        if said is not None:
            yield said


@pytest.mark.parametrize("token", ["official-document-1", "form-1"])
def test_what_is_usually_wrong_is_said_in_chinese_by_either_library(schemas: Schemas, token: str) -> None:
    documents = [*spoilings(FILLED), *wrong_values()] if token == "form-1" else spoilings(NOTICE)
    found = [one for document in documents for one in complaints(schemas, token, document)]
    assert len(found) > 300
    assert {one.got for one in found if ENGLISH.search(one.got_zh or one.got)} == set()
    assert sum(bool(one.got_zh) for one in found) > len(found) / 2


@pytest.mark.parametrize(
    ("words", "chinese"),
    [
        ("'bogus' attribute not allowed for element", "不允许有属性 bogus"),
        ("Unexpected child with tag 'ns0:child' at position 21.", "第 21 个子元素 ns0:child 不应出现"),
        ("value has to be greater than Decimal('1.5')", "值必须大于 1.5"),
        ("attribute n='a: b': invalid literal for int() with base 10: 'a: b'", "属性 n：“a: b”不是整数"),
        ("duplicated value (2,)", "值 2 重复"),
        (
            "Element '{urn:t}len': [facet 'length'] The value has a length of '5'; this differs from the allowed "
            "length of '4'.",
            "元素 len：长度为 5，应为 4",
        ),
        (
            "Element '{urn:t}a', attribute 'b': [facet 'pattern'] The value 'x' is not accepted by the pattern "
            "'[A-Z]{3}'.",
            "元素 a 的属性 b：值“x”不符合格式 [A-Z]{3}",
        ),
        (
            "Element '{urn:t}a': This element is not expected. Expected is one of ( {urn:t}b, {urn:t}c ).",
            "元素 a：此处不应出现该元素；此处可以是 b, c",
        ),
        ("Element '{urn:t}a': This element is not expected.", "元素 a：此处不应出现该元素"),
        ("Element '{urn:t}a': Something new.", ""),
        ("something new", ""),
        ("", ""),
    ],
)
def test_sentences(words: str, chinese: str) -> None:
    assert in_chinese(words) == chinese


def test_a_refusal_says_it_in_each_language_and_hands_on_the_english_fact(schemas: Schemas) -> None:
    spoilt = copy.deepcopy(FILLED)
    spoilt.find("{urn:t}len").text = "abcde"
    with pytest.raises(Refused, match=r"payload\.invalid") as caught:
        schemas.check_payload("form-1", spoilt)
    facts = caught.value.facts()
    assert "实为：长度应为 4；" in facts["zh"]
    assert "got: length has to be 4;" in facts["en"]
    assert facts["got"] == "length has to be 4"


@pytest.mark.parametrize(
    "words",
    [
        "x" * 10_000_000,
        "invalid value '" * 130,
        "attribute a='': " * 120,
        "Element 'a': [facet 'p'] The value '" + "' is not accepted by the pattern '" * 55,
        "Element '" + "{" * 1_900,
        "Element 'a': This element is not expected. Expected is ( " + ") ( " * 480,
    ],
    ids=lambda words: words[:30],
)
def test_hostile_words_take_no_time(words: str) -> None:
    in_chinese("")
    within(0.05, lambda: in_chinese(words))
