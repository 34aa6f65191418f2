"""`hub inquiry`: ask a hub, as a department, about messages, document numbers, cases, and whom one may write to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from commands.department.side import Reach, signing
from commands.frame.command import Phrase, Session, argument, column, noun, option
from commands.frame.words import ROLES
from commands.msg_find import MESSAGES

if TYPE_CHECKING:
    from connectors.inquiry.client import InquiryClient, SeenMessage
    from hub.labels import Label

T = TypeVar("T")

STANDING = (
    column("department", "收件单位", "RECIPIENT"),
    column("role", "方式", "ROLE"),
    column("state", "状态", "STATE"),
    column("attempts", "次数", "TRIES"),
    column("at", "时间", "TIME"),
    column("cause", "原因", "CAUSE"),
)
HOPS = (
    column("at", "时间", "TIME"),
    column("kind", "环节", "HOP"),
    column("source", "自", "FROM"),
    column("target", "至", "TO"),
    column("detail", "说明", "DETAIL"),
    column("entry", "账目", "ENTRY"),
)
SEEN = tuple(one for one in MESSAGES if one.key != "size")
PARTNERS = (
    column("code", "单位代码", "CODE"),
    column("name", "单位名称", "NAME"),
    column("division", "行政区划", "DIVISION"),
    column("level", "级别", "LEVEL"),
    column("types", "可发送类型", "TYPES"),
)
NOTHING = Phrase("没有找到", "nothing was found")

command = noun(
    "inquiry",
    zh="以单位身份查询：报文状态、流转记录、发文字号、办件、可发往的单位。",
    en="Ask a hub as a department: status, trace, document numbers, cases, whom to write to.",
)
_dept = argument("dept", zh="查询单位的代码", en="code of the department that asks")
_id = argument("id", zh="报文标识，或 发送方/报文标识", en="message id, or SENDER/ID")


@command.verb(
    "status",
    zh="报文到了哪里：每个收件单位的状态",
    en="How far a message has come, for each recipient",
    examples=("hub inquiry status OFFICE m-1", "hub inquiry status WATER OFFICE/m-1"),
)
@_dept
@_id
@signing
def status(session: Session, dept: str, id: str, reach: Reach) -> None:
    """Ask for one's own message, or for one's own copy of another's."""
    sender, message_id = _split(id)
    found = _ask(reach, dept, lambda client: client.status(message_id, sender))
    rows = [
        (
            one.department,
            one.role if session.json else next((said for role, said in ROLES.items() if role == one.role), one.role),
            _told(session, one.state, one.said),
            one.attempts,
            one.at,
            _told(session, one.cause, one.cause_said),
        )
        for one in found
    ]
    session.table(STANDING, rows, empty=Phrase("没有收件单位", "no recipients"))


@command.verb(
    "trace",
    zh="报文的流转记录：账本中的每个环节",
    en="A message's hops, out of the ledger",
    examples=("hub inquiry trace OFFICE m-1",),
)
@_dept
@_id
@signing
def trace(session: Session, dept: str, id: str, reach: Reach) -> None:
    """Ask for the hops of one's own message, or of one's own copy of another's."""
    sender, message_id = _split(id)
    found = _ask(reach, dept, lambda client: client.trace(message_id, sender))
    rows = [
        (
            one.at,
            _told(session, one.kind, one.said),
            one.source,
            one.target,
            _told(session, one.detail, one.detail_said),
            one.entry,
        )
        for one in found
    ]
    session.table(HOPS, rows, empty=NOTHING)


@command.verb(
    "number",
    zh="按发文字号查找报文，括号形式不限",
    en="Find messages by their document number, in any brackets",
    examples=("hub inquiry number WATER 'SW[2026]12'",),
)
@_dept
@argument("number", zh="发文字号", en="document number")
@signing
def number(session: Session, dept: str, number: str, reach: Reach) -> None:
    """Ask for the messages of a document number that one sent or was to get."""
    found = _ask(reach, dept, lambda client: client.by_document_number(number))
    session.table(SEEN, _rows(found), empty=NOTHING)


@command.verb(
    "case",
    zh="按办件编号查找报文及最近办理状态",
    en="A case's messages and its last known status",
    examples=("hub inquiry case WATER 440300-2026-000017",),
)
@_dept
@argument("number", zh="办件编号", en="case number")
@signing
def case(session: Session, dept: str, number: str, reach: Reach) -> None:
    """Ask for the messages of a case that one sent or was to get. JSON: an object with status and messages."""
    found = _ask(reach, dept, lambda client: client.by_case_number(number))
    if session.json:
        known = {"step": found.step, "state": found.state, "at": found.at} if found.step else None
        rows = [dict(zip((one.key for one in SEEN), row, strict=True)) for row in _rows(found.messages)]
        session.write_json({"caseNumber": number, "status": known, "messages": rows})
        return
    if found.step and found.at:
        said = Phrase(*found.said).by(session.lang)
        state = f" ({found.state})" if found.state else ""
        session.line(f"{session.phrase('最近办理状态', 'last known status')}: {said}{state}  {found.at.astimezone()}")
    session.table(SEEN, _rows(found.messages), empty=NOTHING)


@command.verb(
    "directory",
    zh="有权发往的单位，以及可发送的报文类型",
    en="The departments one may write to, and with what types",
    examples=("hub inquiry directory OFFICE", "hub inquiry directory OFFICE --type official-document-1"),
)
@_dept
@option("--type", zh="只列可发送此类型的单位", en="only those one may send this type", default="")
@signing
def directory(session: Session, dept: str, type: str, reach: Reach) -> None:
    """Ask whom one may write to."""
    found = _ask(reach, dept, lambda client: client.directory(type))
    rows = [
        (one.code, one.name, one.division, one.level, list(one.types) if session.json else ", ".join(one.types))
        for one in found
    ]
    session.table(PARTNERS, rows, empty=NOTHING)


def _ask(reach: Reach, dept: str, work: Callable[[InquiryClient], Coroutine[Any, Any, T]]) -> T:
    """Run `work` with a client of the department. Errors: ExchangeFault; Unavailable exchange.*; Misconfigured."""
    from connectors.inquiry.client import InquiryClient
    from connectors.inquiry.names import PATH

    side = reach.side(dept)

    async def run() -> T:
        async with InquiryClient(reach.address(PATH), side.signer, dept, tls=side.tls) as client:
            return await work(client)

    return asyncio.run(run())


def _split(id: str) -> tuple[str, str]:
    sender, slash, message_id = id.rpartition("/")
    return (sender, message_id) if slash else ("", id)


def _told(session: Session, code: str, said: Label) -> str | Phrase:
    return code if session.json else Phrase(*said)


def _rows(found: Iterable[SeenMessage]) -> list[tuple[object, ...]]:
    return [(one.received, one.sender, one.message_id, one.type, one.document_number, one.case_number) for one in found]
