"""The sequencer: every entry gets one place, checkpoints only grow, and no mistake or crash forks the tree."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from hub.errors import HubError, Misconfigured, Unavailable
from hub.ledger import sequence
from hub.ledger.sequence import LEASE, Sequencer, checkpoint_signers, open_sequencer
from hub.message import Hop
from hub.settings.settings import Sequencing
from hub.store import tree
from hub.store.store import Store
from hub.store.tables import checkpoints, leaves, ledger, numbered, tiles
from hub.store.transaction import Transaction
from hub.store.tree_proofs import read_checkpoint, read_consistency, read_inclusion
from hub.tree.checkpoint import Checkpoint, open_checkpoint
from hub.tree.key import Ed25519NoteSigner, Kind
from hub.tree.merkle import EMPTY, proves_consistency, proves_inclusion, root_of
from hub.tree.note import read_note
from hub.tree.order import Queue, Waiting, first_breaks, interleave
from tests.keys import key_pair, key_pem, signer
from tests.town import Town

ORIGIN = "hub/ledger/town"


def sequencer(town: Town, holder: str = "") -> Sequencer:
    return Sequencer(lambda: town.hub, checkpoint_signers(town.hub, town.folder), holder)


def step(one: Sequencer) -> Checkpoint | None:
    return asyncio.run(one.step())


def drain(one: Sequencer) -> list[Checkpoint]:
    """Step until nothing is left."""
    done = []
    while grown := step(one):
        done.append(grown)
    return done


def append(town: Town, count: int = 1, node: str = "hub") -> None:
    """Entries of a node of this name, straight into the ledger."""
    store = Store.open(str(town.hub.store.engine.url), node)
    with store.transaction() as transaction:
        for _ in range(count):
            transaction.append(Hop.REFUSED, town.clock(), detail="x")
    store.close()


def read(town: Town, query: Any) -> Any:
    with town.hub.store.reading() as connection:
        return connection.execute(query).all()


def execute(town: Town, text: str) -> None:
    with town.hub.store.transaction() as transaction:
        transaction.connection.exec_driver_sql(text)


def rows(town: Town) -> list[int]:
    """How many rows each table of the tree has."""
    return [read(town, select(func.count()).select_from(t))[0][0] for t in (leaves, tiles, checkpoints, numbered)]


def check(town: Town) -> None:
    """The tree is complete, in order, and every checkpoint is the beginning of the next."""
    placed = read(town, select(leaves).order_by(leaves.c.place))
    assert [row.place for row in placed] == list(range(len(placed)))
    hashes = {(e.node, e.sequence): e.hash for e in read(town, select(ledger))}
    assert all(hashes[row.node, row.sequence] == row.hash for row in placed)
    by_node: dict[str, list[int]] = {}
    for row in placed:
        by_node.setdefault(row.node, []).append(row.sequence)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_node.values())
    signed = read(town, select(checkpoints).order_by(checkpoints.c.size))
    keys = [one.key for one in checkpoint_signers(town.hub, town.folder)]
    with town.hub.store.reading() as connection:
        for row in signed:
            found = open_checkpoint(read_note(row.note.encode()), ORIGIN, keys)
            assert (found.size, found.root) == (row.size, row.root)
            assert found.root == root_of([leaf.hash for leaf in placed[: row.size]])
        for old, new in pairwise(signed):
            between = read_consistency(connection, old.size, new.size)
            assert proves_consistency(old.size, new.size, between.proof, old.root, new.root)
        head = tree.read_head(connection)
    assert (head.size, head.root) == ((signed[-1].size, signed[-1].root) if signed else (0, EMPTY))


def test_every_entry_gets_a_place_and_a_proof(town: Town) -> None:
    town.send("a", ["b", "c"])
    town.deliver()
    one = sequencer(town)
    grown = step(one)
    assert grown is not None
    entries = read(town, select(ledger))
    assert grown.size == len(entries) > 2
    with town.hub.store.reading() as connection:
        for entry in entries:
            found = read_inclusion(connection, entry.node, entry.sequence)
            assert found.leaf == entry.hash == hashlib.sha256(b"\x00" + entry.form).digest()
            assert proves_inclusion(found.leaf, found.index, grown.size, found.proof, grown.root)
    check(town)


def test_nothing_to_do_signs_nothing_and_writes_nothing(town: Town) -> None:
    one = sequencer(town)
    assert step(one) is None
    assert rows(town) == [0, 0, 0, 0]
    append(town)
    assert step(one) is not None
    before = rows(town)
    assert step(one) is None
    assert rows(town) == before


def test_nodes_are_interleaved_by_time_and_each_keeps_its_order(town: Town) -> None:
    for node, seconds in (("n2", 1), ("n1", 0), ("n2", 1), ("n1", -2)):
        town.clock.turn(seconds=seconds)
        append(town, 1, node)
    step(sequencer(town))
    placed = [(row.node, row.sequence) for row in read(town, select(leaves).order_by(leaves.c.place))]
    assert placed == [("n1", 1), ("n1", 2), ("n2", 1), ("n2", 2)]
    check(town)


def test_a_batch_is_bounded_and_the_rest_follows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "BATCH", 100)
    append(town, 150, "n1")
    append(town, 120, "n2")
    assert [grown.size for grown in drain(sequencer(town))] == [100, 200, 270]
    check(town)


def test_growth_over_tile_borders_keeps_every_tree_a_beginning_of_the_next(town: Town) -> None:
    one = sequencer(town)
    for count in (1, 254, 1, 1, 255, 300):
        append(town, count)
        assert step(one) is not None
    check(town)


def test_two_sequencers_do_not_fork_and_the_second_does_nothing(town: Town) -> None:
    first, second = sequencer(town, "first"), sequencer(town, "second")
    append(town, 3)
    assert step(first) is not None
    second._starting = False  # one that was running already, not one that replaces a dead process of its node
    append(town, 3)
    assert step(second) is None
    assert step(first) is not None
    append(town, 3)
    town.clock.turn(seconds=LEASE.total_seconds() + 1)
    assert step(second) is not None  # the lease ran out
    append(town, 3)
    assert step(first) is None
    check(town)


def test_two_sequencers_at_the_same_moment_do_not_fork(town: Town) -> None:
    both = [sequencer(town, "first"), sequencer(town, "second")]

    async def race() -> None:
        for _ in range(20):
            await asyncio.to_thread(append, town, 3)
            await asyncio.gather(*(one.step() for one in both))

    asyncio.run(race())
    drain(both[0])
    town.clock.turn(seconds=60)
    drain(both[1])
    check(town)
    assert read(town, select(func.count()).select_from(leaves)) == [(60,)]


def test_a_sequencer_that_slept_with_its_plan_publishes_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It planned, slept a minute, and wakes after another has grown the tree."""
    sleeper, other = sequencer(town, "sleeper"), sequencer(town, "other")
    append(town, 2)
    assert step(sleeper) is not None
    append(town, 2)
    plan = sequence.plan_growth

    def plan_and_sleep(*given: Any) -> Any:
        made = plan(*given)
        monkeypatch.setattr(sequence, "plan_growth", plan)
        append(town, 5)
        town.clock.turn(seconds=60)
        assert asyncio.run_coroutine_threadsafe(other.step(), loop).result() is not None
        return made

    async def sleep_and_wake() -> Checkpoint | None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(sequence, "plan_growth", plan_and_sleep)
        return await sleeper.step()

    loop: Any = None
    assert asyncio.run(sleep_and_wake()) is None
    check(town)
    assert read(town, select(func.max(checkpoints.c.size))) == [(9,)]


