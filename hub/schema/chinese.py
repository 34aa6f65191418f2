"""The Chinese of what schema libraries say in English: of the sentences that refusals most often end in.

Pure. A sentence that is not known has no Chinese: it stays as it is. Names and values stand in it as they came.
"""

from __future__ import annotations

import re
from functools import cache

_MOST = 2_000
"""Longer words are a long value with little around it."""

_NAME = r"'?(?:\{[^{}]*\})?([^{}']+?)'?"
"""A name, without its namespace."""
_VALUE = r"""(?:'(.*)'|"(.*)")"""
_BOUND = r"(?:\w+\('(?P<bare>.*)'\)|(?P<plain>.+))"
_LISTED = "；此处可以是 {}"
_TYPES = r"the (?:local )?(?:atomic|list|union) type"

_XMLSCHEMA = (
    # what may stand where
    (rf"{_NAME} attribute not allowed for element", "不允许有属性 {}"),
    (rf"missing required attribute {_NAME}", "缺少必需的属性 {}"),
    (rf"use of attribute {_NAME} is prohibited", "不得使用属性 {}"),
    (rf"{_NAME} is not an attribute of the XSI namespace", "命名空间 xsi 中没有属性 {}"),
    (rf"Unexpected child with tag {_NAME} at position (\d+)\.(?: Tags? .*)?", "第 {1} 个子元素 {0} 不应出现"),
    (rf"The content of element {_NAME} is not complete\.(?: Tags? .*)?", "元素 {} 的内容不完整"),
    (rf"{_NAME} is not an element of the schema", "模式中没有元素 {}"),
    (r"unavailable namespace '(.*)'", "没有命名空间 {} 的模式"),
    (r"element is not nillable", "不得使用 xsi:nil"),
    (r"xsi:nil='true' but the element is not empty", "xsi:nil 为 true 时必须为空"),
    (r"xsi:nil attribute must have a boolean value", "xsi:nil 的值应为 true 或 false"),
    (r"a simple content element can't have child elements", "只能含文字，不得有子元素"),
    (r"character data between child elements not allowed", "子元素之间不得有文字"),
    (r"character data is not allowed because content is empty", "必须为空，不得有文字"),
    # values
    (r"value length cannot be greater than (\d+)", "长度不得超过 {}"),
    (r"value length cannot be lesser than (\d+)", "长度不得少于 {}"),
    (r"length has to be (\d+)", "长度应为 {}"),
    (rf"value has to be greater or equal than {_BOUND}", "值不得小于 {}"),
    (rf"value has to be less than or equal than {_BOUND}", "值不得大于 {}"),
    (rf"value has to be greater than {_BOUND}", "值必须大于 {}"),
    (rf"value has to be lesser than {_BOUND}", "值必须小于 {}"),
    (r"value must be (\S+ <=? x <=? \S+)", "值超出范围：{}"),
    (r"the number of fraction digits has to be lesser or equal than (\d+)", "小数位数不得超过 {}"),
    (r"the number of digits has to be lesser or equal than (\d+)", "总位数不得超过 {}"),
    (rf"must have the fixed value {_VALUE}", "值必须为“{}”"),
    (rf"attribute {_NAME} has a fixed value {_VALUE}", "属性 {} 的值必须为“{}”"),
    (r"invalid literal for int\(\) with base 10: ['\"](.*?)['\"]?", "“{}”不是整数"),
    (rf"Invalid datetime string {_VALUE}(?: for <class '.*'>)?", "“{}”不是有效的日期或时间"),
    (r"(?:year|month|day|hour|minute|second) (?:must be in|is out of range).*", "日期或时间超出范围"),
    (rf"{_VALUE} is not a boolean value", "“{}”应为 true 或 false"),
    (rf"invalid value {_VALUE} for (xs:\w+)", "“{}”不是有效的 {}"),
    (rf"invalid value {_VALUE}", "值“{}”无效"),
    (r"value is not an (xs:\w+)", "值不是有效的 {}"),
    (r"unmapped prefix '(.*)' in a QName", "前缀 {} 没有对应的命名空间"),
    # what must be unique, or must be there
    (rf"duplicated xs:ID value {_VALUE}", "xs:ID 的值“{}”重复"),
    (rf"IDREF {_VALUE} not found in XML document", "文档中没有 xs:IDREF 所指的“{}”"),
    (r"duplicated value \((.*?),?\)", "值 {} 重复"),
    (r"value \((.*?),?\) not found(?: .*)?", "没有被引用的值 {}"),
    (rf"missing key field {_NAME}", "缺少关键字段 {}"),
)

