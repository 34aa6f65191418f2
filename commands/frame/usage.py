"""What is wrong with a command line, in the user's language: click knows the fact, but tells it in English only."""

from __future__ import annotations

import click

from commands.frame.phrase import Phrase
from commands.frame.values import DURATION


def usage_sentence(error: click.ClickException, lang: str) -> str:
    """The mistake and where to read on, as one line."""
    fact = _fact_zh(error) if lang == "zh" else error.format_message()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "hub"
    hint = Phrase(f"用法见 {path} --help", f"see {path} --help").by(lang)
    return f"{fact.rstrip('.。')}{Phrase('；', '; ').by(lang)}{hint}"


def _fact_zh(error: click.ClickException) -> str:
    match error:
        case click.BadParameter():
            return _parameter_zh(error)
        case click.NoSuchOption():
            return f"没有选项 {error.option_name}{_nearest(error.possibilities)}"
        case click.NoSuchCommand():
            return f"没有命令 {error.command_name}{_nearest(error.possibilities)}"
        case click.BadOptionUsage():
            return f"选项 {error.option_name} 的用法不正确"
    return _other_zh(error.format_message())


def _other_zh(message: str) -> str:
    """The mistakes that click tells apart by their words only."""
    if message.startswith("Missing command"):
        return "缺少命令"
    if message.startswith("Got unexpected extra argument"):
        return f"多余的参数：{message.partition('(')[2].rstrip(')')}"
    return f"命令不正确：{message}"


def _parameter_zh(error: click.BadParameter) -> str:
    if error.param is None and " | " in error.message:
        return f"应当给出其中一项：{error.message}"
    if not isinstance(error, click.MissingParameter):
        return f"{_name(error)} 的值不正确{_allowed(error)}"
    if isinstance(error.param, click.Argument):
        return f"缺少参数 {error.param.make_metavar(_context(error))}"
    return f"缺少选项 {_name(error)}"


def _context(error: click.UsageError) -> click.Context:
    return error.ctx or click.Context(click.Command("hub"))


def _name(error: click.BadParameter) -> str:
    if error.param is not None:
        return error.param.get_error_hint(error.ctx).replace("'", "")
    return str(error.param_hint or "")


def _nearest(possibilities: list[str] | None) -> str:
    return f"，是否想用 {'、'.join(sorted(possibilities))}" if possibilities else ""


def _allowed(error: click.BadParameter) -> str:
    kind = error.param.type if error.param is not None else None
    if isinstance(kind, click.Path):
        return _unfit(error.message)
    if isinstance(kind, click.Choice):
        return f"，应为 {'、'.join(map(str, kind.choices))} 之一"
    if isinstance(kind, click.IntRange | click.FloatRange):
        return f"，应为数字，且 {kind._describe_range()}"
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return "，应为数字"
    if kind is DURATION:
        return "，应写作 90s（秒）、15m（分）、12h（小时）、3d（天）等形式"
    return f"，应为 {error.message}" if error.message else ""


def _unfit(message: str) -> str:
    """Why a path cannot be taken: click says it in words only, with the path between quotes."""
    path = message.partition("'")[2].rpartition("'")[0]
    for words, said in (
        ("is a directory", f"，应为文件，{path} 是目录"),
        ("is a file", f"，应为目录，{path} 是文件"),
        ("is not readable", f"，没有读取 {path} 的权限"),
    ):
        if message.rstrip(".").endswith(words):
            return said
    return f"：{message}"
