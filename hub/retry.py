"""When to try a delivery again, and when to leave an endpoint alone for a while. Pure values.

Promises: waits grow to a bound, nothing is tried at or after its expiry, and a clock that jumps costs at most
one wait: due times count from now, and time alone never ends a delivery that has had fewer than
`LEAST_ATTEMPTS` tries. It reads no clock, throws no dice, knows no queue: `hub.deliver` keeps one `Breaker`
for each endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hub.directory import Profile
from hub.errors import Misconfigured

LEAST_ATTEMPTS = 3
_DAY = 86400.0
# 2 ** 64 times any first wait is beyond every longest one; a larger exponent would only overflow.
_STEEPEST = 64


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds, but for `factor` and `jitter` (the share of a wait, 0..1, that chance may take off)."""

    first: float = 5.0
    factor: float = 2.0
    longest: float = 600.0
    jitter: float = 0.3
    give_up_after: float = 3 * _DAY

    def __post_init__(self) -> None:
        """Errors: Misconfigured retry.policy."""
        _in_range("first", self.first, 0.1, _DAY)
        _in_range("factor", self.factor, 1.0, 10.0)
        _in_range("longest", self.longest, self.first, 7 * _DAY)
        _in_range("jitter", self.jitter, 0.0, 1.0)
        _in_range("give_up_after", self.give_up_after, 0.0, 365 * _DAY)

    @classmethod
    def of(cls, profile: Profile) -> RetryPolicy:
        """The policy that an endpoint's profile asks for. Errors: Misconfigured retry.policy."""
        return cls(first=profile.first_retry, longest=profile.longest_retry, give_up_after=profile.give_up_after)

    def wait(self, attempts: int, jitter: float = 0.0) -> timedelta:
        """The pause after `attempts` failed tries; `jitter` is chance, 0..1."""
        doublings = min(max(attempts - 1, 0), _STEEPEST)
        seconds = min(self.longest, self.first * self.factor**doublings)
        return timedelta(seconds=seconds * (1 - self.jitter * min(max(jitter, 0.0), 1.0)))


def next_attempt(
    policy: RetryPolicy,
    attempts: int,
    first_at: datetime,
    at: datetime,
    expires: datetime | None,
    jitter: float,
) -> datetime | None:
    """Return when to try again after `attempts` failures, the last at `at`; None means give up.

    A wait that would pass the end is cut to one last try, `policy.first` seconds before it.
    """
    due = at + policy.wait(attempts, jitter)
    end = _end(policy, attempts, first_at, expires)
    if end is None or due < end:
        return due
    margin = timedelta(seconds=policy.first)
    return end - margin if end - margin >= at + margin else None


def _end(policy: RetryPolicy, attempts: int, first_at: datetime, expires: datetime | None) -> datetime | None:
    if attempts < LEAST_ATTEMPTS:
        return expires
    patience = first_at + timedelta(seconds=policy.give_up_after)
    return patience if expires is None else min(patience, expires)


class BreakerState(StrEnum):
    """Closed lets everything pass, open nothing, half-open one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "halfOpen"


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether an endpoint is worth a try. Every transition returns a new value.

    `threshold` failures in a row open it for `rest` seconds; each failed probe doubles that, up to `longest`.
    """

    threshold: int = 5
    rest: float = 30.0
    longest: float = 600.0
    failures: int = 0
    openings: int = 0
    since: datetime | None = None
    probing: bool = False

    def admits(self, at: datetime) -> bool:
        """Whether a delivery may be tried now; if the breaker is not closed, say so with `after_probe`."""
        return self.state(at) is not BreakerState.OPEN

    def state(self, at: datetime) -> BreakerState:
        """The state at a moment. A clock set back ends a rest: one probe too many beats hours without."""
        if self.since is None:
            return BreakerState.CLOSED
        resting = self.since <= at < self.since + self._pause()
        return BreakerState.OPEN if resting else BreakerState.HALF_OPEN

    @property
    def opens_at(self) -> datetime | None:
        """When the next probe is admitted; None while closed."""
        return None if self.since is None else self.since + self._pause()

    def after_probe(self, at: datetime) -> Breaker:
        """A try was started: no second one until it answers, or a rest has passed if it never does."""
        return self if self.since is None else replace(self, since=at, probing=True)

    def after_success(self, at: datetime) -> Breaker:
        """The endpoint answered: closed, everything forgotten."""
        return Breaker(self.threshold, self.rest, self.longest)

    def after_failure(self, at: datetime) -> Breaker:
        """A try failed. While it rests, late failures of tries begun before change nothing."""
        if self.since is None:
            failures = self.failures + 1
            if failures < self.threshold:
                return replace(self, failures=failures)
            return replace(self, failures=failures, openings=1, since=at)
        if self.probing or self.state(at) is BreakerState.HALF_OPEN:
            return replace(self, openings=self.openings + 1, since=at, probing=False)
        return self

    def _pause(self) -> timedelta:
        doublings = min(max(self.openings - 1, 0), _STEEPEST)
        return timedelta(seconds=min(self.longest, self.rest * 2.0**doublings))


def _in_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise Misconfigured("retry.policy", expected=f"{name}: {least:g}..{most:g}", got=f"{value:g}")
