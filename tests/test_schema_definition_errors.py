"""A schema that cannot be registered: every place is told, with what is wrong there, in English and in Chinese."""

from __future__ import annotations

import re

import pytest

from hub.schema.definition_errors import definition_in_chinese, readable
from hub.schema.lint import Finding, lint
from hub.schema.package import SchemaPackage

HEAD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:form:v1" targetNamespace="urn:form:v1"'
    ' elementFormDefault="qualified">'
)
ROOT = '<xs:element name="form" type="xs:string"/>'
TYPE = '<xs:element name="a"><xs:complexType>{}</xs:complexType></xs:element>'
SIMPLE = '<xs:element name="a"><xs:simpleType>{}</xs:simpleType></xs:element>'

WRONG = {
    '<xs:element name="a" type="xs:strin"/>': "元素 a 的属性 type：没有名为 xs:strin 的类型定义",
    '<xs:element name="a" typ="xs:string"/>': "xs:element：不允许有属性 typ",
    '<xs:element name="form" type="xs:int"/>': "xs:element：{urn:form:v1}form 的元素声明重复",
    '<xs:elemen name="a"/>': "xs:schema：内容不正确，应为 ((include | import",
    TYPE.format(
        '<xs:choice><xs:element name="b"/><xs:sequence><xs:element name="b"/><xs:element name="c"/></xs:sequence>'
        "</xs:choice>"
    ): "未命名的复杂类型：内容模型有歧义",
    '<xs:element type="xs:string"/>': "xs:element：缺少必需的属性 name",
    '<xs:element name="1a"/>': "xs:element 的属性 name：“1a”不是类型 xs:NCName 的有效值",
    '<xs:element name="a" type="xs:int"><xs:simpleType/></xs:element>': "属性 type 与子元素 simpleType 不能同时使用",
    '<xs:element name="a" type="z:b" xmlns:z="urn:z"/>': "引用了命名空间 urn:z 中的定义，却没有相应的 xs:import",
    '<xs:element name="a" type="z:b"/>': "“z:b”的前缀没有对应的命名空间",
    '<xs:element name="a" type="b" xmlns=""/>': "引用的名称不属于任何命名空间，请检查前缀",
    TYPE.format('<xs:sequence><xs:element ref="q"/></xs:sequence>'): "没有名为 {urn:form:v1}q 的元素声明",
    TYPE.format('<xs:sequence><xs:element name="b" minOccurs="3"/></xs:sequence>'): "值不得大于 maxOccurs 的值",
    TYPE.format('<xs:sequence><xs:element name="b" minOccurs="x"/></xs:sequence>'): "值“x”无效，应为",
    TYPE.format('<xs:attribute name="u"/><xs:attribute name="u"/>'): "未命名的复杂类型：属性 u 重复",
    TYPE.format('<xs:all><xs:element name="b" maxOccurs="2"/></xs:all>'): "maxOccurs 的值只能是 0 或 1",
    SIMPLE.format('<xs:restriction base="xs:int"><xs:maxLength value="3"/></xs:restriction>'): (
        "由 xs:decimal 派生的类型不能使用限制 maxLength"
    ),
    SIMPLE.format('<xs:restriction base="xs:int"><xs:minInclusive value="z"/></xs:restriction>'): (
        "xs:minInclusive：“z”不是类型 xs:int 的有效值"
    ),
    SIMPLE.format('<xs:restriction base="xs:string"><xs:enumeration valu="z"/></xs:restriction>'): (
        "限制 enumeration 缺少属性 value"
    ),
    SIMPLE.format('<xs:list itemType="Q"/>'): "未命名的列表类型的属性 itemType：没有名为 {urn:form:v1}Q 的简单类型定义",
    SIMPLE.format("<xs:union/>"): "须有属性 memberTypes 或至少一个子元素 simpleType",
    '<xs:simpleType name="S"><xs:restriction base="S"/></xs:simpleType>': "简单类型 S：定义引用了自身",
    '<xs:element name="a" default="x" fixed="y"/>': "属性 default 与属性 fixed 不能同时使用",
    '<xs:element name="a"><xs:key name="k"><xs:selector xpath="///"/><xs:field xpath="@x"/></xs:key></xs:element>': (
        "“///”不是有效的 XPath 表达式"
    ),
    '<xs:complexType name="T"><xs:complexContent><xs:restriction base="xs:string"/></xs:complexContent>'
    "</xs:complexType>": "复杂类型 T：complexContent 的基础类型须是复杂类型，xs:string 是简单类型",
    "<unclosed>": "开始标记 unclosed（第 3 行）与结束标记 xs:schema 不一致",
    "<xs:element name=a/>": "属性值应放在引号中",
    "&nbsp;": "实体 nbsp 没有定义",
    "a & b": "& 之后没有实体名",
    "<p:x/>": "x 的前缀 p 没有声明",
}


def found(*lines: str) -> list[Finding]:
    text = "\n".join((HEAD, ROOT, *lines, "</xs:schema>"))
    return lint(SchemaPackage("form", "1", "form.xsd", {"form.xsd": text.encode()}), {})


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_said_in_both_languages_and_where(line: str) -> None:
    first = found(line)[0]
    chinese, english = first.sentence("zh"), first.sentence("en")
    assert WRONG[line] in chinese
    assert re.search(r"[\u4e00-\u9fff]", english) is None
    assert first.got in english
    assert "XMLSchema}" not in english + chinese
    assert first.where == "form.xsd:3" or "<unclosed>" in line or first.where == "form.xsd:2"


def test_every_place_is_told_at_once() -> None:
    told = found('<xs:element name="a" typ="b"/>', '<xs:element type="xs:int"/>', '<xs:element name="c"/>')
    assert [(one.code, one.where) for one in told] == [("schema.broken", "form.xsd:3"), ("schema.broken", "form.xsd:4")]


def test_the_registry_refuses_it_in_the_same_words() -> None:
    line = '<xs:element name="a" typ="b"/>'
    package = SchemaPackage("form", "1", "form.xsd", {"form.xsd": f"{HEAD}{line}</xs:schema>".encode()})
    assert [str(one) for one in package.broken()] == [
        "schema.broken: the schema cannot be compiled; at: form.xsd:1; got: Element 'xs:element': The attribute 'typ'"
        " is not allowed.; correct the error at the place shown and register again"
    ]
    assert "不允许有属性 typ" in package.broken()[0].sentence("zh")


def test_a_sentence_that_is_not_known_stays_as_it_is() -> None:
    assert definition_in_chinese("Element 'x': Something new.") == ""
    assert readable("Something new, line 3, column 4") == "Something new"
