"""Time-stamps from a small real authority (`openssl ts -reply` behind HTTP), and the door that closes without any."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.responses import RedirectResponse, Response

from commands.frame.exits import ExitCode
from connectors.front_door import front_door
from connectors.timestamp_client import TimestampClient
from hub.errors import HubError, Misconfigured, Unavailable, Undelivered
from hub.hub import Hub, open_hub
from hub.ledger import timestamping
from hub.ledger.der import sort_certificates
from hub.ledger.ledger import to_microseconds
from hub.ledger.sequence import open_sequencer
from hub.ledger.timestamp import Token, ask_for, check, read_anchors
from hub.ledger.timestamping import Timestamping, open_timestamping
from hub.ledger.unconfirmed import Unconfirmed, open_unconfirmed
from hub.settings.settings import Sequencing
from hub.store.timestamps import Unstamped, keep_timestamp, read_timestamp, read_unconfirmed_since, read_unstamped
from hub.store.tree_proofs import keep_cosignatures, read_checkpoint
from hub.tree.checkpoint import Cosignature
from tests.admin import administrator
from tests.authority import REPLY, Authority
from tests.serving import ask, serving
from tests.test_sequence import append, drain
from tests.town import Town
from tests.witnessing import grow

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="NOT TESTED: time-stamps need the openssl program, which is not installed"
)
TEXT = b"hub/ledger/town\n1\nAAAA\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.found(tmp_path_factory.mktemp("tsa") / "home")


@pytest.fixture(scope="module")
def url(authority: Authority) -> Iterator[str]:
    with serving(authority.app()) as address:
        yield f"{address}/tsa"


@pytest.fixture(scope="module")
def response(authority: Authority) -> bytes:
    return authority.reply(ask_for(TEXT).request)


def refused(response: bytes, authority: Authority, octets: bytes = TEXT, nonce: int | None = None) -> str:
    with pytest.raises(Undelivered) as caught:
        check(response, octets, read_anchors(authority.anchors), nonce)
    return caught.value.code


# --- the time-stamp alone


def test_a_granted_time_stamp_states_time_and_number(authority: Authority) -> None:
    question = ask_for(TEXT)
    token = check(authority.reply(question.request), TEXT, read_anchors(authority.anchors), question.nonce)
    assert abs(token.at - datetime.now(UTC)) < timedelta(hours=1)
    assert token.serial > 0


def test_it_proves_nothing_about_other_octets_or_another_question(authority: Authority, response: bytes) -> None:
    assert refused(response, authority, TEXT + b"x") == "timestamp.other"
    assert refused(response, authority, nonce=ask_for(TEXT).nonce) == "timestamp.invalid"


def test_another_authority_under_the_same_name_is_not_believed(
    authority: Authority, response: bytes, tmp_path: Path
) -> None:
    false = Authority.found(tmp_path / "false")
    assert refused(false.reply(ask_for(TEXT).request), authority) == "timestamp.authority"
    assert refused(response, false) == "timestamp.authority"


def test_no_change_of_a_byte_makes_it_say_something_else(authority: Authority, response: bytes) -> None:
    """Some bytes are covered by no signature, such as a second copy of the root; the statement never changes."""
    anchors = read_anchors(authority.anchors)
    right = check(response, TEXT, anchors)
    outcomes: set[Token | str] = set()
    for place in range(0, len(response), 3):
        changed = bytearray(response)
        changed[place] ^= 1 << (place % 8)
        try:
            outcomes.add(check(bytes(changed), TEXT, anchors))
        except HubError as error:
            outcomes.add(error.code)
    assert outcomes <= {right, "timestamp.answer", "timestamp.refused", "timestamp.invalid"}
    assert "timestamp.invalid" in outcomes


def test_a_refusal_is_told(authority: Authority) -> None:
    other_digest = ask_for(TEXT).request.replace(
        bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040202")
    )
    assert refused(authority.reply(other_digest), authority) == "timestamp.refused"


@given(st.binary(max_size=200))
def test_noise_is_no_time_stamp(noise: bytes) -> None:
    with pytest.raises(Undelivered, match=r"timestamp\."):
        check(noise, TEXT, [])


@given(st.binary(max_size=60))
def test_sorting_leaves_what_is_no_response_alone(noise: bytes) -> None:
    assert len(sort_certificates(noise)) == len(noise)


def test_certificates_in_any_order_are_read(authority: Authority, response: bytes) -> None:
    ordered = sort_certificates(response)
    assert sorted(ordered) == sorted(response)
    assert sort_certificates(ordered) == ordered
    certificates = [(authority.home / name).read_bytes() for name in ("tsa.crt", "ca.crt")]
    one, two = sorted(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER) for pem in certificates)
    assert one + two in ordered
    swapped = ordered.replace(one + two, two + one)
    anchors = read_anchors(authority.anchors)
    assert check(swapped, TEXT, anchors) == check(response, TEXT, anchors)


@pytest.mark.parametrize("content", [None, b"", b"not PEM"])
def test_roots_that_cannot_be_read_are_met_at_start(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "roots.pem").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"timestamp\.anchors"):
        read_anchors(tmp_path / "roots.pem")


# --- asking for it


@pytest.fixture
def stamped(town: Town, authority: Authority, url: str) -> Iterator[Timestamping]:
    """Asks for the town's ledger every ten minutes."""
    town.settle(ledger=Sequencing(timestamp_url=url, timestamp_anchors=str(authority.anchors)))
    authority.asked = 0
    yield open_timestamping(lambda: town.hub, town.folder, TimestampClient(url, seconds=60))
    authority.trouble = None


