"""`hub ledger`: shows the hash chains, and proves that nothing recorded was changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.command import ExitCode, Phrase, Session, column, noun, option
from commands.frame.files import FILE, read_file
from commands.frame.progress import progress
from commands.frame.words import HOPS
from commands.ledger_archive import archive
from commands.ledger_key import command as key

if TYPE_CHECKING:
    from hub.audit.audit import Finding, Report
    from hub.ledger.ledger import Entry

ENTRIES = (
    column("node", "节点", "NODE"),
    column("sequence", "序号", "SEQ"),
    column("time", "时间", "TIME"),
    column("kind", "环节", "HOP"),
    column("sender", "发送方", "SENDER"),
    column("messageId", "报文标识", "MESSAGE"),
    column("source", "自", "FROM"),
    column("target", "至", "TO"),
    column("detail", "说明", "DETAIL"),
    column("hash", "哈希", "HASH"),
)
HEADS = (
    column("node", "节点", "NODE"),
    column("sequence", "最后序号", "LAST"),
    column("time", "时间", "TIME"),
    column("hash", "哈希", "HASH"),
)
ROWS = {
    "entry": Phrase("账目 {} 条", "{} ledger entries"),
    "document": Phrase("内容 {} 份", "{} documents"),
    "message": Phrase("报文 {} 件", "{} messages"),
    "delivery": Phrase("投递 {} 次", "{} deliveries"),
    "refusal": Phrase("拒绝 {} 次", "{} refusals"),
    "leaf": Phrase("树叶 {} 片", "{} leaves"),
    "checkpoint": Phrase("检查点 {} 个", "{} checkpoints"),
    "timestamp": Phrase("时间戳 {} 个", "{} time-stamps"),
}
JOBS = option(
    "--jobs",
    zh="用几个进程核对；不指定时按处理器数目，账目较少时只用一个",
    en="share the work out to so many processes; without it as many as processors, one for a small ledger",
    type=click.IntRange(1, 64),
)

command = noun(
    "ledger",
    zh="账本：每个环节一条账目，逐条以哈希相连，改动任何一处都能查出。",
    en="The ledger: one entry for every hop, chained by hashes, so that no change goes unnoticed.",
)


@command.verb(
    "verify",
    zh="从存储的原始内容重新推算全部记录，指出第一处不符的账目与字段",
    en="Re-derive everything from the stored bytes, and name the first wrong entry and field",
    examples=("hub ledger verify", "hub -o json ledger verify"),
)
@option(
    "--show", "most", zh="最多列出多少处不符", en="list at most so many findings", type=click.IntRange(1), default=10
)
@JOBS
def verify(session: Session, most: int, jobs: int | None) -> ExitCode:
    """Audit the whole database; exit code CHECK_FAILED if anything is wrong."""
    from commands.frame.opened import opened_store
    from hub.audit.audit import report, standard_of
    from hub.hub import read_settings
    from hub.store.holdings import count

    began = session.clock()
    with opened_store(session) as store:
        standard = standard_of(session.folder, read_settings(session.folder), store)
        with store.reading() as connection:
            rows = count(connection).total
        with progress(session, rows, Phrase("正在核对", "checking")) as step:
            found = report(store, standard, keep=most, seen=lambda row, number: step(number), jobs=jobs or 0)
    _tell(session, found, (session.clock() - began).total_seconds())
    return ExitCode.OK if found.clean else ExitCode.CHECK_FAILED


@command.verb(
    "audit",
    zh="全面审计：verify 的全部内容，并重新推算账本树与每个检查点；可与外部留存的检查点比对",
    en="All that verify does, and the tree with every checkpoint grown anew; compares with checkpoints kept elsewhere",
    examples=(
        "hub ledger audit",
        "hub -o json ledger audit --quick",
        "hub ledger audit --kept witness-2026-03-02.note",
    ),
)
@option("--kept", zh="外部留存的检查点文件（可多个）", en="a checkpoint kept elsewhere", type=FILE, multiple=True)
@option("--quick", zh="只核对哈希链与账本树，不核对报文", en="only chains and tree, not what they record", is_flag=True)
@option(
    "--show", "most", zh="最多列出多少处不符", en="list at most so many findings", type=click.IntRange(1), default=10
)
@JOBS
def audit(session: Session, kept: tuple[Path, ...], quick: bool, most: int, jobs: int | None) -> ExitCode:
    """Audit database and tree; exit code CHECK_FAILED if anything is wrong."""
    from commands.frame.opened import opened_store
    from hub.audit.audit import log_standard, report, standard_of
    from hub.hub import read_settings
    from hub.store.holdings import count
    from hub.store.tree_holdings import count_tree

    began, settings = session.clock(), read_settings(session.folder)
    notes = {path.name: read_file(path) for path in kept}
    with opened_store(session) as store:
        standard = standard_of(session.folder, settings, store)
        log = log_standard(session.folder, settings, store, notes)
        with store.reading() as connection:
            census = count(connection)
            rows = (census.entries if quick else census.total) + count_tree(connection)
        with progress(session, rows, Phrase("正在审计", "auditing")) as step:
            deep, seen = not quick, lambda row, number: step(number)
            found = report(store, standard, log, deep=deep, keep=most, seen=seen, jobs=jobs or 0)
    _tell(session, found, (session.clock() - began).total_seconds())
    return ExitCode.OK if found.clean else ExitCode.CHECK_FAILED


def _tell(session: Session, found: Report, seconds: float) -> None:
    if session.json:
        rows = {str(row): number for row, number in found.rows.items()}
        facts = {"clean": found.clean, "rows": rows, "seconds": seconds, "wrong": found.wrong}
        session.write_json({**facts, "findings": [fact(finding) for finding in found.findings]})
        return
    counts = [ROWS[row].by(session.lang).format(number) for row, number in found.rows.items()]
    joined = session.phrase("、", ", ").join(counts)
    session.line(session.phrase(f"已核对：{joined}；用时 {seconds:.1f} 秒", f"checked {joined} in {seconds:.1f} s"))
    if found.clean:
        session.line(session.phrase("全部一致，未发现改动。", "Everything agrees; nothing was changed."))
        return
    session.line(
        session.phrase(f"发现 {found.wrong} 处不符，首处如下：", f"{found.wrong} things are wrong, the first:")
    )
    for finding in found.findings:
        session.line("  " + finding.sentence(session.lang))
    if found.wrong > len(found.findings):
        rest = found.wrong - len(found.findings)
        session.line(session.phrase(f"  另有 {rest} 处未列出", f"  and {rest} more"))


def fact(finding: Finding) -> dict[str, object]:
    """A finding for a program."""
    return {
        "code": finding.code,
        "node": finding.node,
        "sequence": finding.sequence,
        "of": finding.what,
        "field": finding.field,
        "expected": finding.expected,
        "got": finding.got,
        "zh": finding.sentence("zh"),
        "en": finding.sentence("en"),
    }


@command.verb(
    "show",
    zh="列出账目；不指定起点时列出最近的",
    en="List entries, the latest unless told where to begin",
    examples=("hub ledger show", "hub ledger show --node hub --from 1 --most 20"),
)
@option("--node", zh="只看此节点", en="only this node", default="")
@option("--from", "first", zh="从此序号开始", en="begin with this sequence number", type=click.IntRange(1))
@option("--most", zh="最多条数", en="at most so many", type=click.IntRange(1, 10_000), default=50)
def show(session: Session, node: str, first: int | None, most: int) -> None:
    """List entries."""
    from commands.frame.opened import opened_store
    from hub.store.chain_holdings import some_entries

    with opened_store(session) as store, store.reading() as connection:
        found = some_entries(connection, node, first or 0, most)
    session.table(
        ENTRIES, [entry_row(stored.entry, session) for stored in found], empty=Phrase("没有账目", "no entries")
    )


@command.verb(
    "head",
    zh="显示每个节点最后一条账目及其哈希，可抄录留存以备日后核对",
    en="Show the last entry of each chain with its hash, to be noted down and compared later",
    examples=("hub ledger head",),
)
def head(session: Session) -> None:
    """Show where each chain stands."""
    from commands.frame.opened import opened_store
    from hub.ledger.ledger import from_microseconds
    from hub.store.chain_holdings import heads

    with opened_store(session) as store, store.reading() as connection:
        found = heads(connection)
    rows = [(s.entry.node, s.entry.sequence, from_microseconds(s.entry.time_us), s.hash.hex()) for s in found]
    session.table(HEADS, rows, empty=Phrase("账本为空", "the ledger is empty"))


command.add_command(key)
command.add_command(archive)


def entry_row(entry: Entry, session: Session) -> tuple[object, ...]:
    """One entry in the columns `ENTRIES`; codes for programs, words and a short hash for people."""
    from hub.ledger.ledger import entry_hash, from_microseconds

    hashed = entry_hash(entry).hex()
    return (
        entry.node,
        entry.sequence,
        from_microseconds(entry.time_us),
        entry.kind if session.json else HOPS.get(entry.kind, entry.kind),
        entry.sender,
        entry.message_id,
        entry.source,
        entry.target,
        entry.detail,
        hashed if session.json else hashed[:12],
    )
