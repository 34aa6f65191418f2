"""The audit: silent on whatever the hub itself did, and it names each single byte that somebody else changed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub import envelope, proof
from hub.attachments import upload
from hub.audit import documents, messages, portion
from hub.audit.audit import Finding, Report, Row, Standard, audit, report
from hub.errors import Refused
from hub.ledger.ledger import entry_hash, form, read_form
from hub.mailbox import confirm, fetch
from hub.message import Consignment, Hop
from hub.proof import Confirmed, Request
from hub.signing import signature
from hub.store import operate, tables
from hub.store.operate import Order
from hub.store.store import Store
from hub.trust.certificate import thumbprint
from tests.town import HUB, Town, found_town, signer_of, undelivered

ORDER = Order(HUB, "王工", "端点已修复")
STANDARD = Standard(HUB, "town", frozenset({thumbprint(signer_of(HUB)[1])}))
HOLD = """
version: 1
rules:
  - name: hold
    when: {sender: c}
    then: {hold: 待审}
"""

NOT_PROVEN = {
    "refusals": {"place", "expected", "got", "operator", "size"},
    "messages": {"id"},
    "deliveries": {"id", "endpoint", "next_us", "lease_node", "lease_until_us"},
}
"""Columns that nothing signed or chained speaks of, as the module says."""

AUDITED = ("ledger", "documents", "bodies", "messages", "message_attachments", "deliveries", "refusals")


def busy(town: Town) -> None:
    """Do a bit of everything: push, mailbox, failure, resend, hold, release, replay, refusal, attachment, expiry."""
    beside = envelope.attachment("att", "附件.ofd", "application/ofd", b"OFD bytes", inline=False)
    town.send("a", ["b", "c"], message_id="plain", conversation="k", document_number="云府〔2026〕3号",
              case_number="4403-1", expires=town.clock().replace(day=20))  # fmt: skip
    raw = town.signed("a", "m", message_id="with-file", attachments=[beside], in_reply_to="plain")
    town.submit(raw, {"att": b"OFD bytes"})
    town.submit(raw, {"att": b"OFD bytes"})
    _send_uploaded(town, b"many bytes")
    with pytest.raises(Refused):
        town.submit(town.signed("a", "b", by="c"))
    town.connector.trouble["d"] = undelivered()
    town.send("a", "d", message_id="given-up")
    town.send("a", "d", message_id="expired", expires=town.clock().replace(hour=2))
    town.deliver()
    _empty_mailbox(town)
    for _ in range(60):
        town.clock.turn(minutes=2)
        town.deliver()
    del town.connector.trouble["d"]
    _operate(town)
    town.deliver()
    town.connector.trouble["b"] = undelivered()
    town.send("a", "b", message_id="waiting")
    town.send("a", "m", message_id="fetched")
    town.deliver()
    _fetch(town, "p")


def _send_uploaded(town: Town, content: bytes) -> None:
    line = envelope.attachment("up", "图纸.zip", "application/zip", content, inline=False)
    asked = Request("uploadRequest", "a", town.clock(), "u" * 16, digest=line.sha256, size=line.size)
    raw = signature.sign(proof.request_tree(asked), signer_of("a")[0])
    token = town.run(upload.begin(town.hub, raw)).token
    town.run(upload.keep_part(town.hub, token, 1, content, line.sha256))
    town.run(upload.complete(town.hub, token))
    town.send("a", "m", message_id="with-upload", attachments=[line])


def _empty_mailbox(town: Town) -> None:
    items = tuple(Confirmed(c.delivery_id, c.message_id, c.sender, c.digest) for c in _fetch(town, "n"))
    assert items
    said = Request("confirmRequest", "m", town.clock(), "o" * 16, items=items)
    raw = signature.sign(proof.request_tree(said), signer_of("m")[0])
    assert town.run(confirm(town.hub, raw)) == len(items)


def _fetch(town: Town, nonce: str) -> list[Consignment]:
    asked = Request("fetchRequest", "m", town.clock(), nonce * 16, max=10)
    raw = signature.sign(proof.request_tree(asked), signer_of("m")[0])
    leased = town.run(fetch(town.hub, raw)).leased
    return [one.consignment for one in leased]


def _operate(town: Town) -> None:
    town.clock.turn(hours=1)
    cli = Store.open(str(town.hub.store.engine.url), "cli")
    with cli.transaction() as transaction:
        directory = town.hub.rules.directory
        operate.resend(transaction, "a", "given-up", "d", directory, ORDER, town.clock())
    town.reroute(HOLD)
    town.send("c", "b", message_id="held")
    town.send("c", "a", message_id="held-still")
    town.send("c", "b", message_id="released")
    with cli.transaction() as transaction:
        operate.release_held(transaction, "c", "released", ORDER, town.clock())
    cli.close()


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of a town that has seen everything."""
    folder = tmp_path_factory.mktemp("grown")
    town = found_town(folder)
    busy(town)
    town.close()
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode=DELETE")
    return folder / "hub.db"


@pytest.fixture
def copy(grown: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copy(grown, tmp_path / "hub.db"))


