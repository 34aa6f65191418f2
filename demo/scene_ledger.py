"""Scene 5: the ledger verifies; then one byte of a copy of the database is changed, and the ledger names it.

The copy is a data directory inside the demo's own, left behind for the user to look at; the original is only read. It
is changed from outside, as somebody with access to the file would do it, without `hub.store`.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from demo.stage import Stage
from hub.audit.audit import Report, Row, report, standard_of
from hub.hub import open_store, read_settings
from hub.ledger.ledger import Entry
from hub.message import Hop
from hub.settings.settings import FILE
from hub.store.entries import latest_entries

COPY = "tampered-copy"
_DATABASE = "hub.db"  # where the settings of a new installation put it


@dataclass(frozen=True, slots=True)
class Change:
    """One byte of the database file: where it is, and the entry whose target it belongs to."""

    entry: Entry
    offset: int
    was: int

    @property
    def now(self) -> int:
        """The byte with its lowest bit turned: often still a plausible letter or digit."""
        return self.was ^ 1


def play(stage: Stage) -> None:
    """Audit, change one byte of a copy, audit both."""
    screen, folder = stage.screen, stage.city.folder
    screen.scene("五、核对账本；再改动副本中的一个字节", "5. The ledger verifies; then one byte of a copy is changed")
    found, took = _audit(folder)
    entries, total = found.rows.get(Row.ENTRY, 0), sum(found.rows.values())
    screen.say(
        f"已重新推算账目 {entries} 条，连同报文、投递、凭据共 {total} 项，用时 {took:.2f} 秒：{_verdict(found, 'zh')}",
        f"{entries} entries, with documents, messages and deliveries {total} rows, re-derived in {took:.2f} s: "
        f"{_verdict(found, 'en')}",
    )
    screen.check("账本核对无误", "the ledger verifies", 0, found.wrong)
    copy = _copied(folder)
    change = _change_one_byte(copy / _DATABASE, _pick(folder, stage.city.cast.usual[-1]))
    _tell_change(stage, change)
    _accuse(stage, copy, change)
    again, _ = _audit(folder)
    screen.say(f"原数据库再次核对：{_verdict(again, 'zh')}", f"the original, checked again: {_verdict(again, 'en')}")
    screen.check("原数据库未受影响", "the original is as it was", 0, again.wrong)


def _tell_change(stage: Stage, change: Change) -> None:
    stage.screen.say(
        f"在副本的数据库文件中改动 1 个字节：偏移 {change.offset}，{change.was:#04x} 改为 {change.now:#04x}"
        f"（“{chr(change.was)}”变为“{chr(change.now)}”）",
        f"one byte of the copy's database file is changed: offset {change.offset}, {change.was:#04x} to "
        f"{change.now:#04x} ('{chr(change.was)}' to '{chr(change.now)}')",
    )


def _accuse(stage: Stage, copy: Path, change: Change) -> None:
    """Let the audit name what was changed."""
    found, took = _audit(copy)
    first = found.findings[0] if found.findings else None
    named = (first.node, first.sequence, first.field) if first else None
    said = (first.sentence("zh"), first.sentence("en")) if first else ("未发现", "nothing found")
    stage.screen.say(f"账本在 {took:.2f} 秒内指出：{said[0]}", f"the ledger names it in {took:.2f} s: {said[1]}")
    expected = (change.entry.node, change.entry.sequence, "target")
    stage.screen.check("指出节点、账目与字段", "node, entry and field are named", expected, named)


def _verdict(found: Report, lang: str) -> str:
    if found.clean:
        return {"zh": "全部一致", "en": "everything agrees"}[lang]
    return f"{found.wrong}: {found.findings[0].sentence(lang)}"


def _audit(folder: Path) -> tuple[Report, float]:
    began = time.perf_counter()
    settings = read_settings(folder)
    store = open_store(folder, settings, "demo")
    try:
        found = report(store, standard_of(folder, settings, store))
    finally:
        store.close()
    return found, time.perf_counter() - began


def _pick(folder: Path, code: str) -> Entry:
    """The entry that says the notice was delivered to a department."""
    store = open_store(folder, read_settings(folder), "demo")
    try:
        with store.reading() as connection:
            entries = latest_entries(connection, 100_000)
    finally:
        store.close()
    return next(entry for entry in entries if entry.kind is Hop.DELIVERED and entry.target == code)


def _copied(folder: Path) -> Path:
    """A data directory that can be audited: settings, the hub's certificate and the database, no private key."""
    settings = read_settings(folder)
    copy = folder / COPY
    for name in (FILE, settings.routing, settings.certificate):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, copy / name)
    with closing(sqlite3.connect(folder / _DATABASE)) as database:
        # Not a copy of the file: pages that were freed would hold old rows, and the byte might be one of those.
        database.execute("VACUUM INTO ?", (str(copy / _DATABASE),))
    return copy


def _change_one_byte(path: Path, entry: Entry) -> Change:
    """Turn one bit in the last letter of the entry's target, in the file itself, past the database's own checks."""
    texts = f"{entry.kind}{entry.sender}{entry.message_id}{entry.source}{entry.target}".encode()
    content = path.read_bytes()
    # A row's columns stand side by side in the file; the digest after them keeps a longer code apart.
    assert content.count(texts + entry.document) == 1
    offset = content.index(texts + entry.document) + len(texts) - 1
    change = Change(entry, offset, content[offset])
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([change.now]))
    return change
