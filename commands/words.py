"""What screens call the states, hops and roles of messages. Codes stay codes in JSON."""

from __future__ import annotations

from commands.frame.phrase import Phrase
from hub.catalogue import CATALOGUE
from hub.message import DeliveryState, Hop, Role

HOPS = {
    Hop.ACCEPTED: Phrase("接收", "accepted"),
    Hop.REFUSED: Phrase("拒绝", "refused"),
    Hop.REPLAYED: Phrase("重复提交", "submitted again"),
    Hop.HELD: Phrase("暂存", "held"),
    Hop.RELEASED: Phrase("放行", "released"),
    Hop.FETCHED: Phrase("信箱取件", "fetched"),
    Hop.DELIVERED: Phrase("送达", "delivered"),
    Hop.ATTEMPT_FAILED: Phrase("投递未成功", "attempt failed"),
    Hop.GAVE_UP: Phrase("停止投递", "given up"),
    Hop.RESENT: Phrase("重新投递", "resent"),
    Hop.NOTICE: Phrase("未投递通知", "notice"),
    Hop.ADMIN: Phrase("管理操作", "administered"),
}
STATES = {
    DeliveryState.WAITING: Phrase("待投递", "waiting"),
    DeliveryState.LEASED: Phrase("投递中", "under way"),
    DeliveryState.HELD: Phrase("暂存", "held"),
    DeliveryState.DELIVERED: Phrase("已送达", "delivered"),
    DeliveryState.DEAD: Phrase("死信", "dead letter"),
}
ROLES = {Role.MAIN: Phrase("主送", "main"), Role.COPY: Phrase("抄送", "copy")}
ANSWERS = {"signed": Phrase("已签名", "signed"), "unsigned": Phrase("未签名", "unsigned")}
RECEIPTS = {
    "delivered": Phrase("送达", "delivered"),
    "signedFor": Phrase("签收", "signed for"),
    "refused": Phrase("拒收", "refused"),
    "returned": Phrase("退回", "returned"),
    "recalled": Phrase("撤销", "recalled"),
    "read": Phrase("已阅", "read"),
    "registered": Phrase("登记", "registered"),
}


def said_of(code: str) -> Phrase:
    """The catalogue's sentence for an error code; a code that it does not know stands for itself."""
    text = CATALOGUE.get(code)
    return Phrase(text.zh, text.en) if text is not None else Phrase(code, code)


def detail_of(detail: str) -> Phrase:
    """What an entry's detail says: how an answer was signed, that a message is held, or why something failed."""
    if detail == "held":
        return HOPS[Hop.HELD]
    return ANSWERS.get(detail) or said_of(detail)


def size_of(octets: int) -> str:
    """A size as people read it."""
    if octets < 1024:
        return f"{octets} B"
    return f"{octets / 1024:.1f} KB" if octets < 1024 * 1024 else f"{octets / 1024 / 1024:.1f} MB"


def lapse(seconds: float) -> str:
    """A time span as people read it: 128 ms, 12.5 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