def step(one: Timestamping) -> Token | None:
    return asyncio.run(one.step())


def test_the_latest_checkpoint_is_stamped_every_ten_minutes(
    town: Town, stamped: Timestamping, authority: Authority
) -> None:
    assert step(stamped) is None
    grow(town, 1, 2)
    token = step(stamped)
    with town.hub.store.reading() as connection:
        stored = read_timestamp(connection, 1)
        assert stored is not None
        assert stored.note.decode() == read_checkpoint(connection, 3).note
        assert read_unstamped(connection) is None
    assert (stored.size, check(stored.response, stored.note, read_anchors(authority.anchors))) == (3, token)
    grow(town, 4)
    assert step(stamped) is None
    town.clock.turn(minutes=10)
    assert step(stamped) is not None
    town.clock.turn(days=1)
    assert step(stamped) is None
    assert authority.asked == 2


def test_an_altered_time_stamp_is_found(town: Town, stamped: Timestamping, authority: Authority) -> None:
    grow(town, 1)
    step(stamped)
    anchors = read_anchors(authority.anchors)
    with town.hub.store.reading() as connection:
        stored = read_timestamp(connection, 1)
    assert stored is not None
    genuine = authority.reply(ask_for(b"something else").request)
    for response, note, code in (
        (genuine, stored.note, r"timestamp\.other"),
        (stored.response, stored.note.replace(b"\n1\n", b"\n2\n"), r"timestamp\.other"),
        (stored.response[:-1] + bytes([stored.response[-1] ^ 1]), stored.note, r"timestamp\.invalid"),
    ):
        with pytest.raises(Undelivered, match=code):
            check(response, note, anchors)


WRONG_ANSWERS = [
    (Response(status_code=503), "timestamp.unreachable"),
    (Response(status_code=500), "timestamp.answer"),
    (Response("<html>", media_type="text/html"), "timestamp.answer"),
    (Response(b"0\x050\x03\x02\x01\x00", media_type=REPLY), "timestamp.invalid"),
    (Response(b"junk", media_type=REPLY), "timestamp.answer"),
    (Response(b"x" * 70_000, media_type=REPLY), "timestamp.answer"),
    (RedirectResponse("http://127.0.0.1:1/"), "timestamp.answer"),
    (Response(b"x", media_type=REPLY, headers={"Content-Encoding": "gzip"}), "timestamp.answer"),
]


def test_a_wrong_answer_leaves_it_pending(town: Town, stamped: Timestamping, authority: Authority) -> None:
    grow(town, 1)
    for trouble, code in WRONG_ANSWERS:
        authority.trouble = trouble
        with pytest.raises(HubError) as caught:
            step(stamped)
        assert caught.value.code == code
        with town.hub.store.reading() as connection:
            assert read_timestamp(connection, 1) is None
            assert read_unstamped(connection) is not None
    authority.trouble = None
    assert step(stamped) is not None


