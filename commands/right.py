"""`hub right`: who may send what to whom. Without a right nothing goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.frame.change import change, read
from commands.frame.command import ExitCode, Phrase, Session, argument, column, noun, option, why_option

if TYPE_CHECKING:
    from hub.registry.right_explain import Verdict

COLUMNS = (
    column("sender", "发送方", "SENDER"),
    column("recipient", "收件单位", "RECIPIENT"),
    column("type", "报文类型", "TYPE"),
)
_REASONS = {
    "allowed": Phrase("允许", "allowed"),
    "noRight": Phrase("没有相应的发送权限", "no right says so"),
    "senderUnknown": Phrase("发送方未登记", "the sender is not registered"),
    "senderDisabled": Phrase("发送方已停用", "the sender is disabled"),
    "recipientUnknown": Phrase("收件单位未登记", "the recipient is not registered"),
    "recipientDisabled": Phrase("收件单位已停用", "the recipient is disabled"),
}

command = noun(
    "right",
    zh="发送权限：未经授权一律不得发送。主体可写单位代码、group:组名 或 *。",
    en="Rights to send: without one nothing goes. A subject is a department code, group:NAME or *.",
)
sender_argument = argument("sender", zh="发送方：代码、group:组名 或 *", en="sender: code, group:NAME or *")
recipient_argument = argument("recipient", zh="收件单位：代码、group:组名 或 *", en="recipient: code, group:NAME or *")
type_argument = argument("type", zh="报文类型，* 为全部", en="type of message, * for all", default="*")


@command.verb(
    "add",
    zh="授予发送权限",
    en="Give a right",
    examples=("hub right add CITY '*' official-document-1", "hub right add group:districts CITY"),
)
@sender_argument
@recipient_argument
@type_argument
@why_option
def add(session: Session, sender: str, recipient: str, type: str) -> None:
    """Give a right; say so if it names a type that no schema is registered for."""
    from commands.schema import known_tokens
    from hub.directory import Right
    from hub.registry.edit import added

    change(session, lambda registry: added(registry, Right(sender, recipient, type)))
    if type != "*" and type not in known_tokens(session):
        session.note(Phrase(f"提示：报文类型 {type} 尚未登记", f"note: no schema {type} is registered yet"))


@command.verb("list", zh="列出发送权限", en="List rights", examples=("hub right list", "hub right list --of WATER"))
@option("--of", "code", zh="只列出提到此单位或组的", en="only those that name this department or group", default="")
def list_rights(session: Session, code: str) -> None:
    """List rights."""
    rows = [(r.sender, r.recipient, r.type) for r in read(session).rights if code in ("", r.sender, r.recipient)]
    session.table(COLUMNS, rows, empty=Phrase("没有发送权限", "no rights"))


@command.verb("remove", zh="收回发送权限", en="Take a right away", examples=("hub right remove CITY '*'",))
@sender_argument
@recipient_argument
@type_argument
@why_option
def remove(session: Session, sender: str, recipient: str, type: str) -> None:
    """Take a right away."""
    from hub.directory import Right
    from hub.registry.edit import removed

    change(session, lambda registry: removed(registry, Right(sender, recipient, type)))


@command.verb(
    "explain",
    zh="说明某单位能否向另一单位或组发送某类报文，以及原因",
    en="Tell whether a department may send a type of message to another or to a group, and why",
    examples=("hub right explain CITY WATER official-document-1",),
)
@argument("sender", zh="发送方代码", en="sender's code")
@argument("recipient", zh="收件单位代码或 group:组名", en="recipient: code or group:NAME")
@argument("type", zh="报文类型", en="type of message")
def explain(session: Session, sender: str, recipient: str, type: str) -> ExitCode:
    """Explain; the exit code says whether every recipient is allowed."""
    from hub.registry.right_explain import explain_right

    verdicts = explain_right(read(session), sender, recipient, type)
    columns = (
        column("recipient", "收件单位", "RECIPIENT"),
        column("allowed", "允许", "ALLOWED"),
        column("reason", "原因", "REASON"),
        column("rights", "依据", "RIGHTS"),
    )
    rows = [(v.recipient, v.allowed, _reason(v, session), _shown(v)) for v in verdicts]
    session.table(columns, rows, empty=Phrase("该组没有成员", "nobody is in that group"))
    return ExitCode.OK if verdicts and all(v.allowed for v in verdicts) else ExitCode.CHECK_FAILED


def _reason(verdict: Verdict, session: Session) -> object:
    return verdict.reason if session.json else _REASONS[verdict.reason]


def _shown(verdict: Verdict) -> tuple[str, ...]:
    return tuple(f"{r.sender} > {r.recipient} : {r.type}" for r in verdict.rights)