def test_a_clock_that_is_a_little_behind_does_not_take_a_living_lease(town: Town) -> None:
    append(town)
    first, second = sequencer(town), sequencer(town)
    second._starting = False
    assert step(first) is not None
    append(town)
    town.clock.turn(seconds=-1)
    assert step(second) is None


class CountingSigner:
    """Signs as the hub, and remembers what."""

    def __init__(self, town: Town) -> None:
        self._signer = checkpoint_signers(town.hub, town.folder)[0]
        self.key = self._signer.key
        self.signed: list[bytes] = []

    def sign(self, text: bytes) -> bytes:
        self.signed.append(text)
        return self._signer.sign(text)


def test_a_lease_taken_in_between_keeps_the_old_holder_out_even_of_an_unmoved_tree(town: Town) -> None:
    """And what it planned is never signed: a log must not sign two trees of one size."""
    append(town, 2)
    pen = CountingSigner(town)
    one = Sequencer(lambda: town.hub, [pen])
    assert asyncio.run(one._take(town.hub, town.clock()))
    plan = one._look(town.hub, town.clock()).plan
    assert plan is not None
    with town.hub.store.transaction() as transaction:
        assert tree.take_lease(transaction, "other", town.clock() + LEASE, LEASE) is not None
    assert asyncio.run(one._publish(town.hub, plan, town.clock())) is None
    assert rows(town) == [0, 0, 0, 0]
    assert pen.signed == []


