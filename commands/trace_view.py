"""One message on its way, as a person reads it: what happened when, where each copy stands, who has signed for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from commands.frame.command import Column, Phrase, Session, column
from commands.frame.words import ANSWERS, HOPS, RECEIPTS, ROLES, STATES, detail_of, lapse, said_of, size_of
from hub.message import DeliveryState, Hop

if TYPE_CHECKING:
    from hub.ledger.ledger import Entry
    from hub.store.trace import StoredDelivery, StoredMessage, Traced

HOP_COLUMNS = (
    column("time", "时间", "TIME"),
    column("after", "历时", "AFTER"),
    column("kind", "环节", "HOP"),
    column("source", "自", "FROM"),
    column("target", "至", "TO"),
    column("detail", "说明", "DETAIL"),
    column("entry", "账目", "ENTRY"),
)
COPY_COLUMNS = (
    column("recipient", "收件单位", "RECIPIENT"),
    column("role", "方式", "ROLE"),
    column("state", "状态", "STATE"),
    column("attempts", "次数", "TRIES"),
    column("done", "完成时间", "DONE"),
    column("took", "历时", "TOOK"),
    column("answer", "应答凭据", "ANSWER"),
    column("cause", "原因", "CAUSE"),
    column("next", "下次投递", "NEXT TRY"),
)
REPLY_COLUMNS = (
    column("received", "时间", "TIME"),
    column("sender", "单位", "FROM"),
    column("messageId", "报文标识", "MESSAGE"),
    column("type", "类型", "TYPE"),
    column("says", "回执", "SAYS"),
)
OPEN = (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.HELD)


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that answers the one traced; `says` is the kind of a receipt, or empty."""

    message: StoredMessage
    says: str


def settled(traced: Traced) -> bool:
    """Whether nothing more will happen to any copy by itself."""
    return all(copy.state not in OPEN for copy in traced.deliveries)


def view(session: Session, traced: Traced, replies: Sequence[Reply], purged: datetime | None = None) -> None:
    """Show the whole trace; `purged` is when the documents went, if they did. JSON: one object."""
    if session.json:
        session.write_json({**_facts(session, traced, replies), "purged": purged})
        return
    head(session, traced)
    if purged is not None:
        gone = Phrase(f"正文已于 {purged:%F} 按保存期限规则清理", f"its documents were purged by rule on {purged:%F}")
        session.line(gone.by(session.lang))
        session.line("")
    hops(session, traced, traced.hops)
    standing(session, traced, replies)
    if traced.listed:
        session.line(session.phrase("收件单位名单 SHA-256 ", "list of recipients: SHA-256 ") + traced.listed)


def head(session: Session, traced: Traced) -> None:
    """What it is, in one line where there is room."""
    message = traced.message
    case = f"{session.phrase('办件', 'case')} {message.case_number}" if message.case_number else ""
    name, digest = f"{message.sender}/{message.message_id}", f"SHA-256 {message.digest[:16]}…"
    told = (name, message.type, message.document_number, case, size_of(message.size), digest)
    session.facts([one for one in told if one])
    session.line("")


def hops(session: Session, traced: Traced, entries: Iterable[Entry], *, titles: bool = True) -> None:
    """Every hop in order; without `titles` only the rows, for one that follows."""
    rows = [_hop(session, entry, traced.message.received) for entry in entries]
    if titles:
        session.table(HOP_COLUMNS, rows)
        return
    for time, after, kind, source, target, detail, entry in rows:
        way = f"{source or '-'} → {target or '-'}"
        said = [str(x.by(session.lang)) if isinstance(x, Phrase) else str(x) for x in (kind, detail)]
        session.line(f"{time:%H:%M:%S}  {after:>9}  {said[0]}  {way}  {said[1]}  {entry}")


