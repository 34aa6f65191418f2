"""Retention: what the rules let go goes, what they do not stays, and either way the ledger proves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from hub import envelope
from hub.administration.administered import NODE, read_act
from hub.audit.audit import audit, audit_message
from hub.audit.message import Standard
from hub.errors import Misconfigured, Refused
from hub.message import DeliveryState, Hop
from hub.month import Month
from hub.retention.purge import Purged, hold, plan, purge, release
from hub.retention.retention import Rule, is_over, rule_for, rules_of
from hub.settings.file import load_settings
from hub.settings.settings import Keeping
from hub.store import holdings, purging, trace
from hub.store.operate import Order, resend, resend_dead
from hub.store.store import Store
from hub.store.tables import bodies, documents, messages, purges
from hub.store.transaction import Transaction
from hub.trust.certificate import thumbprint
from tests.admin import Administrator
from tests.town import HUB, ROUTING, START, Town, signer_of, undelivered

ORDER = Order(HUB, "管理员@host", "年度清理")
KEEP = (Keeping("30d"),)
RULES = rules_of(KEEP)


@pytest.fixture
def desk(town: Town) -> Iterator[Store]:
    """The town's database as an administrator opens it: with the chain of the command line."""
    store = Store.open(town.hub.store.engine.url.render_as_string(hide_password=False), NODE)
    yield store
    store.close()


def attachment(content: bytes = b"OFD") -> Any:
    return envelope.attachment("att", "附件.ofd", "application/ofd", content, inline=False)


def send(town: Town, message_id: str, content: bytes = b"OFD", **header: Any) -> bytes:
    raw = town.signed("a", ["b", "c"], message_id=message_id, attachments=[attachment(content)], **header)
    town.submit(raw, {"att": content})
    town.deliver()
    return raw


def findings(town: Town) -> list[str]:
    standard = Standard(HUB, town.hub.store.ledger_id, {thumbprint(signer_of(HUB)[1])})
    return [finding.code for finding in audit(town.hub.store, standard)]


def count(town: Town, table: Any) -> int:
    with town.hub.store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def content(town: Town, digest: str) -> bytes | None:
    with town.hub.store.reading() as connection:
        return trace.read_document(connection, digest)


# rules


def test_the_first_rule_that_fits_counts() -> None:
    rules = rules_of([Keeping("ever", "approval-*", "secret"), Keeping("730d", "approval-*"), Keeping("10d")])
    assert [rule.name for rule in rules] == ["1: approval-*, secret, ever", "2: approval-*, *, 730d", "3: *, *, 10d"]
    for wanted, number in ((("approval-1", "secret"), 1), (("approval-1", "none"), 2), (("notice-1", "none"), 3)):
        found = rule_for(rules, *wanted)
        assert found is not None
        assert found.number == number
    assert rule_for(rules[:2], "notice-1", "none") is None


@given(st.integers(1, 10_000), st.integers(-100, 100))
def test_documents_go_no_day_too_early(days: int, late: int) -> None:
    rule = Rule(1, "*", "*", timedelta(days=days))
    assert is_over(rule, START, START + timedelta(days=days, seconds=late)) is (late >= 0)
    assert not is_over(Rule(1, "*", "*", None), START, START + timedelta(days=days))


def test_settings_hold_the_rules_and_name_a_wrong_one() -> None:
    text = "hub: h\nretention:\n  - {type: 'approval-status-*', keep: 730d}\n  - {classification: secret, keep: ever}\n"
    assert load_settings(text).retention == (Keeping("730d", "approval-status-*"), Keeping("ever", "*", "secret"))
    assert load_settings("hub: h\n").retention == ()
    for wrong, place in (
        ("{keep: 730}", "retention[1].keep"),
        ("{keep: 0d}", "retention[1].keep"),
        ("{type: x}", "retention[1].keep"),
        ("{keep: 1d, classification: x}", "retention[1].classification"),
    ):
        with pytest.raises(Misconfigured) as caught:
            load_settings(f"hub: h\nretention:\n  - {wrong}\n")
        assert caught.value.where == place
    for wrong in ("retention: 30d", "retention: [30d]", "retention: [{keep: 1d, typo: x}]"):
        with pytest.raises(Misconfigured):
            load_settings(f"hub: h\n{wrong}\n")