def audited(path: Path, standard: Standard = STANDARD, jobs: int = 1) -> Report:
    store = Store.open(f"sqlite:///{path}", "audit")
    try:
        return report(store, standard, jobs=jobs)
    finally:
        store.close()


def spoil(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            assert database.execute(statement).rowcount, statement
        database.commit()


def flipped(value: Any) -> Any:
    """The value with one bit of one byte in its middle turned."""
    if isinstance(value, int):
        return value ^ 1
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[len(raw) // 2] ^= 1
    return raw.decode() if isinstance(value, str) else bytes(raw)


def test_what_the_hub_did_itself_is_in_order(grown: Path) -> None:
    found = audited(grown)
    assert [finding.sentence() for finding in found.findings] == []
    assert found.clean
    assert found.rows[Row.ENTRY] > 30
    assert found.rows[Row.REFUSAL] == 1
    assert found.rows[Row.MESSAGE] > 8


def test_the_town_of_these_tests_has_seen_every_hop_but_those_nobody_writes(grown: Path) -> None:
    with closing(sqlite3.connect(grown)) as database:
        kinds = {row[0] for row in database.execute("SELECT DISTINCT kind FROM ledger")}
    assert set(map(str, Hop)) - kinds == {"held", "notice", "administered"}


def cells() -> list[tuple[str, str]]:
    return [
        (name, column.name)
        for name in AUDITED
        for column in tables.metadata.tables[name].c
        if column.name not in NOT_PROVEN.get(name, set())
    ]


@pytest.mark.parametrize(("table", "column"), cells())
def test_one_bit_in_any_column_of_any_row_is_found(copy: Path, table: str, column: str) -> None:
    with closing(sqlite3.connect(copy)) as database:
        rows = database.execute(f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
    spoilt = [(rowid, value) for rowid, value in rows if value not in ("", b"")]
    assert spoilt, "the town does not fill this column"
    picked = [spoilt[0], spoilt[len(spoilt) // 2]] if len(spoilt) > 1 else spoilt
    for rowid, value in picked:
        with closing(sqlite3.connect(copy)) as database:
            change = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            try:
                database.execute(change, (flipped(value), rowid))
            except sqlite3.IntegrityError:
                continue
            database.commit()
            assert not audited(copy).clean, (table, column, rowid, value, flipped(value))
            database.execute(change, (value, rowid))
            database.commit()
            assert database.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (rowid,)).fetchone() == (value,)


def first(path: Path) -> Finding:
    return audited(path).findings[0]


def test_the_first_wrong_entry_is_named_with_its_field(copy: Path) -> None:
    spoil(copy, "UPDATE ledger SET target = 'x' WHERE node = 'hub' AND sequence = 1")
    found = first(copy)
    assert (found.code, found.node, found.sequence, found.field) == ("audit.chain", "hub", 1, "target")
    assert (found.expected, found.got) == ("hub", "x")
    assert "账目" in found.sentence("zh")


def test_an_entry_rewritten_with_its_form_and_hash_breaks_the_next(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as database:
        where = "FROM ledger WHERE node = 'hub' AND sequence = 4"
        (formed,) = database.execute(f"SELECT form {where}").fetchone()
        forged = replace(read_form(formed), target="x")
        database.execute(
            "UPDATE ledger SET target = 'x', form = ?, hash = ? WHERE node = 'hub' AND sequence = 4",
            (form(forged), entry_hash(forged)),
        )
        database.commit()
    found = first(copy)
    assert (found.code, found.sequence, found.field) == ("audit.chain", 5, "previous")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger WHERE node = 'hub' AND sequence = 1",
        "DELETE FROM ledger WHERE node = 'hub' AND sequence = 7",
        "DELETE FROM ledger WHERE node = 'cli' AND sequence = (SELECT max(sequence) FROM ledger WHERE node = 'cli')",
        "DELETE FROM ledger WHERE node = 'cli'",
        "UPDATE ledger SET sequence = -sequence WHERE node = 'hub' AND sequence = 7",
        "UPDATE ledger SET node = 'other' WHERE node = 'hub' AND sequence = 7",
        "DELETE FROM bodies WHERE digest = (SELECT digest FROM messages WHERE message_id = 'plain')",
        "DELETE FROM documents WHERE digest = (SELECT evidence FROM deliveries WHERE evidence IS NOT NULL LIMIT 1)",
        "DELETE FROM bodies WHERE digest = (SELECT digest FROM message_attachments)",
        "DELETE FROM message_attachments",
        "DELETE FROM deliveries WHERE recipient = 'c'",
        "UPDATE deliveries SET state = 'waiting', done_us = NULL, evidence = NULL WHERE state = 'delivered'",
        "UPDATE deliveries SET state = 'delivered' WHERE state = 'held'",
        "UPDATE deliveries SET message = message + 1000 WHERE recipient = 'c'",
        "DELETE FROM messages WHERE message_id = 'plain'",
        "DELETE FROM refusals",
        "INSERT INTO refusals VALUES ('hub', 1, 0, 'xml.malformed', '', '', '', '', 1)",
        "UPDATE messages SET size = '12x' WHERE message_id = 'plain'",
        "UPDATE messages SET type = CAST(type AS BLOB) WHERE message_id = 'plain'",
        "UPDATE ledger SET target = CAST(X'FFFE' AS TEXT) WHERE node = 'hub' AND sequence = 3",
        "UPDATE ledger SET form = 'text' WHERE node = 'hub' AND sequence = 3",
        "UPDATE ledger SET sequence = 3.5 WHERE node = 'hub' AND sequence = 3",
        "UPDATE bodies SET content = 'text' WHERE digest = (SELECT digest FROM messages LIMIT 1)",
        "UPDATE messages SET stamp = (SELECT stamp FROM messages WHERE message_id = 'held') WHERE message_id = 'plain'",
    ],
)  # fmt: skip
def test_a_missing_moved_or_mistyped_row_is_found(copy: Path, statement: str) -> None:
    spoil(copy, statement)
    assert not audited(copy).clean


def test_evidence_of_another_delivery_proves_nothing(copy: Path) -> None:
    """The evidence of one recipient put in the place of another's, with entry and chain rebuilt around it."""
    with closing(sqlite3.connect(copy)) as database:
        query = "SELECT node, sequence, form FROM ledger WHERE kind = 'delivered' ORDER BY sequence"
        (node, sequence, formed), (_, _, other) = database.execute(query).fetchall()[:2]
        forged = replace(read_form(formed), evidence=read_form(other).evidence)
        database.execute(
            "UPDATE ledger SET evidence = ?, form = ?, hash = ? WHERE node = ? AND sequence = ?",
            (forged.evidence, form(forged), entry_hash(forged), node, sequence),
        )
        database.commit()
    assert "audit.evidence" in {finding.code for finding in audited(copy).findings}


def test_a_stamp_by_another_key_is_not_the_hubs(grown: Path) -> None:
    stranger = replace(STANDARD, vouched=frozenset({"0" * 64}))
    assert {finding.code for finding in audited(grown, stranger).findings} == {"audit.stamp-signer"}


def test_a_ledger_of_another_hub_is_told_from_this_one(grown: Path) -> None:
    other = replace(STANDARD, ledger="another")
    assert {finding.field for finding in audited(grown, other).findings} == {"ledger"}


def damage(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    for place in range(len(raw) * 3 // 4 // 4096 * 4096, len(raw), 4096):  # behind what is read when it is opened
        raw[place : place + 8] = b"\xff" * 8
    path.write_bytes(raw)


def test_a_file_that_the_database_itself_finds_damaged_is_a_finding_not_a_crash(copy: Path) -> None:
    damage(copy)
    assert "audit.database" in {finding.code for finding in audited(copy).findings}


@pytest.mark.parametrize(
    "statements",
    [
        (),
        (
            "UPDATE messages SET urgency = 'flash' WHERE message_id IN ('plain', 'waiting')",
            "UPDATE deliveries SET attempts = 99",
            "UPDATE bodies SET content = 'text' WHERE digest = (SELECT max(digest) FROM bodies)",
            "UPDATE documents SET digest = '~' WHERE digest = (SELECT max(digest) FROM documents)",
            "UPDATE documents SET digest = CAST(digest AS BLOB) WHERE digest = (SELECT min(digest) FROM documents)",
            "DELETE FROM refusals",
        ),
        ("UPDATE ledger SET sequence = -sequence WHERE node = 'hub' AND sequence = 7",),
    ],
)
def test_several_processes_find_in_small_portions_what_one_finds_in_large_ones(
    copy: Path, statements: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(copy, *statements)
    alone = audited(copy)
    monkeypatch.setattr(portion, "ENTRIES", 7)
    monkeypatch.setattr(documents, "DOCUMENTS", 3)
    monkeypatch.setattr(messages, "MESSAGES", 2)
    assert alone.clean == (not statements)
    shared = audited(copy, jobs=2)
    assert shared.rows == alone.rows
    assert _as_a_set(shared) == _as_a_set(alone)  # documents come in the order of the rows, or of their digests


def _as_a_set(found: Report) -> set[str]:
    return {finding.sentence() for finding in found.findings}


def test_several_processes_make_one_finding_of_a_damaged_file_too(copy: Path) -> None:
    damage(copy)
    assert "audit.database" in {finding.code for finding in audited(copy, jobs=2).findings}


def test_findings_are_counted_though_only_the_first_are_kept(copy: Path) -> None:
    spoil(copy, "UPDATE bodies SET content = X'00'")
    store = Store.open(f"sqlite:///{copy}", "audit")
    found = report(store, STANDARD, keep=2)
    store.close()
    assert (len(found.findings), found.wrong > 10, found.clean) == (2, True, False)


def test_the_audit_streams(grown: Path) -> None:
    """It has told of rows before it has read them all."""
    store = Store.open(f"sqlite:///{grown}", "audit")
    stranger = replace(STANDARD, vouched=frozenset())
    seen: list[Row] = []
    findings = audit(store, stranger, lambda row, number: seen.append(row))
    next(findings)
    early = len(seen)
    rest = len(list(findings))
    store.close()
    assert rest
    assert early < len(seen)
