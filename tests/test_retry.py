"""Retries wait longer and longer up to a bound, never pass an expiry and end; a breaker lets one probe through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.directory import Profile
from hub.errors import Misconfigured
from hub.retry import LEAST_ATTEMPTS, Breaker, BreakerState, RetryPolicy, next_attempt

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PLAIN = RetryPolicy(jitter=0.0)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


POLICIES = st.builds(
    lambda first, factor, stretch, jitter, patience: RetryPolicy(first, factor, first * stretch, jitter, patience),
    st.floats(0.1, 100),
    st.floats(1, 10),
    st.floats(1, 100),
    st.floats(0, 1),
    st.floats(0, 1e6),
)
CHANCE = st.floats(0, 1)


def test_waits_double_up_to_the_longest() -> None:
    waits = [PLAIN.wait(attempts).total_seconds() for attempts in range(1, 11)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_policy_comes_from_the_profile() -> None:
    policy = RetryPolicy.of(Profile(first_retry=2, longest_retry=8, give_up_after=100))
    assert (policy.first, policy.longest, policy.give_up_after) == (2, 8, 100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0.0},
        {"first": -1.0},
        {"factor": 0.5},
        {"longest": 1.0},
        {"jitter": 2.0},
        {"give_up_after": -1.0},
        {"longest": float("nan")},
        {"give_up_after": float("inf")},
    ],
)
def test_a_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Misconfigured) as fault:
        RetryPolicy(**wrong)
    assert fault.value.code == "retry.policy"
    assert fault.value.expected.startswith(next(iter(wrong)))


@given(POLICIES, st.integers(-1, 10**9), CHANCE)
def test_waits_are_bounded_and_grow(policy: RetryPolicy, attempts: int, chance: float) -> None:
    slack = timedelta(microseconds=2)
    wait = policy.wait(attempts, chance)
    assert seconds(policy.first * (1 - policy.jitter)) - slack <= wait <= seconds(policy.longest) + slack
    assert policy.wait(attempts + 1, chance) >= wait
    assert policy.wait(attempts, 0.0) >= wait


@given(POLICIES, st.integers(1, 500), st.floats(-1e7, 1e7), st.none() | st.floats(-1e6, 1e6), CHANCE)
def test_the_next_attempt_is_later_than_now_and_before_the_expiry(
    policy: RetryPolicy, attempts: int, since_first: float, to_expiry: float | None, chance: float
) -> None:
    at = T0 + seconds(since_first)
    expires = None if to_expiry is None else at + seconds(to_expiry)
    due = next_attempt(policy, attempts, T0, at, expires, chance)
    if due is None:
        return
    assert at <= due <= at + seconds(policy.longest) + timedelta(microseconds=2)
    assert expires is None or due < expires
    assert attempts < LEAST_ATTEMPTS or due < T0 + seconds(policy.give_up_after) or policy.give_up_after == 0


@given(POLICIES, st.none() | st.floats(0, 1e6), CHANCE)
def test_every_delivery_ends(policy: RetryPolicy, lifetime: float | None, chance: float) -> None:
    policy = RetryPolicy(policy.first, policy.factor, policy.longest, 0.0, min(policy.give_up_after, 50 * policy.first))
    expires = None if lifetime is None else T0 + seconds(lifetime)
    at: datetime | None = T0
    for attempts in range(1, 60):
        assert at is not None
        at = next_attempt(policy, attempts, T0, at, expires, chance)
        if at is None:
            return
    pytest.fail("never gave up")


def test_one_last_try_is_made_shortly_before_the_expiry() -> None:
    expires = T0 + seconds(400)
    assert next_attempt(PLAIN, 8, T0, T0 + seconds(315), expires, 0.0) == expires - seconds(5)
    assert next_attempt(PLAIN, 9, T0, expires - seconds(5), expires, 0.0) is None


def test_nothing_is_tried_at_or_after_the_expiry() -> None:
    assert next_attempt(PLAIN, 1, T0, T0, T0, 0.0) is None
    assert next_attempt(PLAIN, 1, T0, T0 + seconds(1), T0, 0.0) is None


def test_a_clock_that_jumps_three_days_ahead_does_not_end_a_young_delivery() -> None:
    jumped = T0 + timedelta(days=3, seconds=1)
    assert next_attempt(PLAIN, LEAST_ATTEMPTS - 1, T0, jumped, None, 0.0) == jumped + seconds(10)
    assert next_attempt(PLAIN, LEAST_ATTEMPTS, T0, jumped, None, 0.0) is None


def test_a_clock_that_is_set_back_only_waits_from_the_new_now() -> None:
    back = T0 - timedelta(hours=1)
    assert next_attempt(PLAIN, 2, T0, back, None, 0.0) == back + seconds(10)


def opened(at: datetime = T0) -> Breaker:
    breaker = Breaker()
    for _ in range(breaker.threshold):
        breaker = breaker.after_failure(at)
    return breaker


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker()
    for _ in range(20):
        breaker = breaker.after_failure(T0).after_failure(T0).after_success(T0)
    assert breaker == Breaker()
    assert not opened().admits(T0)
    assert opened().state(T0) is BreakerState.OPEN
    assert opened().opens_at == T0 + seconds(30)


def test_after_the_rest_one_probe_is_admitted_and_its_success_closes() -> None:
    ready = T0 + seconds(30)
    half = opened()
    assert half.state(ready) is BreakerState.HALF_OPEN
    assert half.admits(ready)
    probing = half.after_probe(ready)
    assert not probing.admits(ready + seconds(1))
    assert probing.after_success(ready + seconds(2)) == Breaker()


def test_each_failed_probe_doubles_the_rest_up_to_the_longest() -> None:
    breaker, at, rests = opened(), T0, []
    for _ in range(8):
        due = breaker.opens_at
        assert due is not None
        rests.append((due - at).total_seconds())
        breaker, at = breaker.after_probe(due).after_failure(due), due
    assert rests == [30, 60, 120, 240, 480, 600, 600, 600]


def test_late_failures_of_earlier_tries_do_not_lengthen_the_rest() -> None:
    breaker = opened()
    for late in range(10):
        breaker = breaker.after_failure(T0 + seconds(late))
    assert breaker == opened()


def test_a_probe_that_never_answers_is_followed_by_another() -> None:
    probing = opened().after_probe(T0 + seconds(30))
    assert probing.admits(T0 + seconds(60))


def test_a_closed_breaker_needs_no_probe() -> None:
    assert Breaker().after_probe(T0) == Breaker()
    assert Breaker().opens_at is None


def test_a_clock_set_back_does_not_lock_an_endpoint_out() -> None:
    assert opened(T0).admits(T0 - timedelta(hours=1))


@given(st.lists(st.tuples(st.sampled_from(["fail", "succeed", "probe"]), st.floats(0, 5000)), max_size=40))
def test_a_breaker_never_rests_longer_than_its_bound(events: list[tuple[str, float]]) -> None:
    breaker, at = Breaker(), T0
    for event, later in events:
        at += seconds(later)
        match event:
            case "fail":
                breaker = breaker.after_failure(at)
            case "succeed":
                breaker = breaker.after_success(at)
                assert breaker.admits(at)
            case _ if breaker.admits(at):
                breaker = breaker.after_probe(at)
        assert breaker.admits(at + seconds(breaker.longest))
