"""Row "Protocol": rightly signed messages that lie about time, place or identity.

tests/test_accept.py holds the plain rows; here stand what must not be learnt from the answers, and repetition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hub.directory import Directory, Right
from hub.errors import Refused
from hub.message import Classification, DeliveryState, Hop
from hub.signing import signature
from tests.hostile.conftest import Refuse
from tests.hostile.documents import changed
from tests.town import Town, signer_of


def test_a_hundred_replays_are_one_message(town: Town) -> None:
    raw = town.signed("a", "b")
    first = town.submit(raw)
    again = [town.submit(raw) for _ in range(100)]
    assert {receipt.stamp for receipt in again} == {first.stamp}
    assert all(receipt.replayed for receipt in again)
    assert town.states("a", first.message_id) == {"b": DeliveryState.WAITING}
    assert sum(hop.message_id == first.message_id for hop in town.hops(Hop.ACCEPTED)) == 1


def test_a_replay_after_delivery_is_not_delivered_again(town: Town) -> None:
    raw = town.signed("a", "c")
    town.submit(raw)
    town.deliver()
    handed = len(town.connector.handed)
    assert town.submit(raw).replayed
    assert town.deliver() == 0
    assert len(town.connector.handed) == handed


def test_a_refused_id_is_not_spent(town: Town, refuse: Refuse) -> None:
    """Whoever guesses an id cannot block it: a refusal proves nothing and reserves nothing."""
    refuse(town.signed("a", "b", by="b", message_id="later"), "rights.sender")
    assert not town.send("a", "b", message_id="later").replayed


def test_the_same_content_signed_again_is_other_content(town: Town, refuse: Refuse) -> None:
    """ECDSA signs differently each time; the receipt names bytes, so other bytes need another id."""
    tree = town.envelope("a", "b", message_id="twice")
    one, other = (signature.sign(tree, signer_of("a")[0]) for _ in range(2))
    town.submit(one)
    refuse(other, "message.conflict")


def test_signing_as_a_department_that_exists_or_not_is_answered_alike(town: Town, refuse: Refuse) -> None:
    answers = {_told(refuse(town.signed(code, "b", by="a"), "rights.sender"), code) for code in ("c", "nobody")}
    assert len(answers) == 1


@pytest.fixture
def strict(town: Town) -> Iterator[None]:
    """Only a to b is allowed."""
    before = town.hub
    directory = before.rules.directory
    only = Directory(
        directory.departments.values(), directory.groups, directory.endpoints.values(), [Right("a", "b", "*")]
    )
    town.hub = replace(before, rules=replace(before.rules, directory=only))
    yield
    town.hub = before


@pytest.mark.usefixtures("strict")
def test_no_oracle_for_names(town: Town, refuse: Refuse) -> None:
    """A recipient or group that is forbidden and one that is unknown: one answer, alone or among others."""
    names = ("c", "nobody", "group:all", "group:none")
    assert len({_told(refuse(town.signed("a", to), "routing.recipient"), to) for to in names}) == 1
    mixed = {_told(refuse(town.signed("a", ["b", to]), "routing.recipient"), to) for to in names}
    assert len(mixed) == 1


def _told(refusal: Refused, own: str) -> tuple[str, str, str, str]:
    """What an answer says beside the sender's own word."""
    assert refusal.got == own
    return (refusal.code, refusal.text.en, refusal.where, refusal.expected)


TIMES = {
    "an hour ahead": ({"created": timedelta(hours=1)}, "message.future"),
    "900 years ahead": ({"created": timedelta(days=900 * 365)}, "message.future"),
    "expired": ({"created": timedelta(days=-2), "expires": timedelta(days=-1)}, "message.expired"),
    "expires before it was created": ({"expires": timedelta(days=-3)}, "message.expired"),
    "a life of 400 days": ({"expires": timedelta(days=400)}, "message.life"),
    "a life of 900 years": ({"expires": timedelta(days=900 * 365)}, "message.life"),
    "made long ago, to live long": ({"created": timedelta(days=-300), "expires": timedelta(days=30)}, "message.life"),
}


@pytest.mark.parametrize("row", TIMES)
def test_times(town: Town, refuse: Refuse, row: str) -> None:
    offsets, code = TIMES[row]
    times: dict[str, Any] = {name: town.clock() + offset for name, offset in offsets.items()}
    refuse(town.signed("a", "b", **times), code)


@pytest.mark.parametrize("level", list(Classification)[1:])
def test_classification_above_the_ceiling(town: Town, refuse: Refuse, level: Classification) -> None:
    refuse(town.signed("a", "b", classification=level), "rights.classification")


def test_more_recipients_than_allowed(town: Town, refuse: Refuse) -> None:
    before = town.hub.settings
    town.settle(limits=replace(before.limits, max_recipients=3))
    refuse(town.signed("a", ["b", "c", "d", "m"]), "message.recipients")
    town.settle(limits=before.limits)


NO_TIMES = [
    *("2026-02-30T01:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T01:00:60Z", "2026-03-02T01:00:00", "2026-03-02"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-02T01:00:00+99:00", "-2026-03-02T01:00:00Z"),
]


@pytest.mark.parametrize("written", NO_TIMES)
def test_a_time_that_is_none(town: Town, refuse: Refuse, written: str) -> None:
    raw = town.signed("a", "b")
    refuse(changed(raw, "2026-03-02T01:00:00.000000Z", written), "envelope.invalid")