# plan and purge


def test_a_plan_tells_what_would_go_and_changes_nothing(town: Town, desk: Store) -> None:
    first = send(town, "m-1")
    town.clock.turn(days=40)
    second = send(town, "m-2")
    town.clock.turn(days=40)
    before = count(town, bodies)
    one, two = plan(desk, RULES, town.clock())
    assert (one.month, two.month, one.messages) == ("2026-03", "2026-04", 1)
    assert (one.bytes, two.bytes) == (len(first) + 3, len(second) + 3)
    assert one.oldest == one.newest < two.oldest
    assert plan(desk, RULES, town.clock() - timedelta(days=51)) == []
    assert plan(desk, (), town.clock()) == []
    assert count(town, bodies) == before


def test_documents_go_and_all_else_stays_provable(town: Town, desk: Store) -> None:
    raw = send(town, "m-1")
    town.clock.turn(days=31)
    before, traced = count(town, documents), town.trace("a", "m-1")
    done = purge(desk, RULES, ORDER, town.clock())
    assert done == Purged(1, 2, len(raw) + 3, 0)
    assert content(town, traced.message.digest) is None
    after = town.trace("a", "m-1")
    assert (after.message, after.deliveries, after.hops) == (traced.message, traced.deliveries, traced.hops)
    assert count(town, documents) == before + 1  # the act is kept
    assert count(town, bodies) == 0
    assert all(content(town, copy.evidence) is not None for copy in after.deliveries)
    assert findings(town) == []
    assert purge(desk, RULES, ORDER, town.clock()) == Purged()


def test_the_act_names_rule_counts_messages_and_list(town: Town, desk: Store) -> None:
    raw = send(town, "m-1")
    town.clock.turn(days=31)
    purge(desk, RULES, ORDER, town.clock())
    [entry] = town.hops(Hop.ADMIN)
    act = read_act(content(town, entry.evidence.hex()) or b"")
    digests = sorted([hashlib.sha256(raw).hexdigest(), hashlib.sha256(b"OFD").hexdigest()])
    listed = hashlib.sha256("".join(f"{d}\n" for d in digests).encode()).hexdigest()
    assert (entry.detail, act.who, act.why) == ("retention.purged", "管理员@host", "年度清理")
    assert act.after == {
        "rule 1: *, *, 30d": {"messages": "1", "documents": "2", "bytes": str(len(raw) + 3), "sha256": listed}
    }
    assert sorted(act.before["message a/m-1"].values()) == digests


def test_a_document_that_another_message_has_stays_until_that_goes_too(town: Town, desk: Store) -> None:
    send(town, "m-1")
    town.clock.turn(days=20)
    send(town, "m-2")
    town.clock.turn(days=15)
    done = purge(desk, RULES, ORDER, town.clock())
    assert (done.messages, done.documents, done.shared) == (1, 1, 1)
    assert findings(town) == []
    town.clock.turn(days=20)
    assert purge(desk, RULES, ORDER, town.clock()).documents == 2
    assert findings(town) == []


