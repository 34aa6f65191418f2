"""`hub msg send` and `hub msg submit`: hand a message in as its sender would, over SOAP."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.department.carrying import attachments_url, upload_all
from commands.department.side import Reach, call, reaching, signing
from commands.frame.command import Phrase, Session, argument, option, single
from commands.frame.files import FILE, read_file, write_new
from commands.frame.values import DURATION, WORDS

if TYPE_CHECKING:
    from commands.department.composing import Composed
    from connectors.exchange_client import Submitted

URGENCIES = ("routine", "urgent", "extraUrgent")
CLASSIFICATIONS = ("none", "confidential", "secret", "topSecret")


@single(
    "send",
    zh="组成信封、签名并提交",
    en="Build an envelope, sign it and hand it in",
    examples=(
        "hub msg send --from OFFICE --to WATER,PARKS --payload notice.xml --attach annex.ofd",
        "hub msg send --from OFFICE --to WATER --payload notice.xml --attach drawings.zip",
        "hub msg send --from OFFICE --to group:all --copy AUDIT --payload doc.xml --number '云府〔2026〕3号'",
        "hub msg send --from OFFICE --to WATER --payload notice.xml --dry-run > envelope.xml",
    ),
)
@option("--from", "sender", zh="发送方代码", en="sending department", required=True)
@option(
    "--to",
    zh="主送：单位代码或 group:组名，以逗号分隔",
    en="main recipients: codes or group:NAME",
    type=WORDS,
    required=True,
)
@option("--copy", "copies", zh="抄送", en="copy recipients", type=WORDS, default=())
@option("--type", zh="报文类型", en="type of the payload", default="official-document-1")
@option("--payload", zh="载荷文件（XML）", en="payload file (XML)", type=FILE, required=True)
@option(
    "--attach",
    "attachments",
    zh="附件，可多次使用；大于 8 MiB 的先行上传，中断后再次执行即续传",
    en="an attachment; may be repeated. One of more than 8 MiB is uploaded before; run again after a break to go on",
    type=FILE,
    multiple=True,
)
@option("--beside", zh="附件随信封一并提交，不放入信封", en="attachments beside the envelope, not inside", is_flag=True)
@option("--id", "message_id", zh="报文标识（默认自动生成）", en="message id (default: a new one)", default="")
@option("--urgency", zh="紧急程度", en="urgency", type=click.Choice(URGENCIES), default="routine")
@option("--classification", zh="密级", en="classification", type=click.Choice(CLASSIFICATIONS), default="none")
@option("--expires", "life", zh="有效期", en="how long it may take to deliver", type=DURATION)
@option("--conversation", zh="会话：同一会话按次序送达", en="conversation: delivered in order")
@option("--case", "case_number", zh="办件编号", en="case number")
@option("--number", "document_number", zh="发文字号", en="document number")
@option("--reply-to", zh="所答复的报文标识", en="message id that this answers")
@signing
@option("--save", zh="将签名后的信封存入文件", en="keep the signed envelope in a file", type=FILE)
@option("--dry-run", zh="只签名并输出信封，不提交", en="sign and print the envelope, hand nothing in", is_flag=True)
def send(
    session: Session,
    sender: str,
    to: tuple[str, ...],
    copies: tuple[str, ...],
    type: str,
    payload: Path,
    attachments: tuple[Path, ...],
    beside: bool,
    message_id: str,
    urgency: str,
    classification: str,
    life: timedelta | None,
    conversation: str | None,
    case_number: str | None,
    document_number: str | None,
    reply_to: str | None,
    reach: Reach,
    save: Path | None,
    dry_run: bool,
) -> None:
    """Build, sign and submit one message."""
    from commands.department.composing import Draft, compose

    draft = Draft(
        sender, to, copies, type, payload, attachments, beside, message_id, urgency, classification, life,
        conversation, reply_to, document_number, case_number,
    )  # fmt: skip
    side = reach.side(sender)
    made = compose(draft, side.signer, session.clock())
    if save is not None:
        write_new(save, made.raw)
    if dry_run:
        _check(made)
        session.text(made.raw.decode())
        return
    upload_all(session, side, attachments_url(reach), made.uploads)
    receipt = side.call(reach.address(), lambda client: client.submit(made.raw, made.beside, "binary"))
    _tell(session, receipt, sender)


def _check(made: Composed) -> None:
    """What needs no hub: the envelope, and the payload if its schema is built in."""
    from hub.accept import check_payload
    from hub.envelope import payload_of
    from hub.parser import parse
    from hub.schema.schema import Schemas

    schemas, root = Schemas.builtin(), parse(made.raw)
    schemas.check_envelope(root)
    if made.header.type in schemas.tokens():
        check_payload(made.header, payload_of(root), schemas)


@single(
    "submit",
    zh="提交已签名的信封文件",
    en="Hand in an envelope that is signed already",
    examples=("hub msg submit envelope.xml", "hub msg submit envelope.xml --attach a1=annex.ofd"),
)
@argument("file", zh="信封文件（- 为标准输入）", en="envelope file (- for standard input)", type=FILE)
@option(
    "--attach",
    "attachments",
    zh="随附附件：清单标识=文件",
    en="attachment beside it: ID=FILE",
    multiple=True,
    metavar="ID=FILE",
)
@reaching
def submit(session: Session, file: Path, attachments: tuple[str, ...], reach: Reach) -> None:
    """Submit the bytes of a file as they are."""
    raw = read_file(file)
    beside = beside_of(attachments)
    receipt = call(reach.address(), lambda client: client.submit(raw, beside, "binary"), reach.https.context())
    _tell(session, receipt, "")


def beside_of(pairs: tuple[str, ...]) -> Mapping[str, bytes]:
    """Attachments by manifest id, from ID=FILE. Errors: click.BadParameter, OSError."""
    found = {}
    for pair in pairs:
        id, equals, path = pair.partition("=")
        if not (id and equals and path):
            raise click.BadParameter("ID=FILE", param_hint="--attach")
        found[id] = read_file(Path(path))
    return found


def _tell(session: Session, receipt: Submitted, sender: str) -> None:
    name = f"{sender}/{receipt.message_id}".lstrip("/")
    accepted = Phrase(f"已接收 {name}", f"accepted {name}")
    again = Phrase(f"此前已接收 {name}，未重复投递", f"{name} was accepted before; nothing is delivered twice")
    said = again if receipt.replayed else accepted
    hint = Phrase(f"；追踪：hub msg trace {name}", f"; follow it with: hub msg trace {name}")
    session.done(
        Phrase(said.zh + hint.zh, said.en + hint.en),
        messageId=receipt.message_id,
        digest=receipt.digest,
        acceptedAt=receipt.accepted_at,
        replayed=receipt.replayed,
        stamp=hashlib.sha256(receipt.stamp).hexdigest(),
    )
