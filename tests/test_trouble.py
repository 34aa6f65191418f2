"""What goes wrong again and again is logged once while it lasts, and ends nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from hub import supervise
from hub.errors import Unavailable
from hub.hub import Hub
from hub.ledger import unconfirmed
from hub.ledger.unconfirmed import Unconfirmed
from hub.trouble import Trouble
from tests.town import Town

LOG = logging.getLogger("hub.trial")
AWAY, SLOW = Unavailable("store.unreachable", operator="gone"), Unavailable("store.slow")


@pytest.mark.parametrize(
    ("met", "told"),
    [
        ([AWAY, AWAY, SLOW, SLOW, AWAY], ["store.unreachable", "store.slow", "store.unreachable"]),
        ([AWAY, None, AWAY], ["store.unreachable", "store.unreachable"]),
        ([ZeroDivisionError(), ZeroDivisionError(), AWAY], ["ZeroDivisionError()", "store.unreachable"]),
        ([None, None], []),
    ],
)
def test_each_trouble_is_told_once(
    met: list[Exception | None], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    trouble = Trouble(LOG, "trial", logging.WARNING)
    for error in met:
        with trouble.told_once():
            if error is not None:
                raise error
    found = [one.exc_info[1].__repr__() if one.exc_info else one.fields["code"] for one in caplog.records]  # type: ignore[attr-defined]
    assert found == told


def test_who_is_cancelled_is_not_kept() -> None:
    with pytest.raises(asyncio.CancelledError), Trouble(LOG, "trial").told_once():
        raise asyncio.CancelledError


def failing(stop: asyncio.Event, times: int) -> Callable[[Hub], None]:
    """Fails as nobody foresaw so many times, then wants everything to stop."""
    left = iter(range(times, -1, -1))

    def fail(hub: Hub) -> None:
        if not next(left):
            stop.set()
        raise ZeroDivisionError

    return fail


def test_a_sweep_that_fails_as_nobody_foresaw_is_met_again(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = replace(town.hub.settings.delivery, sweep=0.001)
    hub = replace(town.hub, settings=replace(town.hub.settings, delivery=delivery))

    async def run() -> None:
        stop = asyncio.Event()
        fail = failing(stop, 2)

        async def sweep(hub: Hub) -> None:
            fail(hub)

        monkeypatch.setattr(supervise, "sweep", sweep)
        await asyncio.wait_for(supervise.run(lambda: hub, stop), 60)

    asyncio.run(run())
    assert [one.message for one in caplog.records if one.exc_info] == ["sweep"]


def test_a_look_at_what_is_unconfirmed_that_fails_as_nobody_foresaw_is_met_again(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = replace(town.hub.settings.ledger, max_unwitnessed=60)
    hub = replace(town.hub, settings=replace(town.hub.settings, ledger=ledger))

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        fail = failing(stop, 2)

        def since(hub: Hub) -> None:
            fail(hub)

        monkeypatch.setattr(stop, "set", lambda: loop.call_soon_threadsafe(asyncio.Event.set, stop))
        monkeypatch.setattr(unconfirmed, "_since", since)
        monkeypatch.setattr(unconfirmed, "LOOK_SECONDS", 0.001)
        await asyncio.wait_for(Unconfirmed(lambda: hub).run(stop), 60)

    asyncio.run(run())
    assert [one.message for one in caplog.records if one.exc_info] == ["look"]
