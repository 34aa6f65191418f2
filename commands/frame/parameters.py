"""Options and arguments with an explanation in both languages, and the options that every command takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from commands.frame.help_page import Line
from commands.frame.phrase import LANGUAGES, Phrase
from commands.frame.session import OUTPUTS, Session

DATA = "HUB_DATA"
DEFAULT_FOLDER = "hub-data"
# Keeps the common options apart from a command's own parameters of the same name.
_PREFIX = "session_"
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


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
        field = str(parameter.name).removeprefix(_PREFIX)
        context.find_root().obj = replace(session_of(context), **{field: value})


def why_option(function: _Decorated) -> _Decorated:
    """Let a command that changes something be given the reason, which it finds in its session."""
    return option(
        "--why",
        "--reason",
        "session_why",
        zh="理由，记入账本所附的凭据",
        en="the reason; kept as evidence of the ledger entry",
        expose_value=False,
        callback=_remember,
    )(function)


def common_options() -> list[click.Parameter]:
    """The options that may stand anywhere in a command line."""
    shared: dict[str, Any] = {"expose_value": False, "is_eager": True, "callback": _remember, "hidden": True}
    forms = click.Choice(OUTPUTS)
    return [
        Option(["-o", "--output", "session_output"], said=Phrase("输出形式", "form of output"), type=forms, **shared),
        Option(
            ["--data", "session_folder"],
            said=Phrase(f"数据目录（默认取环境变量 {DATA}，否则为 ./{DEFAULT_FOLDER}）",
                        f"data directory (default: environment variable {DATA}, else ./{DEFAULT_FOLDER})"),
            type=click.Path(path_type=Path), metavar="DIR", **shared,
        ),
        Option(["--lang", "session_lang"], said=Phrase("语言（默认依系统区域设置）", "language (default: by locale)"),
               type=click.Choice(LANGUAGES), **shared),
    ]  # fmt: skip


def _show_version(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from hub import __version__

        click.echo(f"hub {__version__}")
        context.exit()


def version_option() -> Option:
    """`--version`."""
    said = Phrase("显示版本", "show the version")
    return Option(["--version"], said=said, is_flag=True, expose_value=False, is_eager=True, callback=_show_version)
