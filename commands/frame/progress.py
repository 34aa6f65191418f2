"""A progress bar on standard error, for people at a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from commands.frame.phrase import Phrase
from commands.frame.session import Session

STEP = 100
"""Drawn once in so many steps: drawing costs more than most steps."""


@contextmanager
def progress(session: Session, length: int, said: Phrase, every: int = STEP) -> Iterator[Callable[[int], None]]:
    """Give a function that moves the bar on by so many steps; where nobody watches, it draws nothing."""
    hidden = session.json or not sys.stderr.isatty()
    with click.progressbar(
        length=length, label=said.by(session.lang), file=sys.stderr, hidden=hidden, update_min_steps=every
    ) as bar:
        yield bar.update
