"""`hub migrate`: moves an installation to another database while no hub serves, and proves that all of it arrived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.database import record_act
from commands.frame.command import Phrase, Session, column, option, single, why_option
from commands.frame.progress import progress

if TYPE_CHECKING:
    from hub.settings.settings import Settings
    from hub.store.copying import Sum
    from hub.store.store import Store

TABLES = (
    column("table", "表", "TABLE"),
    column("rows", "行数", "ROWS"),
    column("sum", "校验和", "SUM"),
)


@single(
    "migrate",
    zh="停机后将整个安装迁往另一个空数据库，逐表核对行数与校验和，并在两边审计账本；失败则目标库恢复为空。",
    en="Move the installation to another, empty database while no hub runs; every table is compared and the ledger "
    "audited on both sides. If anything fails the other database is empty again.",
    examples=(
        "hub migrate --to postgresql+psycopg://hub_owner@db.example/hub",
        "hub migrate --from sqlite:///hub.db --to postgresql+psycopg://hub_owner@db.example/hub --switch",
        "hub migrate --to sqlite:///back.db --switch",
    ),
)
@option("--from", "origin", zh="现在的数据库（默认取 hub.yaml）", en="the database now (default: by hub.yaml)",
        default="", metavar="URL")  # fmt: skip
@option("--to", "target", zh="新的空数据库", en="the new, empty database", required=True, metavar="URL")
@option(
    "--switch",
    zh="成功后将新地址写入 hub.yaml，并将原库标记为已迁出",
    en="then write the new address into hub.yaml and mark the old database as left",
    is_flag=True,
)
@why_option
def command(session: Session, origin: str, target: str, switch: bool) -> None:
    """Copy, compare, audit and, if told so, switch. Errors: Misconfigured store.*, serve.running, migrate.*"""
    from connectors.serving.serving_lock import serving_lock
    from hub.administration.administered import Deed
    from hub.hub import database_url, read_settings
    from hub.store.copying import abandon, copy, departing
    from hub.store.partitions import make_ahead

    settings = read_settings(session.folder)
    here, there = (
        database_url(session.folder, replace(settings, database=url or settings.database)) for url in (origin, target)
    )
    with serving_lock(session.folder), departing(here, settings.hub) as departure:
        _audited(session, settings, here)
        with progress(session, 2 * departure.rows(), Phrase("正在复制", "copying")) as step:
            sums = copy(departure, there, step)
        try:
            make_ahead(there, session.clock())
            _audited(session, settings, there)
            _compare_heads(settings, here, there)
            if switch:
                kinds = [{"kind": url.partition(":")[0].partition("+")[0]} for url in (here, there)]
                record_act(session, there, settings.hub, Deed.DATABASE_MOVED, *kinds)
                departure.leave(session.clock())
                _switch(session.folder, target)
        except BaseException:
            abandon(there)
            raise
    _tell(session, sums, switch)


def _audited(session: Session, settings: Settings, url: str) -> None:
    """Nothing is wrong with the ledger, its tree and all that they record. Errors: Misconfigured migrate.unsound."""
    from hub.audit.audit import log_standard, report, standard_of
    from hub.store.holdings import count
    from hub.store.tree_holdings import count_tree

    store = _open(settings, url)
    try:
        standard = standard_of(session.folder, settings, store)
        log = log_standard(session.folder, settings, store, {})
        with store.reading() as connection:
            rows = count(connection).total + count_tree(connection)
        with progress(session, rows, Phrase("正在审计", "auditing")) as step:
            found = report(store, standard, log, keep=1, seen=lambda row, number: step(number))
    finally:
        store.close()
    if not found.clean:
        from hub.errors import Misconfigured

        raise Misconfigured("migrate.unsound", operator=found.findings[0].sentence(session.lang))


def _compare_heads(settings: Settings, here: str, there: str) -> None:
    """The tree and every node's chain end with the same hashes. Errors: Misconfigured store.uneven."""
    from hub.errors import Misconfigured
    from hub.store.chain_holdings import heads
    from hub.store.tree import read_head

    ends = []
    for url in (here, there):
        store = _open(settings, url)
        try:
            with store.reading() as connection:
                head = read_head(connection)
                ends.append((head.size, head.root, sorted((s.entry.node, s.hash) for s in heads(connection))))
        finally:
            store.close()
    if ends[0] != ends[1]:
        raise Misconfigured("store.uneven", where="ledger")


def _open(settings: Settings, url: str) -> Store:
    from hub.administration.administered import NODE
    from hub.store.store import Store

    return Store.open(url, NODE, hub_id=settings.hub)


def _switch(folder: Path, url: str) -> None:
    """Write the address into `hub.yaml`, as a whole or not at all, closed to others if it holds a password."""
    from hub.settings.settings import FILE
    from hub.settings.text import with_database
    from hub.store.engine import has_password
    from hub.whole import replace_whole

    path = folder / FILE
    changed = with_database(path.read_text(encoding="utf-8"), url)
    replace_whole(path, changed.encode(), private=has_password(url))


def _tell(session: Session, sums: dict[str, Sum], switched: bool) -> None:
    rows = [(name, one.rows, f"{one.digest:064x}"[: None if session.json else 16]) for name, one in sums.items()]
    if session.json:
        tables = [dict(zip((c.key for c in TABLES), row, strict=True)) for row in rows]
        session.write_json({"rows": sum(one.rows for one in sums.values()), "switched": switched, "tables": tables})
        return
    session.table(TABLES, rows)
    session.line(session.phrase("两边内容一致，账本审计无误。", "Both sides hold the same, and the ledger is sound."))
    if switched:
        session.note(
            Phrase("hub.yaml 已改为新地址，原数据库不再使用。", "hub.yaml has the new address; the old one is left.")
        )
    else:
        session.note(Phrase("hub.yaml 未改动：原数据库仍在使用，副本将随之过时。",
                            "hub.yaml was not changed: the old database stays in use, and the copy ages."))  # fmt: skip
