"""Help in both languages for every command, examples that can be typed, and the program as a process."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli
from commands.frame.command import Noun, Session, Verb
from commands.frame.exits import ExitCode

ROOT = Path(cli.__file__).parent


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "HUB_DATA"):
        monkeypatch.delenv(name, raising=False)


def every_verb() -> Iterator[tuple[str, Noun | Verb]]:
    """Every command of the program that can be imported, with its path."""
    context = click.Context(cli.cli, info_name="hub", obj=Session())
    for name in cli.NOUNS:
        if (ROOT / "commands" / f"{name}.py").exists():
            command = cli.cli.get_command(context, name)
            assert isinstance(command, Noun | Verb)
            yield from _below(name, command)


def _below(path: str, command: Noun | Verb) -> Iterator[tuple[str, Noun | Verb]]:
    yield path, command
    for name, below in command.commands.items() if isinstance(command, Noun) else ():
        assert isinstance(below, Noun | Verb)
        yield from _below(f"{path} {name}", below)


def _has_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def test_every_command_is_explained_in_both_languages_with_an_example() -> None:
    runner = CliRunner()
    for path, command in every_verb():
        for lang in ("zh", "en"):
            result = runner.invoke(cli.cli, [*path.split(), "--help", "--lang", lang])
            assert result.exit_code == 0, path
            assert f"hub {path.split()[0]}" in result.stdout
        assert command.examples, path
        assert _has_chinese(command.said.zh), path
        assert not _has_chinese(command.said.en), path
        for parameter in command.params:
            said = getattr(parameter, "said", None)
            assert said is not None, f"{path} {parameter.name}"
            assert _has_chinese(said.zh) or "SOAP" in said.zh, f"{path} {parameter.name}"
            assert said.en[0].isascii(), f"{path} {parameter.name}"


def _parse(line: str) -> None:
    """Read a command line to its last option, without running it."""
    words = shlex.split(line)
    assert words.pop(0) == "hub"
    command: click.Command = cli.cli
    context = command.make_context("hub", words, obj=Session())
    while isinstance(command, click.Group):
        words = [*context._protected_args, *context.args]
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = command.make_context(name, words, parent=context)


def test_every_example_can_be_typed_as_it_stands() -> None:
    lines = [line for _, command in every_verb() for line in command.examples] + list(cli.cli.examples)
    for line in lines:
        if (ROOT / "commands" / f"{shlex.split(line)[1]}.py").exists() or line.startswith("hub -"):
            _parse(re.split(" [|>] ", line)[0])


def test_help_of_the_whole_names_every_noun_and_exit_code() -> None:
    result = CliRunner().invoke(cli.cli, ["--help"])
    for word in (*cli.NOUNS, *(code.name for code in ExitCode), "--data", "--lang"):
        assert word in result.stdout
    assert CliRunner().invoke(cli.cli, []).exit_code == ExitCode.USAGE


def run_process(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, timeout=300, check=False, **options
    )  # type: ignore[call-overload,no-any-return]


def test_help_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; sys.argv=['hub','--help']; import cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "heavy = {'lxml', 'cryptography', 'sqlalchemy', 'yaml', 'aiohttp', 'xmlschema'} & set(sys.modules)\n"
        "nouns = {m for m in sys.modules if m in {'commands.' + n for n in cli.NOUNS}}\n"
        "sys.exit(f'{heavy} {nouns}' if heavy or nouns else 0)"
    )
    result = run_process("-c", code)
    assert result.returncode == 0, result.stderr


def test_a_reader_that_leaves_early_causes_no_complaint() -> None:
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(ROOT / 'cli.py'))} --help | head -c 1"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert result.stderr == ""


def test_a_process_installs_a_hub_in_the_language_of_the_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("HUB_DATA", str(tmp_path / "data"))
    result = run_process(str(ROOT / "cli.py"), "init", "--hub", "CENTER", "--name", "市公文交换中心")
    assert (result.returncode, result.stdout) == (0, f"已在 {tmp_path / 'data'} 建立交换中心 CENTER\n")
    assert (tmp_path / "data" / "hub.yaml").exists()


def test_the_program_runs_as_a_process_and_answers_with_its_exit_code(tmp_path: Path) -> None:
    result = run_process(str(ROOT / "cli.py"), "--lang", "zh", "--data", str(tmp_path / "none"), "dept", "list")
    assert result.returncode == ExitCode.MISCONFIGURED
    assert "[settings.absent]" in result.stderr
    assert "请先运行 hub init" in result.stderr
    assert "Traceback" not in result.stderr