@pytest.mark.parametrize("months", [True, False])
def test_a_document_that_proves_an_entry_stays(
    town: Town, desk: Store, months: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends its own acknowledgement as an attachment cannot have the proof removed with it."""
    if not months:
        monkeypatch.setattr(Month, "first_id", 0)
        monkeypatch.setattr(Transaction, "stage_body", lambda self, message, *document: self.stage_document(*document))
    send(town, "m-1")
    evidence = town.trace("a", "m-1").deliveries[0].evidence
    send(town, "m-2", content=content(town, evidence) or b"")
    town.clock.turn(days=31)
    assert purge(desk, RULES, ORDER, town.clock()).shared == (0 if months else 1)
    assert content(town, evidence) is not None
    assert findings(town) == []


def test_the_same_content_of_two_months_goes_month_by_month(town: Town, desk: Store) -> None:
    send(town, "m-1")
    town.clock.turn(days=31)
    send(town, "m-2")
    digest = hashlib.sha256(b"OFD").hexdigest()
    assert purge(desk, RULES, ORDER, town.clock()).shared == 0
    assert findings(town) == []
    assert content(town, digest) == b"OFD"
    town.clock.turn(days=31)
    assert purge(desk, RULES, ORDER, town.clock()).documents == 2
    assert content(town, digest) is None
    assert findings(town) == []


def test_an_unfinished_delivery_keeps_its_message(town: Town, desk: Store) -> None:
    town.send("a", ["b", "m"], message_id="waits")  # m has to fetch it
    town.deliver()
    town.clock.turn(days=60)
    assert town.states("a", "waits")["m"] is DeliveryState.WAITING
    assert plan(desk, RULES, town.clock()) == []
    assert purge(desk, RULES, ORDER, town.clock()) == Purged()


def test_age_counts_from_the_last_delivery_not_from_receipt(town: Town, desk: Store) -> None:
    town.connector.trouble["b"] = undelivered("delivery.unreachable")
    town.send("a", ["b", "c"], message_id="slow")
    town.deliver()
    town.connector.trouble.clear()
    town.clock.turn(seconds=3000)
    town.deliver()
    town.clock.turn(days=29, hours=23, minutes=30)
    assert plan(desk, RULES, town.clock()) == []
    town.clock.turn(hours=1)
    assert [line.messages for line in plan(desk, RULES, town.clock())] == [1]


@pytest.mark.parametrize(("kind", "name"), [("message", "a/m-1"), ("case", "C-1"), ("document", "云府〔2026〕3号")])
def test_a_hold_keeps_a_message_until_it_is_released(town: Town, desk: Store, kind: str, name: str) -> None:
    send(town, "m-1", case_number="C-1", document_number="云府〔2026〕3号")
    town.clock.turn(days=31)
    assert hold(desk, kind, name, ORDER, town.clock()) == 0
    with pytest.raises(Refused, match=r"retention\.held"):
        hold(desk, kind, name, ORDER, town.clock())
    assert purge(desk, RULES, ORDER, town.clock()) == Purged()
    release(desk, kind, name, ORDER, town.clock())
    with pytest.raises(Refused, match=r"retention\.not-held"):
        release(desk, kind, name, ORDER, town.clock())
    assert purge(desk, RULES, ORDER, town.clock()).messages == 1
    assert hold(desk, kind, name, ORDER, town.clock()) == 1  # too late for one
    assert [e.detail for e in town.hops(Hop.ADMIN)] == [
        "retention.held", "retention.released", "retention.purged", "retention.held"
    ]  # fmt: skip
    assert findings(town) == []


def test_many_messages_go_in_several_transactions(town: Town, desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.retention.purge.BATCH", 2)
    for number in range(5):
        town.send("a", "b", message_id=f"m-{number}")
    town.deliver()
    town.clock.turn(days=31)
    steps: list[int] = []
    assert purge(desk, RULES, ORDER, town.clock(), steps.append).messages == 5
    assert steps == [2, 2, 1]
    assert len(town.hops(Hop.ADMIN)) == 3
    assert findings(town) == []


# afterwards


def test_the_same_bytes_again_get_the_same_receipt_and_other_bytes_are_refused(town: Town, desk: Store) -> None:
    raw = send(town, "m-1")
    town.clock.turn(days=31)
    purge(desk, RULES, ORDER, town.clock())
    again = town.submit(raw, {"att": b"OFD"})
    assert (again.digest, again.stamp) == (town.receipts[0].digest, town.receipts[0].stamp)
    with pytest.raises(Refused, match=r"message\.conflict"):
        town.send("a", "b", message_id="m-1")
    assert findings(town) == []


def test_a_purged_message_is_not_resent(town: Town, desk: Store) -> None:
    town.connector.trouble["b"] = undelivered("delivery.unreachable")
    town.send("a", "b", message_id="dead")
    for _ in range(60):
        town.deliver()
        town.clock.turn(minutes=2)
    assert town.states("a", "dead") == {"b": DeliveryState.DEAD}
    town.clock.turn(days=31)
    purge(desk, RULES, ORDER, town.clock())
    with desk.transaction() as transaction, pytest.raises(Refused, match=r"message\.purged"):
        resend(transaction, "a", "dead", "b", town.hub.rules.directory, ORDER, town.clock())
    with desk.transaction() as transaction:
        done, _ = resend_dead(transaction, town.hub.rules.directory, ORDER, town.clock(), endpoint="b")
    assert done.resent == 0
    assert town.states("a", "dead") == {"b": DeliveryState.DEAD}


# what an audit finds


def test_a_document_missing_without_a_purge_is_named(town: Town, desk: Store) -> None:
    send(town, "m-1")
    send(town, "m-2", content=b"other")
    town.clock.turn(days=31)
    purge(desk, rules_of([Keeping("ever", "x")]), ORDER, town.clock())
    with desk.transaction() as transaction:
        digest = town.trace("a", "m-2").message.digest
        transaction.connection.execute(delete(bodies).where(bodies.c.digest == digest))
    assert findings(town) == ["audit.document-missing"]


def test_a_purge_covers_neither_other_messages_nor_evidence(town: Town, desk: Store) -> None:
    send(town, "m-1")
    town.clock.turn(days=31)
    purge(desk, RULES, ORDER, town.clock())
    send(town, "m-2", content=b"other")
    traced = town.trace("a", "m-2")
    with desk.transaction() as transaction:
        row = {"message": traced.message.id, "act": purging.purge_rows(transaction.connection)[0][2], "at_us": 1}
        transaction.connection.execute(purges.insert().values(row))
        for digest in (traced.message.digest, traced.deliveries[0].evidence):
            transaction.connection.execute(delete(documents).where(documents.c.digest == digest))
    assert sorted(set(findings(town))) == ["audit.document-missing", "audit.purge"]


def test_an_act_that_no_entry_names_covers_nothing(town: Town, desk: Store) -> None:
    send(town, "m-1")
    traced = town.trace("a", "m-1")
    act = {"who": "x", "what": "retention.purged", "why": "", "after": {}, "before": {
        "message a/m-1": {"envelope": traced.message.digest}}}  # fmt: skip
    written = json.dumps(act, sort_keys=True, separators=(",", ":")).encode()
    forged = hashlib.sha256(written).hexdigest()
    with desk.transaction() as transaction:
        transaction.stage_document(forged, written)
        transaction.connection.execute(purges.insert().values(message=traced.message.id, act=forged, at_us=1))
        transaction.connection.execute(delete(bodies).where(bodies.c.digest == traced.message.digest))
    assert sorted(findings(town)) == ["audit.document-missing", "audit.purge"]


def test_a_message_that_lacks_a_document_already_is_left_for_the_audit(town: Town, desk: Store) -> None:
    send(town, "m-1")
    digest = town.trace("a", "m-1").message.digest
    with desk.transaction() as transaction:
        transaction.connection.execute(delete(bodies).where(bodies.c.digest == digest))
    town.clock.turn(days=31)
    assert purge(desk, RULES, ORDER, town.clock()) == Purged()
    assert findings(town) == ["audit.document-missing"]


def test_the_records_of_a_purged_message_are_still_audited(town: Town, desk: Store) -> None:
    send(town, "m-1")
    town.clock.turn(days=31)
    purge(desk, RULES, ORDER, town.clock())
    row = town.trace("a", "m-1").message.id
    standard = Standard(HUB, town.hub.store.ledger_id, {thumbprint(signer_of(HUB)[1])})
    assert list(audit_message(town.hub.store, standard, row)) == []
    with desk.transaction() as transaction:
        transaction.connection.execute(update(messages).values(signer="0" * 64))
    assert [f.field for f in audit_message(town.hub.store, standard, row)] == ["signer"]


def test_a_serving_hub_writes_between_the_transactions_of_a_purge(town: Town, desk: Store) -> None:
    send(town, "m-1")
    town.clock.turn(days=31)
    between: list[bytes] = []
    purge(desk, RULES, ORDER, town.clock(), lambda n: between.append(send(town, "between")))
    with town.hub.store.reading() as connection:
        assert [held.message["message_id"] for held in holdings.held_messages(connection, 0, 2**62)] == [
            "m-1",
            "between",
        ]
    assert findings(town) == []


# at the command line


@pytest.fixture
def admin(town: Town) -> Administrator:
    """The town's folder as a data directory with a rule."""
    text = f"hub: {HUB}\nretention:\n  - {{type: official-document-1, keep: 30d}}\n"
    (town.folder / "hub.yaml").write_text(text, encoding="utf-8")
    (town.folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (town.folder / "keys").mkdir()
    (town.folder / "keys" / "hub.crt").write_bytes(signer_of(HUB)[1])
    return Administrator(town.folder)


def test_plan_hold_purge_and_what_is_left_at_the_command_line(town: Town, admin: Administrator) -> None:
    """The commands read the wall clock, which is long after the town's."""
    send(town, "m-1")
    send(town, "m-2", content=b"other", case_number="C-1")
    [line] = json.loads(admin.done("-o", "json", "retention", "plan"))
    assert (line["rule"], line["month"], line["messages"]) == ("1: official-document-1, *, 30d", "2026-03", 2)
    assert "official-document-1" in admin.done("retention", "plan", lang="zh")
    admin.done("retention", "hold", "C-1", "--reason", "行政复议")
    assert json.loads(admin.done("-o", "json", "retention", "holds"))[0]["reason"] == "行政复议"
    assert admin.type("retention", "purge", answer="n\n").exit_code != 0
    assert "2 documents of 1 messages" in admin.done("retention", "purge", "--why", "年度清理", answer="y\n")
    assert json.loads(admin.done("-o", "json", "retention", "purge", "--yes"))["messages"] == 0
    admin.done("retention", "release", "C-1")
    assert "nothing is held" in admin.type("retention", "holds").stderr
    assert json.loads(admin.done("-o", "json", "ledger", "verify"))["clean"]


def test_each_command_says_that_a_message_was_purged(town: Town, admin: Administrator) -> None:
    send(town, "m-1")
    admin.done("retention", "purge", "--yes")
    for words in (("--xml",), ("--payload",)):
        admin.refused("message.purged", "msg", "show", "a/m-1", *words)
    assert "正文清理时间" in admin.done("msg", "show", "a/m-1", lang="zh")
    assert "stamp" in admin.done("msg", "show", "a/m-1", "--stamp")
    assert "purged by rule" in admin.done("msg", "trace", "a/m-1")
    assert "按保存期限规则清理" in admin.done("msg", "trace", "a/m-1", lang="zh")
    assert json.loads(admin.done("-o", "json", "msg", "trace", "a/m-1"))["purged"]
    assert "rule of retention" in admin.done("msg", "verify", "a/m-1")
    admin.refused("message.purged", "msg", "resend", "a/m-1", "--to", "b", "--again")


def test_without_rules_nothing_is_purged(town: Town, admin: Administrator) -> None:
    (town.folder / "hub.yaml").write_text(f"hub: {HUB}\n", encoding="utf-8")
    admin.refused("retention.none", "retention", "purge", "--yes")
    admin.refused("message.unknown", "retention", "hold", "nothing")


def test_a_purge_as_owner_goes_to_the_same_ledger_only(town: Town, admin: Administrator, tmp_path: Path) -> None:
    send(town, "m-1")
    Store.create(f"sqlite:///{tmp_path / 'other.db'}", hub_id=HUB, ledger_id="another")
    admin.refused("store.foreign", "retention", "purge", "--yes", "--database", f"sqlite:///{tmp_path / 'other.db'}")
    same = f"sqlite:///{town.folder / 'hub.db'}"
    assert json.loads(admin.done("-o", "json", "retention", "purge", "--yes", "--database", same))["messages"] == 1