def test_the_head_moves_only_from_what_was_seen(town: Town) -> None:
    """The compare-and-swap by itself, without the lock before it."""
    step(sequencer(town))
    append(town, 2)
    step(sequencer(town))
    with town.hub.store.reading() as connection:
        now = tree.read_head(connection)
    signed = tree.Signed(5, bytes(32), "note", 0)
    for seen in (replace(now, size=1), replace(now, root=bytes(32)), replace(now, fence=now.fence - 1)):
        with town.hub.store.transaction() as transaction:
            assert not tree.advance(transaction, seen, signed, [], [], town.clock())
    check(town)


def test_a_restarted_process_takes_over_from_its_own_node_at_once(town: Town) -> None:
    append(town)
    assert step(sequencer(town)) is not None
    append(town)
    assert step(sequencer(town)) is not None


def test_a_restarted_process_takes_over_also_if_its_database_was_away_at_first(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(town)
    assert step(sequencer(town)) is not None
    append(town)
    restarted, take, away = sequencer(town), tree.take_lease, [True]

    def shaky(*given: Any, **named: Any) -> int | None:
        if away:
            away.clear()
            raise Unavailable("store.unreachable")
        return take(*given, **named)

    monkeypatch.setattr(tree, "take_lease", shaky)
    with pytest.raises(Unavailable):
        step(restarted)
    assert step(restarted) is not None


def test_a_process_whose_node_was_taken_over_while_it_lived_does_nothing(town: Town) -> None:
    """Two processes under one node name by mistake: the older one still believes in its lease."""
    older, newer = sequencer(town), sequencer(town)
    append(town)
    assert step(older) is not None
    append(town)
    assert step(newer) is not None
    append(town)
    assert step(older) is None
    assert step(older) is None
    assert step(newer) is not None
    check(town)


def test_a_clock_set_back_does_not_leave_the_tree_without_a_sequencer(town: Town) -> None:
    append(town)
    first = sequencer(town)
    assert step(first) is not None
    town.clock.turn(hours=-1)
    append(town)
    second = sequencer(town)
    second._starting = False
    assert step(second) is not None
    check(town)


@pytest.mark.parametrize("place", ["is_current", "advance", "_store_tiles", "_move_positions", "flush", "sign_note"])
@pytest.mark.parametrize("entries", [3, 300])
def test_a_crash_between_steps_leaves_no_trace(
    town: Town, monkeypatch: pytest.MonkeyPatch, place: str, entries: int
) -> None:
    append(town, 2)
    one = sequencer(town)
    assert step(one) is not None
    append(town, entries)
    before = rows(town), sorted(tuple(r) for r in read(town, select(tiles)))
    with monkeypatch.context() as patch:
        _die_after(patch, place)
        with pytest.raises(RuntimeError, match="dies"):
            step(one)
    assert (rows(town), sorted(tuple(r) for r in read(town, select(tiles)))) == before
    assert drain(sequencer(town))
    check(town)


def _die_after(patch: pytest.MonkeyPatch, place: str) -> None:
    owner: Any = {"flush": Transaction, "sign_note": sequence}.get(place, tree)
    original: Callable[..., Any] = getattr(owner, place)

    def dying(*given: Any, **named: Any) -> Any:
        original(*given, **named)
        raise RuntimeError("dies")

    patch.setattr(owner, place, dying)


def test_a_signer_that_fails_leaves_the_head_where_it_was(town: Town) -> None:
    """Its error is one of ours, which the group commit survives: what it had done must not be committed."""

    class Refusing:
        key = checkpoint_signers(town.hub, town.folder)[0].key

        def sign(self, text: bytes) -> bytes:
            raise Misconfigured("key.unreadable")

    append(town, 2)
    with pytest.raises(Misconfigured, match=r"key\.unreadable"):
        step(Sequencer(lambda: town.hub, [Refusing()]))
    assert rows(town) == [0, 0, 0, 0]
    assert step(sequencer(town)) is not None
    check(town)


def test_a_chain_with_a_hole_is_not_numbered_past_it(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    append(town, 5, "n1")
    append(town, 2, "n2")
    execute(town, "delete from ledger where node = 'n1' and sequence = 3")
    one = sequencer(town)
    with caplog.at_level(logging.ERROR, "hub.sequence"):
        drain(one)
        drain(one)
    assert [(r.node, r.sequence) for r in read(town, select(numbered).order_by(numbered.c.node))] == [
        ("n1", 2),
        ("n2", 2),
    ]
    assert [record.fields["where"] for record in caplog.records if record.message == "chain"] == ["n1/4"]


def test_an_entry_whose_predecessor_was_rewritten_is_not_numbered(town: Town) -> None:
    append(town, 2)
    one = sequencer(town)
    step(one)
    execute(town, "update ledger set hash = zeroblob(32) where sequence = 3")
    append(town, 2)
    execute(town, "update ledger set previous = zeroblob(32) where sequence = 3")
    assert step(one) is None
    check(town)


@pytest.mark.parametrize(
    "harm",
    [
        "update tiles set hashes = zeroblob(64) where level = 0",
        "update tiles set hashes = zeroblob(32) where level = 0",
        "delete from tiles",
        "update tree_head set root = zeroblob(32)",
        "update tree_head set size = 1",
        "update tree_head set size = 5",
        "update tree_head set size = 258",
    ],
)
def test_nothing_is_signed_over_a_damaged_edge(town: Town, harm: str) -> None:
    append(town, 2)
    one = sequencer(town)
    step(one)
    execute(town, harm)
    append(town, 1)
    with pytest.raises(Misconfigured, match=r"tree\.damaged"):
        step(one)
    assert rows(town)[2] == 1


def test_lag_is_measured_and_alarmed_once(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    one, other = sequencer(town, "one"), sequencer(town, "other")
    append(town)
    step(one)
    other._starting = False
    step(other)
    append(town)
    town.clock.turn(seconds=2)
    step(other)
    assert other.lag == 2.0
    town.clock.turn(seconds=4)
    with caplog.at_level(logging.INFO, "hub.sequence"):
        step(other)
        step(other)
        assert [(r.levelname, r.fields["code"]) for r in caplog.records if r.message == "lag"] == [
            ("ERROR", "tree.late")
        ]
        town.clock.turn(seconds=60)
        assert step(other) is not None
        step(other)
    assert other.lag == 0.0
    assert [r.levelname for r in caplog.records if r.message == "lag"] == ["ERROR", "INFO"]


def lag_codes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.fields["code"] for record in caplog.records if record.message == "lag"]


def test_what_waited_while_nothing_ran_is_no_alarm_of_the_sequencer_that_begins(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    append(town, 3)
    town.clock.turn(days=3)
    begun = sequencer(town)
    with caplog.at_level(logging.INFO, "hub.sequence"):
        assert step(begun) is not None
        assert step(begun) is None
    assert (lag_codes(caplog), begun.lag) == ([], 0.0)


def test_a_sequencer_that_does_not_keep_up_is_late_with_what_it_found(
    town: Town, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of before its time count from its first look, at their own pace and after a clock set back, too."""
    monkeypatch.setattr(sequence, "BATCH", 1)
    append(town, 9)
    town.clock.turn(days=3)
    one = sequencer(town)
    with caplog.at_level(logging.INFO, "hub.sequence"):
        step(one)
        town.clock.turn(seconds=5)
        step(one)
        assert (lag_codes(caplog), one.lag) == ([], 5.0)
        town.clock.turn(seconds=1)
        step(one)
        assert (lag_codes(caplog), one.lag) == (["tree.late"], 6.0)
        town.clock.turn(days=-1)
        step(one)
        town.clock.turn(seconds=6)
        step(one)
    assert (lag_codes(caplog), one.lag) == (["tree.late", "", "tree.late"], 6.0)


def test_run_sequences_until_it_is_stopped_and_logs_an_error_once(
    town: Town, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.settle(ledger=Sequencing(interval=0.0))
    one = sequencer(town)
    answers: list[Any] = [Misconfigured("tree.damaged"), Misconfigured("tree.damaged"), ValueError("x"), None]
    stop = asyncio.Event()

    async def scripted() -> None:
        answer = answers.pop(0)
        if not answers:
            stop.set()
        if isinstance(answer, Exception):
            raise answer

    monkeypatch.setattr(one, "step", scripted)
    with caplog.at_level(logging.ERROR, "hub.sequence"):
        asyncio.run(one.run(stop))
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


def test_it_rests_between_steps_but_not_while_more_waits_than_one_takes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint for each message would cost a busy hub more than all else that it does for it."""
    town.settle(ledger=Sequencing(interval=3600.0))
    monkeypatch.setattr("hub.ledger.sequence.BATCH", 2)
    for _ in range(5):
        append(town)
    one, stop = sequencer(town), asyncio.Event()
    rested: list[tuple[float, int]] = []

    async def rest(stopped: Any, seconds: float) -> None:
        stopped.close()
        with town.hub.store.reading() as connection:
            rested.append((seconds, tree.read_head(connection).size))
        append(town)
        if len(rested) == 2:
            stop.set()

    monkeypatch.setattr("hub.ledger.sequence.asyncio.wait_for", rest)
    town.run(one.run(stop))
    assert [size for _, size in rested] == [5, 6]
    assert all(0 < seconds <= 3600 for seconds, _ in rested)


def test_a_configured_ed25519_key_signs_beside_the_hubs_own(town: Town) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    (town.folder / "ledger.key").write_bytes(key_pem(Ed25519PrivateKey.generate()))
    town.settle(ledger=Sequencing(key="ledger.key", origin="city.example/ledger"))
    append(town)
    both = checkpoint_signers(town.hub, town.folder)
    assert [one.key.kind for one in both] == [Kind.ED25519, Kind.ECDSA]
    grown = step(Sequencer(lambda: town.hub, both))
    assert grown is not None
    with town.hub.store.reading() as connection:
        note = read_note(read_checkpoint(connection).note.encode())
    for one in both:
        assert open_checkpoint(note, "city.example/ledger", [one.key]) == grown


def test_a_hub_with_an_rsa_key_needs_an_ed25519_key(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    town.hub = replace(town.hub, signer=signer("rsa2048"))
    with pytest.raises(Misconfigured, match=r"note\.signer"):
        checkpoint_signers(town.hub, town.folder)
    (town.folder / "ledger.key").write_bytes(key_pem(Ed25519PrivateKey.generate()))
    town.settle(ledger=Sequencing(key="ledger.key"))
    assert [type(one) for one in checkpoint_signers(town.hub, town.folder)] == [Ed25519NoteSigner]


@pytest.mark.parametrize(
    ("ledger_settings", "code"),
    [
        (Sequencing(key="absent.key"), "key.unreadable"),
        (Sequencing(witnesses="nonsense"), "note.key"),
        (Sequencing(key="p256.key"), "note.signer"),
        (Sequencing(origin="two words"), "settings.value"),
        (Sequencing(origin="a+b"), "settings.value"),
    ],
)
def test_a_wrong_setting_is_met_at_start(town: Town, ledger_settings: Sequencing, code: str) -> None:
    (town.folder / "p256.key").write_bytes(key_pem(key_pair("p256")[0]))
    town.settle(ledger=ledger_settings)
    with pytest.raises(HubError) as caught:
        open_sequencer(lambda: town.hub, town.folder)
    assert caught.value.code == code


def entry(node: str, sequence: int, time_us: int, previous: bytes = b"", own: bytes = b"") -> Waiting:
    def name(number: int) -> bytes:
        return hashlib.sha256(f"{node}{number}".encode()).digest()

    return Waiting(node, sequence, time_us, previous or name(sequence - 1), own or name(sequence))


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 9), max_size=6)), st.integers(1, 20))
def test_interleaving_keeps_each_chain_and_takes_all_up_to_the_bound(times: dict[str, list[int]], most: int) -> None:
    """Whatever the clocks of the nodes did."""
    queues = [
        Queue(node, 0, entry(node, 1, 0).previous, tuple(entry(node, n, t) for n, t in enumerate(ts, 1)))
        for node, ts in times.items()
    ]
    taken = interleave(queues, most)
    assert len(taken) == min(most, sum(len(ts) for ts in times.values()))
    for node in times:
        assert [e.sequence for e in taken if e.node == node] == list(range(1, 1 + sum(e.node == node for e in taken)))
    assert first_breaks(queues) == []


def test_a_lease_lasts_as_long_as_its_alarm_allows() -> None:
    """A hub killed hard is replaced by another node's sequencer within the lease."""
    assert timedelta(seconds=1) < LEASE <= timedelta(seconds=10)
