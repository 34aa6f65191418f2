"""How a process says how it is: the judgement, `/readyz`, `/metrics`, a disk that fails, and shedding of load."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette

from connectors import health_door
from connectors.front_door import front_door
from connectors.health_door import HealthDoor, Told
from connectors.serving import metrics
from connectors.serving.load import Load
from connectors.serving.logs import JsonFormatter
from connectors.serving.metrics import Meters, MetricsDoor
from connectors.soap import writer as write
from connectors.soap.soap import EXCHANGE, SOAP_11
from hub.catalogue import CATALOGUE
from hub.errors import Unavailable
from hub.health.health import Level, Measured, Stored, is_ready, judge
from hub.message import Hop
from hub.settings.file import load_settings
from hub.settings.settings import Limits, Measuring, Sequencing
from hub.store.faults import translated
from tests.serving import Heard, ask
from tests.test_sequence import append, sequencer
from tests.town import START, Town, undelivered

SETTINGS = load_settings("hub: x\nlimits: {classification: none}")
WELL = Measured(START, START - timedelta(days=1), START + timedelta(days=100), Stored(), disk=10**12)


# the judgement


def test_a_process_that_is_well_has_no_findings() -> None:
    assert judge(WELL, SETTINGS) == ()
    assert is_ready(())


@pytest.mark.parametrize(
    ("measured", "part", "code"),
    [
        (replace(WELL, draining=True), "process", "health.draining"),
        (replace(WELL, node_lost=True), "node", "node.lost"),
        (replace(WELL, at=WELL.key_until + timedelta(seconds=1)), "key", "health.key-expired"),
        (replace(WELL, at=WELL.key_from - timedelta(seconds=1)), "key", "health.key-expired"),
        (replace(WELL, disk=10), "disk", "health.disk"),
        (replace(WELL, tls=(("tls.distrusting", "listen.tls.client_ca"),)), "tls", "tls.distrusting"),
        (replace(WELL, stored=None, store="store.unreachable"), "database", "store.unreachable"),
        (replace(WELL, writer="store.io"), "database", "store.io"),
        (replace(WELL, stored=Stored(read_only=True)), "database", "store.read-only"),
        (replace(WELL, stored=Stored(clock=61)), "clock", "health.clock"),
        (replace(WELL, stored=Stored(clock=-61)), "clock", "health.clock"),
        (replace(WELL, closed=True), "witness", "ledger.unwitnessed"),
    ],
)
def test_what_must_keep_calls_away_is_one_failing_part(measured: Measured, part: str, code: str) -> None:
    (finding,) = judge(measured, SETTINGS)
    assert (finding.part, finding.level, finding.code) == (part, Level.FAIL, code)
    assert not is_ready((finding,))


@pytest.mark.parametrize(
    ("measured", "part", "code"),
    [
        (replace(WELL, at=WELL.key_until - timedelta(days=29)), "key", "health.key-expires"),
        (replace(WELL, rules="routing.syntax" if "routing.syntax" in CATALOGUE else "config.syntax"), "rules", ""),
        (replace(WELL, stamp="timestamp.unreachable"), "timestamp", "timestamp.unreachable"),
        (replace(WELL, stored=Stored(merge_lag=5.5)), "ledger", "tree.late"),
        (replace(WELL, stored=Stored(unconfirmed=3601)), "witness", "health.witness-overdue"),
        (replace(WELL, stored=Stored(oldest_waiting=86401)), "queues", "health.queue-old"),
    ],
)
def test_what_only_needs_attention_leaves_the_process_ready(measured: Measured, part: str, code: str) -> None:
    (finding,) = judge(measured, SETTINGS)
    assert (finding.part, finding.level) == (part, Level.WARN)
    assert code in ("", finding.code)
    assert is_ready((finding,))


def test_the_bounds_themselves_are_still_well() -> None:
    edge = Stored(clock=60, merge_lag=5, unconfirmed=3600, oldest_waiting=86400)
    assert judge(replace(WELL, stored=edge, disk=SETTINGS.health.disk_free), SETTINGS) == ()


def test_the_worst_comes_first_and_everything_is_told() -> None:
    ill = replace(WELL, rules="config.syntax", draining=True, stored=Stored(clock=99, merge_lag=9), writer="store.full")
    levels = [finding.level for finding in judge(ill, SETTINGS)]
    assert len(levels) == 5
    assert levels == sorted(levels, key=lambda level: level is not Level.FAIL)


# over HTTP


class House:
    """A hub of the town with its doors."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.told = Told()
        self.meters = Meters()
        self.load = Load()
        town.hub.writer.seen = self.meters.committed
        self.health = HealthDoor(lambda: town.hub, town.folder, lambda: self.told)
        door = MetricsDoor(lambda: town.hub, self.meters, self.health, self.load.now)
        seen = lambda outcome, seconds: self.meters.called(outcome.event, outcome.code, seconds)  # noqa: E731
        front = front_door(lambda: town.hub, lambda _: None, load=self.load, seen=seen)
        self.app = Starlette(routes=[*self.health.routes, *door.routes, *front.routes])

    def get(self, path: str) -> Heard:
        return ask(self.app, method="GET", path=path)

    def page(self) -> Any:
        return json.loads(self.get("/readyz").body)

    def codes(self) -> list[str]:
        return [part["code"] for part in self.page()["parts"]]

    def submit(self, raw: bytes) -> Heard:
        return ask(self.app, write.message(SOAP_11, write.wrapper(EXCHANGE, "Submit", [write.holder("document", raw)])))

    def line(self, start: str) -> float:
        """The value of the first line of /metrics that starts so."""
        text = self.get("/metrics").body.decode()
        found = re.search(rf"^{re.escape(start)} (\S+)$", text, re.MULTILINE)
        assert found, text
        return float(found[1])


