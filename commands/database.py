"""`hub database`: which layout the database has, and bringing it to this program's."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option
from commands.frame.order import order_of
from commands.frame.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.administration.administered import Deed
    from hub.store.upgrade import Standing

SHOWN = (
    column("kind", "种类", "KIND"),
    column("version", "结构版本", "LAYOUT"),
    column("oldest", "仍可使用的最早版本", "OLDEST PROGRAM"),
    column("program", "本程序的版本", "THIS PROGRAM"),
    column("waiting", "待执行的升级", "WAITING"),
)

PARTITIONS = (
    column("table", "表", "TABLE"),
    column("name", "分区", "PARTITION"),
    column("rows", "约计行数", "ABOUT ROWS"),
    column("bytes", "大小", "SIZE"),
)

command = noun(
    "database",
    zh="数据库：结构的版本、升级与按月分区。",
    en="The database: the version of its layout, its upgrade, and its partitions by month.",
)
_CURRENT = Phrase("数据库已是最新结构", "the database has this program's layout already")


@command.verb(
    "show",
    zh="显示数据库的种类和结构版本，以及待执行的升级",
    en="Show what database it is, the version of its layout, and what an upgrade would do",
    examples=("hub database show",),
)
def show(session: Session) -> None:
    """Tell where the database stands; also when it is too old to be served."""
    from hub.store.tables import VERSION
    from hub.store.upgrade import standing

    url, hub = _database(session)
    found = standing(url, hub)
    kind = "postgresql" if url.startswith("postgresql") else "sqlite"
    steps = [f"{revision.number} {revision.words}" for revision in found.waiting]
    waiting = steps if session.json else "; ".join(steps) or session.phrase("无", "none")
    session.record(SHOWN, (kind, found.version, found.oldest, VERSION, waiting))


@command.verb(
    "upgrade",
    zh="将数据库升级到本程序的结构；SQLite 会先留一份副本，PostgreSQL 请先自行备份",
    en="Bring the database to this program's layout; of SQLite a copy is kept, of PostgreSQL take a backup first",
    examples=(
        "hub database upgrade",
        "hub database upgrade --yes --database postgresql+psycopg://hub_owner@db.example/hub",
    ),
)
@option(
    "--database",
    "owner",
    zh="以属主身份登录的数据库地址（PostgreSQL；默认取 hub.yaml）",
    en="the database's address with its owner's login (PostgreSQL; default: by hub.yaml)",
    default="",
    metavar="URL",
)
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def upgrade(session: Session, owner: str, yes: bool) -> None:
    """Upgrade after asking. Errors: click.Abort; Misconfigured store.*, serve.running."""
    from hub.administration.administered import Deed
    from hub.store.partitions import make_ahead
    from hub.store.upgrade import keep_copy, standing
    from hub.store.upgrade import upgrade as apply

    usual, hub = _database(session)
    url = owner or usual
    found = standing(url, hub)
    if not found.waiting:
        session.done(_CURRENT, before=found.version, after=found.version, copy=None)
        return
    target = found.waiting[-1].number
    for revision in found.waiting:
        session.note(Phrase(f"  {revision.number}：{revision.words}", f"  {revision.number}: {revision.words}"))
    if not yes:
        session.confirm(Phrase(f"将数据库结构从 {found.version} 升级到 {target}，确定吗？",
                               f"Upgrade the database from layout {found.version} to {target}?"))  # fmt: skip
    with ExitStack() as held:
        _be_alone_if_needed(held, session, found)
        copy = keep_copy(url)
        with progress(session, len(found.waiting), Phrase("正在升级", "upgrading")) as step:
            apply(url, lambda revision: step(1))
        make_ahead(url, session.clock())
        _give_rights(url, usual)
        record_act(session, url, hub, Deed.DATABASE_UPGRADED, {"layout": str(found.version)}, {"layout": str(target)})
    kept = Phrase(f"；原数据库的副本为 {copy}", f"; a copy of what it was is {copy}") if copy else Phrase("", "")
    session.done(
        Phrase(f"数据库结构已从 {found.version} 升级到 {target}{kept.zh}",
               f"the database was upgraded from layout {found.version} to {target}{kept.en}"),
        before=found.version, after=target, copy=copy,
    )  # fmt: skip


@command.verb(
    "partitions",
    zh="列出按月分区及其大小；加 --make 时补建本月及今后 12 个月的分区（仅 PostgreSQL）",
    en="List the partitions by month and their sizes; with --make, make those of this month and the coming 12 "
    "(PostgreSQL only)",
    examples=(
        "hub database partitions",
        "hub database partitions --make --database postgresql+psycopg://hub_owner@db.example/hub",
    ),
)
@option("--make", zh="补建缺少的分区，须以属主身份登录", en="make those that are missing, as the owner", is_flag=True)
@option(
    "--database",
    "owner",
    zh="以属主身份登录的数据库地址（默认取 hub.yaml）",
    en="the database's address with its owner's login (default: by hub.yaml)",
    default="",
    metavar="URL",
)
def partitions(session: Session, make: bool, owner: str) -> None:
    """List them, after making what is missing if asked to. Errors: Misconfigured store.*; Unavailable store.*"""
    from commands.frame.words import size_of
    from hub.store import partitions as parts
    from hub.store.engine import check_owner, opened, read_facts
    from hub.store.faults import translated

    usual, hub = _database(session)
    with opened(owner or usual) as engine:
        check_owner(read_facts(engine), hub)
        made = parts.make_ahead(owner or usual, session.clock()) if make else []
        with translated(), engine.connect() as connection:
            found = [(one, parts.weigh(connection, one)) for one in parts.partitions(connection)]
    shown = int if session.json else size_of
    rows = [(one.table, one.name, weight.rows, shown(weight.bytes)) for one, weight in found]
    session.table(PARTITIONS, rows, empty=Phrase("没有分区", "there are no partitions"))
    if made:
        session.note(Phrase(f"已新建 {len(made)} 个分区", f"{len(made)} partitions were made"))


@command.verb(
    "grants",
    zh="输出授予服务角色所需权限的 SQL 语句，由数据库属主执行（仅 PostgreSQL）",
    en="Print the SQL that gives the hub's role its rights, for the owner to run (PostgreSQL only)",
    examples=("hub database grants hub",),
)
@argument("role", zh="交换中心登录数据库所用的角色", en="the role that the hub logs in with")
def grants(session: Session, role: str) -> None:
    """Print the statements of `hub.store.roles`; after an upgrade that brings tables they are run again."""
    from hub.store.roles import grants as statements

    if session.json:
        session.write_json(statements(role))
        return
    session.text("".join(f"{statement};\n" for statement in statements(role)))


def record_act(
    session: Session, url: str, hub: str, deed: Deed, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Put what was done with the database into its ledger. Errors: Misconfigured store.*, Unavailable store.*"""
    from hub.administration.administered import NODE
    from hub.store.administer import record
    from hub.store.store import Store

    store = Store.open(url, NODE, hub_id=hub)
    try:
        with store.transaction() as transaction:
            order = order_of(hub, session.why)
            record(transaction, order, session.clock(), deed, {"database hub": before}, {"database hub": after})
    finally:
        store.close()


def _be_alone_if_needed(held: ExitStack, session: Session, found: Standing) -> None:
    """Where programs of the present layout cannot go on, none may be serving from this data directory."""
    from connectors.serving.serving_lock import serving_lock

    if found.alone:
        held.enter_context(serving_lock(session.folder))


def _give_rights(owner: str, usual: str) -> None:
    """What an owner has made, the role that the hub logs in with may use."""
    from hub.store.engine import user_of
    from hub.store.roles import give_rights

    role = user_of(usual)
    if role not in ("", user_of(owner)):
        give_rights(owner, role)


def _database(session: Session) -> tuple[str, str]:
    """The address that the settings give, and the hub that it has to belong to."""
    from hub.hub import database_url, read_settings

    settings = read_settings(session.folder)
    return database_url(session.folder, settings), settings.hub
