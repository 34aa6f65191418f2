"""`hub evidence`: hands the evidence of a message or a case to someone who does not trust the hub, and checks it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from commands.frame.command import ExitCode, Phrase, Session, argument, column, noun, option
from commands.frame.files import FILE, read_file, see_free, write_new

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hub.store.trace import StoredMessage

FINDINGS = (
    column("mark", "结果", "RESULT"),
    column("said", "说明", "SAID"),
)
_STATES = {"[ok]": "proven", "[XX]": "wrong", "[??]": "unproven"}

command = noun(
    "evidence",
    zh="证据文件：信封、戳记、账目及证明，无需信任交换中心即可离线核验。",
    en="Evidence files: envelopes, stamps, entries and proofs, to be checked offline without trusting the hub.",
)


@command.verb(
    "export",
    zh="导出一件报文或一个办件的证据文件（ASiC-E）",
    en="Write the evidence of a message or a case into one file (ASiC-E)",
    examples=("hub evidence export OFFICE/m-1", "hub evidence export '云府〔2026〕3号' --out evidence.asice"),
)
@argument("what", zh="报文标识、办件编号或发文字号", en="message id, case number or document number")
@option("--out", zh="写入此文件", en="write this file", type=FILE)
@option("--font", zh="可读页优先使用的字体，如含生僻字的", en="font file whose letters come first", type=FILE)
def export(session: Session, what: str, out: Path | None, font: Path | None) -> None:
    """Write one container. Errors: Refused message.unknown, tree.not-numbered; Misconfigured file.exists."""
    from commands.frame.opened import opened_hub
    from hub.evidence.export import export as write
    from hub.evidence.pdf import as_pdf
    from hub.ledger.sequence import checkpoint_signers

    out = out or Path("evidence.asice")
    see_free(out)
    with opened_hub(session) as hub:
        with hub.store.reading() as connection:
            found = _found(connection, what)
        keys = [signer.key for signer in checkpoint_signers(hub, session.folder)]
        dossier, container = write(hub, session.folder, found, what, keys, partial(as_pdf, font=font))
    write_new(out, container)
    counts = {"messages": len(dossier.messages), "entries": len(dossier.entries), "size": len(container)}
    number = len(dossier.entries)
    said = Phrase(f"已写入 {out}，含 {number} 条账目及其证明", f"wrote {out} with {number} entries and their proofs")
    session.done(said, file=str(out), logKeys=[key.text() for key in keys], **counts)
    check = f"hub evidence verify {out} --log-key KEY --anchor root.pem"
    zh = f"核验（公开密钥和根证书须从别处取得，不取自此文件）：{check}"
    en = f"to check it, with a key and a root certificate that do not come from this file: {check}"
    session.note(Phrase(zh, en))


def _found(connection: Connection, what: str) -> list[StoredMessage]:
    """The messages of a case or with a document number, else the one message of this id."""
    from commands.frame.pick import pick
    from hub.codes import normalise_document_number
    from hub.store.evidence import find_case

    normal = normalise_document_number(what)
    return find_case(connection, [what, *([normal] if normal else [])]) or [pick(connection, what)]


@command.verb(
    "verify",
    zh="离线核验证据文件或月度归档，逐句说明证明了什么",
    en="Check an evidence file or a month's archive offline and say sentence by sentence what it proves",
    examples=(
        "hub evidence verify evidence.asice --log-key KEY --anchor root.pem",
        "hub evidence verify ledger-2026-10.asice --log-key KEY --anchor root.pem --tsa-anchor tsa.pem",
    ),
)
@argument("file", zh="证据文件或归档", en="the evidence file or archive", type=FILE)
@option("--log-key", "keys", zh="账本公开密钥", en="verifier key of the log", multiple=True)
@option("--anchor", "anchors", zh="受信任的根证书", en="root certificate that you trust", multiple=True, type=FILE)
@option("--witness", "witnesses", zh="见证方公开密钥", en="verifier key of a witness", multiple=True)
@option("--tsa-anchor", "stamps", zh="时间戳机构根证书", en="root of a time-stamp authority", multiple=True, type=FILE)
def verify(
    session: Session,
    file: Path,
    keys: tuple[str, ...],
    anchors: tuple[Path, ...],
    witnesses: tuple[str, ...],
    stamps: tuple[Path, ...],
) -> ExitCode:
    """Run the stranger's verifier; CHECK_FAILED if anything is wrong or keys had to be taken from the file.

    Errors: Misconfigured note.key, which is the user's mistake and speaks not against the file.
    """
    import verify_evidence
    from hub.tree.key import NoteKey

    for key in (*keys, *witnesses):
        NoteKey.read(key)
    try:
        roots, stampers = ([read_file(path) for path in paths] for paths in (anchors, stamps))
        said = verify_evidence.check(read_file(file), keys, roots, witnesses, stampers).said
    except verify_evidence.BAD as error:
        said = [("[XX]", *verify_evidence.told(error))]
    rows = [(mark if not session.json else _STATES[mark], session.phrase(zh, en)) for mark, zh, en in said]
    session.table(FINDINGS, rows)
    wrong = any(mark == "[XX]" for mark, _, _ in said)
    return ExitCode.CHECK_FAILED if wrong or not keys or not anchors else ExitCode.OK
