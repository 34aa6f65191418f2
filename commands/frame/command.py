"""The frame that every command hangs in: nouns and verbs, explained in both languages.

    command = noun("dept", zh="单位登记", en="Departments of the exchange")

    @command.verb("show", zh="显示一个单位", en="Show one department", examples=("hub dept show WATER",))
    @argument("code", zh="单位代码", en="department code")
    def show(session: Session, code: str) -> None: ...

A verb's function gets the `Session` first, then its options by name, and may return an `ExitCode`. `-o`, `--data` and
`--lang` are taken in any place. Errors are raised, never printed: `commands.frame.edge` tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from commands.frame import help_page
from commands.frame.exits import ExitCode
from commands.frame.help_page import ARGUMENTS, COMMANDS, OPTIONS
from commands.frame.output import Column, column
from commands.frame.parameters import Argument, Option, argument, common_options, option, session_of, why_option
from commands.frame.phrase import Phrase
from commands.frame.session import Session

__all__ = [
    "Column",
    "ExitCode",
    "Noun",
    "Phrase",
    "Session",
    "Verb",
    "argument",
    "column",
    "noun",
    "option",
    "single",
    "why_option",
]

Function = Callable[..., ExitCode | None]


class Verb(click.Command):
    """One command that does something."""

    def __init__(self, name: str, function: Function, said: Phrase, examples: Sequence[str]) -> None:
        declared = list(reversed(getattr(function, "__click_params__", [])))
        super().__init__(name, callback=function, params=[*declared, *common_options()])
        self.said = said
        self.examples = tuple(examples)

    def invoke(self, context: click.Context) -> Any:
        """Call the function with the session and its options."""
        assert self.callback is not None  # set in __init__
        return context.invoke(self.callback, session_of(context), **context.params)

    def get_help(self, context: click.Context) -> str:
        """The help page, in the user's language."""
        lang = session_of(context).lang
        arguments = [p for p in self.params if isinstance(p, Argument)]
        options = [p.line(context, lang) for p in self.params if isinstance(p, Option) and not p.hidden]
        said = [(p.make_metavar(context), p.said.by(lang)) for p in arguments]
        return help_page.page(
            (
                help_page.usage(context.command_path, lang, [term for term, _ in said]),
                help_page.paragraph(self.said.by(lang)),
                help_page.listed(ARGUMENTS, said, lang),
                help_page.listed(OPTIONS, options, lang),
                help_page.examples(self.examples, lang),
            )
        )


class Noun(click.Group):
    """A noun of the command line with its verbs."""

    def __init__(self, name: str, said: Phrase) -> None:
        super().__init__(name, params=common_options())
        self.said = said

    def verb(self, name: str, *, zh: str, en: str, examples: Sequence[str]) -> Callable[[Function], Verb]:
        """Make a function one of this noun's verbs; each has at least one example."""

        def made(function: Function) -> Verb:
            verb = Verb(name, function, Phrase(zh, en), examples)
            self.add_command(verb)
            return verb

        return made

    def noun(self, name: str, *, zh: str, en: str) -> Noun:
        """A noun below this one, like the `crl` of `hub trust crl add`."""
        below = Noun(name, Phrase(zh, en))
        self.add_command(below)
        return below

    @property
    def examples(self) -> tuple[str, ...]:
        """The first example of each verb."""
        return tuple(line for verb in self._verbs() for line in verb.examples[:1])

    def _verbs(self) -> list[Verb | Noun]:
        return [verb for verb in self.commands.values() if isinstance(verb, Verb | Noun)]

    def list_commands(self, context: click.Context) -> list[str]:
        """Verbs in the order in which they were written."""
        return list(self.commands)

    def get_help(self, context: click.Context) -> str:
        """The noun and its verbs, with an example of each."""
        lang = session_of(context).lang
        verbs = [(str(verb.name), verb.said.by(lang)) for verb in self._verbs()]
        return help_page.page(
            (
                help_page.usage(context.command_path, lang, ["VERB"]),
                help_page.paragraph(self.said.by(lang)),
                help_page.listed(COMMANDS, verbs, lang),
                help_page.examples(self.examples, lang),
            )
        )


def noun(name: str, *, zh: str, en: str) -> Noun:
    """A noun without verbs yet."""
    return Noun(name, Phrase(zh, en))


def single(name: str, *, zh: str, en: str, examples: Sequence[str]) -> Callable[[Function], Verb]:
    """A command that has no verbs, like `hub doctor`."""
    return lambda function: Verb(name, function, Phrase(zh, en), examples)
