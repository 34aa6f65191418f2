"""Judges how one serving process is, from what was measured. Pure: the measuring is `hub.health.measure`'s.

Promises: each thing that is not as it should be is one finding with its part, its code and its words in both languages.
A process is ready unless a finding says that calls must not come to it: what only needs somebody's attention (a dead
department, an overdue witness, a routing file that does not load while the old rules are in force) never turns it away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from hub.catalogue import CATALOGUE
from hub.settings.settings import Settings

KEY_SOON = timedelta(days=30)
MONTHS_AHEAD = 2
"""Fewer months with partitions of their own ahead, and somebody should make them."""


class Level(StrEnum):
    """How bad it is: calls must not come, or somebody should look."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be; `part` is a stable word for programs."""

    part: str
    level: Level
    code: str
    got: str = ""
    expected: str = ""

    def facts(self) -> dict[str, str]:
        """All of it that a stranger may read."""
        text = CATALOGUE[self.code]
        return {
            "part": self.part,
            "level": str(self.level),
            "code": self.code,
            "zh": f"{text.zh}；{text.next_zh}",
            "en": f"{text.en}; {text.next_en}",
            "got": self.got,
            "expected": self.expected,
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says. Ages in seconds, 0 where nothing waits; `clock`: how far its clock is ahead of ours.

    `months_ahead`: for how many months to come it has partitions; None where it keeps none.
    """

    clock: float = 0.0
    largest_clock: float = 60.0
    read_only: bool = False
    merge_lag: float = 0.0
    unconfirmed: float = 0.0
    oldest_waiting: float = 0.0
    months_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that is judged. `stored` None: the database could not be read, `store` says why.

    `store`, `writer`, `rules`, `stamp`: the code of what is wrong with reading, the last commit, the last change of
    rules, a due time-stamp; empty if nothing is. `tls`: the code of what is wrong with changed files of TLS, and the
    setting that names them. `disk`: free bytes. `closed`: no calls until the ledger is confirmed.
    """

    at: datetime
    key_from: datetime
    key_until: datetime
    stored: Stored | None = None
    store: str = ""
    writer: str = ""
    rules: str = ""
    stamp: str = ""
    tls: tuple[tuple[str, str], ...] = ()
    disk: int | None = None
    closed: bool = False
    draining: bool = False
    node_lost: bool = False

    def figures(self) -> dict[str, float]:
        """The numbers, for whoever draws them."""
        stored = self.stored or Stored()
        return {
            "merge_lag_seconds": round(stored.merge_lag, 3),
            "clock_difference_seconds": round(stored.clock, 3),
            "oldest_waiting_seconds": round(stored.oldest_waiting, 1),
            "unconfirmed_seconds": round(stored.unconfirmed, 1),
            **({} if self.disk is None else {"disk_free_bytes": float(self.disk)}),
        }


def judge(measured: Measured, settings: Settings) -> tuple[Finding, ...]:
    """Every finding, the worst first."""
    found = [*_own(measured, settings), *_database(measured)]
    if measured.stored is not None:
        found += _ledger(measured, measured.stored, settings)
        found += _queues(measured.stored, settings)
    return tuple(sorted(found, key=lambda finding: finding.level is not Level.FAIL))


def is_ready(findings: tuple[Finding, ...]) -> bool:
    """Whether calls may come."""
    return all(finding.level is not Level.FAIL for finding in findings)


def _own(measured: Measured, settings: Settings) -> Iterator[Finding]:
    if measured.draining:
        yield Finding("process", Level.FAIL, "health.draining")
    if measured.node_lost:
        yield Finding("node", Level.FAIL, "node.lost", got=settings.node)
    until = f"{measured.key_until:%Y-%m-%d}"
    if not measured.key_from <= measured.at <= measured.key_until:
        yield Finding("key", Level.FAIL, "health.key-expired", got=f"{measured.key_from:%Y-%m-%d}..{until}")
    elif measured.key_until - measured.at < KEY_SOON:
        yield Finding("key", Level.WARN, "health.key-expires", got=until)
    least = settings.health.disk_free
    if measured.disk is not None and measured.disk < least:
        yield Finding("disk", Level.FAIL, "health.disk", got=str(measured.disk), expected=f">= {least}")
    if measured.rules:
        yield Finding("rules", Level.WARN, measured.rules)
    for code, setting in measured.tls:
        shut = code == "tls.distrusting" and setting.startswith("listen.")
        yield Finding("tls", Level.FAIL if shut else Level.WARN, code, got=setting)


def _database(measured: Measured) -> Iterator[Finding]:
    stored = measured.stored
    code = measured.store or measured.writer or ("store.read-only" if stored and stored.read_only else "")
    if code:
        yield Finding("database", Level.FAIL, code)
    if stored and abs(stored.clock) > stored.largest_clock:
        expected = f"<= {_seconds(stored.largest_clock)}"
        yield Finding("clock", Level.FAIL, "health.clock", got=_seconds(stored.clock), expected=expected)
    if stored and stored.months_ahead is not None and stored.months_ahead < MONTHS_AHEAD:
        got, expected = str(stored.months_ahead), f">= {MONTHS_AHEAD}"
        yield Finding("partitions", Level.WARN, "health.partitions", got=got, expected=expected)


def _ledger(measured: Measured, stored: Stored, settings: Settings) -> Iterator[Finding]:
    if stored.merge_lag > settings.ledger.alarm:
        expected = f"<= {_seconds(settings.ledger.alarm)}"
        yield Finding("ledger", Level.WARN, "tree.late", got=_seconds(stored.merge_lag), expected=expected)
    if measured.stamp:
        yield Finding("timestamp", Level.WARN, measured.stamp)
    if measured.closed:
        yield Finding("witness", Level.FAIL, "ledger.unwitnessed", got=_seconds(stored.unconfirmed))
    elif 0 < settings.health.witness_age < stored.unconfirmed:
        most, got = f"<= {_seconds(settings.health.witness_age)}", _seconds(stored.unconfirmed)
        yield Finding("witness", Level.WARN, "health.witness-overdue", got=got, expected=most)


def _queues(stored: Stored, settings: Settings) -> Iterator[Finding]:
    most = settings.health.queue_age
    if 0 < most < stored.oldest_waiting:
        expected = f"<= {_seconds(most)}"
        yield Finding("queues", Level.WARN, "health.queue-old", got=_seconds(stored.oldest_waiting), expected=expected)


def _seconds(value: float) -> str:
    return f"{value:.0f} s"


def as_page(measured: Measured, settings: Settings) -> dict[str, Any]:
    """The whole judgement as `/readyz` shows it."""
    findings = judge(measured, settings)
    return {
        "ready": is_ready(findings),
        "hub": settings.hub,
        "node": settings.node,
        "roles": settings.roles.split(","),
        "parts": [finding.facts() for finding in findings],
        "figures": measured.figures(),
    }
