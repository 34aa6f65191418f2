"""Partitions by month on PostgreSQL: what goes where, what no partition may change, and making those to come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import event, func, select

from commands.frame.pick import paper, pick, read_traced
from hub import envelope, inquire
from hub.administration.administered import NODE
from hub.audit.audit import audit
from hub.audit.message import Standard
from hub.errors import Misconfigured, Refused, Unavailable
from hub.message import DeliveryState
from hub.month import Month, month_of_id
from hub.parser import parse
from hub.retention.purge import Purged, hold, purge
from hub.retention.retention import rules_of
from hub.settings.settings import Keeping
from hub.store import purging
from hub.store.engine import opened
from hub.store.evidence import read_paper
from hub.store.migrations import revisions
from hub.store.operate import Order
from hub.store.partitions import AHEAD, make, make_ahead, months_ahead, partitions
from hub.store.roles import grants
from hub.store.store import Store
from hub.store.tables import bodies, meta
from hub.store.upgrade import run, upgrade
from hub.store.whole_month import ended, hold_still, look_at_all
from hub.trust.certificate import thumbprint
from tests.admin import Administrator
from tests.postgres import Server, database, town
from tests.town import HUB, START, Town, signer_of, undelivered

__all__ = ["database", "town"]

MARCH, APRIL, MAY = (Month.of(START + timedelta(days=31 * n)) for n in range(3))


def findings(town: Town) -> list[str]:
    standard = Standard(HUB, town.hub.store.ledger_id, {thumbprint(signer_of(HUB)[1])})
    return [finding.code for finding in audit(town.hub.store, standard)]


def holdings(server: Server, database: str, table: str = "messages") -> dict[str, int]:
    """How many rows each partition holds that holds any."""
    query = f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1"
    return dict(server.run(query, database=database))


def make_months(town: Town, *months: Month) -> list[str]:
    """Make these months' partitions, as the owner does, who never uses a connection of the hub's; those of messages."""
    with opened(town.hub.store.address) as engine, engine.begin() as connection:
        return [name for name in make(connection, months) if name.startswith("messages")]


# months


@given(st.datetimes(datetime(1970, 1, 1), datetime(2600, 1, 1), timezones=st.just(UTC)))
def test_a_row_id_carries_its_month_and_every_reader_of_json_can_hold_it(at: datetime) -> None:
    month = Month.of(at)
    assert month.begin <= at < month.end
    assert Month.counted(month.count) == month == Month.read(str(month))
    assert month_of_id(month.first_id) == month_of_id(month.first_id + 2**40 - 1) == month
    assert month_of_id(2**40 - 1) is None
    assert month.first_id + 2**40 < 2**53


# what goes where


def test_a_message_of_one_month_is_delivered_in_the_next(town: Town, server: Server, database: str) -> None:
    make_months(town, MARCH, APRIL)
    raw = town.signed("a", ["b"], message_id="m-1")
    town.submit(raw)
    town.clock.turn(days=31)
    town.deliver()
    town.send("a", "b")
    assert holdings(server, database) == {"messages_2026_03": 1, "messages_2026_04": 1}
    assert town.trace("a", "m-1").deliveries[0].state is DeliveryState.DELIVERED
    assert findings(town) == []
    town.check()


def test_a_trace_looks_into_no_month_before_its_message(town: Town) -> None:
    """But for one: the clock of the hub that took a reply may have been put back."""
    months = list(MARCH.following(5))
    make_months(town, *months)
    town.clock.turn(days=31 * 3)
    town.send("a", "b", message_id="m-1")
    town.clock.turn(days=31)
    town.send("b", "a", message_id="m-2", in_reply_to="m-1")
    asked: list[tuple[str, Any]] = []
    with town.hub.store.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *words: asked.append(words[2:4]))
        traced = read_traced(connection, "m-1")
        questions = [one for one in asked if "FROM messages" in one[0]]
        plans = [str(list(connection.exec_driver_sql(f"EXPLAIN {said}", values))) for said, values in questions]
    assert [reply.message_id for reply in traced.replies] == ["m-2"]
    names = [f"messages_{month}".replace("-", "_") for month in months]
    seen = [[name for name in names if name in plan] for plan in plans]
    assert seen == [[names[3]], [names[3]], names[2:], [names[4]]]


def test_an_envelope_is_looked_for_in_the_month_of_its_message_alone(town: Town) -> None:
    """By a command, for evidence, and for a question of a department that supervises."""
    months = list(MARCH.following(5))
    make_months(town, *months)
    town.clock.turn(days=31 * 3)
    raw = town.signed("a", ["b"], message_id="m-1")
    town.submit(raw)
    scans = "SELECT relname FROM pg_stat_xact_user_tables WHERE relname LIKE 'bodies%%' AND seq_scan + idx_scan > 0"
    for read in (
        paper,
        lambda connection, message: read_paper(connection, message).envelope,
        lambda connection, message: etree.tostring(inquire._stored(connection, town.hub, message)),
    ):
        with town.hub.store.reading() as connection:
            found = read(connection, pick(connection, "m-1"))
            assert list(connection.exec_driver_sql(scans).scalars()) == [f"bodies_{months[3]}".replace("-", "_")]
        assert found in (raw, etree.tostring(parse(raw)))


def test_an_id_of_a_sender_is_used_once_in_all_months(town: Town) -> None:
    make_months(town, MARCH, APRIL)
    raw = town.signed("a", ["b"], message_id="m-1")
    first = town.submit(raw)
    town.clock.turn(days=31)
    again = town.submit(raw)
    assert again.replayed
    assert again.stamp == first.stamp
    with pytest.raises(Refused) as caught:
        town.submit(town.signed("a", ["c"], message_id="m-1"))
    assert caught.value.code == "message.conflict"
    town.deliver()
    town.check()


def test_a_clock_that_is_put_back_over_a_months_turn_loses_nothing(town: Town, server: Server, database: str) -> None:
    make_months(town, MARCH, APRIL)
    town.clock.turn(days=31)
    town.send("a", "b")
    town.clock.turn(days=-1)
    town.send("a", "b")
    assert sum(holdings(server, database).values()) == 2
    assert findings(town) == []


def test_what_has_no_partition_yet_goes_to_the_last_and_moves_when_its_own_is_made(
    town: Town, server: Server, database: str
) -> None:
    town.send("a", "b")
    town.clock.turn(days=31)
    town.send("a", "b")
    assert holdings(server, database) == {"messages_later": 2}
    assert make_months(town, MARCH) == ["messages_2026_03"]
    assert holdings(server, database) == {"messages_2026_03": 1, "messages_later": 1}
    assert make_months(town, MARCH, APRIL) == ["messages_2026_04"]
    assert make_months(town, MAY) == ["messages_2026_05"]
    assert holdings(server, database) == {"messages_2026_03": 1, "messages_2026_04": 1}
    assert holdings(server, database, "bodies") == {"bodies_2026_03": 1, "bodies_2026_04": 1}
    with pytest.raises(Exception, match="foreign key"):
        server.run("DELETE FROM messages", database=database)
    assert findings(town) == []
    town.send("a", "b")
    town.check()


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM message_keys",
        "UPDATE message_keys SET message_id = 'other'",
        "UPDATE message_keys SET message = message + 1",
        "INSERT INTO message_keys VALUES ('a', 'never-sent', 1)",
    ],
)
def test_a_changed_key_is_found(town: Town, server: Server, database: str, spoil: str) -> None:
    town.send("a", "b")
    assert findings(town) == []
    server.run(spoil, database=database)
    assert findings(town) == ["audit.message-key"]


def test_a_partition_taken_out_is_found(town: Town, server: Server, database: str) -> None:
    make_months(town, MARCH)
    town.send("a", "b")
    server.run(
        "ALTER TABLE deliveries DROP CONSTRAINT deliveries_message_fkey",
        "ALTER TABLE message_attachments DROP CONSTRAINT message_attachments_message_fkey",
        "ALTER TABLE purges DROP CONSTRAINT purges_message_fkey",
        "ALTER TABLE messages DETACH PARTITION messages_2026_03",
        database=database,
    )
    assert {"audit.message-key", "audit.entry-message", "audit.layout"} <= set(findings(town))


# retention


@pytest.fixture
def desk(town: Town, server: Server, database: str) -> Iterator[Store]:
    """The town's database as its owner opens it, with partitions for its months."""
    make_months(town, MARCH, APRIL, MAY)
    store = Store.open(server.url(database), NODE)
    yield store
    store.close()


