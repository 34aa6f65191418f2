"""`hub backup`: takes a backup of a hub that serves, proves that one is whole, lists them, says how old the last is."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.database import record_act
from commands.frame.command import ExitCode, Noun, Phrase, Session, argument, column, option, why_option
from commands.frame.files import FILE, FOLDER
from commands.frame.progress import progress
from commands.frame.values import DURATION

if TYPE_CHECKING:
    from commands.proof_of_backup import Proof
    from hub.audit.report import Report
    from hub.backup.manifest import Manifest
    from hub.settings.settings import Settings

LISTED = (
    column("name", "备份", "BACKUP"),
    column("at", "时间", "TAKEN"),
    column("entries", "账目数", "ENTRIES"),
    column("messages", "报文数", "MESSAGES"),
    column("bytes", "字节数", "BYTES"),
    column("engine", "来源", "FROM"),
    column("keys", "含私钥", "PRIVATE KEYS"),
)


_UNSOUND = Phrase(
    "警告：账本未通过审计，旧备份一份未删；请运行 hub ledger audit",
    "warning: the ledger is not sound, so no old backup was deleted; run hub ledger audit",
)


class _Backup(Noun):
    """`hub backup --to …` is `hub backup take --to …`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put the verb in where it is left out."""
        if args and args[0] not in self.commands and any(word.partition("=")[0] == "--to" for word in args):
            args = ["take", *args]
        return super().parse_args(context, args)


command = _Backup(
    "backup",
    Phrase("备份：不停机复制数据库、设置、路由规则和吊销列表，并可随时核验。",
           "Backups: the database, settings, routing and revocation lists, copied while the hub runs, and proven."),
)  # fmt: skip


@command.verb(
    "take",
    zh="不停机备份；--to 为目录时在其中新建以时间命名的备份，以 .tar 结尾时生成该文件。加密请另用工具",
    en="Back up while the hub runs. --to DIR: a new backup in it, named by the time; --to FILE.tar: just this file. "
    "To encrypt it use a tool of your own",
    examples=(
        "hub backup --to /backup",
        "hub backup take --to /backup --tar --keep 14",
        "hub backup take --to /safe/hub.tar --with-keys --with-secrets --why 迁移机房",
    ),
)
@option("--to", "place", zh="存放备份的目录，或 .tar 文件", en="folder of backups, or a .tar file", required=True,
        type=click.Path(path_type=Path))  # fmt: skip
@option("--tar", zh="备份为一个 .tar 文件", en="make it one .tar file", is_flag=True)
@option("--keep", zh="成功后只保留本账本最近的若干份", en="afterwards keep only so many backups of this ledger",
        type=click.IntRange(1))  # fmt: skip
@option("--with-keys", "keys", zh="包含私钥；请像保管私钥一样保管备份", en="with the private keys: guard it like a key",
        is_flag=True)  # fmt: skip
@option("--with-secrets", "secrets", zh="保留 hub.yaml 中的密码", en="leave passwords in hub.yaml", is_flag=True)
@why_option
def take(session: Session, place: Path, tar: bool, keep: int | None, keys: bool, secrets: bool) -> ExitCode:
    """Take, audit, record, and let old ones go. Errors: Misconfigured; Unavailable store.*; OSError."""
    from hub.backup.place import TAR, being_made
    from hub.hub import read_settings

    settings, at = read_settings(session.folder), session.clock()
    single = place.suffix == TAR
    if single and keep:
        raise click.BadParameter("--to DIR", param_hint="--keep")
    goal = place if single else place / f"{settings.hub}-{at:%Y%m%dT%H%M%SZ}{TAR if tar else ''}"
    goal.parent.mkdir(parents=True, exist_ok=True)
    with being_made(goal) as partial:
        made, digest, missing, audited = _fill(session, partial, settings, at, keys, secrets)
    _record(session, settings, made, digest)
    removed = _let_go(place, made, keep) if keep and audited.clean else []
    _tell(session, goal, made, missing, removed, audited)
    return ExitCode.OK if audited.clean else ExitCode.CHECK_FAILED


def _fill(
    session: Session, partial: Path, settings: Settings, at: datetime, keys: bool, secrets: bool
) -> tuple[Manifest, str, list[str], Report]:
    """Everything that belongs into the folder: the manifest, its digest, what is not there, how the ledger is."""
    from dataclasses import replace

    from commands.proof_of_backup import audit_copy
    from hub.backup.manifest import DATABASE
    from hub.backup.place import seal, write_manifest
    from hub.backup.take import as_kept, describe, gather
    from hub.hub import database_url
    from hub.store.snapshot import frozen, moment

    url = database_url(session.folder, settings)
    with moment(url, settings.hub) as now, progress(session, now.steps(), Phrase("正在备份", "copying")) as step:
        engine = now.engine
        now.copy(partial / DATABASE, step)
    missing = gather(session.folder, settings, partial, keys=keys, passwords=secrets)
    with frozen(partial / DATABASE) as copy:
        public = _log_keys(session.folder, settings)
        made = describe(copy, settings, at, engine, public, private=keys, passwords=secrets)
        found = audit_copy(session, partial, as_kept(settings), copy, made, {}, deep=False)
    made = replace(made, files=seal(partial))
    return made, write_manifest(partial, made), missing, found


def _log_keys(folder: Path, settings: Settings) -> list[Any]:
    """The verifier keys that sign the ledger now. Errors: Misconfigured key.*, certificate.*, note.*"""
    from hub.audit.audit import log_standard
    from hub.hub import open_store

    store = open_store(folder, settings)
    try:
        return [one.key for one in log_standard(folder, settings, store, {}).keys]
    finally:
        store.close()


def _record(session: Session, settings: Settings, made: Manifest, digest: str) -> None:
    """Put it into the ledger: `hub doctor` looks there how old the last one is, whatever machine took it."""
    from hub.administration.administered import Deed
    from hub.hub import database_url

    after = {"backup": made.at.isoformat(timespec="seconds"), "manifest": digest, "size": str(made.head.size)}
    url = database_url(session.folder, settings)
    record_act(session, url, settings.hub, Deed.BACKUP_TAKEN, {}, after)


def _let_go(home: Path, made: Manifest, keep: int) -> list[str]:
    """Delete the oldest backups of this ledger but `keep`; the names of what is gone."""
    from hub.backup.place import backups_in, remove

    old = backups_in(home, made.hub, made.ledger)[:-keep]
    for place, _ in old:
        remove(place)
    return [place.name for place, _ in old]


def _tell(
    session: Session, goal: Path, made: Manifest, missing: list[str], removed: list[str], audited: Report
) -> None:
    head, size = made.head, sum(one.size for one in made.files)
    if not audited.clean:
        session.note(_UNSOUND)
        session.note(Phrase(*(audited.findings[0].sentence(lang) for lang in ("zh", "en"))))
    for name in missing:
        session.note(Phrase(f"提醒：缺少设置中所列的文件 {name}", f"note: {name}, named in the settings, is not there"))
    if made.private_keys:
        session.note(Phrase("备份含有私钥，请严加保管", "the backup holds private keys: guard it"))
    session.done(
        Phrase(f"已备份到 {goal}：账目 {head.size} 条，报文 {made.counts['messages']} 件，{size} 字节",
               f"backed up to {goal}: {head.size} entries, {made.counts['messages']} messages, {size} bytes"),
        backup=goal, at=made.at, entries=head.size, root=head.root, messages=made.counts["messages"], bytes=size,
        sound=audited.clean, missing=missing, removed=removed,
    )  # fmt: skip


@command.verb(
    "verify",
    zh="核验备份：逐个文件的摘要、整个账本的审计、账本末端是否与清单一致；给出外部检查点时说明缺少多少账目",
    en="Prove a backup: the digest of each file, the audit of the whole ledger, its head against the manifest; "
    "with checkpoints kept outside, say how many entries it lacks",
    examples=("hub backup verify /backup/CENTER-20261122T030000Z", "hub backup verify hub.tar --since kept.note"),
)
@argument("origin", zh="备份目录或 .tar 文件", en="folder or .tar file of the backup",
          type=click.Path(path_type=Path))  # fmt: skip
@option(
    "--since", zh="外部留存的检查点文件，可多个", en="a checkpoint kept elsewhere, repeatable", type=FILE, multiple=True
)
def verify(session: Session, origin: Path, since: tuple[Path, ...]) -> ExitCode:
    """Verify; exit code CHECK_FAILED if anything is wrong. Errors: Misconfigured backup.*; Refused note.*"""
    from commands.proof_of_backup import prove
    from hub.backup.place import as_folder, manifest_of

    manifest, _ = manifest_of(origin)
    with as_folder(origin) as folder:
        proof = prove(session, folder, manifest, since)
    _tell_proof(session, manifest, proof)
    return ExitCode.CHECK_FAILED if proof.wrong else ExitCode.OK


def _tell_proof(session: Session, manifest: Manifest, proof: Proof) -> None:
    from commands.ledger import fact
    from commands.proof_of_backup import facts_of, tell_gaps

    if session.json:
        facts = {"clean": not proof.wrong, "wrong": proof.wrong, "at": manifest.at, "entries": manifest.head.size}
        findings = [fact(finding) for finding in proof.findings]
        session.write_json({**facts, "findings": findings, "since": facts_of(proof.gaps)})
        return
    if proof.wrong:
        session.line(session.phrase(f"发现 {proof.wrong} 处问题：", f"{proof.wrong} things are wrong:"))
        for finding in proof.findings:
            session.line("  " + finding.sentence(session.lang))
    else:
        at, size = manifest.at.isoformat(timespec="seconds"), manifest.head.size
        zh = f"备份完好：{at}，账目 {size} 条，账本审计无误。"
        session.line(session.phrase(zh, f"The backup is whole: {at}, {size} entries, and its ledger is sound."))
    tell_gaps(session, proof.gaps)


@command.verb(
    "list",
    zh="列出目录中的备份",
    en="List the backups in a folder, of this hub's ledger",
    examples=("hub backup list /backup",),
)
@argument("home", zh="存放备份的目录", en="the folder of backups", type=FOLDER)
def listed(session: Session, home: Path) -> None:
    """List backups, oldest first. Errors: Misconfigured settings.*, store.*"""
    from commands.frame.opened import opened_store
    from hub.backup.place import backups_in

    with opened_store(session) as store:
        found = backups_in(home, store.hub_id, store.ledger_id)
    rows = [
        (place.name, one.at, one.head.size, one.counts.get("messages", 0), sum(f.size for f in one.files), one.engine,
         one.private_keys)
        for place, one in found
    ]  # fmt: skip
    session.table(LISTED, rows, empty=Phrase("没有备份", "no backups"))


@command.verb(
    "last",
    zh="显示最近一次备份的时间；超过 --within 或从未备份时退出码为 8",
    en="Say when the last backup was taken; exit code 8 if that is longer ago than --within, or there is none",
    examples=("hub backup last", "hub backup last --within 26h"),
)
@option("--within", zh="最长间隔，如 26h、2d", en="longest time, like 26h or 2d", type=DURATION, default=None)
def last(session: Session, within: timedelta | None) -> ExitCode:
    """Look into the ledger when the last one was taken. Errors: Misconfigured settings.*, store.*"""
    from commands.frame.opened import opened_store
    from hub.store.backups import last_backup

    with opened_store(session) as store, store.reading() as connection:
        at = last_backup(connection)
    age = session.clock() - at if at else None
    late = age is None or (within is not None and age > within)
    said = Phrase("从未备份", "no backup was ever taken")
    if at is not None and age is not None:
        hours, shown = age / timedelta(hours=1), at.isoformat(timespec="seconds")
        said = Phrase(f"最近一次备份：{shown}（{hours:.1f} 小时前）", f"the last backup: {shown} ({hours:.1f} h ago)")
    session.done(said, at=at, seconds=age.total_seconds() if age else None, late=late)
    return ExitCode.CHECK_FAILED if late else ExitCode.OK
