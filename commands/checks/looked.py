"""One line of `hub doctor`: what was looked at, how it is, and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from commands.frame.edge import from_system
from commands.frame.phrase import Phrase
from hub.errors import HubError
from hub.settings.settings import Settings


class Level(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `name` is stable, for programs."""

    name: str
    level: Level
    said: Phrase


@dataclass(frozen=True, slots=True)
class Site:
    """What is examined: a data directory, its settings and the moment."""

    folder: Path
    settings: Settings
    at: datetime


Checker = Callable[[Site], Iterable[Check]]


def ok(name: str, zh: str, en: str) -> Check:
    """It is in order."""
    return Check(name, Level.OK, Phrase(zh, en))


def warn(name: str, zh: str, en: str) -> Check:
    """It works, but somebody should look at it."""
    return Check(name, Level.WARN, Phrase(zh, en))


def fail(name: str, zh: str, en: str) -> Check:
    """It does not work."""
    return Check(name, Level.FAIL, Phrase(zh, en))


def failed(name: str, error: HubError, level: Level = Level.FAIL) -> Check:
    """What an error says, as a check."""
    detail = f" ({error.operator})" if error.operator else ""
    return Check(name, level, Phrase(error.sentence("zh") + detail, error.sentence("en") + detail))


def run(name: str, checker: Checker, site: Site) -> Iterator[Check]:
    """Run one checker; an error it raises is its last finding, so that the others still have their turn."""
    try:
        yield from checker(site)
    except HubError as error:
        yield failed(name, error)
    except OSError as error:
        yield failed(name, from_system(error))
