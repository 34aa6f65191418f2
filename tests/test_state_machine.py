"""Three messages, two nodes on one database, and every order of accepting, delivering, answering and dying.

Hypothesis plays the moves; a model of the outside world (what the sender was told, what the receivers were handed)
says after each whether the promises hold. The roads' own functions are used, one transaction at a time, so that a
crash may come between any two of them. Real processes die in tests/faults.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lxml import etree
from sqlalchemy import select

from hub import proof
from hub.accept import Examined, Receipt, admit, examine
from hub.deliver import Delivered, GaveUp, Outcome, RetryAt, settle
from hub.hub import Hub, Rules
from hub.ledger.ledger import check_chain
from hub.message import Acknowledgement, DeliveryState, Hop
from hub.routing.routing import Routing
from hub.settings.settings import Settings
from hub.store import entries, outbox
from hub.store.chains import read_nodes
from hub.store.outbox import Leased
from hub.store.store import Store
from hub.store.tables import deliveries, messages
from tests.town import HUB, ROUTING, START, Clock, found_town, ground, rules_of, signer_of

NODES = ("one", "two")
CODES = ("a", "b", "c", "d", "m", "s")
ENDPOINTS = ("a", "b")
LEASE = timedelta(seconds=60)
TIMEOUT = timedelta(seconds=20)
ENDED = (DeliveryState.DELIVERED, DeliveryState.DEAD)
NODE = st.sampled_from(NODES)
WHICH = st.integers(0, 3)


class Killed(Exception):
    """The process died before its commit."""


@cache
def rules() -> Rules:
    """The rules of the ground, read once."""
    with tempfile.TemporaryDirectory() as place:
        (path := Path(place) / "hub.db").write_bytes(ground(CODES))
        store = Store.open(f"sqlite:///{path}")
        made = rules_of(store, Routing.load(ROUTING), Settings(hub=HUB))
        store.close()
    return made


@cache
def examined() -> tuple[Examined, ...]:
    """A notice, a second in the same conversation, and its recipient's answer."""
    with tempfile.TemporaryDirectory() as place:
        town = found_town(Path(place))
        raws = (
            town.signed("a", "b", message_id="first", conversation="talk"),
            town.signed("a", "b", message_id="second", conversation="talk"),
            town.signed("b", "a", message_id="answer", conversation="talk"),
        )
        made = tuple(examine(raw, town.hub.rules, START, {}) for raw in raws)
        town.close()
    return made


@dataclass
class Carried:
    """A lease in the hands of a node, and whether its receiver has been handed it already."""

    leased: Leased
    handed: bool = False


@dataclass
class Node:
    """What a hub process knows and loses when it dies."""

    hub: Hub
    store: Store
    carried: list[Carried] = field(default_factory=list)


