"""What every command is given: the language, the form of the output, the data directory, and ways to say things.

Results go to standard output, everything else to standard error, so that `-o json` can always be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.frame.output import Column, as_facts, as_json, as_record, as_table
from commands.frame.phrase import Phrase
from commands.frame.terminal import room_on, safe, told

OUTPUTS = ("table", "json")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """One run of `hub`. `folder` is the data directory, `why` the reason given for a change."""

    lang: str = "en"
    output: str = "table"
    folder: Path = Path("hub-data")
    why: str = ""
    clock: Callable[[], datetime] = utc_now

    @property
    def json(self) -> bool:
        """Whether a program reads the output."""
        return self.output == "json"

    def phrase(self, zh: str, en: str) -> str:
        """One of two texts, in the user's language."""
        return Phrase(zh, en).by(self.lang)

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[object]],
        empty: Phrase | None = None,
        *,
        upright: bool = False,
    ) -> None:
        """Show rows; `empty` is said to people when there are none, `upright` as for `as_table`. JSON: objects."""
        if self.json:
            self.write_json([dict(zip((c.key for c in columns), row, strict=True)) for row in rows])
        elif rows:
            click.echo(as_table(columns, rows, self.lang, room_on(sys.stdout), upright=upright))
        elif empty is not None:
            self.note(empty)

    def record(self, columns: Sequence[Column], values: Sequence[object]) -> None:
        """Show one thing, field by field. JSON: one object."""
        if self.json:
            self.write_json(dict(zip((c.key for c in columns), values, strict=True)))
        else:
            click.echo(as_record(columns, values, self.lang, room_on(sys.stdout)))

    def done(self, said: Phrase, /, **facts: object) -> None:
        """Tell the result in a sentence. JSON: an object of the facts."""
        if self.json:
            self.write_json(facts)
        else:
            self.line(said.by(self.lang))

    def line(self, text: str) -> None:
        """Show one line as part of the result; whatever stands in it is escaped."""
        click.echo(safe(text))

    def facts(self, texts: Sequence[str]) -> None:
        """Show what is to be said of one thing side by side, and below where a terminal is narrow."""
        click.echo(as_facts(texts, room_on(sys.stdout)))

    def text(self, text: str) -> None:
        """Show a document of several lines: as it is to a program, with each line escaped on a terminal."""
        if sys.stdout.isatty():
            text = "\n".join(safe(line) for line in text.split("\n"))
        click.echo(text, nl=not text.endswith("\n"))

    def write_json(self, value: object) -> None:
        """Show any value as JSON, also where there is no table of it."""
        click.echo(as_json(value))

    def note(self, said: Phrase) -> None:
        """Say something beside the result: a hint, progress, a warning. Silent for programs."""
        if not self.json:
            click.echo(told(said.by(self.lang), sys.stderr), err=True)

    def confirm(self, question: Phrase) -> None:
        """Ask before something is changed; anything but yes ends the command. Errors: click.Abort."""
        try:
            agreed = click.confirm(safe(question.by(self.lang)), err=True)
        except click.Abort:
            click.echo(err=True)
            raise
        if not agreed:
            raise click.Abort
