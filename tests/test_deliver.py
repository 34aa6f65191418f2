"""The way out: retries, answers that prove nothing, order, dead letters and notices."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import shutil
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

import hub.deliver
import hub.dispatch
from hub import envelope, supervise
from hub.deliver import Outcome
from hub.directory import Endpoint, Profile
from hub.dispatch import Dispatcher
from hub.errors import Unavailable, Undelivered
from hub.hub import Hub
from hub.message import Attachment, Consignment, DeliveryState, Hop
from hub.parser import parse
from hub.registry.registry import Registry
from hub.store.outbox import Leased
from hub.store.tables import bodies, deliveries
from hub.store.transaction import Transaction
from tests.town import HUB, Town, reopened, undelivered


def cause_of(town: Town, message_id: str, recipient: str) -> str:
    return next(d.cause for d in town.trace("a", message_id).deliveries if d.recipient == recipient)


def with_profile(**changes: object):
    def change(registry: Registry) -> Registry:
        endpoints = [dataclasses.replace(e, profile=Profile(**changes)) for e in registry.endpoints]  # type: ignore[arg-type]
        return dataclasses.replace(registry, endpoints=tuple(endpoints))

    return change


def test_what_is_delivered_is_what_was_signed_byte_for_byte(town: Town) -> None:
    raw = town.signed("a", ["b", "c"])
    receipt = town.submit(raw)
    assert town.deliver() == 2
    assert {c.recipient for c in town.connector.handed} == {"b", "c"}
    assert all(c.envelope == raw and c.stamp == receipt.stamp for c in town.connector.handed)
    assert set(town.states("a", receipt.message_id).values()) == {DeliveryState.DELIVERED}
    assert [e.detail for e in town.hops(Hop.DELIVERED)] == ["signed", "signed"]
    town.check()


def test_one_document_to_many_is_stored_and_signed_once(town: Town) -> None:
    town.send("a", "group:all")
    with town.hub.store.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from bodies").scalar() == 1
        assert connection.exec_driver_sql("select count(*) from messages").scalar() == 1
        assert connection.exec_driver_sql("select count(*) from deliveries").scalar() == 5


def test_a_message_whose_content_is_lost_keeps_no_other_back(town: Town) -> None:
    several = town.hub.settings.delivery.breaker_failures + 1
    [lost, *_], whole = [town.send("a", "b") for _ in range(several)], town.send("a", ["b", "c"])
    with town.hub.store.transaction() as transaction:
        transaction.connection.execute(delete(bodies).where(bodies.c.digest != whole.digest))
    town.deliver()
    assert set(town.states("a", whole.message_id).values()) == {DeliveryState.DELIVERED}
    assert cause_of(town, lost.message_id, "b") == "delivery.lost"
    while town.states("a", lost.message_id) != {"b": DeliveryState.DEAD}:
        town.clock.turn(hours=1)
        town.deliver()
    assert [e.detail for e in town.hops(Hop.GAVE_UP)] == several * ["delivery.lost"]


def test_what_was_altered_in_the_database_is_not_handed_over(town: Town) -> None:
    content = "附件".encode() * 100
    line = Attachment("a1", "a.txt", "text/plain", len(content), hashlib.sha256(content).hexdigest())
    altered, other, whole = (
        town.send("a", "b"),
        town.send("a", "b", attachments=[line], beside={"a1": content}),
        town.send("a", "b"),
    )
    with town.hub.store.transaction() as transaction:
        for digest in (altered.digest, line.sha256):
            of_it = bodies.c.digest == digest
            kept = bytes(transaction.connection.scalar(select(bodies.c.content).where(of_it)))
            harmed = kept[:50] + bytes([kept[50] ^ 1]) + kept[51:]
            transaction.connection.execute(update(bodies).where(of_it).values(content=harmed))
    town.deliver()
    assert [one.message_id for one in town.connector.handed] == [whole.message_id]
    for one in (altered, other):
        assert cause_of(town, one.message_id, "b") == "delivery.lost"


def test_a_notice_of_a_restored_hub_is_not_taken_for_one_of_the_time_that_was_lost(town: Town, tmp_path: Path) -> None:
    (place := tmp_path / "restored").mkdir()
    shutil.copy(town.folder / "hub.db", place)
    told: list[str] = []
    with closing(reopened(place, node="hub-r")) as restored:
        for one in (town, restored):
            one.connector.trouble["b"] = undelivered()
            one.send("a", "b", message_id=f"of-{one.hub.store.node}")
            while not one.hops(Hop.GAVE_UP):
                one.clock.turn(hours=1)
                one.deliver()
            told += [entry.message_id for entry in one.hops(Hop.ACCEPTED) if entry.sender == HUB]
    assert len(set(told)) == 2


@pytest.mark.parametrize("damage", [{"role": "maim"}, {"first_us": 1 << 62}, {"expires_us": 1 << 62}])
def test_a_delivery_whose_row_is_damaged_keeps_no_other_back(town: Town, damage: dict[str, object]) -> None:
    harmed, whole = town.send("a", "b"), town.send("a", "b")
    with town.hub.store.transaction() as transaction:
        transaction.connection.execute(update(deliveries).where(deliveries.c.id == 1).values(**damage))
    town.deliver()
    assert [one.message_id for one in town.connector.handed] == [whole.message_id]
    while town.states("a", harmed.message_id) != {"b": DeliveryState.DEAD}:
        town.clock.turn(hours=1)
        town.deliver()
    assert [e.detail for e in town.hops(Hop.GAVE_UP)] == ["delivery.lost"]


def test_a_dead_endpoint_delays_nobody_else(town: Town) -> None:
    town.connector.trouble["b"] = undelivered()
    receipt = town.send("a", ["b", "c", "d"])
    town.deliver()
    states = town.states("a", receipt.message_id)
    assert states == {
        "b": DeliveryState.WAITING,
        "c": DeliveryState.DELIVERED,
        "d": DeliveryState.DELIVERED,
    }
    town.check()


def test_a_failed_attempt_is_on_record_and_tried_again(town: Town) -> None:
    town.connector.trouble["b"] = undelivered("delivery.timeout")
    receipt = town.send("a", "b")
    assert town.deliver() == 1
    assert cause_of(town, receipt.message_id, "b") == "delivery.timeout"
    assert town.deliver() == 0
    town.connector.trouble.clear()
    town.clock.turn(minutes=5)
    assert town.deliver() == 1
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.DELIVERED}
    kinds = [e.kind for e in town.trace("a", receipt.message_id).hops]
    assert kinds == [Hop.ACCEPTED, Hop.ATTEMPT_FAILED, Hop.DELIVERED]
    town.check()


def test_the_breaker_spares_a_dead_endpoint(town: Town) -> None:
    town.connector.trouble["b"] = undelivered()
    for _ in range(12):
        town.send("a", "b")
    town.deliver()
    assert len(town.hops(Hop.ATTEMPT_FAILED)) == town.hub.settings.delivery.breaker_failures
    town.connector.trouble.clear()
    town.clock.turn(minutes=10)
    town.deliver()
    assert len(town.connector.handed) == 12
    town.check()


def test_giving_up_makes_a_dead_letter_and_a_signed_notice_to_the_sender(town: Town) -> None:
    town.connector.trouble["b"] = undelivered()
    receipt = town.send("a", ["b", "c"])
    for _ in range(20):
        town.clock.turn(minutes=20)
        town.deliver()
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.DEAD, "c": DeliveryState.DELIVERED}
    notices = [c for c in town.connector.handed if c.recipient == "a"]
    assert len(notices) == 1
    root = parse(notices[0].envelope)
    header = envelope.read(root).header
    assert (header.type, header.sender, header.in_reply_to) == ("notice-1", "hub", receipt.message_id)
    texts = {e.tag.split("}")[1]: e.text for e in envelope.payload_of(root)}
    assert (texts["recipient"], texts["cause"]) == ("b", "delivery.unreachable")
    town.check()


def test_an_expired_message_ends_as_dead_letter_even_in_a_mailbox(town: Town) -> None:
    receipt = town.send("a", "m", expires=town.clock() + timedelta(hours=1))
    town.clock.turn(hours=2)
    town.deliver()
    assert town.states("a", receipt.message_id) == {"m": DeliveryState.DEAD}
    assert cause_of(town, receipt.message_id, "m") == "delivery.expired"
    town.check()


def test_order_is_kept_per_conversation_and_recipient_only(town: Town) -> None:
    town.connector.trouble["b"] = undelivered()
    first = town.send("a", "b", conversation="case-1", message_id="first")
    town.deliver()
    town.connector.trouble.clear()
    second = town.send("a", ["b", "c"], conversation="case-1", message_id="second")
    other = town.send("a", "b", message_id="other")
    town.deliver()
    assert town.states("a", second.message_id) == {"b": DeliveryState.WAITING, "c": DeliveryState.DELIVERED}
    assert town.states("a", other.message_id) == {"b": DeliveryState.DELIVERED}
    town.clock.turn(minutes=5)
    town.deliver()
    to_b = [c.message_id for c in town.connector.handed if c.recipient == "b"]
    assert to_b.index(first.message_id) < to_b.index(second.message_id)
    town.check()


def test_a_conversation_is_delivered_in_order_in_one_go(town: Town) -> None:
    sent = [town.send("a", "b", conversation="x").message_id for _ in range(20)]
    town.deliver()
    assert [c.message_id for c in town.connector.handed] == sent


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"message_id": "another"}, "delivery.other-message"),
        ({"digest": "0" * 64}, "delivery.other-message"),
        ({"sender": "c"}, "delivery.other-message"),
        ({"signer": "c"}, "delivery.other-signer"),
    ],
)
def test_a_wrong_acknowledgement_is_not_a_delivery(town: Town, changes: dict[str, str], code: str) -> None:
    receipt = town.send("a", "b")
    right = town.connector.acknowledge
    town.connector.acknowledge = lambda consignment: right(consignment, **changes)  # type: ignore[assignment]
    town.deliver()
    assert cause_of(town, receipt.message_id, "b") == code
    assert town.hops(Hop.DELIVERED) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ok",
        b"<ok/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" * 1000,
        b"\xff\xfe\x00",
    ],
)
def test_a_hostile_answer_is_not_a_delivery(town: Town, answer: bytes) -> None:
    town.connector.trouble["b"] = answer
    receipt = town.send("a", "b")
    town.deliver()
    assert cause_of(town, receipt.message_id, "b") == "delivery.answer"
    assert town.hops(Hop.DELIVERED) == []


def test_an_unsigned_answer_counts_only_where_the_profile_allows_it(town: Town) -> None:
    town.connector.signs = False
    receipt = town.send("a", "b")
    town.deliver()
    assert cause_of(town, receipt.message_id, "b") == "delivery.unsigned"
    town.register(with_profile(signed_answer=False))
    town.clock.turn(minutes=5)
    town.deliver()
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.DELIVERED}
    assert [e.detail for e in town.hops(Hop.DELIVERED)] == ["unsigned"]
    town.check()


def test_the_acknowledgement_is_kept_as_evidence(town: Town) -> None:
    from hub.store.trace import read_document

    receipt = town.send("a", "b")
    town.deliver()
    entry = town.hops(Hop.DELIVERED)[0]
    with town.hub.store.reading() as connection:
        kept = read_document(connection, entry.evidence.hex())
    assert kept is not None
    assert receipt.message_id.encode() in kept


def test_what_was_leased_at_a_crash_is_delivered_after_the_start(town: Town) -> None:
    receipt = town.send("a", "b")

    class Crash(BaseException):
        pass

    async def crash(*_: object) -> bytes:
        raise Crash

    sound, town.connector.deliver = town.connector.deliver, crash  # type: ignore[method-assign]
    with pytest.raises(Crash):
        town.deliver()
    town.connector.deliver = sound  # type: ignore[method-assign]
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.LEASED}
    town.run(town.dispatcher.recover())
    town.deliver()
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.DELIVERED}
    town.check()


def test_a_lost_lease_records_nothing(town: Town) -> None:
    receipt = town.send("a", "b")
    sound = town.connector.deliver

    async def slow(endpoint: object, consignment: object) -> bytes:
        answer = await sound(endpoint, consignment)  # type: ignore[arg-type]
        with town.hub.store.transaction() as transaction:
            transaction.connection.exec_driver_sql("update deliveries set lease_node = 'other'")
        return answer

    town.connector.deliver = slow  # type: ignore[method-assign]
    town.deliver()
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.LEASED}
    assert town.hops(Hop.DELIVERED) == []


def test_a_paused_endpoint_gets_nothing(town: Town) -> None:
    def paused(registry: Registry) -> Registry:
        endpoints = [dataclasses.replace(e, paused=e.code == "b") for e in registry.endpoints]
        return dataclasses.replace(registry, endpoints=tuple(endpoints))

    town.register(paused)
    town.send("a", ["b", "c"])
    assert town.deliver() == 1


def test_an_unknown_error_of_a_connector_is_undelivered_only(town: Town) -> None:
    town.connector.trouble["b"] = Undelivered("delivery.fault", operator="500")
    receipt = town.send("a", "b")
    town.deliver()
    assert cause_of(town, receipt.message_id, "b") == "delivery.fault"


def test_each_attempt_is_one_line_in_the_log_without_the_payload(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "hub.deliver")
    town.connector.trouble["c"] = undelivered()
    receipt = town.send("a", ["b", "c"])
    town.deliver()
    lines = {record.message: record.__dict__["fields"] for record in caplog.records}
    assert lines["delivered"]["recipient"] == "b"
    assert (lines["retry"]["code"], lines["retry"]["attempt"]) == ("delivery.unreachable", 1)
    assert {fields["message"] for fields in lines.values()} == {receipt.message_id}
    assert "测试通知" not in caplog.text


def test_an_endpoint_gets_as_many_at_once_as_its_profile_allows(town: Town) -> None:
    together: list[int] = []
    inside = 0
    sound = town.connector.deliver

    async def counted(endpoint: Endpoint, consignment: Consignment) -> bytes:
        nonlocal inside
        inside += 1
        together.append(inside)
        await asyncio.sleep(0)
        answer = await sound(endpoint, consignment)
        inside -= 1
        return answer

    town.connector.deliver = counted  # type: ignore[method-assign]
    town.register(with_profile(parallel=3))
    for _ in range(9):
        town.send("a", "b")
    town.deliver()
    assert max(together) == 3
    assert len(town.connector.handed) == 9
    town.check()


def test_what_cannot_be_settled_leaves_nothing_under_way_unattended(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a second carrier would come to the endpoint beside it, and a process would end without waiting for it."""
    town.register(with_profile(parallel=2))
    first, second = town.send("a", "b"), town.send("a", "b")
    sound, failed = town.connector.deliver, asyncio.Event()

    async def deliver(endpoint: Endpoint, consignment: Consignment) -> bytes:
        if consignment.message_id == second.message_id:
            await failed.wait()
            for _ in range(100):
                await asyncio.sleep(0)
        return await sound(endpoint, consignment)

    def settle(transaction: Transaction, hub: Hub, leased: Leased, outcome: Outcome, at: datetime) -> bool:
        if leased.consignment.message_id == first.message_id:
            raise Unavailable("store.unreachable")
        return settled(transaction, hub, leased, outcome, at)

    async def carried(*given: Any) -> Outcome:
        try:
            return await carry(*given)
        except Unavailable:
            failed.set()
            raise

    async def once() -> None:
        town.dispatcher.wake(["b"])
        await town.dispatcher._start()
        await town.dispatcher._finish()

    settled, carry = hub.deliver.settle, hub.dispatch.deliver
    monkeypatch.setattr(town.connector, "deliver", deliver)
    monkeypatch.setattr(hub.deliver, "settle", settle)
    monkeypatch.setattr(hub.dispatch, "deliver", carried)
    town.run(once())
    assert town.states("a", first.message_id) == {"b": DeliveryState.LEASED}
    assert town.states("a", second.message_id) == {"b": DeliveryState.DELIVERED}


