"""The readable page of an evidence file, in Chinese and English: what it holds, hop by hop, and how to check it.

The page proves nothing and says so. Here are its words; `pdf.py` puts them on paper.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hub.evidence.dossier import Dossier, Paper, Proven
from hub.ledger.ledger import from_microseconds
from hub.message import Hop

TITLE = "公文交换证据 Evidence of exchange"

_HOPS = {
    Hop.ACCEPTED: "接收 accepted",
    Hop.REFUSED: "拒绝 refused",
    Hop.REPLAYED: "重复提交 submitted again",
    Hop.HELD: "暂存 held",
    Hop.RELEASED: "放行 released",
    Hop.FETCHED: "信箱取件 fetched",
    Hop.DELIVERED: "送达 delivered",
    Hop.ATTEMPT_FAILED: "投递未成功 attempt failed",
    Hop.GAVE_UP: "停止投递 given up",
    Hop.RESENT: "重新投递 resent",
    Hop.NOTICE: "未投递通知 notice",
    Hop.ADMIN: "管理操作 administered",
}
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
        ("交换中心 Hub", dossier.hub),
        ("导出时间 Exported", f"{dossier.exported:%Y-%m-%d %H:%M:%S} UTC"),
        ("账本 Ledger", root[0]),
        ("账目总数与根 Size and root", f"{root[1]}  {root[2]}"),
    )
    messages = tuple(_message(dossier, number, one) for number, one in enumerate(dossier.messages, start=1))
    return (Section(TITLE, overview), *messages, Section("核验 Checking", tuple(("", line) for line in _CHECK)))


def _message(dossier: Dossier, number: int, one: Paper) -> Section:
    hops = [p for p in dossier.entries if (p.entry.sender, p.entry.message_id) == (one.sender, one.message_id)]
    rows = (
        ("文号 Number", one.title),
        ("接收时间 Received", f"{one.received:%Y-%m-%d %H:%M:%S} UTC"),
        ("信封 SHA-256", hashlib.sha256(one.envelope).hexdigest() if not one.purged else ""),
        ("正文 Documents", f"已按保存期限规则清理 purged by rule: {one.purged}" if one.purged else ""),
        *(_hop(proven) for proven in hops),
    )
    return Section(f"{number}. {one.sender}/{one.message_id}", tuple(row for row in rows if row[1]))


def _hop(proven: Proven) -> tuple[str, str]:
    entry = proven.entry
    said = f"{_HOPS.get(entry.kind, entry.kind)}: {entry.source} → {entry.target} {entry.detail}".rstrip()
    return f"{from_microseconds(entry.time_us):%Y-%m-%d %H:%M:%S}", f"{said} ({entry.node}/{entry.sequence})"