class Exchange(RuleBasedStateMachine):
    """The moves and the promises."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        (path := Path(self.place.name) / "hub.db").write_bytes(ground(CODES))
        self.clock = Clock()
        self.nodes = {name: self._open(path, name) for name in NODES}
        self.receipts: dict[int, Receipt] = {}
        self.got: dict[str, list[str]] = {code: [] for code in CODES}
        """What each receiver was handed, with repetitions, in order."""

    def _open(self, path: Path, name: str) -> Node:
        store = Store.open(f"sqlite:///{path}", name)
        writer: Any = None  # the moves run the transactions themselves
        return Node(Hub(Settings(hub=HUB), store, writer, signer_of(HUB)[0], rules(), self.clock), store)

    def teardown(self) -> None:
        """Let everything heal, and count."""
        for name in NODES:
            self.crash(name)
        for number in range(len(examined())):
            if number < 2 or "first" in self.got["b"]:
                self.accept(number, "one", "answered")
        self._drain()
        self._check_zeros()
        for node in self.nodes.values():
            node.store.close()
        self.place.cleanup()

    def _drain(self) -> None:
        node = self.nodes["one"]
        for _ in range(20):
            self.clock.turn(hours=1)
            for endpoint in ENDPOINTS:
                self.lease("one", endpoint)
            while node.carried:
                self.hand_over(0)
                self.settle(0, "delivered")

    # --- the moves

    @rule(
        number=st.integers(0, 2),
        name=NODE,
        end=st.sampled_from(("answered", "answer lost", "killed before the commit")),
    )
    def accept(self, number: int, name: str, end: str) -> None:
        if number == 2 and "first" not in self.got["b"]:
            return  # nobody answers what he has not got
        node = self.nodes[name]
        try:
            with node.store.transaction() as transaction:
                receipt = admit(transaction, examined()[number], node.hub, self.clock())
                if end.startswith("killed"):
                    raise Killed
        except Killed:
            return
        if end == "answered":
            known = self.receipts.setdefault(number, receipt)
            assert known.stamp == receipt.stamp, "the same message, and another receipt"

    @rule(name=NODE, endpoint=st.sampled_from(ENDPOINTS))
    def lease(self, name: str, endpoint: str) -> None:
        node, at = self.nodes[name], self.clock()
        with node.store.transaction() as transaction:
            found = outbox.lease(transaction, [(endpoint, 2)], at, at + LEASE)
        node.carried += [Carried(one) for one in found]

    @precondition(lambda self: self.carrying())
    @rule(which=WHICH)
    def hand_over(self, which: int) -> None:
        node, carried = self.carrying()[which % len(self.carrying())]
        if self.clock() + TIMEOUT > carried.leased.until:
            node.carried.remove(carried)  # as the dispatcher does with what it could not answer for in time
            return
        self._check_turn(carried.leased)
        carried.handed = True
        self.got[carried.leased.consignment.recipient].append(carried.leased.consignment.message_id)

    @precondition(lambda self: self.carrying())
    @rule(which=WHICH, end=st.sampled_from(("delivered", "answer lost", "given up")))
    def settle(self, which: int, end: str) -> None:
        node, carried = self.carrying()[which % len(self.carrying())]
        node.carried.remove(carried)
        outcome = self._outcome(carried, end)
        with node.store.transaction() as transaction:
            settle(transaction, node.hub, carried.leased, outcome, self.clock())

    @rule(name=NODE, endpoint=st.sampled_from(ENDPOINTS))
    def deliver(self, name: str, endpoint: str) -> None:
        """The whole way of what is due, undisturbed, as most deliveries go."""
        before = len(self.nodes[name].carried)
        self.lease(name, endpoint)
        for carried in self.nodes[name].carried[before:]:
            which = [one for _, one in self.carrying()].index(carried)
            self.hand_over(which)
            self.settle(which, "delivered")

    def carrying(self) -> list[tuple[Node, Carried]]:
        """Everything in anybody's hands."""
        return [(node, carried) for node in self.nodes.values() for carried in node.carried]

    def _outcome(self, carried: Carried, end: str) -> Outcome:
        if end == "given up":
            return GaveUp("delivery.unreachable")
        if end == "delivered" and carried.handed:
            return Delivered(acknowledgement_of(carried.leased))
        return RetryAt(self.clock() + timedelta(seconds=5), "delivery.timeout")

    @rule(name=NODE)
    def crash(self, name: str) -> None:
        """The process is gone; a new one takes back what the old one held."""
        node = self.nodes[name]
        node.carried.clear()
        with node.store.transaction() as transaction:
            outbox.reclaim(transaction, self.clock(), own=True)

    @rule(seconds=st.sampled_from((6, 45, 61)), name=NODE)
    def time_passes(self, seconds: int, name: str) -> None:
        self.clock.turn(seconds=seconds)
        with self.nodes[name].store.transaction() as transaction:
            outbox.reclaim(transaction, self.clock())

    # --- the promises

    def _check_turn(self, leased: Leased) -> None:
        """Nothing of a conversation is handed to a recipient while something earlier of it has not ended."""
        one = leased.consignment
        earlier = select(deliveries.c.state).where(
            deliveries.c.recipient == one.recipient,
            deliveries.c.conversation == "talk",
            deliveries.c.id < one.delivery_id,
        )
        with self.nodes["one"].store.reading() as connection:
            assert {DeliveryState(state) for state in connection.scalars(earlier)} <= set(ENDED), "out of turn"

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        with self.nodes["two"].store.reading() as connection:
            stored = set(connection.scalars(select(messages.c.message_id)))
        assert {receipt.message_id for receipt in self.receipts.values()} <= stored

    @invariant()
    def nobody_holds_what_another_holds(self) -> None:
        at = self.clock()
        held = [
            one.leased.consignment.delivery_id
            for node in self.nodes.values()
            for one in node.carried
            if one.leased.until > at
        ]
        assert max(Counter(held).values(), default=1) == 1, "leased twice"

    def _check_zeros(self) -> None:
        with self.nodes["one"].store.reading() as connection:
            for node in read_nodes(connection):
                assert list(check_chain(entries.read_chain(connection, node))) == []  # altered
            rows = connection.execute(
                select(messages.c.message_id, deliveries.c.recipient, deliveries.c.state).join(
                    deliveries, deliveries.c.message == messages.c.id
                )
            ).all()
            hops = entries.latest_entries(connection, 10_000)
        mine = [row for row in rows if row.message_id in ("first", "second", "answer")]
        assert all(DeliveryState(row.state) in ENDED for row in mine)  # lost
        ended = Counter((e.message_id, e.target) for e in hops if e.kind in (Hop.DELIVERED, Hop.GAVE_UP))
        assert max(ended.values()) == 1  # ended twice
        for row in mine:
            if row.state == str(DeliveryState.DELIVERED):
                assert row.message_id in self.got[row.recipient]  # delivered, and nobody was handed it
        accepted = Counter((e.sender, e.message_id) for e in hops if e.kind is Hop.ACCEPTED)
        assert max(accepted.values()) == 1  # doubled
        for code, got in self.got.items():
            self._check_seen(code, list(dict.fromkeys(got)), {m for _, m in accepted})

    def _check_seen(self, code: str, seen: list[str], accepted: set[str]) -> None:
        """What a receiver's application sees, which knows a message by its id: each once, in order."""
        assert set(seen) <= accepted  # phantom
        if "first" in seen and "second" in seen and code == "b":
            with self.nodes["one"].store.reading() as connection:
                order = list(connection.scalars(select(messages.c.message_id).order_by(messages.c.id)))
            assert seen == [message_id for message_id in order if message_id in seen]


def acknowledgement_of(leased: Leased) -> Acknowledgement:
    """The recipient's word, as the road has read it from an answer."""
    one = leased.consignment
    tree = proof.acknowledgement_tree(
        message_id=one.message_id, sender=one.sender, digest=one.digest, recipient=one.recipient, at=START
    )
    return proof.read_acknowledgement(tree, etree.tostring(tree), "")


def test_a_holder_that_wakes_after_another_has_delivered_changes_nothing() -> None:
    """A game that chance seldom plays."""
    for end in ("answer lost", "given up"):
        game = Exchange()
        game.accept(0, "one", "answered")
        game.lease("one", "b")
        game.time_passes(61, "two")
        game.deliver("two", "b")
        game.settle(0, end)
        game.teardown()


EXAMPLES = {"": 30, "medium": 1_000, "long": 10_000}
"""How many games, by HUB_FAULTS."""

TestExchange = Exchange.TestCase
TestExchange.settings = settings(
    max_examples=EXAMPLES[os.environ.get("HUB_FAULTS", "")],
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
