"""What the C library says of a schema that cannot be compiled or parsed, made readable, and the Chinese of it.

Pure. A sentence that is not known has no Chinese: it stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from hub.schema.chinese import in_chinese

_XS = "{http://www.w3.org/2001/XMLSchema}"
_COMPONENTS = {
    "element declaration": "元素声明",
    "attribute declaration": "属性声明",
    "type definition": "类型定义",
    "simple type definition": "简单类型定义",
    "complex type definition": "复杂类型定义",
    "model group definition": "模型组定义",
    "attribute group definition": "属性组定义",
    "notation declaration": "记法声明",
}
_KINDS = {
    "element decl.": "元素",
    "attribute decl.": "属性",
    "complex type": "复杂类型",
    "simple type": "简单类型",
    "atomic type": "简单类型",
    "list type": "列表类型",
    "union type": "联合类型",
    "model group": "模型组",
    "attribute group": "属性组",
}
_COMPONENT = "|".join(_COMPONENTS)
_OPENING = re.compile(
    rf"(?:Element '{re.escape(_XS)}(?P<tag>\w+)'"
    rf"|(?P<local>local )?(?P<kind>{'|'.join(map(re.escape, _KINDS))})(?: '(?:\{{[^{{}}']*\}})?(?P<name>[^']*)')?)"
    r"(?:, attribute '(?P<attribute>[^']+)')?: (?P<said>.*)",
    re.DOTALL,
)
"""How it begins: which part of the schema it speaks of."""

_DEFINITIONS = (
    (rf"The QName value '(.*)' does not resolve to a\(n\) ({_COMPONENT})\.", "没有名为 {0} 的{1}"),
    (rf"A global ({_COMPONENT}) '(.*)' does already exist\.", "{1} 的{0}重复"),
    (r"The content is not valid\. Expected is (.*)\.", "内容不正确，应为 {}"),
    (r"The content model is not determinist\.", "内容模型有歧义：读到一个元素时，无法确定它属于哪一处声明"),
    (r"The attribute '(.*)' and the <(.*)> child are mutually exclusive\.", "属性 {} 与子元素 {} 不能同时使用"),
    (r"The attributes '(.*)' and '(.*)' are mutually exclusive\.", "属性 {} 与属性 {} 不能同时使用"),
    (
        r"References from this schema to components in the namespace '(.*)' are not allowed, since not indicated by an"
        r" import statement\.",
        "引用了命名空间 {} 中的定义，却没有相应的 xs:import",
    ),
    (
        r"References from this schema to components in no namespace are not allowed, since not indicated by an import"
        r" statement\.",
        "引用的名称不属于任何命名空间，请检查前缀",
    ),
    (
        r"The value '(.*)' of simple type 'xs:QName' has no corresponding namespace declaration in scope\.",
        "“{}”的前缀没有对应的命名空间",
    ),
    (r"The value must not be greater than the value of '(.*)'\.", "值不得大于 {} 的值"),
    (r"The value '(.*)' is not valid\. Expected is '(.*)'\.", "值“{}”无效，应为 {}"),
    (
        r"The facet '(.*)' is not allowed on types derived from the type \w+ type '(.*)'\.",
        "由 {1} 派生的类型不能使用限制 {0}",
    ),
    (
        r"The value '(.*)' of the facet does not validate against the base type '(.*)'\.",
        "限制的值“{}”不是基础类型 {} 的有效值",
    ),
    (r"The value '(.*)' of the facet 'pattern' is not a valid regular expression\.", "“{}”不是有效的正则表达式"),
    (r"The definition is circular\.", "定义引用了自身"),
    (r"Duplicate attribute use '(.*)'\.", "属性 {} 重复"),
    (r"Facet (\w+) has no value", "限制 {} 缺少属性 value"),
    (r"Invalid value for (\w+) \(must be 0 or 1\)\.", "{} 的值只能是 0 或 1"),
    (
        r"The value of the attribute 'namespace' must not match the target namespace '(.*)' of the importing schema\.",
        "不能导入本模式自己的目标命名空间 {}",
    ),
    (r"Either the attribute '(.*)' or at least one <(.*)> child must be present\.", "须有属性 {} 或至少一个子元素 {}"),
    (r"The XPath expression '(.*)' could not be compiled\.", "“{}”不是有效的 XPath 表达式"),
    (
        r"If using <complexContent>, the base type is expected to be a complex type\. The base type '(.*)' is a simple"
        r" type\.",
        "complexContent 的基础类型须是复杂类型，{} 是简单类型",
    ),
    (
        r"If <simpleContent> and <extension> is used, the base type must be a simple type\. The base type '(.*)' is a"
        r" complex type\.",
        "simpleContent 的基础类型须是简单类型，{} 是复杂类型",
    ),
)
_SYNTAX = (
    (r"Opening and ending tag mismatch: (\S+) line (\d+) and (\S+)", "开始标记 {0}（第 {1} 行）与结束标记 {2} 不一致"),
    (r"Premature end of data in tag (\S+) line (\d+)", "标记 {}（第 {} 行）没有结束"),
    (r"Couldn't find end of Start Tag (\S+)(?: line \d+)?", "开始标记 {} 没有以 > 结束"),
    (r"Start tag expected, '<' not found", "应以 < 开始"),
    (r"Document is empty", "文件为空"),
    (r"Namespace prefix (\S+) on (\S+) is not defined", "{1} 的前缀 {0} 没有声明"),
    (r"Namespace prefix (\S+) for (\S+) on \S+ is not defined", "属性 {1} 的前缀 {0} 没有声明"),
    (r"Attribute (\S+) redefined", "属性 {} 重复"),
    (r"Entity '(.*)' not defined", "实体 {} 没有定义"),
    (r"xmlParseEntityRef: no name", "& 之后没有实体名；& 本身应写作 &amp;"),
    (r"Extra content at the end of the document", "根元素之后还有内容"),
    (r"AttValue: \" or ' expected", "属性值应放在引号中"),
    (r"Specification mandates value for attribute (\S+)", "属性 {} 没有值"),
    (r"Input is not proper UTF-8, indicate encoding !.*", "不是有效的 UTF-8 文字，也没有声明其他编码"),
    (r"PCDATA invalid Char value (\d+)", "含有不允许的字符（编号 {}）"),
)
_PLACE_IN_TEXT = re.compile(r", line \d+, column \d+$")


def readable(words: str) -> str:
    """The library's words with the prefix that everybody writes for XML Schema's namespace, and no place at the end."""
    return _PLACE_IN_TEXT.sub("", words.replace(_XS, "xs:")).strip()


def definition_in_chinese(words: str) -> str:
    """The Chinese of what the library says of a schema; empty for a sentence that is not known."""
    begun = _OPENING.fullmatch(words)
    if begun is None:
        return _sentence(readable(words))
    said = _sentence(readable(begun["said"])) or in_chinese(begun["said"])
    return f"{_about(begun.groupdict())}：{said}" if said else ""


def _about(part: dict[str, str | None]) -> str:
    if part["tag"]:
        whose = f"xs:{part['tag']}"
    else:
        kind = _KINDS[part["kind"] or ""]
        whose = f"{'未命名的' if part['local'] else ''}{kind}{' ' + part['name'] if part['name'] else ''}"
    if not part["attribute"]:
        return whose
    return f"{whose}{' ' if whose.isascii() or part['name'] else ''}的属性 {part['attribute']}"


@cache
def _known() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(english, re.DOTALL), chinese) for english, chinese in (*_DEFINITIONS, *_SYNTAX))


def _sentence(words: str) -> str:
    for english, chinese in _known():
        if found := english.fullmatch(words):
            return chinese.format(*(_COMPONENTS.get(part, part) for part in found.groups()))
    return ""