@pytest.fixture
def house(town: Town, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(health_door, "FRESH", -1.0)
    monkeypatch.setattr(metrics, "FRESH", -1.0)
    monkeypatch.setattr(health_door, "LONGEST", 60.0)
    return House(town)


def test_a_hub_in_order_is_ready_and_says_who_it_is(house: House) -> None:
    heard = house.get("/readyz")
    page = json.loads(heard.body)
    assert (heard.status, page["ready"], page["hub"], page["node"], page["parts"]) == (200, True, "hub", "hub", [])
    assert heard.headers["cache-control"] == "no-store"
    assert page["figures"]["oldest_waiting_seconds"] == 0


def test_a_broken_part_is_named_in_both_languages_and_turns_calls_away(house: House) -> None:
    house.told = Told(draining=True, rules="config.syntax")
    heard = house.get("/readyz")
    (first, second) = json.loads(heard.body)["parts"]
    assert (heard.status, first["code"], second["part"]) == (503, "health.draining", "rules")
    assert first["zh"].startswith("正在停止")
    assert first["en"].startswith("the process is stopping")
    assert house.get("/healthz").status == 200


def test_entries_without_a_place_and_old_queues_are_seen_in_the_database(house: House) -> None:
    house.town.connector.trouble["b"] = undelivered()
    house.town.send("a", "b")
    house.town.deliver()
    house.town.clock.turn(seconds=6)
    assert house.codes() == ["tree.late"]
    house.town.clock.turn(days=2)
    assert house.codes() == ["tree.late", "health.queue-old"]
    house.town.settle(ledger=Sequencing(timestamp_url="http://tsa.invalid"))
    assert "health.witness-overdue" not in house.codes()  # nothing is in a checkpoint yet


def test_what_waits_is_seen_while_nobody_sequences_although_who_begins_then_is_not_late(house: House) -> None:
    append(house.town)
    house.town.clock.turn(days=3)
    assert house.codes() == ["tree.late"]
    begun = sequencer(house.town)
    asyncio.run(begun.step())
    assert (house.codes(), begun.lag) == ([], 0.0)
    append(house.town)
    house.town.clock.turn(seconds=6)
    assert house.codes() == ["tree.late"]


def test_a_database_that_cannot_be_read_is_said_and_heals(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def gone() -> Iterator[None]:
        raise Unavailable("store.unreachable", operator="secret words of a driver")
        yield

    with monkeypatch.context() as broken:
        broken.setattr(house.town.hub.store, "reading", gone)
        heard = house.get("/readyz")
        assert heard.status == 503
        assert b"secret" not in heard.body
        assert house.codes() == ["store.unreachable"]
        assert house.line("hub_ready") == 0
    assert house.codes() == []


def test_a_database_that_hangs_is_said_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_door, "LONGEST", 0.02)
    let_go = asyncio.Event()

    async def hang() -> Measured:
        await let_go.wait()
        raise AssertionError

    monkeypatch.setattr(house.health, "_measure", hang)
    assert house.codes() == ["store.unreachable"]


def test_a_question_asked_often_is_measured_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_door, "FRESH", 3600.0)
    measured = 0
    before = health_door.measure

    def count(*args: Any, **options: Any) -> Measured:
        nonlocal measured
        measured += 1
        return before(*args, **options)

    monkeypatch.setattr(health_door, "measure", count)

    async def often() -> None:
        await asyncio.gather(*(house.health.measured() for _ in range(20)))

    asyncio.run(often())
    assert measured == 1


# a disk that fails


def test_after_a_failed_fsync_there_is_no_receipt_and_the_page_says_why(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = house.town.hub.store
    before = store.transaction

    @contextmanager
    def failing() -> Iterator[Any]:
        with translated(), before() as transaction:
            yield transaction
            transaction.flush()
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))

    commits = len(house.town.hops())
    with monkeypatch.context() as broken:
        broken.setattr(store, "transaction", failing)
        raws = [house.town.signed("a", "b") for _ in range(2)]
        for raw in raws:
            heard = house.submit(raw)
            assert (heard.status, heard.code) == (503, "store.io")
    heard = house.submit(raws[0])  # the disk seems well again, which proves nothing
    assert (heard.status, heard.code) == (503, "store.io")
    assert house.codes() == ["store.io"]
    assert len(house.town.hops()) == commits
    house.town.check()


