"""`hub msg verify`: is this envelope what its sender signed, and would the hub take it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commands.frame.command import ExitCode, Phrase, Session, argument, column, option, single
from commands.frame.files import read_file
from commands.msg_send import beside_of

if TYPE_CHECKING:
    from commands.proving import Step
    from hub.audit.finding import Finding
    from hub.store.store import Store

COLUMNS = (
    column("step", "步骤", "STEP"),
    column("check", "检查", "CHECK"),
    column("ok", "通过", "OK"),
    column("fact", "结果", "RESULT"),
)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is verified, as of when; `row` is the stored message's row id, or 0 for a file; `raw` is empty if purged."""

    raw: bytes
    beside: Mapping[str, bytes] | None
    at: datetime
    row: int = 0
    purged: datetime | None = None


@single(
    "verify",
    zh="逐步核验一份信封：签名、模式、信任、权限；已存储的报文还核对账目与戳记",
    en="Verify an envelope step by step; a stored one also against ledger and stamp",
    examples=("hub msg verify OFFICE/m-1", "hub msg verify envelope.xml --attach a1=annex.ofd"),
)
@argument("what", zh="信封文件，或报文标识", en="an envelope file, or a message id")
@option("--attach", "attachments", zh="随附附件：标识=文件", en="attachment beside a file: ID=FILE", multiple=True)
def verify(session: Session, what: str, attachments: tuple[str, ...]) -> ExitCode:
    """Verify a file as of now, or a stored message as of its acceptance."""
    from commands.frame.opened import opened_store, rules_of
    from commands.proving import prove

    with opened_store(session) as store:
        subject = _subject(session, store, what, attachments)
        steps = [] if subject.purged else list(prove(subject.raw, rules_of(session, store), subject.at, subject.beside))
        findings = _findings(session, store, subject.row) if subject.row else []
    rows = [_row(session, step) for step in steps] + ([_gone(session, subject.purged)] if subject.purged else [])
    if subject.row:
        rows.append(_recorded(session, findings))
    session.table(COLUMNS, rows)
    passed = not findings and all(step.error is None for step in steps)
    return ExitCode.OK if passed else ExitCode.CHECK_FAILED


def _subject(session: Session, store: Store, what: str, attachments: tuple[str, ...]) -> _Subject:
    """The file of this name if there is one, else the message. Errors: Refused message.unknown, Misconfigured."""
    from commands.frame.pick import paper, pick, purged_at
    from hub.store.trace import read_attachments

    path = Path(what)
    if what == "-" or path.is_file():
        return _Subject(read_file(path), beside_of(attachments) if attachments else None, session.clock())
    with store.reading() as connection:
        message = pick(connection, what)
        if purged := purged_at(connection, message):
            return _Subject(b"", None, message.received, message.id, purged)
        beside = dict(read_attachments(connection, message.id))
        return _Subject(paper(connection, message), beside, message.received, message.id)


def _findings(session: Session, store: Store, row: int) -> list[Finding]:
    from hub.audit.audit import audit_message, standard_of
    from hub.hub import read_settings

    return list(audit_message(store, standard_of(session.folder, read_settings(session.folder), store), row))


def _row(session: Session, step: Step) -> tuple[object, ...]:
    if step.error is not None:
        return step.number, step.said.by(session.lang), False, step.error.sentence(session.lang)
    return step.number, step.said.by(session.lang), True, step.fact.by(session.lang) if step.fact else ""


def _gone(session: Session, at: datetime) -> tuple[object, ...]:
    """The steps that need the envelope: not wrong, and not provable any more."""
    said = Phrase("信封与附件", "envelope and attachments").by(session.lang)
    zh, en = f"已于 {at:%F} 按保存期限规则清理，仅核对记录", f"purged on {at:%F} by a rule of retention; only records"
    return "1-5", said, None, session.phrase(zh, en)


def _recorded(session: Session, findings: list[Finding]) -> tuple[object, ...]:
    said = Phrase("登记、账目、投递与戳记", "records, ledger, deliveries and stamp").by(session.lang)
    if findings:
        return "6-9", said, False, findings[0].sentence(session.lang)
    return "6-9", said, True, session.phrase("一致", "all agree")
