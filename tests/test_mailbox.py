"""Fetch, Confirm and Status: only one's own, only with proof, nothing lost between fetch and confirm."""

from __future__ import annotations

import dataclasses
import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, delete

from hub import mailbox, proof
from hub.errors import Refused
from hub.message import DeliveryState, Hop
from hub.proof import Confirmed, Request
from hub.signing import signature
from hub.store import trace
from hub.store.outbox import Leased
from hub.store.store import LARGEST_CLOCK_DIFFERENCE
from hub.store.tables import bodies
from hub.store.trace import Standing
from tests.town import Town, signer_of

NONCES = iter(f"nonce-{n:020d}" for n in range(10_000))


def request(kind: str, department: str, time: datetime, *, by: str = "", **fields: object) -> bytes:
    made = Request(kind, department, time, nonce=next(NONCES), **fields)  # type: ignore[arg-type]
    return signature.sign(proof.request_tree(made), signer_of(by or department)[0])


def fetch(town: Town, department: str = "m", most: int = 10) -> list[Leased]:
    raw = request("fetchRequest", department, town.clock(), max=most)
    return list(town.run(mailbox.fetch(town.hub, raw)).leased)


def confirm(town: Town, items: list[Leased], department: str = "m") -> int:
    confirmed = tuple(
        Confirmed(c.delivery_id, c.message_id, c.sender, c.digest) for c in (i.consignment for i in items)
    )
    raw = request("confirmRequest", department, town.clock(), items=confirmed)
    return town.run(mailbox.confirm(town.hub, raw))


def test_a_department_fetches_and_confirms(town: Town) -> None:
    raw = town.signed("a", "m")
    receipt = town.submit(raw)
    assert town.deliver() == 0
    got = fetch(town)
    assert [g.consignment.envelope for g in got] == [raw]
    assert got[0].consignment.stamp == receipt.stamp
    assert confirm(town, got) == 1
    assert town.states("a", receipt.message_id) == {"m": DeliveryState.DELIVERED}
    kinds = [e.kind for e in town.trace("a", receipt.message_id).hops]
    assert kinds == [Hop.ACCEPTED, Hop.FETCHED, Hop.DELIVERED]
    town.check()


def test_what_is_fetched_but_not_confirmed_comes_again(town: Town) -> None:
    town.send("a", "m")
    assert len(fetch(town)) == 1
    assert fetch(town) == []
    town.clock.turn(minutes=6)
    town.deliver()
    assert len(fetch(town)) == 1


def test_confirming_twice_changes_nothing(town: Town) -> None:
    town.send("a", "m")
    got = fetch(town)
    assert [confirm(town, got), confirm(town, got)] == [1, 0]
    assert len(town.hops(Hop.DELIVERED)) == 1


def test_a_confirmation_that_is_refused_confirms_nothing(town: Town) -> None:
    town.send("a", "m")
    got = fetch(town)
    given = got[0].consignment
    foreign = dataclasses.replace(got[0], consignment=dataclasses.replace(given, delivery_id=given.delivery_id + 1))
    with pytest.raises(Refused, match=r"delivery\.unknown"):
        confirm(town, [*got, foreign])
    assert town.states("a", given.message_id) == {"m": DeliveryState.LEASED}
    assert town.hops(Hop.DELIVERED) == []
    assert confirm(town, got) == 1
    assert len(town.hops(Hop.DELIVERED)) == 1
    town.check()


def test_a_message_whose_content_is_lost_keeps_no_other_back(town: Town) -> None:
    lost, whole = town.send("a", "m"), town.send("a", "m")
    with town.hub.store.transaction() as transaction:
        transaction.connection.execute(delete(bodies).where(bodies.c.digest == lost.digest))
    assert [one.consignment.message_id for one in fetch(town)] == [whole.message_id]
    assert len(town.hops(Hop.FETCHED)) == 1


def test_a_request_is_not_forgotten_while_a_node_whose_clock_is_behind_would_take_it(town: Town) -> None:
    window = timedelta(seconds=town.hub.settings.limits.request_window)
    town.send("a", "m")
    raw = request("fetchRequest", "m", town.clock(), max=1)
    assert len(town.run(mailbox.fetch(town.hub, raw)).leased) == 1
    town.clock.turn(seconds=window.total_seconds() - 10)
    ahead = dataclasses.replace(town.hub, clock=lambda: town.clock() + LARGEST_CLOCK_DIFFERENCE)
    town.run(mailbox.fetch(ahead, request("fetchRequest", "m", ahead.clock(), max=1)))
    with pytest.raises(Refused, match=r"request\.replayed"):
        town.run(mailbox.fetch(town.hub, raw))


