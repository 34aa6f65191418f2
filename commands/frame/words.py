"""What screens call the states, hops and roles of messages. Codes stay codes in JSON."""

from __future__ import annotations

from commands.frame.phrase import Phrase
from hub import labels
from hub.message import Classification, Role, Urgency

HOPS = {hop: Phrase(*label) for hop, label in labels.HOPS.items()}
STATES = {state: Phrase(*label) for state, label in labels.STATES.items()}
ROLES = {Role.MAIN: Phrase("主送", "main"), Role.COPY: Phrase("抄送", "copy")}
URGENCIES = {
    Urgency.ROUTINE: Phrase("一般", "routine"),
    Urgency.URGENT: Phrase("加急", "urgent"),
    Urgency.EXTRA_URGENT: Phrase("特急", "extra urgent"),
}
CLASSIFICATIONS = {
    Classification.NONE: Phrase("无", "none"),
    Classification.CONFIDENTIAL: Phrase("秘密", "confidential"),
    Classification.SECRET: Phrase("机密", "secret"),
    Classification.TOP_SECRET: Phrase("绝密", "top secret"),
}
ANSWERS = {word: Phrase(*label) for word, label in labels.ANSWERS.items()}
RECEIPTS = {
    "delivered": Phrase("送达", "delivered"),
    "signedFor": Phrase("签收", "signed for"),
    "refused": Phrase("拒收", "refused"),
    "returned": Phrase("退回", "returned"),
    "recalled": Phrase("撤销", "recalled"),
    "read": Phrase("已阅", "read"),
    "registered": Phrase("登记", "registered"),
    "purged": Phrase("已清理", "purged"),
}


def said_of(code: str) -> Phrase:
    """The catalogue's sentence for an error code; a code that it does not know stands for itself."""
    return Phrase(*labels.said_of(code))


def detail_of(detail: str) -> Phrase:
    """What an entry's detail says: how an answer was signed, that a message is held, or why something failed."""
    return Phrase(*labels.detail_of(detail))


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