_LIBXML2 = (
    (
        r"This element is not expected\.(?: Expected is (?:one of )?\( (.*) \)\.)?",
        f"此处不应出现该元素{_LISTED}",
    ),
    (r"Missing child element\(s\)\.(?: Expected is (?:one of )?\( (.*) \)\.)?", f"缺少子元素{_LISTED}"),
    (r"The attribute '(.*)' is not allowed\.", "不允许有属性 {}"),
    (r"The attribute '(.*)' is required but missing\.", "缺少必需的属性 {}"),
    (r"No matching global declaration available for the validation root\.", "模式中没有这个根元素"),
    (r"No matching global element declaration available, but demanded by the strict wildcard\.", "模式中没有该元素"),
    (r"The element is not 'nillable'\.", "不得使用 xsi:nil"),
    (
        r"Neither character nor element content is allowed because the element is 'nilled'\.",
        "xsi:nil 为 true 时必须为空",
    ),
    (
        r"Element content is not allowed, because the (?:type definition is simple|content type is a simple type"
        r" definition)\.",
        "只能含文字，不得有子元素",
    ),
    (r"Element content is not allowed, because the content type is empty\.", "必须为空，不得有子元素"),
    (
        r"Character content other than whitespace is not allowed because the content type is 'element-only'\.",
        "子元素之间不得有文字",
    ),
    (
        r"Character content is not allowed, because the (?:content type|type definition) is (?:empty|simple)\.",
        "必须为空，不得有文字",
    ),
    (r"\[facet '\w+'\] The value '(.*)' is not accepted by the pattern '(.*)'\.", "值“{}”不符合格式 {}"),
    (r"\[facet '\w+'\] The value '(.*)' is not an element of the set \{(.*)\}\.", "值“{}”不在允许的取值之内：{}"),
    (
        r"\[facet '\w+'\] The value has a length of '(\d+)'; this underruns the allowed minimum length of '(\d+)'\.",
        "长度为 {}，不得少于 {}",
    ),
    (
        r"\[facet '\w+'\] The value has a length of '(\d+)'; this exceeds the allowed maximum length of '(\d+)'\.",
        "长度为 {}，不得超过 {}",
    ),
    (
        r"\[facet '\w+'\] The value has a length of '(\d+)'; this differs from the allowed length of '(\d+)'\.",
        "长度为 {}，应为 {}",
    ),
    (r"\[facet '\w+'\] The value '(.*)' is less than the minimum value allowed \('(.*)'\)\.", "值“{}”小于最小值 {}"),
    (
        r"\[facet '\w+'\] The value '(.*)' is greater than the maximum value allowed \('(.*)'\)\.",
        "值“{}”大于最大值 {}",
    ),
    (r"\[facet '\w+'\] The value '(.*)' must be greater than '(.*)'\.", "值“{}”必须大于 {}"),
    (r"\[facet '\w+'\] The value '(.*)' must be less than '(.*)'\.", "值“{}”必须小于 {}"),
    (
        r"\[facet '\w+'\] The value '(.*)' has more fractional digits than are allowed \('(\d+)'\)\.",
        "值“{}”的小数位数超过 {}",
    ),
    (r"\[facet '\w+'\] The value '(.*)' has more digits than are allowed \('(\d+)'\)\.", "值“{}”的总位数超过 {}"),
    (rf"'(.*)' is not a valid value of {_TYPES} '(?:\{{.*\}})?(.*)'\.", "“{}”不是类型 {} 的有效值"),
    (rf"'(.*)' is not a valid value of {_TYPES}\.", "“{}”不是有效的值"),
    (
        r"The (?:actual )?value '(.*)' does not match the fixed value constraint '(.*)'\.",
        "值“{}”应为固定值“{}”",
    ),
    (
        r"The QName value '(.*)' has no corresponding namespace declaration in scope\.",
        "“{}”的前缀没有对应的命名空间",
    ),
    (r"The QName value '(.*)' of the xsi:type attribute does not resolve to a type definition\.", "没有类型 {}"),
    (r"Duplicate key-sequence \[(.*)\] in (?:unique|key) identity-constraint '.*'\.", "值 {} 重复"),
    (r"No match found for key-sequence \[(.*)\] of keyref '.*'\.", "没有被引用的值 {}"),
)

_QUOTED = r"'(?:\{{[^{{}}']*\}})?(?P<{}>[^{{}}']+)'"
_SAID_OF = re.compile(
    rf"Element {_QUOTED.format('element')}(?:, attribute {_QUOTED.format('attribute')})?: (?P<said>.*)",
    re.DOTALL,
)
"""How libxml2 begins."""
_SAID_OF_ATTRIBUTE = re.compile(r"attribute (?P<attribute>[^\s=]+)=(?:'.*?'|\".*?\"): (?P<said>.*)", re.DOTALL)
"""How xmlschema begins where the trouble is an attribute."""
_NAMESPACE = re.compile(r"\{[^{}]*\}")


def in_chinese(words: str) -> str:
    """The Chinese of an English sentence of lxml or xmlschema; empty for one that is not known."""
    if len(words) > _MOST:
        return ""
    for opening in (_SAID_OF, _SAID_OF_ATTRIBUTE):
        if begun := opening.fullmatch(words):
            said = _sentence(begun["said"])
            return _about(begun.groupdict()) + said if said else ""
    return _sentence(words)


def _about(names: dict[str, str | None]) -> str:
    element, attribute = names.get("element"), names["attribute"]
    whose = f"元素 {element}" if element else ""
    return f"{whose}{' 的' if element and attribute else ''}{f'属性 {attribute}' if attribute else ''}："


@cache
def _known() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Made when first needed: it takes some hundredths of a second."""
    return tuple((re.compile(english, re.DOTALL), chinese) for english, chinese in (*_XMLSCHEMA, *_LIBXML2))


def _sentence(words: str) -> str:
    for english, chinese in _known():
        if found := english.fullmatch(words):
            parts = [part for part in found.groups() if part is not None]
            if chinese.endswith(_LISTED):
                parts = [_NAMESPACE.sub("", part) for part in parts] or [""]
            return chinese.format(*parts).removesuffix(_LISTED.format(""))
    return ""