def test_a_status_is_read_beside_the_loop(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL it waits for a connection and a server, for seconds, and all other calls would wait with it."""
    receipt = town.send("a", "b")
    real, where = trace.read_standing, list[threading.Thread]()

    def read(connection: Connection, sender: str, message_id: str) -> Standing | None:
        where.append(threading.current_thread())
        return real(connection, sender, message_id)

    monkeypatch.setattr(trace, "read_standing", read)
    raw = request("statusRequest", "a", town.clock(), message_id=receipt.message_id)
    assert town.run(mailbox.status(town.hub, raw)).message.message_id == receipt.message_id
    assert where != [threading.current_thread()]


def test_at_most_max_are_given(town: Town) -> None:
    for _ in range(5):
        town.send("a", "m")
    assert len(fetch(town, most=3)) == 3
    assert len(fetch(town, most=3)) == 2


def test_it_is_said_whether_more_is_waiting(town: Town) -> None:
    for _ in range(3):
        town.send("a", "m")
    asked = [request("fetchRequest", "m", town.clock(), max=2) for _ in range(2)]
    assert [town.run(mailbox.fetch(town.hub, raw)).more for raw in asked] == [True, False]


def test_an_answer_holds_no_more_than_the_limit_but_one_message_at_least(town: Town) -> None:
    sizes = [len(town.signed("a", "m")) for _ in range(1)]
    town.settle(limits=dataclasses.replace(town.hub.settings.limits, max_bytes=sizes[0] + 100))
    for _ in range(3):
        town.send("a", "m")
    raw = request("fetchRequest", "m", town.clock(), max=10)
    got = town.run(mailbox.fetch(town.hub, raw))
    assert (len(got.leased), got.more) == (1, True)
    assert len(fetch(town)) == 1


def test_a_hundred_can_be_confirmed_at_once(town: Town) -> None:
    for _ in range(100):
        town.send("a", "m")
    assert confirm(town, fetch(town, most=100)) == 100


def test_a_department_sees_only_its_own(town: Town) -> None:
    town.send("a", "m")
    got = fetch(town)
    with pytest.raises(Refused, match=r"delivery\.unknown"):
        confirm(town, got, department="b")
    raw = request("statusRequest", "b", town.clock(), message_id=got[0].consignment.message_id)
    with pytest.raises(Refused, match=r"message\.unknown"):
        town.run(mailbox.status(town.hub, raw))


def test_nobody_can_ask_in_anothers_name(town: Town) -> None:
    raw = request("fetchRequest", "m", town.clock(), by="a", max=1)
    with pytest.raises(Refused, match=r"rights\.sender"):
        town.run(mailbox.fetch(town.hub, raw))


def test_a_request_works_once(town: Town) -> None:
    raw = request("fetchRequest", "m", town.clock(), max=1)
    town.run(mailbox.fetch(town.hub, raw))
    with pytest.raises(Refused, match=r"request\.replayed"):
        town.run(mailbox.fetch(town.hub, raw))


@pytest.mark.parametrize("minutes", [-10, 10])
def test_an_old_or_early_request_is_refused(town: Town, minutes: int) -> None:
    raw = request("fetchRequest", "m", town.clock() + timedelta(minutes=minutes), max=1)
    with pytest.raises(Refused, match=r"request\.window") as told:
        town.run(mailbox.fetch(town.hub, raw))
    assert told.value.expected == f"{town.clock().isoformat(timespec='seconds')} ± 300 s"


def test_a_request_of_another_kind_is_refused(town: Town) -> None:
    raw = request("fetchRequest", "m", town.clock(), max=1)
    with pytest.raises(Refused, match=r"request\.kind"):
        town.run(mailbox.confirm(town.hub, raw))


def test_a_sender_sees_what_became_of_its_message(town: Town) -> None:
    receipt = town.send("a", ["b", "m"])
    town.deliver()
    raw = request("statusRequest", "a", town.clock(), message_id=receipt.message_id)
    found = town.run(mailbox.status(town.hub, raw))
    assert {d.recipient: d.state for d in found.deliveries} == {
        "b": DeliveryState.DELIVERED,
        "m": DeliveryState.WAITING,
    }
