"""`hub msg list`, `find`, `show` and `refusals`: look things up in the hub's own records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.command import Phrase, Session, argument, column, option, single
from commands.frame.files import FILE, write_new
from commands.frame.words import CLASSIFICATIONS, ROLES, STATES, URGENCIES, said_of, size_of
from hub.message import Classification, Urgency

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.refusals import StoredRefusal
    from hub.store.trace import StoredDelivery, StoredMessage, Traced

MESSAGES = (
    column("received", "接收时间", "RECEIVED"),
    column("sender", "发送方", "SENDER"),
    column("messageId", "报文标识", "MESSAGE"),
    column("type", "类型", "TYPE"),
    column("documentNumber", "发文字号", "DOCUMENT NUMBER"),
    column("caseNumber", "办件编号", "CASE"),
    column("size", "大小", "SIZE"),
)
ONE = (
    column("messageId", "报文标识", "message"),
    column("sender", "发送方", "sender"),
    column("type", "类型", "type"),
    column("created", "创建时间", "created"),
    column("received", "接收时间", "received"),
    column("expires", "有效期至", "expires"),
    column("urgency", "紧急程度", "urgency"),
    column("classification", "密级", "classification"),
    column("documentNumber", "发文字号", "document number"),
    column("caseNumber", "办件编号", "case number"),
    column("conversation", "会话", "conversation"),
    column("inReplyTo", "答复", "in reply to"),
    column("size", "大小（字节）", "size (bytes)"),
    column("digest", "摘要", "digest"),
    column("signer", "签名证书指纹", "signer's thumbprint"),
    column("recipientsDigest", "收件单位名单摘要", "list of recipients"),
    column("purged", "正文清理时间", "documents purged"),
)
COPIES = (
    column("recipient", "收件单位", "RECIPIENT"),
    column("role", "方式", "ROLE"),
    column("state", "状态", "STATE"),
    column("attempts", "次数", "TRIES"),
    column("endpoint", "端点", "ENDPOINT"),
    column("done", "完成时间", "DONE"),
    column("cause", "原因", "CAUSE"),
)
_BY_SCHEMA = frozenset({"envelope.invalid", "payload.invalid", "proof.invalid"})
"""Codes with words of the schema library, unless there is something expected."""
REFUSALS = (
    column("at", "时间", "TIME"),
    column("entry", "账目", "ENTRY"),
    column("code", "代码", "CODE"),
    column("said", "说明", "SAID"),
    column("where", "位置", "AT"),
    column("expected", "应为", "EXPECTED"),
    column("got", "实为", "GOT"),
    column("operator", "内部说明", "FOR THE OPERATOR"),
    column("size", "字节", "BYTES"),
)


@single(
    "list",
    zh="列出报文，最近的在前",
    en="List messages, the latest first",
    examples=("hub msg list", "hub msg list --recipient WATER --state dead", "hub -o json msg list --sender OFFICE"),
)
@option("--sender", zh="发送方", en="only from this sender", default="")
@option("--recipient", zh="收件单位", en="only to this recipient", default="")
@option("--type", zh="类型", en="only of this type", default="")
@option(
    "--state", zh="有投递处于此状态", en="with a delivery in this state", type=click.Choice([str(s) for s in STATES])
)
@option(
    "--before",
    zh="翻页：列出此行号以前的",
    en="page on: only those before this row",
    type=click.IntRange(1),
    default=None,
)
@option("--most", zh="最多条数", en="at most so many", type=click.IntRange(1, 10_000), default=50)
def list_messages(
    session: Session, sender: str, recipient: str, type: str, state: str | None, before: int | None, most: int
) -> None:
    """List messages by what is given."""
    from commands.frame.opened import opened_store
    from hub.store import trace

    with opened_store(session) as store, store.reading() as connection:
        found = trace.list_messages(
            connection,
            sender=sender,
            recipient=recipient,
            type=type,
            state=state or "",
            before=before or 0,
            most=most,
        )
    table_of(session, found)
    if len(found) == most:
        further = f"--before {found[-1].id}"
        session.note(Phrase(f"更早的报文：加上 {further}", f"for earlier ones add {further}"))


@single(
    "find",
    zh="按报文标识、办件编号或发文字号查找（括号写法不限）",
    en="Find by message id, case number or document number, in any style of brackets",
    examples=("hub msg find 4403002026000123", "hub msg find '云府[2026]3号'"),
)
@argument("text", zh="要找的标识、编号或字号", en="message id, case number or document number")
def find(session: Session, text: str) -> None:
    """Find messages. Errors: Refused message.unknown."""
    from commands.frame.opened import opened_store
    from hub.codes import normalise_document_number
    from hub.errors import Refused
    from hub.store.trace import find_messages

    normal = normalise_document_number(text)
    texts = [text.strip(), *([normal] if normal else [])]
    with opened_store(session) as store, store.reading() as connection:
        found = find_messages(connection, texts)
    if not found:
        raise Refused("message.unknown", got=(normal or text)[:200])
    table_of(session, found)


@single(
    "show",
    zh="显示一件报文，或输出其原文",
    en="Show one message, or print its documents",
    examples=("hub msg show OFFICE/m-1", "hub msg show m-1 --xml --save envelope.xml", "hub msg show m-1 --payload"),
)
@argument(
    "id",
    zh="报文标识、发送方/报文标识、办件编号或发文字号",
    en="message id, SENDER/ID, case number or document number",
)
@option("--xml", "part", zh="输出信封", en="print the envelope", flag_value="xml")
@option("--payload", "part", zh="输出载荷", en="print the payload", flag_value="payload")
@option("--stamp", "part", zh="输出本中心的戳记", en="print the hub's stamp", flag_value="stamp")
@option("--recipients", "part", zh="输出收件单位名单", en="print the list of recipients", flag_value="recipients")
@option("--save", zh="将原始字节存入文件，而不显示", en="keep the exact bytes in a file instead", type=FILE)
def show(session: Session, id: str, part: str | None, save: Path | None) -> None:
    """Show one message. Errors: Refused message.unknown; message.purged if its envelope is asked for."""
    from commands.frame.opened import opened_store
    from commands.frame.pick import paper, purged_at, read_traced, recipients

    with opened_store(session) as store, store.reading() as connection:
        traced = read_traced(connection, id)
        if part is None and save is None:
            _show(session, traced, purged_at(connection, traced.message))
            return
        match part:
            case "stamp":
                document = traced.message.stamp
            case "recipients":
                document = recipients(connection, traced)
            case "payload":
                document = _payload(paper(connection, traced.message))
            case _:
                document = paper(connection, traced.message)
    if save is None:
        session.text(_readable(document))
        return
    write_new(save, document)
    session.done(Phrase(f"已存入 {save}", f"kept in {save}"), file=str(save), size=len(document))


def _payload(envelope: bytes) -> bytes:
    from lxml import etree

    from hub.envelope import payload_of
    from hub.parser import parse

    return bytes(etree.tostring(payload_of(parse(envelope)), encoding="utf-8"))


def _readable(document: bytes) -> str:
    """The document as text, whatever encoding it was signed in."""
    try:
        return document.decode()
    except UnicodeDecodeError:
        from lxml import etree

        from hub.parser import parse

        return str(etree.tostring(parse(document), encoding="unicode"))


def _show(session: Session, traced: Traced, purged: datetime | None) -> None:
    values = (*_values(traced.message), traced.listed or None, purged)
    rows = [copy_row(copy, session) for copy in traced.deliveries]
    if session.json:
        one = dict(zip((c.key for c in ONE), values, strict=True))
        copies = [dict(zip((c.key for c in COPIES), row, strict=True)) for row in rows]
        session.write_json({**one, "recipients": copies})
        return
    urgency, level = Urgency(traced.message.urgency), Classification(traced.message.classification)
    words = {"urgency": URGENCIES[urgency], "classification": CLASSIFICATIONS[level]}
    session.record(ONE, [words.get(c.key, value) for c, value in zip(ONE, values, strict=True)])
    session.line("")
    session.table(COPIES, rows, empty=Phrase("没有收件单位", "no recipients"))


def _values(message: StoredMessage) -> tuple[object, ...]:
    return (
        message.message_id, message.sender, message.type, message.created, message.received, message.expires,
        message.urgency, message.classification, message.document_number, message.case_number,
        message.conversation, message.in_reply_to, message.size, message.digest, message.signer,
    )  # fmt: skip


def copy_row(copy: StoredDelivery, session: Session) -> tuple[object, ...]:
    """One recipient's copy in the columns `COPIES`."""
    if session.json:
        return copy.recipient, copy.role, copy.state, copy.attempts, copy.endpoint, copy.done_at, copy.cause
    role = next((said for role, said in ROLES.items() if role == copy.role), copy.role)
    cause = said_of(copy.cause) if copy.cause else ""
    return copy.recipient, role, STATES[copy.state], copy.attempts, copy.endpoint, copy.done_at, cause


