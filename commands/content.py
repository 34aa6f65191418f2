"""`hub content`: where large attachments lie, what of them nobody needs any more, and whether they are as they were."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from commands.frame.command import ExitCode, Phrase, Session, column, noun, option
from commands.frame.progress import progress
from commands.frame.values import DURATION
from commands.frame.words import size_of

if TYPE_CHECKING:
    from hub.store.content.content import ContentStore

_BYTES = 1024 * 1024
SHOWN = (
    column("place", "存储位置", "place"),
    column("complete", "已传完的附件", "complete uploads"),
    column("completeBytes", "共计", "their bytes"),
    column("underWay", "上传中的附件", "uploads under way"),
    column("underWayBytes", "共计", "their bytes"),
)
DAMAGE = (column("sha256", "内容摘要", "BLOB"), column("code", "问题", "WRONG"))
_GRACE = option(
    "--grace",
    zh="不足此时长的内容一律保留",
    en="what is younger than this stays",
    type=DURATION,
    default="1d",
)

command = noun(
    "content",
    zh="大附件的存储：查看、清理与核对。",
    en="Where large attachments lie: see, sweep and check it.",
)


@command.verb(
    "show",
    zh="查看大附件的存储情况",
    en="Show where they lie and how much there is",
    examples=("hub content show",),
)
def show(session: Session) -> None:
    """Show the place, without the keys in it, and what the database knows."""
    from commands.frame.opened import opened_store
    from hub.hub import read_settings
    from hub.store.sweeping import count

    with opened_store(session) as store, store.reading() as connection:
        found = count(connection)
    complete, under_way = found.get(True, (0, 0)), found.get(False, (0, 0))
    shown = int if session.json else size_of
    place = _without_keys(read_settings(session.folder).content.place)
    values = [place, complete[0], shown(complete[1]), under_way[0], shown(under_way[1])]
    session.record(SHOWN, values)


def _without_keys(place: str) -> str:
    scheme, mark, rest = place.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if mark else place


@command.verb(
    "sweep",
    zh="清理无人使用的内容：逾期的上传，以及没有报文引用的附件",
    en="Take away what nobody needs: lapsed uploads, and attachments of no message that is kept",
    examples=("hub content sweep --dry-run", "hub content sweep"),
)
@option("--dry-run", zh="只统计，不清理", en="only count", is_flag=True)
@_GRACE
def sweep(session: Session, dry_run: bool, grace: timedelta) -> None:
    """Sweep while the hub may be serving. Errors: Unavailable content.*, Misconfigured content.*"""
    from commands.frame.opened import opened_store
    from hub.attachments.sweep import plan
    from hub.attachments.sweep import sweep as swept

    with opened_store(session) as store:
        work = plan if dry_run else swept
        done = work(store, _content(session), session.clock(), grace)
    size = size_of(done.bytes)
    zh = f"{done.blobs} 份内容，共 {size}；逾期的上传 {done.uploads} 个"
    en = f"{done.blobs} blobs, {size}, and {done.uploads} lapsed uploads"
    said = Phrase(f"可清理 {zh}", f"would take away {en}") if dry_run else Phrase(f"已清理 {zh}", f"took away {en}")
    session.done(said, uploads=done.uploads, blobs=done.blobs, bytes=done.bytes, leftovers=done.leftovers)


@command.verb(
    "check",
    zh="读取全部内容，逐一与摘要核对",
    en="Read all of it and compare it with its digests",
    examples=("hub content check", "hub -o json content check"),
)
def check(session: Session) -> ExitCode:
    """Check; exit code CHECK_FAILED if anything is missing or altered. Errors: Unavailable content.*"""
    from commands.frame.opened import opened_store
    from hub.attachments.sweep import check as checked
    from hub.attachments.sweep import parts_of
    from hub.catalogue import CATALOGUE

    with opened_store(session) as store:
        parts = parts_of(store)
        total = sum(part.size for part in parts)
        with progress(session, total, Phrase("正在核对", "checking"), every=_BYTES) as step:
            damage = list(checked(store, _content(session), parts, step))
    said = {code: Phrase(CATALOGUE[code].zh, CATALOGUE[code].en) for code in {one.code for one in damage}}
    rows = [(one.digest, one.code if session.json else said[one.code].by(session.lang)) for one in damage]
    whole = Phrase(f"{len(parts)} 份内容全部与摘要一致", f"all {len(parts)} blobs are as they were")
    session.table(DAMAGE, rows, empty=whole)
    return ExitCode.CHECK_FAILED if damage else ExitCode.OK


def _content(session: Session) -> ContentStore:
    from hub.hub import open_content_later, read_settings

    return open_content_later(session.folder, read_settings(session.folder))
