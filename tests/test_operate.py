"""The operator's changes: what may be released or resent, what it leaves in the outbox, and that the ledger says so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hub.directory import Endpoint, Kind
from hub.errors import Refused
from hub.message import DeliveryState, Hop
from hub.store import operate, trace
from hub.store.operate import Order
from tests.town import HUB, Town, undelivered

ORDER = Order(HUB, "王工", "端点已修复")
HOLD = """
version: 1
rules:
  - name: hold-all
    when: {sender: a}
    then: {hold: 待审}
"""


def give_up_on(town: Town, recipient: str, *message_ids: str) -> None:
    """Send messages to a recipient that is down, until the hub gives up."""
    town.connector.trouble[recipient] = undelivered()
    for message_id in message_ids:
        town.send("a", [recipient], message_id=message_id)
    for _ in range(80):
        town.deliver()
        if all(town.states("a", m)[recipient] is DeliveryState.DEAD for m in message_ids):
            break
        town.clock.turn(minutes=10)
    else:
        raise AssertionError("never given up")
    del town.connector.trouble[recipient]
    town.clock.turn(hours=1)  # longer than any breaker rests


def resend(town: Town, message_id: str, recipient: str = "b", *, again: bool = False) -> None:
    with town.hub.store.transaction() as transaction:
        directory = town.hub.rules.directory
        operate.resend(transaction, "a", message_id, recipient, directory, ORDER, town.clock(), again=again)


def test_a_dead_letter_that_is_resent_is_delivered(town: Town) -> None:
    give_up_on(town, "b", "dead")
    resend(town, "dead")
    assert town.states("a", "dead") == {"b": DeliveryState.WAITING}
    town.deliver()
    assert town.states("a", "dead") == {"b": DeliveryState.DELIVERED}
    town.check()


def test_a_resend_has_its_whole_time_again(town: Town) -> None:
    give_up_on(town, "b", "dead")
    resend(town, "dead")
    copy = town.trace("a", "dead").deliveries[0]
    assert (copy.cause, copy.done_at, copy.next_at) == ("delivery.unreachable", None, town.clock())
    town.connector.trouble["b"] = undelivered()
    town.deliver()
    assert town.states("a", "dead") == {"b": DeliveryState.WAITING}


def test_a_resend_that_fails_for_good_is_given_up_and_told_again(town: Town) -> None:
    give_up_on(town, "b", "dead")
    resend(town, "dead")
    town.connector.trouble["b"] = undelivered()
    for _ in range(100):
        town.deliver()
        town.clock.turn(minutes=2)
    assert town.states("a", "dead") == {"b": DeliveryState.DEAD}
    notices = [entry for entry in town.hops(Hop.ACCEPTED) if entry.sender == HUB]
    assert len(notices) == 2


def test_the_ledger_keeps_who_resent_and_why(town: Town) -> None:
    give_up_on(town, "b", "dead")
    resend(town, "dead")
    (entry,) = town.hops(Hop.RESENT)
    assert (entry.message_id, entry.source, entry.target, entry.detail) == ("dead", HUB, "b", "")
    with town.hub.store.reading() as connection:
        order = trace.read_document(connection, entry.evidence.hex())
    assert order is not None
    said = json.loads(order)
    assert (said["by"], said["reason"], said["action"]) == ("王工", "端点已修复", "resent")


def test_what_is_not_dead_is_not_resent(town: Town) -> None:
    town.send("a", "b", message_id="m")
    with pytest.raises(Refused) as waiting:
        resend(town, "m")
    town.deliver()
    with pytest.raises(Refused) as delivered:
        resend(town, "m")
    assert (waiting.value.code, delivered.value.code) == ("delivery.state", "delivery.state")
    assert town.hops(Hop.RESENT) == []


def test_a_delivered_message_is_handed_over_again_only_on_demand(town: Town) -> None:
    town.send("a", "b", message_id="m")
    town.deliver()
    resend(town, "m", again=True)
    town.deliver()
    assert [c.message_id for c in town.connector.handed] == ["m", "m"]


def test_a_department_that_is_no_recipient_gets_nothing_by_a_resend(town: Town) -> None:
    town.send("a", "b", message_id="m")
    with pytest.raises(Refused) as refusal:
        resend(town, "m", "c")
    assert refusal.value.code == "delivery.recipient"


def test_an_expired_message_is_not_resent(town: Town) -> None:
    town.connector.trouble["b"] = undelivered()
    town.send("a", "b", message_id="m", expires=town.clock().replace(hour=3))
    town.clock.turn(hours=3)
    town.deliver()
    with pytest.raises(Refused) as refusal:
        resend(town, "m")
    assert refusal.value.code == "delivery.expired"


def test_a_resend_goes_to_the_endpoint_that_took_the_place_of_the_old_one(town: Town) -> None:
    give_up_on(town, "b", "dead")
    moved = Endpoint("b-new", "b", Kind.PUSH, "http://127.0.0.1:9/new")
    town.register(lambda r: replace(r, endpoints=(*(e for e in r.endpoints if e.code != "b"), moved)))
    resend(town, "dead")
    assert town.trace("a", "dead").deliveries[0].endpoint == "b-new"


def test_dead_letters_of_a_cause_are_resent_in_batches(town: Town) -> None:
    give_up_on(town, "b", "d1", "d2", "d3")
    after, counted = 0, []
    for _ in range(2):
        with town.hub.store.transaction() as transaction:
            resent, after = operate.resend_dead(
                transaction, town.hub.rules.directory, ORDER, town.clock(),
                cause="delivery.unreachable", after=after, most=2,
            )  # fmt: skip
        counted.append(resent.resent)
    assert (counted, after) == ([2, 1], 0)
    town.deliver()
    assert {m: town.states("a", m)["b"] for m in ("d1", "d2", "d3")} == dict.fromkeys(
        ("d1", "d2", "d3"), DeliveryState.DELIVERED
    )


def test_dead_letters_of_another_endpoint_stay(town: Town) -> None:
    give_up_on(town, "b", "d1")
    give_up_on(town, "c", "d2")
    with town.hub.store.transaction() as transaction:
        directory = town.hub.rules.directory
        resent, _ = operate.resend_dead(transaction, directory, ORDER, town.clock(), endpoint="c")
    assert (resent.resent, town.states("a", "d1")) == (1, {"b": DeliveryState.DEAD})


def test_a_held_message_waits_until_it_is_released(town: Town) -> None:
    town.reroute(HOLD)
    town.send("a", ["b", "c"], message_id="h")
    town.deliver()
    assert set(town.states("a", "h").values()) == {DeliveryState.HELD}
    with town.hub.store.transaction() as transaction:
        assert operate.release_held(transaction, "a", "h", ORDER, town.clock()) == 2
    town.deliver()
    assert set(town.states("a", "h").values()) == {DeliveryState.DELIVERED}
    assert {entry.target for entry in town.hops(Hop.RELEASED)} == {"b", "c"}


def test_a_message_that_is_not_held_is_not_released(town: Town) -> None:
    town.send("a", "b", message_id="m")
    with pytest.raises(Refused) as refusal, town.hub.store.transaction() as transaction:
        operate.release_held(transaction, "a", "m", ORDER, town.clock())
    assert refusal.value.code == "delivery.state"
