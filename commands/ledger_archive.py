"""`hub ledger archive`: one signed file with all entries of a month, to be kept elsewhere and checked offline."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.command import Phrase, Session, option, single
from commands.frame.files import FOLDER, read_file
from commands.frame.progress import progress

if TYPE_CHECKING:
    from hub.hub import Hub
    from hub.month import Month
    from hub.store.archive import Span
    from hub.tree.key import NoteKey


def _month(context: click.Context, parameter: click.Parameter, value: str) -> Month:
    from hub.month import Month

    try:
        return Month.read(value)
    except ValueError:
        raise click.BadParameter("YYYY-MM", context, parameter) from None


@single(
    "archive",
    zh="将一个月的全部账目连同证明写成一个签名文件，可离线核验",
    en="Write all entries of a month with their proofs into one signed file, to be checked offline",
    examples=(
        "hub ledger archive --month 2026-10 --to /srv/archive",
        "hub ledger archive --month 2026-10 --to /srv/archive --with-documents",
    ),
)
@option("--month", zh="月份，按 UTC", en="the month, by UTC", required=True, metavar="YYYY-MM", callback=_month)
@option("--to", zh="写入此目录", en="write into this folder", required=True, type=FOLDER)
@option(
    "--with-documents", "whole", zh="连同仍保存的正文与凭据", en="with all documents that are still kept", is_flag=True
)
def archive(session: Session, month: Month, to: Path, whole: bool) -> None:
    """Write one file and its digest; what is there already and right stays. Errors: Refused archive.*; OSError."""
    from commands.frame.opened import opened_hub
    from hub.evidence.archive import span_of
    from hub.ledger.sequence import checkpoint_signers

    path = to / f"ledger-{month}.asice"
    with opened_hub(session) as hub:
        keys = [signer.key for signer in checkpoint_signers(hub, session.folder)]
        with hub.store.reading() as connection:
            span = span_of(connection, month, session.clock())
        there = path.exists()
        if there:
            _check(path, month, span, hub.store.ledger_id)
        else:
            to.mkdir(parents=True, exist_ok=True)
            _write(session, hub, month, path, span, keys, whole=whole)
    digest = _digest(path)
    number = span.size - span.first
    _beside(path).write_text(_line(digest, path), encoding="utf-8")
    said = Phrase(f"已写入 {path}，共 {number} 条账目", f"wrote {path} with {number} entries")
    before = Phrase(f"{path} 已存在且完好", f"{path} is there already, and whole")
    facts = {"file": str(path), "entries": number, "first": span.first, "size": span.size, "sha256": digest}
    session.done(before if there else said, **facts, written=not there)


def _write(
    session: Session, hub: Hub, month: Month, path: Path, span: Span, keys: list[NoteKey], *, whole: bool
) -> None:
    """Under another name first, so that a file with the right name is whole."""
    from hub.evidence.archive import archive as write

    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    said = Phrase("正在归档", "archiving")
    try:
        with partial.open("xb") as target, progress(session, span.size - span.first, said) as step:
            write(hub, session.folder, month, target, keys, with_documents=whole, step=step)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _check(path: Path, month: Month, span: Span, ledger: str) -> None:
    """That a file is a whole archive of just this, and as it was written. Errors: Refused archive.differs."""
    import verify_evidence
    from hub.errors import Refused

    try:
        found = verify_evidence.check(read_file(path), [], [], [])
        index = found.index
        same = (index["month"], index["ledger"], index["first"], index["size"])
    except (*verify_evidence.BAD, zipfile.BadZipFile, json.JSONDecodeError):
        raise Refused("archive.differs", where=path.name) from None
    wrong = any(mark == "[XX]" for mark, _, _ in found.said)
    beside = _beside(path)
    wrong = wrong or (beside.exists() and beside.read_text(encoding="utf-8") != _line(_digest(path), path))
    if wrong or same != (str(month), ledger, span.first, span.size):
        raise Refused("archive.differs", where=path.name)


def _beside(path: Path) -> Path:
    """The file beside an archive that has its digest, as `sha256sum --check` reads it."""
    return path.with_name(f"{path.name}.sha256")


def _line(digest: str, path: Path) -> str:
    return f"{digest}  {path.name}\n"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
