"""What the demo says and counts: plain sentences with measured numbers, and claims that were checked.

A claim is said aloud only if it proved false; then with what was expected and what was found.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from commands.frame.command import Column, Phrase, Session


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that the demo says, with what it must come to and what it came to."""

    said: Phrase
    expected: object
    got: object

    @property
    def true(self) -> bool:
        """Whether it proved true."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True)
class Screen:
    """Where sentences go: to people as they come; a program gets one document at the end."""

    session: Session
    claims: list[Claim] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    @property
    def lang(self) -> str:
        """The user's language."""
        return self.session.lang

    def scene(self, zh: str, en: str) -> None:
        """Begin a new scene."""
        self.line("")
        self.line(self.session.phrase(zh, en))

    def say(self, zh: str, en: str) -> None:
        """Say one sentence of the scene."""
        self.line(self.session.phrase(f"  {zh}", f"  {en}"))

    def line(self, text: str) -> None:
        """Say a line as it stands."""
        if not self.session.json:
            self.session.line(text)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
        """Show rows."""
        if not self.session.json:
            self.session.table(columns, rows)

    def check(self, zh: str, en: str, expected: object, got: object) -> None:
        """Keep a claim, and say it if it proved false."""
        claim = Claim(Phrase(zh, en), expected, got)
        self.claims.append(claim)
        if not claim.true:
            self.say(
                f"✗ 不符：{zh}；应为 {expected!r}，实为 {got!r}", f"✗ not so: {en}; expected {expected!r}, got {got!r}"
            )

    @property
    def all_true(self) -> bool:
        """Whether every claim proved true, and there were any."""
        return bool(self.claims) and all(claim.true for claim in self.claims)

    @property
    def seconds(self) -> float:
        """How long the demo has run."""
        return time.perf_counter() - self.began

    @contextmanager
    def progress(self, length: int, zh: str, en: str) -> Iterator[Callable[[int], None]]:
        """Give a function that is told how far things have come; a bar on a terminal, else a line now and then."""
        label = self.session.phrase(f"  {zh}", f"  {en}")
        if self.session.json or not sys.stderr.isatty():
            yield self._plain(length, label)
            return
        with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
            yield lambda reached: bar.update(reached - bar.pos)

    def _plain(self, length: int, label: str) -> Callable[[int], None]:
        told = time.perf_counter()

        def reached(number: int) -> None:
            nonlocal told
            if time.perf_counter() - told >= 1.0 and number < length:
                told = time.perf_counter()
                self.line(f"{label} {number}/{length}")

        return reached
