"""The documents of the demo: the samples of examples/ in envelopes, signed by whoever sends them. Sends nothing."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.names import CITY_OFFICE, PERMIT_OFFICE
from demo.people import EVERYBODY
from hub import envelope
from hub.errors import Misconfigured
from hub.message import Attachment, Header, Recipient, Urgency
from hub.parser import parse
from hub.signing import signature
from hub.signing.signer import Signer

NOTICE_ID = "notice-2026-12"
DOCUMENT_NUMBER = "云海府办〔2026〕12号"
ANNEX_ID = "annex-1"  # as the notice itself calls it
_ANNEX_NAME = "2026年防汛备汛重点任务分工表.csv"
_TASKS = ("责任人名单核定公布", "水库堤防检查", "水闸泵站检修", "易涝点治理", "应急预案修订", "汛期值班安排")
_AS = "{urn:hub:approval-status:v1}"


@dataclass(frozen=True, slots=True)
class Document:
    """A signed envelope on its way, with the attachments beside it."""

    message_id: str
    raw: bytes = field(repr=False)
    beside: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the envelope, lower-case hex."""
        return hashlib.sha256(self.raw).hexdigest()


def sample(name: str) -> bytes:
    """One of the sample payloads that come with the program. Errors: Misconfigured demo.no-samples."""
    return _samples(name)[0].read_bytes()


def _samples(pattern: str) -> list[Path]:
    source = Path(__file__).parent.parent / "examples"
    for folder in (source, Path(sys.prefix) / "share" / "hub" / "examples"):
        found = sorted(folder.glob(pattern))
        if found:
            return found
    raise Misconfigured("demo.no-samples", operator=str(source))


def notice_tree(at: datetime, *, message_id: str = NOTICE_ID, payload: bytes = b"") -> Any:
    """The unsigned envelope of the city office's notice to everybody; `payload` stands in for its own."""
    content = parse(payload or sample("notice.xml"))
    header = Header(
        message_id=message_id,
        type="official-document-1",
        sender=CITY_OFFICE.code,
        recipients=(Recipient(f"group:{EVERYBODY}"),),
        created=at,
        urgency=Urgency.URGENT,
        document_number=DOCUMENT_NUMBER,
    )
    return envelope.build(header, content, [_annex_line()])


def notice(signer: Signer, at: datetime) -> Document:
    """The notice, signed, with its annex beside the envelope."""
    return Document(NOTICE_ID, signature.sign(notice_tree(at), signer), {ANNEX_ID: annex()})


def annex() -> bytes:
    """The table of tasks that the notice announces."""
    rows = [f"{number},{task},市水务局,2026-04-{number + 2:02}" for number, task in enumerate(_TASKS, 1)]
    return "\r\n".join(["序号,任务,牵头单位,完成时限", *rows, ""]).encode("utf-8-sig")


def _annex_line() -> Attachment:
    return envelope.attachment(ANNEX_ID, _ANNEX_NAME, "text/csv", annex(), inline=False)


def case_documents(signer: Signer, at: datetime) -> Sequence[Document]:
    """The messages of one permit case in the order of time, each signed; they share one conversation."""
    return [_case_document(path, signer, at) for path in _samples("case-*.xml")]


def _case_document(path: Path, signer: Signer, at: datetime) -> Document:
    payload = parse(path.read_bytes())
    number = payload.findtext(f"{_AS}businessNumber")
    header = Header(
        message_id=f"{number}-{path.stem[5:7]}",
        type="approval-status-1",
        sender=PERMIT_OFFICE.code,
        recipients=(Recipient(CITY_OFFICE.code),),
        created=at,
        conversation=number,
        case_number=payload.findtext(f"{_AS}caseNumber"),
    )
    return Document(header.message_id, signature.sign(envelope.build(header, payload), signer))