def send(town: Town, message_id: str, **header: Any) -> None:
    content = envelope.attachment("att", "附件.ofd", "application/ofd", b"OFD", inline=False)
    raw = town.signed("a", ["b"], message_id=message_id, attachments=[content], **header)
    town.submit(raw, {"att": b"OFD"})
    town.deliver()


def purged(town: Town, desk: Store, *rules: Keeping) -> Purged:
    return purge(desk, rules_of(rules or (Keeping("20d"),)), Order(HUB, "管理员"), town.clock())


def test_a_month_of_which_all_may_go_is_emptied_and_all_proofs_stay(
    town: Town, desk: Store, server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.retention.purge.BATCH", 2)
    removed: list[object] = []
    monkeypatch.setattr(purging, "remove", lambda *arguments: removed.append(arguments))
    for number in range(5):
        send(town, f"m-{number}")
    town.clock.turn(days=31)
    send(town, "later")
    before = town.trace("a", "m-1")
    done = purged(town, desk)
    assert (done.messages, done.documents) == (5, 6)
    assert removed == []
    assert holdings(server, database, "bodies") == {"bodies_2026_04": 2}
    after = town.trace("a", "m-1")
    assert (after.message, after.deliveries, after.hops) == (before.message, before.deliveries, before.hops)
    assert findings(town) == []
    assert purged(town, desk) == Purged()


@pytest.mark.parametrize("why", ["hold", "waiting"])
def test_what_has_to_stay_keeps_its_month_and_the_rest_goes_row_by_row(
    town: Town, desk: Store, server: Server, database: str, why: str
) -> None:
    send(town, "m-1")
    if why == "waiting":
        town.connector.trouble["b"] = undelivered("delivery.unreachable")
    send(town, "stays")
    if why == "hold":
        hold(desk, "message", "a/stays", Order(HUB, "管理员"), town.clock())
    send(town, "m-2")
    town.connector.trouble.clear()
    town.clock.turn(days=31)
    done = purged(town, desk)
    assert (done.messages, done.shared) == ({"hold": 2, "waiting": 1}[why], 1)
    assert holdings(server, database, "bodies") == {"bodies_2026_03": {"hold": 2, "waiting": 3}[why]}
    assert findings(town) == []


def test_while_somebody_reads_everything_rows_are_deleted_instead(
    town: Town, desk: Store, server: Server, database: str
) -> None:
    send(town, "m-1")
    town.clock.turn(days=31)
    with town.hub.store.reading() as connection:
        look_at_all(connection)
        assert connection.scalar(select(func.count()).select_from(bodies)) == 2
        assert purged(town, desk).documents == 2
        assert connection.scalar(select(func.count()).select_from(bodies)) == 2
    assert holdings(server, database, "bodies") == {}
    assert findings(town) == []


def test_who_reads_everything_does_not_begin_while_a_month_goes(town: Town, desk: Store) -> None:
    with desk.reading() as connection:
        [march, *_] = ended(connection, town.clock() + timedelta(days=40))
    with desk.transaction() as transaction:
        assert hold_still(transaction.connection, march)
        with pytest.raises(Unavailable), town.hub.store.reading() as connection:
            look_at_all(connection)
    with town.hub.store.reading() as connection:
        look_at_all(connection)


# making them


def test_months_are_made_ahead_once(server: Server, database: str) -> None:
    url = server.url(database)
    with opened(url) as engine, engine.connect() as connection:
        assert months_ahead(connection, START) == 0
    made = make_ahead(url, START)
    assert [name for name in made if name.startswith("messages")][0::AHEAD] == ["messages_2026_03", "messages_2027_03"]
    assert make_ahead(url, START) == []
    with opened(url) as engine, engine.connect() as connection:
        assert months_ahead(connection, START) == AHEAD
        assert months_ahead(connection, START + timedelta(days=300)) == AHEAD - 9
        assert {one.month for one in partitions(connection)} >= {None, MARCH, APRIL}


def test_the_hubs_own_role_uses_partitions_and_makes_none(server: Server, database: str) -> None:
    server.run('CREATE ROLE "served" LOGIN')
    server.run(*grants("served"), database=database)
    make_ahead(server.url(database), START)
    with pytest.raises(Misconfigured) as caught:
        make_ahead(server.url(database, "served"), START + timedelta(days=60))
    assert caught.value.code == "store.forbidden"
    with pytest.raises(Exception, match="permission denied"):
        server.run('SET ROLE "served"', "SELECT * FROM messages_2026_03", database=database)


def test_an_administrator_sees_and_makes_them(tmp_path: Path, server: Server) -> None:
    database = server.database()
    admin = Administrator(tmp_path / "hub")
    admin.done("init", "--database", server.url(database))
    found = admin.json("database", "partitions")
    names = [one["name"] for one in found if one["table"] == "messages"]
    assert len(names) == AHEAD + 3
    assert {"table", "name", "rows", "bytes"} == set(found[0])
    for name in names[1:-2]:
        server.run(f"ALTER TABLE messages DETACH PARTITION {name}", f"DROP TABLE {name}", database=database)
    assert partitions_check(admin) == "warn"
    assert [one["name"] for one in admin.json("database", "partitions", "--make")] == [one["name"] for one in found]
    assert partitions_check(admin) == "ok"


def partitions_check(admin: Administrator) -> str:
    """What `hub doctor` says of partitions."""
    found = json.loads(admin.type("-o", "json", "doctor").stdout)
    return str(next(one["level"] for one in found if one["name"] == "partitions"))


# what was there before


def test_messages_of_the_layout_before_stay_where_they_are(server: Server) -> None:
    name = server.database()
    url = server.url(name)
    row = "'2026', 'notice-1', NULL, NULL, NULL, NULL, 'routine', 'none', 0, NULL, 0, 'ab', 1, 'cd', '\\x00', 0, 0"
    with opened(url) as engine, engine.begin() as connection:
        for revision in revisions()[:4]:
            run(connection, revision)
        connection.execute(meta.insert(), [{"key": key, "value": key} for key in ("hub", "ledger", "registry")])
        connection.exec_driver_sql(f"INSERT INTO messages VALUES (7, 'a', {row})")
        connection.exec_driver_sql(
            "INSERT INTO deliveries (id, message, recipient, role, endpoint, state, attempts, first_us, next_us) "
            "VALUES (1, 7, 'b', 'main', 'b', 'waiting', 0, 0, 0)"
        )
    before = server.run("SELECT pg_relation_filenode('messages')", database=name)
    upgrade(url)
    Store.open(url).close()
    assert server.run("SELECT pg_relation_filenode('messages_before')", database=name) == before
    assert holdings(server, name) == {"messages_before": 1}
    assert server.run("SELECT * FROM message_keys", database=name) == [("a", "2026", 7)]
    with pytest.raises(Exception, match="foreign key"):
        server.run("DELETE FROM messages", database=name)
