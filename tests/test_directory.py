"""Look-ups: who stands behind an address, who may send what to whom, and where messages go."""

from __future__ import annotations

import pytest

from hub.directory import Department, Directory, Endpoint, Kind, Right


def department(code: str, enabled: bool = True) -> Department:
    return Department(code, code, "12100000400000624D", "440300", enabled=enabled)


WATER, SCHOOL, OFFICE = department("water"), department("school"), department("office")
CLOSED = department("closed", enabled=False)
GROUPS = {"bureaus": ["water", "school", "closed", "absent"], "offices": ["office"]}


def directory(*rights: Right, endpoints: tuple[Endpoint, ...] = ()) -> Directory:
    return Directory([WATER, SCHOOL, OFFICE, CLOSED], GROUPS, endpoints, rights)


def test_nothing_is_allowed_unless_a_right_says_so() -> None:
    assert not directory().may_send("office", "water", "notice-1")
    assert not directory().may_send("office", "office", "notice-1")


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        (Right("office", "water"), True),
        (Right("office", "water", "notice-1"), True),
        (Right("office", "water", "receipt-1"), False),
        (Right("office", "school"), False),
        (Right("water", "office"), False),
        (Right("office", "group:bureaus"), True),
        (Right("office", "group:offices"), False),
        (Right("group:offices", "group:bureaus", "notice-1"), True),
        (Right("group:bureaus", "*"), False),
        (Right("group:absent", "group:bureaus"), False),
        (Right("*", "water"), True),
        (Right("*", "*", "receipt-1"), False),
        (Right("office", "*"), True),
    ],
)
def test_one_right_allows_what_it_says_and_no_more(right: Right, allowed: bool) -> None:
    assert directory(right).may_send("office", "water", "notice-1") is allowed


def test_rights_add_up() -> None:
    asked = directory(Right("office", "water", "a-1"), Right("*", "water", "b-1"), Right("office", "school", "b-1"))
    assert asked.may_send("office", "water", "a-1")
    assert asked.may_send("office", "water", "b-1")
    assert not asked.may_send("office", "school", "a-1")


def test_a_disabled_department_sends_nothing_whatever_its_rights() -> None:
    assert not directory(Right("*", "*")).may_send("closed", "water", "notice-1")


def test_a_group_is_its_enabled_known_members_in_order() -> None:
    assert directory().expand("group:bureaus") == ("school", "water")


@pytest.mark.parametrize("address", ["closed", "absent", "group:absent", "group:", "*", ""])
def test_an_address_without_anyone_behind_it_is_empty(address: str) -> None:
    assert directory().expand(address) == ()


def test_a_department_is_its_own_address() -> None:
    assert directory().expand("water") == ("water",)


def test_the_default_endpoint_has_the_departments_code_whatever_the_order() -> None:
    spare = Endpoint("a-spare", "water", url="http://spare/")
    own = Endpoint("water", "water", Kind.MAILBOX)
    assert directory(endpoints=(spare, own)).endpoint_for("water") == own
    assert directory(endpoints=(spare,)).endpoint_for("water") == spare
    assert directory(endpoints=(spare,)).endpoint_for("school") is None


def test_an_endpoint_named_like_another_department_is_not_its_default() -> None:
    trap = Endpoint("school", "water", url="http://trap/")
    assert directory(endpoints=(trap,)).endpoint_for("school") is None
