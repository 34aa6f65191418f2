"""`hub mailbox`: what waits in mailboxes, and fetching it as a department does, over SOAP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.department.side import Reach, Side, signing
from commands.frame.command import Phrase, Session, argument, column, noun, option
from commands.frame.files import FILE, FOLDER, write_new
from commands.frame.words import ROLES, STATES, said_of

if TYPE_CHECKING:
    from connectors.exchange_client import Fetched, Standing

WAITING = (
    column("delivery", "投递编号", "DELIVERY"),
    column("received", "接收时间", "RECEIVED"),
    column("sender", "发送方", "SENDER"),
    column("messageId", "报文标识", "MESSAGE"),
    column("type", "类型", "TYPE"),
    column("state", "状态", "STATE"),
)
FETCHED = (
    column("delivery", "投递编号", "DELIVERY"),
    column("sender", "发送方", "SENDER"),
    column("messageId", "报文标识", "MESSAGE"),
    column("type", "类型", "TYPE"),
    column("role", "方式", "ROLE"),
    column("leaseUntil", "保留至", "LEASED UNTIL"),
    column("folder", "存放于", "KEPT IN"),
    column("confirmed", "已确认", "CONFIRMED"),
)
STANDING = (
    column("department", "收件单位", "RECIPIENT"),
    column("role", "方式", "ROLE"),
    column("state", "状态", "STATE"),
    column("attempts", "次数", "TRIES"),
    column("at", "时间", "TIME"),
    column("detail", "原因", "CAUSE"),
)

command = noun(
    "mailbox",
    zh="信箱：不能被推送的单位在此自行收取报文。",
    en="Mailboxes: where departments that cannot be pushed to fetch their messages.",
)
_dept = argument("dept", zh="单位代码", en="department code")


@command.verb(
    "list", zh="查看单位信箱中的报文", en="See what waits for a department", examples=("hub mailbox list WATER",)
)
@_dept
@option("--most", zh="最多条数", en="at most so many", type=click.IntRange(1, 10_000), default=100)
def list_waiting(session: Session, dept: str, most: int) -> None:
    """List what a department's mailboxes hold, from the hub's own records; nothing is fetched."""
    from commands.frame.opened import opened_store, rules_of
    from hub.directory import Kind
    from hub.errors import Misconfigured
    from hub.store.trace import list_deliveries

    with opened_store(session) as store:
        endpoints = rules_of(session, store).directory.of_department.get(dept, ())
        mailboxes = [endpoint.code for endpoint in endpoints if endpoint.kind is Kind.MAILBOX]
        if not mailboxes:
            raise Misconfigured("mailbox.absent", got=dept)
        with store.reading() as connection:
            found = [
                pair
                for code in mailboxes
                for state in ("waiting", "leased")
                for pair in list_deliveries(connection, endpoint=code, state=state, most=most)
            ]
    rows = [
        (d.id, m.received, m.sender, m.message_id, m.type, d.state if session.json else STATES[d.state])
        for d, m in sorted(found, key=lambda pair: pair[0].id)
    ]
    session.table(WAITING, rows, empty=Phrase("信箱是空的", "the mailbox is empty"))


@command.verb(
    "fetch",
    zh="以单位身份收取报文",
    en="Fetch messages as a department",
    examples=("hub mailbox fetch WATER --out inbox --confirm", "hub mailbox fetch WATER --max 5"),
)
@_dept
@option("--max", "most", zh="最多收取多少件", en="at most so many", type=click.IntRange(1, 100), default=10)
@option("--out", zh="存放到此目录，每件一个子目录", en="keep them here, a folder each", type=FOLDER)
@option("--confirm", zh="存放后即确认收到", en="confirm what has been kept", is_flag=True)
@signing
def fetch(
    session: Session,
    dept: str,
    most: int,
    out: Path | None,
    confirm: bool,
    reach: Reach,
) -> None:
    """Fetch, keep, and only then confirm."""
    if confirm and out is None:
        raise click.BadParameter("--confirm: --out DIR", param_hint="--out")
    side, address = reach.side(dept), reach.address()
    fetched = side.call(address, lambda client: client.fetch(most))
    kept = _keep(session, side, fetched, out)
    if confirm and fetched:
        side.call(address, lambda client: client.confirm(fetched))
    rows = [
        (
            one.delivery_id,
            one.sender,
            one.message_id,
            one.type,
            one.role if session.json else next((s for r, s in ROLES.items() if r == one.role), one.role),
            one.lease_until,
            str(home) if home else None,
            confirm,
        )
        for one, home in zip(fetched, kept, strict=True)
    ]
    session.table(FETCHED, rows, empty=Phrase("信箱是空的", "the mailbox is empty"))


def _keep(session: Session, side: Side, fetched: list[Fetched], out: Path | None) -> list[Path | None]:
    """Write each message into its folder, and what it links to: only then may it be confirmed."""
    from commands.department.carrying import download_all
    from commands.department.unpacking import unpack

    if out is None:
        return [None] * len(fetched)
    homes = [unpack(one, out) for one in fetched]
    for one, home in zip(fetched, homes, strict=True):
        if one.links:
            download_all(session, side, one, home)
    return list(homes)


@command.verb(
    "confirm",
    zh="确认已存放的报文",
    en="Confirm messages that were fetched into a folder",
    examples=("hub mailbox confirm WATER inbox", "hub mailbox confirm WATER inbox/7-OFFICE-m-1"),
)
@_dept
@argument(
    "folder",
    zh="fetch --out 所用的目录，或其中一件的子目录",
    en="the folder of fetch --out, or one below it",
    type=FOLDER,
)
@signing
def confirm(session: Session, dept: str, folder: Path, reach: Reach) -> None:
    """Confirm what lies in a folder; what was confirmed before stays as it is."""
    from commands.department.unpacking import read_unpacked

    items = read_unpacked(folder)
    number = reach.side(dept).call(reach.address(), lambda client: client.confirm(items))
    already = len(items) - number
    session.done(
        Phrase(f"已确认 {number} 件，此前已确认 {already} 件", f"confirmed {number}; {already} were confirmed before"),
        confirmed=number,
        already=already,
    )


@command.verb(
    "status",
    zh="以发送方身份查询所发报文的状态",
    en="Ask, as its sender, what became of a message",
    examples=("hub mailbox status OFFICE m-1", "hub mailbox status OFFICE m-1 --list recipients.txt"),
)
@_dept
@argument("id", zh="报文标识", en="message id")
@option(
    "--list",
    "keep",
    zh="收件单位名单与戳记核对后存入此文件",
    en="compare the recipients with the stamp, and keep their list in this file",
    type=FILE,
)
@signing
def status(session: Session, dept: str, id: str, keep: Path | None, reach: Reach) -> None:
    """Ask the hub over SOAP. Errors: Refused stamp.recipients if its answer is not what its stamp states."""
    found = reach.side(dept).call(reach.address(), lambda client: client.status(id))
    if keep is not None:
        keep_list(found, keep)
    rows = [
        (
            one.department,
            one.role if session.json else next((s for r, s in ROLES.items() if r == one.role), one.role),
            one.state if session.json else next((s for k, s in STATES.items() if k == one.state), one.state),
            one.attempts,
            one.at,
            one.detail if session.json or not one.detail else said_of(one.detail),
        )
        for one in found.recipients
    ]
    session.table(STANDING, rows, empty=Phrase("没有收件单位", "no recipients"))


def keep_list(found: Standing, file: Path) -> None:
    """Write the list of the recipients told, if they are those the stamp states. Errors: Refused stamp.recipients."""
    from hub.errors import Refused
    from hub.parser import parse
    from hub.proof import read_stamp
    from hub.recipients import write_list
    from hub.signing.signature import verify

    codes = [one.department for one in found.recipients]
    stated = read_stamp(verify(parse(found.stamp)).root).recipients
    if not stated.are(codes):
        raise Refused("stamp.recipients", expected=str(stated.count), got=str(len(codes)))
    write_new(file, write_list(codes))