# metrics


def test_calls_deliveries_and_commits_are_counted(house: House) -> None:
    raw = house.town.signed("a", ["b", "c"])
    assert house.submit(raw).status == 200
    assert house.submit(raw.replace(b"m-1", b"m-2")).status == 500
    house.town.connector.trouble["c"] = undelivered("delivery.timeout")
    dispatcher = house.town.dispatcher
    dispatcher._seen = lambda leased, outcome, s: house.meters.attempted(leased, outcome, house.town.clock(), s)
    house.town.deliver()
    assert house.line('hub_calls_total{code="",operation="Submit"}') == 1
    assert house.line('hub_calls_total{code="signature.invalid",operation="call"}') == 1
    assert house.line('hub_delivery_attempts_total{code="",outcome="delivered"}') == 1
    assert house.line('hub_delivery_attempts_total{code="delivery.timeout",outcome="retry"}') == 1
    assert house.line("hub_commit_pieces_count") >= 3
    assert house.line('hub_queue_waiting{endpoint="c"}') == 1
    assert house.line("hub_ready") == 1
    assert house.line("process_start_time_seconds") > 0
    assert house.line("hub_ledger_entries") == 0


def test_endpoints_beyond_the_fullest_are_added_up(house: House) -> None:
    house.town.settle(metrics=Measuring(endpoints=2))
    for to in (["b", "c", "d", "m"], ["b", "c"], ["b"]):
        house.town.send("a", to)
    house.town.clock.turn(seconds=30)
    text = house.get("/metrics").body.decode()
    lines = sorted(re.findall(r'^hub_queue_waiting\{endpoint="(\w+)"\} (\S+)$', text, re.MULTILINE))
    assert lines == [("b", "3.0"), ("c", "2.0"), ("other", "2.0")]
    assert 'hub_queue_oldest_seconds{endpoint="other"} 30.0' in text


# load


def test_bytes_under_way_are_bounded_and_given_back(house: House) -> None:
    raw = house.town.signed("a", "b")
    house.town.settle(limits=Limits(bytes_under_way=1000))
    assert house.submit(raw).status == 200  # alone, a call is taken however large it is
    other = house.load.hold()
    other.admit(house.town.hub.settings.limits)
    other.grow(900)
    heard = house.submit(raw)
    assert (heard.status, heard.code, heard.headers["retry-after"]) == (503, "http.busy", "30")
    assert heard.headers["connection"] == "close"
    assert house.load.now() == (1, 900)
    other.leave()
    assert house.submit(raw).status == 200
    assert house.load.now() == (0, 0)
    assert [e.detail for e in house.town.hops(Hop.REFUSED)] == []


def test_a_body_without_a_length_is_counted_as_it_comes(house: House) -> None:
    house.town.settle(limits=Limits(bytes_under_way=1000))
    other = house.load.hold()
    other.admit(house.town.hub.settings.limits)
    other.grow(600)
    assert ask(house.app, [b"x" * 300, b"x" * 300, b"x" * 300]).code == "http.busy"
    assert house.load.now() == (1, 600)


def test_a_load_never_lets_more_under_way_than_its_bound_and_ends_at_nothing() -> None:
    load, limits = Load(), Limits(concurrent=10, bytes_under_way=100)
    held = []
    for size in (60, 30, 20, 10, 5):
        one = load.hold()
        held.append(one)
        one.admit(limits)
        if load.bytes and load.bytes + size > 100:
            with pytest.raises(Unavailable, match=r"http\.busy"):
                one.grow(size)
        else:
            one.grow(size)
        assert load.bytes <= 100
    for one in held:
        one.leave()
    assert load.now() == (0, 0)


# logs as JSON


def test_a_line_of_json_holds_the_fields_and_cannot_be_forged() -> None:
    record = logging.LogRecord("hub.accept", logging.WARNING, "", 0, "call\nx", None, None)
    record.fields = {"message": "m\u2028\n\x1b", "level": "forged", "code": "", "name": "市水务局"}
    written = JsonFormatter().format(record)
    assert len(written.splitlines()) == 1
    assert written.isprintable()
    line = json.loads(written)
    assert (line["level"], line["logger"], line["message"]) == ("warning", "hub.accept", "m\u2028\n\x1b")
    assert "code" not in line
    assert datetime.fromisoformat(line["time"]).tzinfo == UTC


def test_a_data_directory_whose_disk_is_gone_counts_as_full(tmp_path: Path) -> None:
    from hub.health.measure import _free

    assert _free(tmp_path / "absent") is None
    assert (_free(tmp_path) or 0) > 0