def table_of(session: Session, found: Sequence[StoredMessage]) -> None:
    """Messages as a table."""
    rows = [
        (
            message.received,
            message.sender,
            message.message_id,
            message.type,
            message.document_number,
            message.case_number,
            message.size if session.json else size_of(message.size),
        )
        for message in found
    ]
    session.table(MESSAGES, rows, empty=Phrase("没有符合条件的报文", "no messages"))


@single(
    "refusals",
    zh="列出被拒绝的提交及原因",
    en="List what was refused, and why",
    examples=("hub msg refusals", "hub -o json msg refusals --most 500"),
)
@option("--most", zh="最多条数", en="at most so many", type=click.IntRange(1, 10_000), default=50)
def refusals(session: Session, most: int) -> None:
    """List the latest refusals."""
    from commands.frame.opened import opened_store
    from hub.store.refusals import list_refusals

    with opened_store(session) as store, store.reading() as connection:
        found = list_refusals(connection, most)
    rows = [_refusal(session, one) for one in found]
    session.table(REFUSALS, rows, empty=Phrase("没有被拒绝的提交", "nothing was refused"), upright=True)


def _refusal(session: Session, one: StoredRefusal) -> tuple[object, ...]:
    entry, got = f"{one.node}/{one.sequence}", one.got
    if session.lang == "zh" and not session.json and one.code in _BY_SCHEMA and not one.expected:
        from hub.schema.chinese import in_chinese

        got = in_chinese(got) or got
    return one.at, entry, one.code, said_of(one.code), one.place, one.expected, got, one.operator, one.size