def test_what_is_in_hand_for_one_endpoint_is_bounded_in_bytes(town: Town) -> None:
    """Sixteen of the largest messages for each of 64 endpoints would be 20 GB."""
    limits = town.hub.settings.limits
    sound, in_hand = town.connector.deliver, list[int]()

    async def counted(endpoint: Endpoint, consignment: Consignment) -> bytes:
        with town.hub.store.reading() as connection:
            leased = select(func.count()).where(deliveries.c.state == str(DeliveryState.LEASED))
            in_hand.append(connection.scalar(leased) or 0)
        return await sound(endpoint, consignment)

    async def once() -> None:
        town.dispatcher.wake(["b"])
        while await town.dispatcher._start():
            await town.dispatcher._finish()

    town.connector.deliver = counted  # type: ignore[method-assign]
    sizes = [len(raw) for raw in (town.signed("a", "b") for _ in range(5)) if town.submit(raw)]
    town.settle(limits=dataclasses.replace(limits, max_bytes=sizes[0] + 1))
    town.run(once())
    assert in_hand == [2, 1, 2, 1, 1]
    assert len(town.hops(Hop.DELIVERED)) == 5
    town.check()


def test_a_slow_endpoint_is_sent_nothing_whose_lease_may_end_before_the_answer(town: Town) -> None:
    sound = town.connector.deliver

    async def slow(endpoint: Endpoint, consignment: Consignment) -> bytes:
        town.clock.turn(seconds=25)
        await supervise.sweep(town.hub)  # as a serving process does each second
        await town.dispatcher.sweep()
        return await sound(endpoint, consignment)

    town.connector.deliver = slow  # type: ignore[method-assign]
    for _ in range(10):
        town.send("a", "b")
    town.deliver()
    assert len(town.connector.handed) == 10
    assert len({c.message_id for c in town.connector.handed}) == 10
    assert len(town.hops(Hop.DELIVERED)) == 10
    town.check()


def test_a_database_that_is_away_at_the_start_is_met_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.send("a", "b", message_id="one")
    recover, tries = Dispatcher.recover, []

    async def away_at_first(self: Dispatcher) -> None:
        tries.append(1)
        if len(tries) < 2:
            raise Unavailable("store.unreachable")
        await recover(self)

    async def play() -> None:
        running = asyncio.create_task(town.dispatcher.run())
        while not town.connector.handed:
            assert not running.done()
            town.dispatcher.look()
            await asyncio.sleep(0)
        town.dispatcher.stop()
        await running

    monkeypatch.setattr(Dispatcher, "recover", away_at_first)
    town.run(play())
    assert (len(tries), [one.message_id for one in town.connector.handed]) == (2, ["one"])
