"""What people call the hops, states and steps of messages, in Chinese and English. Words only; codes stay codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.administration.administered import Deed
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
DEEDS: Mapping[str, Label] = {
    Deed.INSTALLED: Label("建立交换中心", "hub installed"),
    Deed.FILE_CHANGED: Label("设置或路由规则变更", "settings or rules changed"),
    Deed.REGISTRY_CHANGED: Label("登记信息变更", "registry changed"),
    Deed.AUTHORITY_TRUSTED: Label("信任发证机构", "authority trusted"),
    Deed.AUTHORITY_DISTRUSTED: Label("不再信任发证机构", "authority distrusted"),
    Deed.CRL_KEPT: Label("导入吊销列表", "revocation list taken in"),
    Deed.SCHEMA_REGISTERED: Label("登记模式", "schema registered"),
    Deed.SCHEMA_FORGOTTEN: Label("删除模式", "schema removed"),
    Deed.LOG_KEYS_CHANGED: Label("账本换钥", "keys of the ledger changed"),
    Deed.RETENTION_PURGED: Label("清理正文", "documents purged"),
    Deed.RETENTION_HELD: Label("保全", "held from purging"),
    Deed.RETENTION_RELEASED: Label("解除保全", "released to purging"),
    Deed.DATABASE_UPGRADED: Label("数据库结构升级", "database upgraded"),
    Deed.DATABASE_MOVED: Label("迁移数据库", "database moved"),
    Deed.DATABASE_RESTORED: Label("由备份恢复", "restored from a backup"),
    Deed.BACKUP_TAKEN: Label("备份", "backup taken"),
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
    """What an entry's detail says: how an answer was signed, that a message is held, what was done, or what failed."""
    if detail == "held":
        return HOPS[Hop.HELD]
    return ANSWERS.get(detail) or DEEDS.get(detail) or said_of(detail)
