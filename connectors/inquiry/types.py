"""The records and parameters of the inquiry service, as spyne is told of them. Words are those of the glossary.

Every field has its Chinese label and an English one; what is optional is left out when there is nothing to say, never
nil. Importing this imports spyne.
"""

from __future__ import annotations

from typing import Any

from connectors.inquiry.names import NAMESPACE
from connectors.inquiry.spyne_shim import spyne

_ONCE = {"min_occurs": 1, "nillable": False}
_PERHAPS = {"min_occurs": 0, "nillable": False}


def _text(zh: str, en: str, **facets: Any) -> Any:
    return spyne.Unicode(doc=f"{zh}\n{en}", **{**_ONCE, **facets})


def _perhaps(zh: str, en: str, **facets: Any) -> Any:
    return _text(zh, en, **_PERHAPS, **facets)


def _time(zh: str, en: str, **occurs: Any) -> Any:
    return spyne.DateTime(doc=f"{zh}\n{en}", **{**_ONCE, **occurs})


def _record(name: str, base: Any = None, /, **fields: Any) -> Any:
    base = base or spyne.ComplexModel
    return type(base)(name, (base,), {"__namespace__": NAMESPACE, "_type_info": list(fields.items())})


def _array(zh: str, en: str, item: str, of: Any, name: str) -> Any:
    items = of.customize(nillable=False, min_occurs=0, max_occurs="unbounded")
    return spyne.Array(items, member_name=item, type_name=f"ArrayOf{name}", doc=f"{zh}\n{en}", **_ONCE)


def _named(name: str, of: Any) -> Any:
    """A type with facets, under a name of this contract."""
    named = of.customize(type_name=name)
    named.__namespace__ = NAMESPACE
    return named


# --- parameters

MESSAGE_ID = _named("MessageId", _text("报文标识", "id of the message", min_len=1, max_len=100))
SENDER = _named(
    "Sender", _perhaps("报文发送方，缺省为查询单位", "sender of the message, by default the one who asks", max_len=64)
)
DOCUMENT_NUMBER = _named(
    "DocumentNumber", _text("发文字号，括号形式不限", "document number, in any brackets", min_len=1, max_len=100)
)
CASE_NUMBER = _named("CaseNumber", _text("办件编号", "case number", min_len=1, max_len=50))
TYPE = _named("MessageType", _perhaps("报文类型", "type of message", max_len=100))
_PAGE_WORDS = "页号，自 0 起，缺省为 0\nnumber of the page, from 0, by default 0"
PAGE = _named("PageNumber", spyne.Integer32(doc=_PAGE_WORDS, ge=0, le=1_000_000, **_PERHAPS))
PROOF = spyne.ByteArray(
    doc="经签名的查询请求（prf:inquiryRequest）\nthe signed prf:inquiryRequest for this very question", **_ONCE
)
MORE = spyne.Boolean(doc="下一页是否还有内容\nwhether the next page holds more", **_ONCE)

# --- records

HUB_FAULT = _record(
    "HubFault",
    spyne.Fault,
    code=_text("错误代码", "code of the error; it never changes its meaning"),
    zh=_text("中文说明", "Chinese text"),
    en=_text("英文说明", "English text"),
    where=_perhaps("出错位置", "place of the first error"),
    correlationId=_text("查询号", "id under which the hub's log has this call"),
)
RECIPIENT = _record(
    "Recipient",
    department=_text("收件单位代码", "code of the recipient"),
    role=_text("主送 main 或抄送 copy", "main or copy"),
    state=_text("投递状态代码", "state of this copy: waiting, leased, held, delivered, dead"),
    stateZh=_text("投递状态（中文）", "state in Chinese"),
    stateEn=_text("投递状态（英文）", "state in English"),
    at=_time("完成时间", "when it was settled", **_PERHAPS),
    attempts=spyne.Integer32(doc="投递次数\nnumber of attempts", **_ONCE),
    cause=_perhaps("最近一次未成功的原因代码", "code that the last attempt met with"),
    causeZh=_perhaps("原因（中文）", "cause in Chinese"),
    causeEn=_perhaps("原因（英文）", "cause in English"),
)
HOP = _record(
    "Hop",
    at=_time("时间", "time"),
    kind=_text("环节代码", "code of the hop"),
    zh=_text("环节（中文）", "hop in Chinese"),
    en=_text("环节（英文）", "hop in English"),
    source=_perhaps("自", "from"),
    target=_perhaps("至", "to"),
    detail=_perhaps("说明代码", "code of the detail"),
    detailZh=_perhaps("说明（中文）", "detail in Chinese"),
    detailEn=_perhaps("说明（英文）", "detail in English"),
    node=_text("账本节点", "node of the ledger"),
    sequence=spyne.Integer64(doc="节点内序号\nnumber of the entry in its node's chain", **_ONCE),
)
MESSAGE = _record(
    "Message",
    sender=_text("发送方", "sender"),
    messageId=_text("报文标识", "id of the message"),
    type=_text("报文类型", "type"),
    documentNumber=_perhaps("发文字号", "document number"),
    caseNumber=_perhaps("办件编号", "case number"),
    inReplyTo=_perhaps("所答复的报文", "id of the message that it answers"),
    receivedAt=_time("接收时间", "when the hub accepted it"),
    digest=_text("信封摘要", "SHA-256 over the envelope, lower-case hex"),
)
CASE_STATUS = _record(
    "CaseStatus",
    step=_text("办理环节代码", "step: a root element of approval-status-1"),
    zh=_text("办理环节（中文）", "step in Chinese"),
    en=_text("办理环节（英文）", "step in English"),
    state=_perhaps("环节内状态代码", "state within the step, as approval-status-1 has it"),
    at=_time("业务时间", "when it took place"),
    department=_text("报送单位", "who reported it"),
    messageId=_text("报文标识", "id of the message that says so"),
)
DEPARTMENT = _record(
    "Department",
    code=_text("单位代码，即交换地址", "code, the address"),
    name=_text("单位名称", "name"),
    division=_text("行政区划代码", "division code"),
    level=_text("级别", "level"),
    types=_array("可发送的报文类型", "types one may send it, as granted", "type", spyne.Unicode, "Type"),
)

# --- results

STATUS_RESULT = _record(
    "StatusResult",
    sender=_text("发送方", "sender"),
    messageId=_text("报文标识", "id of the message"),
    digest=_text("信封摘要", "SHA-256 over the envelope, lower-case hex"),
    receivedAt=_time("接收时间", "when the hub accepted it"),
    recipients=_array("各收件单位", "recipients", "recipient", RECIPIENT, "Recipient"),
    more=MORE,
)
TRACE_RESULT = _record(
    "TraceResult",
    sender=_text("发送方", "sender"),
    messageId=_text("报文标识", "id of the message"),
    hops=_array("各环节，按时间排列", "hops in order", "hop", HOP, "Hop"),
    more=MORE,
)
MESSAGES_RESULT = _record(
    "MessagesResult",
    messages=_array("报文，按接收先后排列", "messages in the order of acceptance", "message", MESSAGE, "Message"),
    more=MORE,
)
CASE_RESULT = _record(
    "CaseResult",
    status=CASE_STATUS.customize(doc="最近办理状态\nlast known status", **_PERHAPS),
    messages=_array("报文，按接收先后排列", "messages in the order of acceptance", "message", MESSAGE, "Message"),
    more=MORE,
)
DIRECTORY_RESULT = _record(
    "DirectoryResult",
    departments=_array("可发往的单位", "departments one may write to", "department", DEPARTMENT, "Department"),
    more=MORE,
)
