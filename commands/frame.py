"""The frame that every command hangs in: nouns, verbs, options with a help text in both languages.

    command = noun("dept", zh="单位登记", en="Departments of the exchange")

    @command.verb("show", zh="显示一个单位", en="Show one department", examples=("hub dept show WATER",))
    @argument("code", zh="单位代码", en="department code")
    def show(session: Session, code: str) -> None: ...

A verb's function gets the `Session` first, then its options by name, and may return an `ExitCode`. `-o`, `--data` and
`--lang` are taken in any place. Errors are raised, never printed: `commands.edge` tells them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from commands import edge, help_page
from commands.exits import MEANINGS, ExitCode
from commands.help_page import ARGUMENTS, COMMANDS, OPTIONS, USAGE, Line
from commands.output import Column, column
from commands.phrase import LANGUAGES, Phrase, choose_language
from commands.session import Session

__all__ = ["Column", "ExitCode", "Noun", "Phrase", "Root", "Session", "argument", "column", "noun", "option", "single"]

Function = Callable[..., ExitCode | None]
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
DATA = "HUB_DATA"
DEFAULT_FOLDER = "hub-data"
_COMMON = Phrase("公共选项（可写在任何位置）", "Common options (in any place)")
_EXITS = Phrase("退出码", "Exit codes")


class Option(click.Option):
    """An option whose help exists in both languages."""

    def __init__(self, *args: Any, said: Phrase, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.said = said

    def line(self, context: click.Context, lang: str) -> Line:
        """What the help page says of this option."""
        names = ", ".join([*self.opts, *self.secondary_opts])
        value = "" if self.is_flag or self.count else f" {self.make_metavar(context)}"
        return names + value, self.said.by(lang) + self._extra(context, lang)

    def _extra(self, context: click.Context, lang: str) -> str:
        default = self.get_default(context)
        if self.required:
            return Phrase("（必填）", " (required)").by(lang)
        if self.is_flag or callable(default) or not isinstance(default, str | int | float | Path):
            return ""
        return Phrase(f"（默认 {default}）", f" (default {default})").by(lang) if str(default) else ""


class Argument(click.Argument):
    """An argument that is explained in both languages."""

    def __init__(self, *args: Any, said: Phrase, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.said = said


def option(*names: str, zh: str, en: str, **attrs: Any) -> Callable[[_Decorated], _Decorated]:
    """`click.option` with its help in both languages."""
    return click.option(*names, cls=Option, said=Phrase(zh, en), **attrs)


def argument(name: str, zh: str, en: str, **attrs: Any) -> Callable[[_Decorated], _Decorated]:
    """`click.argument` with an explanation in both languages."""
    return click.argument(name, cls=Argument, said=Phrase(zh, en), **attrs)


def session_of(context: click.Context) -> Session:
    """The run's session, as the options read so far have made it."""
    session: Session = context.find_root().obj
    return session


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a common option in the session, wherever in the command line it stood."""
    if value is not None:
        context.find_root().obj = replace(session_of(context), **{str(parameter.name): value})


def _common() -> list[click.Parameter]:
    shared: dict[str, Any] = {"expose_value": False, "is_eager": True, "callback": _remember, "hidden": True}
    forms = click.Choice(("table", "json"))
    return [
        Option(["-o", "--output"], said=Phrase("输出形式", "form of the output"), type=forms, **shared),
        Option(
            ["--data", "folder"],
            said=Phrase(f"数据目录（默认取环境变量 {DATA}，否则为 ./{DEFAULT_FOLDER}）",
                        f"data directory (default: environment variable {DATA}, else ./{DEFAULT_FOLDER})"),
            type=click.Path(path_type=Path), metavar="DIR", **shared,
        ),
        Option(["--lang"], said=Phrase("语言（默认依系统区域设置）", "language (default: by locale)"),
               type=click.Choice(LANGUAGES), **shared),
    ]  # fmt: skip


class Verb(click.Command):
    """One command that does something."""

    def __init__(self, name: str, function: Function, said: Phrase, examples: Sequence[str]) -> None:
        declared = list(reversed(getattr(function, "__click_params__", [])))
        super().__init__(name, callback=function, params=[*declared, *_common()])
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
                _usage(context, lang, [term for term, _ in said]),
                help_page.paragraph(self.said.by(lang)),
                help_page.listed(ARGUMENTS, said, lang),
                help_page.listed(OPTIONS, options, lang),
                help_page.examples(self.examples, lang),
            )
        )


def _usage(context: click.Context, lang: str, pieces: Sequence[str]) -> str:
    options = Phrase("[选项]", "[OPTIONS]").by(lang)
    return f"{USAGE.by(lang)}: {' '.join([context.command_path, options, *pieces])}"


class Noun(click.Group):
    """A noun of the command line with its verbs."""

    def __init__(self, name: str, said: Phrase) -> None:
        super().__init__(name, params=_common())
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
                _usage(context, lang, ["VERB"]),
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


class Root(click.Group):
    """`hub` itself: knows its nouns by name and imports only the one that is called (module `commands.NAME`)."""

    def __init__(self, said: Phrase, nouns: Mapping[str, Phrase], examples: Sequence[str]) -> None:
        super().__init__("hub", params=_common())
        self.said = said
        self.nouns = nouns
        self.examples = tuple(examples)

    def list_commands(self, context: click.Context) -> list[str]:
        """The nouns in their own order."""
        return list(self.nouns)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a noun."""
        if name not in self.nouns:
            return None
        command: click.Command = import_module(f"commands.{name}").command
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line to its exit code: nothing but SystemExit comes out, whatever click's own modes are."""
        words = list(sys.argv[1:] if args is None else args)
        start = Session(choose_language(words, os.environ), folder=Path(os.environ.get(DATA) or DEFAULT_FOLDER))
        seen: list[click.Context] = []

        self._main_shell_completion(extra, prog_name or "hub", complete_var)

        def command() -> Any:
            with self.make_context("hub", words, obj=start) as context:
                seen.append(context)
                return self.invoke(context)

        sys.exit(edge.run(command, lambda: seen[0].obj if seen else start))

    def get_help(self, context: click.Context) -> str:
        """The front page: nouns, common options, exit codes."""
        lang = session_of(context).lang
        common = [p.line(context, lang) for p in self.params if isinstance(p, Option)]
        exits = [(f"{code:>3} {code.name}", said.by(lang)) for code, said in MEANINGS.items()]
        return help_page.page(
            (
                _usage(context, lang, ["NOUN", "VERB"]),
                help_page.paragraph(self.said.by(lang)),
                help_page.listed(COMMANDS, [(name, said.by(lang)) for name, said in self.nouns.items()], lang),
                help_page.listed(_COMMON, common, lang),
                help_page.listed(_EXITS, exits, lang),
                help_page.examples(self.examples, lang),
            )
        )
