"""The roads on a real PostgreSQL: the tests of accept, deliver, mailbox, operate and sequence as they stand, and what
only PostgreSQL can do: several nodes on one database, and connections that die.

The tests named in the imports run here with the `town` below.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub import mailbox
from hub.accept import Receipt, accept
from hub.administration.administered import NODE, Deed
from hub.administration.edit import edit_registry
from hub.administration.in_force import file_facts, put_on_record
from hub.audit.audit import report
from hub.directory import Endpoint
from hub.dispatch import Dispatcher
from hub.errors import Refused, Unavailable
from hub.hub import Hub
from hub.message import Consignment, DeliveryState, Hop
from hub.proof import Confirmed
from hub.registry.registry import Registry
from hub.store.administer import record
from hub.store.inbox import add_refusal
from hub.store.operate import Order
from hub.store.outbox import lease
from hub.store.registry import read_registry, registry_version, write_registry
from hub.store.store import Store
from hub.store.tables import deliveries, messages
from hub.store.transaction import Transaction
from hub.store.writer import Writer
from tests.postgres import PATIENCE, Server, database, town
from tests.test_accept import (
    test_a_good_envelope_is_accepted_with_a_stamp_that_proves_it,
    test_a_replay_within_one_group_commit_is_seen,
    test_an_attachment_beside_is_stored_once_and_delivered,
    test_one_department_cannot_sign_as_another,
    test_the_same_bytes_again_get_the_same_receipt_and_no_second_delivery,
    test_the_same_id_with_other_content_is_refused,
)
from tests.test_audit import STANDARD
from tests.test_deliver import (
    test_a_failed_attempt_is_on_record_and_tried_again,
    test_a_lost_lease_records_nothing,
    test_order_is_kept_per_conversation_and_recipient_only,
    test_what_was_leased_at_a_crash_is_delivered_after_the_start,
)
from tests.test_mailbox import (
    fetch,
    request,
    test_a_confirmation_that_is_refused_confirms_nothing,
    test_a_department_fetches_and_confirms,
    test_a_message_whose_content_is_lost_keeps_no_other_back,
    test_a_request_works_once,
)
from tests.test_operate import test_a_dead_letter_that_is_resent_is_delivered
from tests.test_retention import (
    desk,
    test_a_document_that_another_message_has_stays_until_that_goes_too,
    test_a_hold_keeps_a_message_until_it_is_released,
    test_documents_go_and_all_else_stays_provable,
)
from tests.test_sequence import (
    drain,
    sequencer,
    test_every_entry_gets_a_place_and_a_proof,
    test_two_sequencers_at_the_same_moment_do_not_fork,
)
from tests.town import FakeConnector, Town

__all__ = [
    "database",
    "desk",
    "test_a_confirmation_that_is_refused_confirms_nothing",
    "test_a_dead_letter_that_is_resent_is_delivered",
    "test_a_department_fetches_and_confirms",
    "test_a_document_that_another_message_has_stays_until_that_goes_too",
    "test_a_failed_attempt_is_on_record_and_tried_again",
    "test_a_good_envelope_is_accepted_with_a_stamp_that_proves_it",
    "test_a_hold_keeps_a_message_until_it_is_released",
    "test_a_lost_lease_records_nothing",
    "test_a_message_whose_content_is_lost_keeps_no_other_back",
    "test_a_replay_within_one_group_commit_is_seen",
    "test_a_request_works_once",
    "test_an_attachment_beside_is_stored_once_and_delivered",
    "test_documents_go_and_all_else_stays_provable",
    "test_every_entry_gets_a_place_and_a_proof",
    "test_one_department_cannot_sign_as_another",
    "test_order_is_kept_per_conversation_and_recipient_only",
    "test_the_same_bytes_again_get_the_same_receipt_and_no_second_delivery",
    "test_the_same_id_with_other_content_is_refused",
    "test_two_sequencers_at_the_same_moment_do_not_fork",
    "test_what_was_leased_at_a_crash_is_delivered_after_the_start",
    "town",
]


@dataclass
class Node:
    """A second hub process on the town's database, with its own chain."""

    hub: Hub
    dispatcher: Dispatcher


