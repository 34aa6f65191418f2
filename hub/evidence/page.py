"""The readable page of an evidence file, in Chinese and English: what it holds, hop by hop, and how to check it.

The page proves nothing and says so. Departments have the names that were registered when it was written. Here are its
words; `pdf.py` puts them on paper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml.etree import QName

from hub.envelope import payload_of, read
from hub.evidence.dossier import Dossier, Paper
from hub.labels import HOPS, Label, detail_of
from hub.ledger.ledger import Entry, from_microseconds
from hub.parser import parse

TITLE = "公文交换证据 Evidence of exchange"
_TIME = "%Y-%m-%d %H:%M:%S UTC"
_TIMES = "均为协调世界时（UTC），加 8 小时为北京时间 all in UTC; Beijing time is 8 hours later"
_CHECK = (
    "本页仅供阅读，不是证据本身。请用 verify_evidence.py 离线核验；账本密钥与根证书须另行取得，不可取自本文件。",
    "This page is for reading; it is not the evidence. Check the whole file offline with verify_evidence.py, with the "
    "ledger's key and the root certificate got over another way, never from this file.",
    "python3 verify_evidence.py FILE --log-key KEY --anchor ROOT.pem",
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with rows under it; a row is a label and a text, or a text alone with an empty label."""

    heading: str
    rows: tuple[tuple[str, str], ...]


def sections(dossier: Dossier) -> tuple[Section, ...]:
    """The page's words."""
    root = dossier.checkpoint.split("\n")[:3]
    overview = (
        ("内容 Subject", dossier.subject),
        ("交换中心 Hub", _named(dossier, dossier.hub)),
        ("导出时间 Exported", f"{dossier.exported:{_TIME}}"),
        ("所示时间 Times", _TIMES),
        ("账本 Ledger", root[0]),
        ("账目总数与根 Size and root", f"{root[1]}  {root[2]}"),
    )
    messages = tuple(_message(dossier, number, one) for number, one in enumerate(dossier.messages, start=1))
    return (Section(TITLE, overview), *messages, Section("核验 Checking", tuple(("", line) for line in _CHECK)))


def _message(dossier: Dossier, number: int, one: Paper) -> Section:
    about = (one.sender, one.message_id)
    rows = (
        ("文号 Number", one.title),
        ("发送方 Sender", _named(dossier, one.sender)),
        ("接收时间 Received", f"{one.received:{_TIME}}"),
        *(_signed(one.envelope) if not one.purged else ()),
        ("正文 Documents", f"已按保存期限规则清理 purged by rule: {one.purged}" if one.purged else ""),
        *(_hop(dossier, p.entry) for p in dossier.entries if (p.entry.sender, p.entry.message_id) == about),
    )
    return Section(f"{number}. {one.sender}/{one.message_id}", tuple(row for row in rows if row[1]))


def _signed(raw: bytes) -> Iterator[tuple[str, str]]:
    """What the sender signed, in short: title if there is one, attachments, digest."""
    root = parse(raw)
    payload = payload_of(root)
    yield "标题 Title", payload.findtext(f"{{{QName(payload).namespace}}}title", "")
    for one in read(root).attachments:
        yield "附件 Attachment", f"{one.name} ({one.size} B)"
    yield "信封 SHA-256", hashlib.sha256(raw).hexdigest()


def _hop(dossier: Dossier, entry: Entry) -> tuple[str, str]:
    said = _both(HOPS[entry.kind]) if entry.kind in HOPS else entry.kind
    way = f"{_named(dossier, entry.source)} → {_named(dossier, entry.target)}"
    detail = f", {_both(detail_of(entry.detail))}" if entry.detail else ""
    return f"{from_microseconds(entry.time_us):{_TIME}}", f"{said}: {way}{detail} ({entry.node}/{entry.sequence})"


def _both(label: Label) -> str:
    return f"{label.zh} {label.en}" if label.zh != label.en else label.zh


def _named(dossier: Dossier, code: str) -> str:
    name = dossier.names.get(code, "")
    return f"{name} ({code})" if name else code
