"""`hub restore`: brings a backup back into an empty data directory, proven first, and says what is lost."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.command import Phrase, Session, argument, option, single, why_option
from commands.frame.files import FILE
from commands.frame.order import order_of
from commands.frame.progress import progress

if TYPE_CHECKING:
    from hub.backup.gap import Gap
    from hub.backup.manifest import Manifest
    from hub.backup.restore import Restoration

HEAD, WITNESSED = "restored-head.note", "restored-witnessed.note"
"""Left in the data directory: the checkpoint at which the ledger goes on, and the last one that a witness cosigned."""

_NO_KEYS = Phrase(
    "备份不含私钥：启动前请将私钥放回 keys 目录",
    "the backup has no private keys: put them back into keys/ before you serve",
)
_FENCE = Phrase(
    "请确保原交换中心不会再运行：两处以同一密钥签署即为账本分叉。"
    f"见证方会报告账本回退，请将 {WITNESSED} 和缺少的账目数告知监督机关",
    "see that the old hub never serves again: two that sign with one key are a fork. "
    f"Witnesses will report a roll-back: send {WITNESSED} and the number of missing entries to the authority",
)


@single(
    "restore",
    zh="由备份恢复到空的数据目录（--data）：先核验备份，封存原有各节点的账目链，换用新节点名，并记入账本；不启动任何进程",
    en="Bring a backup back into an empty data directory (--data): it is proven first, the chains of all nodes are "
    "closed, the node gets a new name, and the ledger says so. Nothing is started",
    examples=(
        "hub restore /backup/CENTER-20261122T030000Z --data /srv/hub-2",
        "hub restore hub.tar --data /srv/hub-2 --since kept.note --why 磁盘损坏",
        "hub restore hub.tar --data /srv/hub-2 --database postgresql+psycopg://hub_owner@db.example/hub2",
    ),
)
@argument("origin", zh="备份目录或 .tar 文件", en="folder or .tar file of the backup", type=click.Path(path_type=Path))
@option("--database", zh="空的 PostgreSQL 数据库；不给则恢复为数据目录中的 SQLite 文件",
        en="an empty PostgreSQL database; without it an SQLite file in the data directory", default="",
        metavar="URL")  # fmt: skip
@option("--since", zh="外部留存的检查点文件，可多个；说明缺少多少账目",
        en="a checkpoint kept elsewhere, repeatable; says how many entries are missing", type=FILE,
        multiple=True)  # fmt: skip
@option("--node", zh="新的节点名（默认为原名加恢复时间）", en="the new node name (default: the old one and the time)",
        default="")  # fmt: skip
@why_option
def command(session: Session, origin: Path, database: str, since: tuple[Path, ...], node: str) -> None:
    """Prove, copy, record. Errors: Misconfigured backup.*, install.not-empty, store.*, node.closed; Refused note.*"""
    import hashlib

    from hub.backup.place import as_folder, manifest_of
    from hub.backup.restore import Restoration, check_target, node_after
    from hub.whole import whole_folder

    manifest, raw = manifest_of(origin)
    check_target(database)
    name = node or node_after(manifest.node, session.clock())
    # A database elsewhere is undone after the folder, whatever happens to that.
    with ExitStack() as undo, whole_folder(session.folder, ".hub-restore-") as partial, as_folder(origin) as backup:
        gaps = _proven(session, backup, manifest, since)
        restoration = Restoration(manifest, hashlib.sha256(raw).hexdigest(), name, gaps)
        _put(session, undo, backup, partial, restoration, database)
    _tell(session, restoration)


def _proven(session: Session, backup: Path, manifest: Manifest, since: tuple[Path, ...]) -> tuple[Gap, ...]:
    from commands.proof_of_backup import prove
    from hub.errors import Misconfigured

    proof = prove(session, backup, manifest, since)
    if proof.findings:
        raise Misconfigured("backup.unsound", operator=proof.findings[0].sentence(session.lang))
    return proof.gaps


def _put(
    session: Session, undo: ExitStack, backup: Path, partial: Path, restoration: Restoration, database: str
) -> None:
    """Everything into the folder, or the database into the one elsewhere."""
    from hub.backup.restore import HERE, moved_to, put_database, put_files, read_notes, settle

    manifest = restoration.manifest
    put_files(backup, manifest, partial, node=restoration.node, url=database or HERE)
    file = put_database(backup, partial)
    url = f"sqlite:///{file}"
    for name, note in zip((HEAD, WITNESSED), read_notes(url, manifest.hub), strict=True):
        if note:
            (partial / name).write_text(note, encoding="utf-8")
    if database:
        with progress(session, 2 * _rows(url, manifest.hub), Phrase("正在恢复", "restoring")) as step:
            undo.enter_context(moved_to(database, file, manifest.hub, step))
        file.unlink()
    order = order_of(manifest.hub, session.why)
    settle(database or url, order, restoration, session.clock())


def _rows(url: str, hub: str) -> int:
    from hub.store.copying import Original
    from hub.store.snapshot import moment

    with moment(url, hub) as now:
        return Original(now.connection).rows()


def _tell(session: Session, restoration: Restoration) -> None:
    from commands.proof_of_backup import facts_of, tell_gaps
    from hub.administration.administered import NODE

    manifest, head = restoration.manifest, restoration.manifest.head
    at = manifest.at.isoformat(timespec="seconds")
    outside = sorted(one.name for one in manifest.files if one.name.startswith("outside/"))
    zh = f"已恢复 {manifest.hub} 在 {at} 的状态：账目 {head.size} 条；新节点名 {restoration.node}"
    en = f"{manifest.hub} is as it was at {at}: {head.size} entries; its node is now {restoration.node}"
    session.done(
        Phrase(zh, en), hub=manifest.hub, at=manifest.at, entries=head.size, root=head.root, node=restoration.node,
        closed=dict(head.chains), since=facts_of(restoration.gaps), privateKeys=manifest.private_keys, outside=outside,
    )  # fmt: skip
    if session.json:
        return
    tell_gaps(session, restoration.gaps)
    for name, number in ((name, number) for name, number in head.chains.items() if name != NODE):
        zh = f"  节点 {name}：序号大于 {number} 的戳记，其报文已不在本中心，须由发送方重新提交"
        en = f"  node {name}: messages with a stamp above {number} are gone from here; their senders submit them again"
        session.line(session.phrase(zh, en))
    for name in outside:
        zh = f"提醒：{name} 原在数据目录之外，请放回 hub.yaml 所指的位置"
        session.note(Phrase(zh, f"note: {name} was outside the data directory; put it where hub.yaml names it"))
    if not manifest.private_keys:
        session.note(_NO_KEYS)
    session.note(_FENCE)
