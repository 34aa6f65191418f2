"""What people call the hops, states and steps of messages, in Chinese and English. Words only; codes stay codes."""

from __future__ import annotations

from typing import NamedTuple

from hub.catalogue import CATALOGUE
from hub.message import DeliveryState, Hop


class Label(NamedTuple):
    """One word in both languages."""

    zh: str
    en: str


HOPS = {
    Hop.ACCEPTED: Label("接收", "accepted"),
    Hop.REFUSED: Label("拒绝", "refused"),
    Hop.REPLAYED: Label("重复提交", "submitted again"),
    Hop.HELD: Label("暂存", "held"),
    Hop.RELEASED: Label("放行", "released"),
    Hop.FETCHED: Label("信箱取件", "fetched"),
    Hop.DELIVERED: Label("送达", "delivered"),
    Hop.ATTEMPT_FAILED: Label("投递未成功", "attempt failed"),
    Hop.GAVE_UP: Label("停止投递", "given up"),
    Hop.RESENT: Label("重新投递", "resent"),
    Hop.NOTICE: Label("未投递通知", "notice"),
    Hop.ADMIN: Label("管理操作", "administered"),
}
STATES = {
    DeliveryState.WAITING: Label("待投递", "waiting"),
    DeliveryState.LEASED: Label("投递中", "under way"),
    DeliveryState.HELD: Label("暂存", "held"),
    DeliveryState.DELIVERED: Label("已送达", "delivered"),
    DeliveryState.DEAD: Label("死信", "dead letter"),
}
ANSWERS = {
    "signed": Label("已签名", "signed"),
    "unsigned": Label("未签名", "unsigned"),
    "connection": Label("由连接的客户端证书证明，未签名", "proven by the connection's client certificate, not signed"),
}
CASE_STEPS = {
    "application": Label("申办", "application"),
    "preAcceptance": Label("预受理", "pre-acceptance"),
    "acceptance": Label("受理", "acceptance"),
    "correctionNotice": Label("补交告知", "correction notice"),
    "correctionReceipt": Label("补交受理", "correction receipt"),
    "specialProcedure": Label("特别程序申请", "special procedure"),
    "specialProcedureResult": Label("特别程序结果", "special procedure result"),
    "approvalStep": Label("审批", "approval step"),
    "completion": Label("办结", "completion"),
    "collection": Label("领取登记", "collection"),
}
"""The messages of approval-status-1 by root element, in the order in which a case goes through them."""


def said_of(code: str) -> Label:
    """The catalogue's sentence for an error code; a code that it does not know stands for itself."""
    text = CATALOGUE.get(code)
    return Label(text.zh, text.en) if text is not None else Label(code, code)


def detail_of(detail: str) -> Label:
    """What an entry's detail says: how an answer was signed, that a message is held, or why something failed."""
    if detail == "held":
        return HOPS[Hop.HELD]
    return ANSWERS.get(detail) or said_of(detail)
