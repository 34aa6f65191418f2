"""What was in hand when a process ended: tried again, given a turn of its own, and set aside if it ends the process."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub import supervise
from hub.message import DeliveryState
from hub.store import outbox
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


def test_a_message_that_ends_its_process_each_time_is_set_aside_at_the_third(town: Town) -> None:
    town.send("a", "b", message_id="poison")
    assert end_with(town) == ["poison"]
    assert end_with(town) == ["poison"]
    assert end_with(town) == []  # the process lives without it first
    town.clock.turn(seconds=WAIT)
    assert end_with(town) == ["poison"]
    assert state_of(town, "poison") == (DeliveryState.DEAD, "delivery.poison")
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


def test_suspects_go_one_after_another(town: Town) -> None:
    for name in ("one", "two", "three"):
        town.send("a", "b", message_id=name)
    end_with(town)
    end_with(town)
    town.clock.turn(seconds=WAIT)
    assert end_with(town) == ["one"]
    assert state_of(town, "one") == (DeliveryState.DEAD, "delivery.poison")
    town.clock.turn(seconds=WAIT)
    assert end_with(town, 1) == ["two"]
    town.clock.turn(seconds=WAIT)
    town.deliver()
    assert state_of(town, "three")[0] == DeliveryState.DELIVERED
    town.check()


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
    assert end_with(town) == ["one", "two"]
    assert {state_of(town, name) for name in ("one", "two")} == {(DeliveryState.WAITING, supervise.AGAIN)}


def test_a_sweep_that_finds_nothing_lost_puts_no_turn_off(town: Town) -> None:
    town.send("a", "b", message_id="suspect")
    end_with(town)
    end_with(town)
    for _ in range(3):
        town.clock.turn(seconds=WAIT / 3)
        town.run(supervise.sweep(town.hub))
    assert end_with(town) == ["suspect"]