@pytest.fixture
def second(town: Town) -> Iterator[Node]:
    store = Store.open(town.hub.store.engine.url.render_as_string(hide_password=False), "two")
    hub = replace(town.hub, store=store, writer=Writer(store))
    yield Node(hub, Dispatcher(lambda: hub, town.connector))
    hub.close()


def kill_all(server: Server, database: str) -> None:
    """End every connection to a database, as a fail-over would, and wait until they have ended."""
    server.run(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{database}'")


def test_two_nodes_deliver_everything_once(town: Town, second: Node) -> None:
    for number in range(12):
        town.send("a", ["b", "c", "d"], message_id=f"n{number}")

    async def both() -> list[int]:
        return list(await asyncio.gather(town.dispatcher.drain(), second.dispatcher.drain()))

    assert sum(town.run(both())) == 36
    handed = Counter((one.message_id, one.recipient) for one in town.connector.handed)
    assert (len(handed), set(handed.values())) == (36, {1})
    assert {entry.node for entry in town.hops(Hop.DELIVERED)} <= {"hub", "two"}
    town.check()


def test_a_lease_passes_over_what_another_node_is_taking(town: Town, second: Node) -> None:
    town.send("a", "b", message_id="plain")
    town.send("a", "b", message_id="first", conversation="case")
    town.send("a", "b", message_id="then", conversation="case")
    at = town.clock()
    until = at + timedelta(minutes=1)
    with town.hub.store.transaction() as one, second.hub.store.transaction() as other:
        mine = lease(one, [("b", 2)], at, until)
        theirs = lease(other, [("b", 2)], at, until)
    assert [leased.consignment.message_id for leased in mine] == ["plain", "first"]
    assert theirs == []


def test_one_delivery_confirmed_at_two_nodes_at_once_is_delivered_once(
    town: Town, second: Node, server: Server
) -> None:
    """A department that heard nothing asks again, with a new request, and whoever serves it there has not seen it."""
    town.send("a", "m")
    [one] = [leased.consignment for leased in fetch(town)]
    item = Confirmed(one.delivery_id, one.message_id, one.sender, one.digest)
    asked = [request("confirmRequest", "m", town.clock(), items=(item,)) for _ in range(2)]
    counts: list[int] = []
    meanwhile = threading.Thread(target=lambda: counts.append(town.run(mailbox.confirm(second.hub, asked[1]))))
    with town.hub.store.transaction() as transaction:
        proven, asker = mailbox.examine(asked[0], "confirmRequest", town.hub.rules, town.clock())
        counts.append(mailbox.settle(transaction, town.hub, proven, asked[0], asker, town.clock()))
        meanwhile.start()
        waited_for(server, meanwhile)
    meanwhile.join(PATIENCE)
    assert counts == [1, 0]
    assert len(town.hops(Hop.DELIVERED)) == 1
    town.check()


def test_one_message_at_two_nodes_at_once_is_accepted_once(town: Town, second: Node) -> None:
    async def both(raw: bytes) -> list[Receipt]:
        return list(await asyncio.gather(accept(town.hub, raw), accept(second.hub, raw)))

    for _ in range(5):
        receipts = town.run(both(town.signed("a", "b")))
        assert sorted(receipt.replayed for receipt in receipts) == [False, True]
        assert receipts[0].stamp == receipts[1].stamp
    assert town.deliver() == 5
    town.check()


def test_one_id_with_two_contents_at_two_nodes_is_accepted_once_and_refused_once(town: Town, second: Node) -> None:
    async def both(one: bytes, other: bytes) -> list[Any]:
        work = (accept(town.hub, one), accept(second.hub, other))
        return list(await asyncio.gather(*work, return_exceptions=True))

    for number in range(5):
        raws = [town.signed("a", to, message_id=f"same{number}") for to in "bc"]
        [refusal] = [answer for answer in town.run(both(*raws)) if isinstance(answer, Refused)]
        assert refusal.code == "message.conflict"
        town.refusals.append(refusal)
    town.check()


def test_ids_grow_in_the_order_of_acceptance_whichever_node_accepts(town: Town, second: Node) -> None:
    first = town.send("a", ["b", "c"])
    town.run(accept(second.hub, town.signed("a", ["b", "c"])))
    town.send("a", ["b", "c"])
    with town.hub.store.reading() as connection:
        for table in (messages, deliveries):
            ids = list(connection.scalars(text(f"SELECT id FROM {table.name} ORDER BY id")))
            assert len(ids) == len(set(ids)) > 2
        names = list(connection.scalars(text("SELECT message_id FROM messages ORDER BY id")))
    assert names == [first.message_id, "m-2", "m-3"]


def waited_for(server: Server, late: threading.Thread) -> None:
    """Return when a thread that was started waits for a lock of the server's."""
    while not server.run("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0]:
        late.join(0.05)
        assert late.is_alive()


def pausing(code: str) -> Callable[[Registry], Registry]:
    def change(registry: Registry) -> Registry:
        endpoints = tuple(replace(e, paused=e.paused or e.code == code) for e in registry.endpoints)
        return replace(registry, endpoints=endpoints)

    return change


def test_two_changes_of_the_registry_at_once_are_made_one_to_the_other_and_both_noticed(
    town: Town, second: Node, server: Server
) -> None:
    """With one version for both, a hub that had read the first would never see the second: a revoked certificate."""
    seen: list[Registry] = []

    def later(registry: Registry) -> Registry:
        seen.append(registry)
        return pausing("c")(registry)

    order, store = Order("hub", "two"), second.hub.store
    meanwhile = threading.Thread(target=lambda: edit_registry(store, later, order, town.clock()))
    with town.hub.store.transaction() as transaction:
        version = int(registry_version(transaction.connection))
        before = read_registry(transaction.connection)
        write_registry(transaction.connection, before, pausing("b")(before))
        meanwhile.start()
        waited_for(server, meanwhile)
    meanwhile.join(PATIENCE)
    with town.hub.store.reading() as connection:
        assert int(registry_version(connection)) == version + 2
        after = read_registry(connection)
    assert [e.code for e in seen[0].endpoints if e.paused] == ["b"]
    assert [e.code for e in after.endpoints if e.paused] == ["b", "c"]


def test_a_file_that_two_nodes_go_by_at_once_is_recorded_once(town: Town, second: Node, server: Server) -> None:
    order = Order("hub", "root@here")
    town.hub.store.node = NODE
    with town.hub.store.transaction() as transaction:
        record(transaction, order, town.clock(), Deed.INSTALLED, {}, {})
    texts = {"routing.yaml": "version: 1\n"}
    meanwhile = threading.Thread(target=lambda: put_on_record(second.hub.store, texts, order, town.clock()))
    with town.hub.store.transaction() as transaction:
        record(transaction, order, town.clock(), Deed.FILE_CHANGED, {}, file_facts(texts))
        meanwhile.start()
        waited_for(server, meanwhile)
    meanwhile.join(PATIENCE)
    assert [e.detail for e in town.hops(Hop.ADMIN)].count(Deed.FILE_CHANGED) == 1


def test_two_processes_of_one_node_keep_one_chain(town: Town) -> None:
    twin = Store.open(town.hub.store.engine.url.render_as_string(hide_password=False))

    def note(transaction: Transaction) -> None:
        transaction.append(Hop.ADMIN, town.clock(), source="hub")

    async def many() -> None:
        writer = Writer(twin, group=1)
        await asyncio.gather(*(w.run(note) for w in (town.hub.writer, writer) for _ in range(20)))
        writer.close()

    town.run(many())
    twin.close()
    assert [entry.sequence for entry in town.hops(Hop.ADMIN)] == list(range(1, 41))
    town.check()


def test_a_reader_sees_one_state(town: Town) -> None:
    with town.hub.store.reading() as connection:
        before = connection.scalar(text("SELECT count(*) FROM messages"))
        town.send("a", "b")
        assert connection.scalar(text("SELECT count(*) FROM messages")) == before == 0


def test_a_reader_cannot_write(town: Town) -> None:
    with pytest.raises(Unavailable) as caught, town.hub.store.reading() as connection:
        connection.execute(text("DELETE FROM nonces"))
    assert caught.value.code == "store.read-only"


def test_connections_that_died_while_idle_cost_nobody_an_answer(town: Town, server: Server, database: str) -> None:
    town.send("a", "b")
    kill_all(server, database)
    town.send("a", "b")
    kill_all(server, database)
    assert town.deliver() == 2
    town.check()


def test_a_connection_that_dies_in_a_transaction_leaves_nothing_and_heals(town: Town) -> None:
    raw = town.signed("a", "b")

    def die(transaction: Transaction) -> None:
        transaction.append(Hop.ADMIN, town.clock(), source="hub")
        transaction.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable) as caught:
        town.run(town.hub.writer.run(die))
    assert caught.value.code == "store.unreachable"
    assert town.submit(raw).replayed is False
    assert town.hops(Hop.ADMIN) == []
    town.check()


def test_a_connection_that_dies_under_a_prepared_statement_is_given_up(town: Town, server: Server) -> None:
    def die(transaction: Transaction) -> None:
        process = transaction.connection.scalar(text("SELECT pg_backend_pid()"))
        server.run(f"SELECT pg_terminate_backend({process}, 60000)")
        transaction.allocate(messages)

    with pytest.raises(Unavailable):
        town.run(town.hub.writer.run(die))
    town.send("a", "b")
    town.check()


def test_every_connection_killed_at_every_sending_loses_and_doubles_nothing(
    town: Town, server: Server, database: str
) -> None:
    class Killing(FakeConnector):
        async def deliver(self, endpoint: Endpoint, consignment: Consignment) -> bytes:
            answer = await super().deliver(endpoint, consignment)
            kill_all(server, database)
            return answer

    connector = Killing(town.connector.signers, town.clock)
    town.connector = connector
    for number in range(4):
        town.send("a", ["b", "c"], message_id=f"k{number}")
    assert town.run(Dispatcher(lambda: town.hub, connector).drain()) == 8
    assert len(connector.handed) == 8
    assert all(set(town.states("a", f"k{n}").values()) == {DeliveryState.DELIVERED} for n in range(4))
    town.check()


def test_reasons_of_a_refusal_are_kept_whatever_characters_are_in_them(town: Town) -> None:
    reason = Refused("xml.malformed", got="100%s %(x)s \0 \ud800 ”")

    def refuse(transaction: Transaction) -> None:
        entry = transaction.append(Hop.REFUSED, town.clock(), detail=reason.code)
        add_refusal(transaction, entry, reason, 1)

    town.run(town.hub.writer.run(refuse))
    with town.hub.store.reading() as connection:
        assert connection.scalar(text("SELECT got FROM refusals")) == "100%s %(x)s \ufffd \ufffd ”"


def test_the_audit_finds_everything_in_order_and_a_changed_row(town: Town, server: Server, database: str) -> None:
    town.send("a", ["b", "c"])
    town.deliver()
    drain(sequencer(town))
    clean = report(town.hub.store, STANDARD)
    assert [str(finding) for finding in clean.findings] == []
    assert clean.clean
    server.run("UPDATE ledger SET target = 'd' WHERE target = 'c'", database=database)
    assert report(town.hub.store, STANDARD).wrong
