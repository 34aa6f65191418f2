"""What was in hand when a process ended: tried again, given a turn of its own, and set aside if it ends the process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hub import supervise
from hub.ledger.ledger import to_microseconds
from hub.message import DeliveryState
from hub.store import outbox
from hub.store.tables import deliveries, messages
from tests.town import Town

WAIT = 30.0
"""The answer's time limit of the town's endpoints, in seconds; longer than `supervise.QUIET`."""


def end_with(town: Town, most: int = 16) -> list[str]:
    """Let a process end with all that is due at `b` in its hands, and start again; what that was."""
    at = town.clock()
    with town.hub.store.transaction() as transaction:
        leased = outbox.lease(transaction, [("b", most)], at, at + timedelta(seconds=60))
    start(town)
    return [one.consignment.message_id for one in leased]


def start(town: Town) -> None:
    town.run(town.dispatcher.recover())


def state_of(town: Town, message_id: str) -> tuple[DeliveryState, str]:
    [delivery] = town.trace("a", message_id).deliveries
    return delivery.state, delivery.cause


def test_a_message_that_ends_its_process_in_three_turns_of_its_own_is_set_aside(town: Town) -> None:
    town.send("a", "b", message_id="poison")
    assert end_with(town) == ["poison"]
    assert end_with(town) == ["poison"]
    for times, cause in enumerate(supervise.SUSPECT):
        assert state_of(town, "poison") == (DeliveryState.WAITING, cause)
        town.clock.turn(seconds=WAIT * 2**times - 1)
        assert waiting(town) == []  # the process lives without it first
        town.clock.turn(seconds=1)
        assert end_with(town) == ["poison"]
    assert state_of(town, "poison") == (DeliveryState.DEAD, "delivery.poison")
    town.check()


def test_two_ends_in_its_own_turn_set_nothing_aside_that_goes_well_at_the_third(town: Town) -> None:
    town.send("a", "b", message_id="innocent")
    end_with(town)
    end_with(town)
    for times in (1, 2):
        town.clock.turn(seconds=WAIT * times)
        assert end_with(town) == ["innocent"]
    town.clock.turn(seconds=WAIT * 4)
    town.deliver()
    assert state_of(town, "innocent")[0] == DeliveryState.DELIVERED
    town.check()


def test_a_process_that_something_else_ends_early_each_time_sets_nothing_aside(town: Town) -> None:
    town.send("a", "b", message_id="innocent")
    end_with(town)
    end_with(town)
    for _ in range(10):
        town.clock.turn(seconds=WAIT - 1)
        assert end_with(town) == []
    town.clock.turn(seconds=WAIT)
    town.deliver()
    assert state_of(town, "innocent")[0] == DeliveryState.DELIVERED
    town.check()


def test_a_process_that_is_slow_and_lives_sets_nothing_aside(town: Town) -> None:
    town.send("a", "b", message_id="slow")
    end_with(town)
    end_with(town)
    for _ in range(3):
        town.clock.turn(seconds=WAIT)
        at = town.clock()
        with town.hub.store.transaction() as transaction:
            assert outbox.lease(transaction, [("b", 16)], at, at + timedelta(seconds=60))
        town.clock.turn(seconds=61)
        town.run(supervise.sweep(town.hub))
        assert state_of(town, "slow") == (DeliveryState.WAITING, supervise.AGAIN)
    town.deliver()
    town.check()


def test_suspects_go_one_after_another_the_last_first(town: Town) -> None:
    for name in ("one", "two", "three"):
        town.send("a", "b", message_id=name)
    end_with(town)
    end_with(town)
    for times in (1, 2, 4):
        town.clock.turn(seconds=WAIT * times)
        assert end_with(town) == ["three"]
    assert state_of(town, "three") == (DeliveryState.DEAD, "delivery.poison")
    town.clock.turn(seconds=WAIT)
    assert end_with(town, 1) == ["two"]
    town.clock.turn(seconds=WAIT * 2 + 1)
    town.deliver()
    assert state_of(town, "one")[0] == DeliveryState.DELIVERED
    town.check()


def test_a_poison_is_found_among_suspects_that_are_slow(town: Town) -> None:
    """Each is in hand for longer than its turn lasts, and the process ends when the poison's comes."""
    names = ["slow-1", "slow-2", "poison", "slow-3"]
    for name in names:
        town.send("a", "b", message_id=name)
    end_with(town)
    end_with(town)
    for _ in range(5):
        while "poison" not in waiting(town):
            town.clock.turn(seconds=1)
        if "poison" in end_with(town) and state_of(town, "poison")[0] == DeliveryState.DEAD:
            break
    assert state_of(town, "poison") == (DeliveryState.DEAD, "delivery.poison")
    assert {state_of(town, name)[0] for name in names if name != "poison"} == {DeliveryState.WAITING}
    town.check()


def waiting(town: Town) -> list[str]:
    """What is due at `b` now."""
    due = to_microseconds(town.clock())
    with town.hub.store.reading() as connection:
        rows = connection.execute(select(messages.c.message_id).join(deliveries).where(deliveries.c.next_us <= due))
        return [row.message_id for row in rows]


def test_very_many_suspects_go_closer_together(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "LONGEST_TURN", timedelta(seconds=1))
    for _ in range(4):
        town.send("a", "b")
    end_with(town)
    end_with(town)
    town.clock.turn(seconds=WAIT + 1)
    assert town.deliver() == 4
    town.check()


def test_two_suspects_in_hand_at_once_show_nothing(town: Town) -> None:
    for name in ("one", "two"):
        town.send("a", "b", message_id=name)
    end_with(town)
    end_with(town)
    town.clock.turn(seconds=WAIT + 1)
    assert end_with(town) == ["two", "one"]
    assert {state_of(town, name) for name in ("one", "two")} == {(DeliveryState.WAITING, supervise.AGAIN)}


def test_a_sweep_that_finds_nothing_lost_puts_no_turn_off(town: Town) -> None:
    town.send("a", "b", message_id="suspect")
    end_with(town)
    end_with(town)
    for _ in range(3):
        town.clock.turn(seconds=WAIT / 3)
        town.run(supervise.sweep(town.hub))
    assert end_with(town) == ["suspect"]
