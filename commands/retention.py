"""`hub retention`: which documents are old enough to go, and the administrator's word that they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option
from commands.frame.order import order_of
from commands.frame.progress import progress
from commands.frame.words import size_of

if TYPE_CHECKING:
    from hub.retention.retention import Rule
    from hub.store.store import Store

PLAN = (
    column("rule", "规则", "RULE"),
    column("month", "月份", "MONTH"),
    column("messages", "报文", "MESSAGES"),
    column("bytes", "大小", "SIZE"),
    column("oldest", "最早", "OLDEST"),
    column("newest", "最晚", "NEWEST"),
)
HOLDS = (
    column("kind", "种类", "KIND"),
    column("name", "对象", "OF"),
    column("reason", "理由", "REASON"),
    column("who", "操作人", "WHO"),
    column("since", "起始时间", "SINCE"),
)
KINDS = {
    "message": Phrase("报文", "message"),
    "case": Phrase("办件", "case"),
    "document": Phrase("发文字号", "document number"),
}
_NOTHING = Phrase("没有到期的正文", "nothing is old enough to go")

command = noun(
    "retention",
    zh="保存期限：按规则清理到期报文的正文；账目、摘要、戳记与回执凭据始终保留。",
    en="Retention: let documents go by rule; entries, digests, stamps and acknowledgements always stay.",
)


@contextmanager
def _ruled(session: Session) -> Iterator[tuple[Store, tuple[Rule, ...]]]:
    """The database and the rules of hub.yaml. Errors: Misconfigured retention.none."""
    from commands.frame.opened import opened_store
    from hub.errors import Misconfigured
    from hub.hub import read_settings
    from hub.retention.retention import rules_of

    rules = rules_of(read_settings(session.folder).retention)
    if not rules:
        raise Misconfigured("retention.none")
    with opened_store(session) as store:
        yield store, rules


@command.verb(
    "plan",
    zh="列出按规则到期的正文，不作任何改动",
    en="Show what would go by the rules; changes nothing",
    examples=("hub retention plan", "hub -o json retention plan"),
)
def plan(session: Session) -> None:
    """Show what is old enough, by rule and month. Errors: Misconfigured retention.none."""
    from hub.retention.purge import plan as planned

    with _ruled(session) as (store, rules):
        found = planned(store, rules, session.clock())
    shown = int if session.json else size_of
    rows = [(p.rule.name, p.month, p.messages, shown(p.bytes), p.oldest, p.newest) for p in found]
    session.table(PLAN, rows, empty=_NOTHING)
    if found:
        number, size = sum(one.messages for one in found), size_of(sum(one.bytes for one in found))
        zh = f"共 {number} 件，至多 {size}；其他报文仍在使用的附件不清理。"
        session.note(Phrase(zh, f"{number} messages, at most {size}: what others still share stays."))


@command.verb(
    "purge",
    zh="清理到期报文的正文，并在账本中记明规则、数量与摘要",
    en="Let old documents go, with the rule, the count and the digests in the ledger",
    examples=("hub retention purge --why 年度清理", "hub retention purge --yes"),
)
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@option(
    "--database",
    zh="以此地址连接数据库（PostgreSQL 上须以属主身份登录）",
    en="connect to the database by this address; on PostgreSQL as the owner of the tables",
    default="",
)
@why_option
def purge(session: Session, yes: bool, database: str) -> None:
    """Purge what the plan shows, after asking. Errors: Misconfigured retention.none, store.forbidden; click.Abort."""
    from hub.retention.purge import plan as planned
    from hub.retention.purge import purge as purged

    with _ruled(session) as (store, rules):
        at = session.clock()
        number = sum(one.messages for one in planned(store, rules, at))
        if not number:
            session.done(_NOTHING, messages=0, documents=0, bytes=0, shared=0)
            return
        if not yes:
            zh = f"将清理 {number} 件报文的正文，不可恢复。确定吗？"
            session.confirm(Phrase(zh, f"The documents of {number} messages will be gone for good. Purge them?"))
        order = order_of(store.hub_id, session.why)
        with _as_owner(store, database) as owned, progress(session, number, Phrase("正在清理", "purging")) as step:
            done = purged(owned, rules, order, at, step)
    zh = f"已清理 {done.messages} 件报文的 {done.documents} 份正文，共 {size_of(done.bytes)}"
    en = f"purged {done.documents} documents of {done.messages} messages, {size_of(done.bytes)}"
    facts = {"messages": done.messages, "documents": done.documents, "bytes": done.bytes, "shared": done.shared}
    session.done(Phrase(zh, en), **facts)


@contextmanager
def _as_owner(store: Store, database: str) -> Iterator[Store]:
    """The store, or the same one by another address. Errors: Misconfigured store.foreign if it is another ledger."""
    from hub.errors import Misconfigured
    from hub.store.store import Store

    if not database:
        yield store
        return
    owned = Store.open(database, store.node)
    try:
        if owned.ledger_id != store.ledger_id:
            raise Misconfigured("store.foreign", operator="another ledger than that of hub.yaml")
        yield owned
    finally:
        owned.close()


@command.verb(
    "hold",
    zh="保全一件报文、一个办件或一个发文字号，任何规则均不清理",
    en="Keep a message, a case or a document number from every rule, such as for a lawsuit",
    examples=("hub retention hold OFFICE/m-1 --reason 行政复议", "hub retention hold 4403002026000123"),
)
@argument("what", zh="报文标识、办件编号或发文字号", en="message id, case number or document number")
@why_option
def hold(session: Session, what: str) -> None:
    """Hold it, also what comes under the number later. Errors: Refused message.unknown, retention.held."""
    from commands.frame.opened import opened_store
    from hub.retention.purge import hold as held

    with opened_store(session) as store:
        kind, name = _meant(store, what)
        late = held(store, kind, name, order_of(store.hub_id, session.why), session.clock())
    session.done(Phrase(f"已保全 {name}", f"{name} is held"), kind=kind, name=name, late=late)
    if late:
        session.note(Phrase(f"其中 {late} 件的正文此前已清理", f"the documents of {late} messages were purged before"))


@command.verb(
    "release",
    zh="解除保全",
    en="End a hold",
    examples=("hub retention release OFFICE/m-1 --reason 复议已结",),
)
@argument("what", zh="报文标识、办件编号或发文字号", en="message id, case number or document number")
@why_option
def release(session: Session, what: str) -> None:
    """End a hold. Errors: Refused message.unknown, retention.not-held."""
    from commands.frame.opened import opened_store
    from hub.retention.purge import release as released

    with opened_store(session) as store:
        kind, name = _meant(store, what)
        released(store, kind, name, order_of(store.hub_id, session.why), session.clock())
    session.done(Phrase(f"已解除对 {name} 的保全", f"{name} is held no longer"), kind=kind, name=name)


@command.verb("holds", zh="列出全部保全", en="List all holds", examples=("hub retention holds",))
def holds(session: Session) -> None:
    """List holds, oldest first."""
    from commands.frame.opened import opened_store
    from hub.store.purging import read_holds

    with opened_store(session) as store, store.reading() as connection:
        found = read_holds(connection)
    rows = [(h.kind if session.json else KINDS[h.kind], h.name, h.reason, h.who, h.since) for h in found]
    session.table(HOLDS, rows, empty=Phrase("没有保全", "nothing is held"))


def _meant(store: Store, what: str) -> tuple[str, str]:
    """What a text names: a case or document number that a message has, else one message. Errors: as `pick`."""
    from commands.frame.pick import pick
    from hub.codes import normalise_document_number
    from hub.store.evidence import find_case

    normal = normalise_document_number(what)
    with store.reading() as connection:
        for one in find_case(connection, [what, *([normal] if normal else [])]):
            return ("case", what) if one.case_number == what else ("document", one.document_number or what)
        message = pick(connection, what)
    return "message", f"{message.sender}/{message.message_id}"