def test_an_answer_to_an_earlier_question_is_not_taken(town: Town, stamped: Timestamping, authority: Authority) -> None:
    grow(town, 1)
    with town.hub.store.reading() as connection:
        old = authority.reply(ask_for(read_checkpoint(connection).note.encode()).request)
    authority.trouble = Response(old, media_type=REPLY)
    with pytest.raises(Undelivered, match=r"timestamp\.invalid"):
        step(stamped)


def test_an_outage_is_told_once_and_traffic_goes_on(
    town: Town, stamped: Timestamping, caplog: pytest.LogCaptureFixture
) -> None:
    town.settle(ledger=replace(town.hub.settings.ledger, timestamp_interval=0.001))
    grow(town, 1)
    stop, answers = asyncio.Event(), [True, True, True, False]
    working = stamped._authority

    async def shaky(request: bytes) -> bytes:
        if answers.pop(0):
            raise Unavailable("timestamp.unreachable")
        stop.set()
        return await working(request)

    stamped._authority = shaky
    town.clock.turn(seconds=1)
    with caplog.at_level(logging.INFO, "hub.timestamp"):
        asyncio.run(stamped.run(stop))
    assert [(r.levelname, r.message) for r in caplog.records] == [("WARNING", "pending"), ("INFO", "stamped")]
    assert stamped.pending == ""
    assert town.send("a", "b")


