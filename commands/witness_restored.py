"""`hub witness restored`: how the supervision authority goes on once it has accepted that a hub lost entries."""

from __future__ import annotations

from pathlib import Path

from commands.frame.command import Phrase, Session, option, single
from commands.frame.files import FILE, FOLDER, read_file


@single(
    "restored",
    zh="交换中心由备份恢复后，经监督机关认可，从本见证方副署过的检查点起另建见证；原目录及证据保留，警报记为已处理",
    en="After a hub was restored from a backup, and the authority has accepted it: begin a new witness at a checkpoint "
    "that this one cosigned. The old folder and its evidence stay, its alarms are settled",
    examples=(
        "hub witness restored --folder /srv/witness --new /srv/witness-2 --name supervision.example/w2 "
        "--from restored-witnessed.note --why '磁盘损坏，由备份恢复，缺少 312 条账目，已批准'",
    ),
)
@option("--folder", zh="原见证目录", en="the old witness's folder", type=FOLDER, default=Path("hub-witness"))
@option("--new", "fresh", zh="新见证目录", en="the new witness's folder", type=FOLDER, required=True)
@option("--name", zh="新见证方名称，须与原名不同", en="the new witness's name, another than before", required=True)
@option("--from", "note", zh="恢复时生成的 restored-witnessed.note", en="restored-witnessed.note of the restoration",
        type=FILE, required=True)  # fmt: skip
@option("--why", zh="原因和批准人", en="the reason, and who accepted it", required=True)
def command(session: Session, folder: Path, fresh: Path, name: str, note: Path, why: str) -> None:
    """Begin the new witness. Errors: Misconfigured witness.*; Refused note.*"""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from hub.witness.folder import WitnessFolder
    from hub.witness.succeed import succeed

    old = WitnessFolder.open(folder)
    made = succeed(old, read_file(note), fresh, name, Ed25519PrivateKey.generate(), why, session.clock())
    key = made.folder.signer.key.text()
    zh = (f"新见证方自第 {made.held} 条账目起见证；原见证方曾见 {made.seen} 条，"
          f"其中 {made.missing} 条不再核对。公开密钥：{key}")  # fmt: skip
    en = (f"the new witness holds the ledger to {made.held} entries; the old one had seen {made.seen}, "
          f"{made.missing} of which it does not ask for. Its public key: {key}")  # fmt: skip
    session.done(Phrase(zh, en), key=key, held=made.held, seen=made.seen, missing=made.missing)