def standing(session: Session, traced: Traced, replies: Sequence[Reply]) -> None:
    """Where each copy stands, and what people have answered."""
    session.line("")
    session.table(COPY_COLUMNS, [_copy(session, copy, traced) for copy in traced.deliveries])
    if replies:
        session.line("")
        session.table(REPLY_COLUMNS, [_reply(session, reply) for reply in replies])
    session.line("")
    session.line(_sum(traced).by(session.lang))


def _sum(traced: Traced) -> Phrase:
    total = len(traced.deliveries)
    count = {state: sum(copy.state is state for copy in traced.deliveries) for state in DeliveryState}
    parts = [(STATES[state], number) for state, number in count.items() if number]
    zh = "，".join(f"{said.zh} {number}" for said, number in parts)
    en = ", ".join(f"{number} {said.en}" for said, number in parts)
    done = [copy.done_at for copy in traced.deliveries if copy.state is DeliveryState.DELIVERED and copy.done_at]
    last = lapse((max(done) - traced.message.received).total_seconds()) if len(done) == total and done else ""
    return Phrase(
        f"收件单位 {total} 个：{zh}{f'；自接收至最后送达 {last}' if last else ''}",
        f"{total} recipient{'s' * (total != 1)}: {en}{f'; the last one {last} after acceptance' if last else ''}",
    )


def _hop(session: Session, entry: Entry, received: datetime) -> tuple[object, ...]:
    from hub.ledger.ledger import from_microseconds

    at = from_microseconds(entry.time_us)
    after = (at - received).total_seconds()
    place = f"{entry.node}/{entry.sequence}"
    if session.json:
        return at, after, entry.kind, entry.source, entry.target, entry.detail, place
    detail = detail_of(entry.detail) if entry.detail else ""
    return at.astimezone(), lapse(after), HOPS[entry.kind], entry.source, entry.target, detail, place


def _copy(session: Session, copy: StoredDelivery, traced: Traced) -> tuple[object, ...]:
    answer = _answers(traced).get(copy.recipient, "") if copy.state is DeliveryState.DELIVERED else ""
    took = (copy.done_at - traced.message.received).total_seconds() if copy.done_at else None
    following = copy.next_at if copy.state is DeliveryState.WAITING and copy.attempts else None
    if session.json:
        return (
            copy.recipient, copy.role, copy.state, copy.attempts, copy.done_at, took, answer, copy.cause, following,
        )  # fmt: skip
    role = next((said for role, said in ROLES.items() if role == copy.role), copy.role)
    return (
        copy.recipient,
        role,
        STATES[copy.state],
        copy.attempts,
        copy.done_at,
        lapse(took) if took is not None else None,
        ANSWERS.get(answer, answer),
        said_of(copy.cause) if copy.cause else "",
        following,
    )


def _answers(traced: Traced) -> Mapping[str, str]:
    return {entry.target: entry.detail for entry in traced.hops if entry.kind is Hop.DELIVERED}


def _reply(session: Session, reply: Reply) -> tuple[object, ...]:
    message = reply.message
    says = reply.says if session.json else RECEIPTS.get(reply.says, reply.says)
    return message.received, message.sender, message.message_id, message.type, says


def _facts(session: Session, traced: Traced, replies: Sequence[Reply]) -> dict[str, object]:
    message = traced.message
    return {
        "sender": message.sender,
        "messageId": message.message_id,
        "type": message.type,
        "documentNumber": message.document_number,
        "caseNumber": message.case_number,
        "received": message.received,
        "digest": message.digest,
        "recipientsDigest": traced.listed or None,
        "settled": settled(traced),
        "hops": [_named(HOP_COLUMNS, _hop(session, entry, message.received)) for entry in traced.hops],
        "recipients": [_named(COPY_COLUMNS, _copy(session, copy, traced)) for copy in traced.deliveries],
        "replies": [_named(REPLY_COLUMNS, _reply(session, reply)) for reply in replies],
    }


def _named(columns: Sequence[Column], row: Sequence[object]) -> dict[str, object]:
    return dict(zip((c.key for c in columns), row, strict=True))