def test_a_database_that_was_away_leaves_nothing_pending_that_is_not_due(
    town: Town, stamped: Timestamping, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.settle(ledger=replace(town.hub.settings.ledger, timestamp_interval=0.001))
    stop, real, told = asyncio.Event(), timestamping._look, list[str]()

    def look(hub: Hub) -> Unstamped | None:
        told.append(stamped.pending)
        if len(told) == 1:
            raise Unavailable("store.unreachable")
        stop.set()
        return real(hub)

    monkeypatch.setattr(timestamping, "_look", look)
    asyncio.run(stamped.run(stop))
    assert told == ["", "store.unreachable"]
    assert stamped.pending == ""


@pytest.mark.parametrize(
    "settings",
    [
        Sequencing(timestamp_url="http://x"),
        Sequencing(timestamp_url="http://x", timestamp_anchors="absent.pem"),
        Sequencing(timestamp_url="http://x", timestamp_anchors="absent.pem", timestamp_interval=0.0),
    ],
)
def test_settings_that_cannot_work_are_met_at_start(town: Town, settings: Sequencing) -> None:
    town.settle(ledger=settings)
    with pytest.raises(Misconfigured):
        open_timestamping(lambda: town.hub, town.folder, TimestampClient("http://x"))


# --- the door that closes


def closing(town: Town, **settings: float) -> Unconfirmed:
    town.settle(ledger=Sequencing(witnesses="someone", max_unwitnessed=600.0, **settings))
    return open_unconfirmed(lambda: town.hub)


def cosign_as(town: Town, size: int) -> None:
    with town.hub.store.transaction() as transaction:
        keep_cosignatures(transaction, size, [Cosignature("w", town.clock(), "-- w x\n")])


def test_the_front_door_closes_while_the_ledger_is_unconfirmed_and_opens_again(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    door = closing(town)
    app = front_door(lambda: town.hub, lambda _: None, door.check)
    grow(town, 1)
    town.clock.turn(minutes=10)
    asyncio.run(door.look())
    assert ask(app, b"<x/>").code != "ledger.unwitnessed"
    town.clock.turn(seconds=1)
    with caplog.at_level(logging.INFO, "hub.unconfirmed"):
        heard = ask(app, b"<x/>")
        assert (heard.status, heard.code) == (503, "ledger.unwitnessed")
        assert heard.headers["retry-after"]
        assert ask(app, method="GET", path="/healthz").status == 200
        asyncio.run(door.look())
        cosign_as(town, 1)
        asyncio.run(door.look())
    assert ask(app, b"<x/>").code != "ledger.unwitnessed"
    assert [(r.levelname, r.message) for r in caplog.records if r.name == "hub.unconfirmed"] == [
        ("ERROR", "closed"),
        ("INFO", "open"),
    ]


def test_a_time_stamp_opens_it_too(town: Town, stamped: Timestamping) -> None:
    town.settle(ledger=replace(town.hub.settings.ledger, max_unwitnessed=900.0))
    door = open_unconfirmed(lambda: town.hub)
    grow(town, 1)
    town.clock.turn(hours=1)
    asyncio.run(door.look())
    with pytest.raises(Unavailable, match=r"ledger\.unwitnessed"):
        door.check()
    step(stamped)
    asyncio.run(door.look())
    door.check()


def test_an_old_confirmation_does_not_cover_what_came_later(town: Town) -> None:
    door = closing(town)
    grow(town, 3)
    cosign_as(town, 3)
    town.clock.turn(hours=1)
    grow(town, 1)
    grow(town, 1)
    town.clock.turn(minutes=11)
    asyncio.run(door.look())
    with pytest.raises(Unavailable):
        door.check()
    with town.hub.store.reading() as connection:
        assert read_unconfirmed_since(connection) is not None
    cosign_as(town, 5)
    asyncio.run(door.look())
    door.check()
    with town.hub.store.reading() as connection:
        assert read_unconfirmed_since(connection) is None


def test_a_sequencer_that_stands_still_is_no_way_round_it(town: Town) -> None:
    door = closing(town)
    append(town, 1)
    town.clock.turn(hours=1)
    asyncio.run(door.look())
    with pytest.raises(Unavailable):
        door.check()


def test_a_database_that_cannot_be_read_lets_the_last_look_go_on_ageing(
    town: Town, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = closing(town)
    grow(town, 1)
    asyncio.run(door.look())
    door.check()
    stop, left = asyncio.Event(), [1, 2, 3]

    def unreadable(*_: object) -> None:
        if not left.pop() - 1:
            stop.set()
        raise Unavailable("store.busy")

    monkeypatch.setattr("hub.ledger.unconfirmed.read_unconfirmed_since", unreadable)
    monkeypatch.setattr("hub.ledger.unconfirmed.LOOK_SECONDS", 0.0)
    town.clock.turn(minutes=11)
    with caplog.at_level(logging.INFO, "hub.unconfirmed"):
        asyncio.run(door.run(stop))
    assert [r.message for r in caplog.records] == ["closed", "look"]
    with pytest.raises(Unavailable, match=r"ledger\.unwitnessed"):
        door.check()


def test_nothing_is_stopped_unless_configured(town: Town) -> None:
    door = open_unconfirmed(lambda: town.hub)
    grow(town, 1)
    town.clock.turn(days=400)
    asyncio.run(door.look())
    door.check()


@pytest.mark.parametrize(
    "settings",
    [
        Sequencing(max_unwitnessed=60.0),
        Sequencing(max_unwitnessed=600.0, timestamp_url="http://x", timestamp_interval=600.0),
    ],
)
def test_a_limit_that_nobody_could_keep_is_refused(town: Town, settings: Sequencing) -> None:
    town.settle(ledger=settings)
    with pytest.raises(Misconfigured, match=r"max_unwitnessed"):
        open_unconfirmed(lambda: town.hub)


def test_the_ledgers_audit_checks_what_is_kept_by_the_roots_in_the_settings(
    authority: Authority, tmp_path: Path
) -> None:
    admin = administrator(tmp_path / "data")
    with (admin.folder / "hub.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\nledger:\n  timestamp_anchors: {authority.anchors}\n")
    hub = open_hub(admin.folder)
    drain(open_sequencer(lambda: hub, admin.folder))
    with hub.store.transaction() as transaction:
        published = read_checkpoint(transaction.connection)
        response = authority.reply(ask_for(published.note.encode()).request)
        at = check(response, published.note.encode(), read_anchors(authority.anchors)).at
        keep_timestamp(transaction, published.size, response, to_microseconds(at))
    found = admin.json("ledger", "audit", "--quick")
    assert (found["clean"], found["rows"]["timestamp"]) == (True, 1)
    with hub.store.transaction() as transaction:
        transaction.connection.execute(text("UPDATE timestamps SET at_us = at_us + 1"))
    hub.close()
    result = admin.type("ledger", "audit", "-o", "json")
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert [one["code"] for one in json.loads(result.stdout)["findings"]] == ["audit.timestamp"]
