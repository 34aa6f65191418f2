"""`hub` itself: finds a noun by its name, reads the common options early, and runs a command line to its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from commands.frame import edge, help_page
from commands.frame.exits import MEANINGS
from commands.frame.help_page import COMMANDS
from commands.frame.parameters import DATA, DEFAULT_FOLDER, Option, common_options, session_of, version_option
from commands.frame.phrase import Phrase, choose_language, find_choice
from commands.frame.session import OUTPUTS, Session

_COMMON = Phrase("公共选项（可写在任何位置）", "Common options (in any place)")
_EXITS = Phrase("退出码", "Exit codes")


class Root(click.Group):
    """`hub` itself: knows its nouns by name and imports only the one that is called (module `commands.NAME`)."""

    def __init__(self, said: Phrase, nouns: Mapping[str, Phrase], examples: Sequence[str]) -> None:
        super().__init__("hub", params=[*common_options(), version_option()])
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

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the noun that the words begin with. Errors: click.NoSuchCommand with the nearest ones."""
        if args[0] not in self.nouns:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.nouns, ctx=context)
        return super().resolve_command(context, args)

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
        output = find_choice(words, ("-o", "--output"), OUTPUTS) or OUTPUTS[0]
        folder = Path(os.environ.get(DATA) or DEFAULT_FOLDER)
        start = Session(choose_language(words, os.environ), output, folder)
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
                help_page.usage(context.command_path, lang, ["NOUN", "VERB"]),
                help_page.paragraph(self.said.by(lang)),
                help_page.listed(COMMANDS, [(name, said.by(lang)) for name, said in self.nouns.items()], lang),
                help_page.listed(_COMMON, common, lang),
                help_page.listed(_EXITS, exits, lang),
                help_page.examples(self.examples, lang),
            )
        )
