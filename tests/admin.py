"""An administrator at the command line: one installation, copied for each test, and a way to type commands."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from click.testing import CliRunner, Result

import cli
from hub.administration.install import Plan, install
from hub.codes import make_uscc
from hub.registry.registry import Registry
from tests.keeper import wipe_at_end

NOW = datetime.now(UTC)
"""The commands read the wall clock, so certificates are made around it."""


@cache
def template() -> Path:
    """One installation for the whole test run."""
    folder = wipe_at_end(Path(mkdtemp(prefix="hub-test-"))) / "data"
    install(folder, Plan("CENTER", "测试交换中心", "440300"), NOW - timedelta(minutes=1))
    return folder


def uscc(number: int) -> str:
    """A right unified social credit code; `number` makes its organisation code."""
    return make_uscc(f"11440300{number:08d}")


@dataclass
class Administrator:
    """Types `hub ...` for one data directory."""

    folder: Path

    def type(self, *words: str, lang: str = "en", answer: str | None = None) -> Result:
        """Run a command line as the console script would."""
        return CliRunner().invoke(cli.cli, ["--data", str(self.folder), "--lang", lang, *words], input=answer)

    def done(self, *words: str, **options: Any) -> str:
        """Run a command line that must go well, and return what it printed."""
        result = self.type(*words, **options)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, code: str, *words: str, **options: Any) -> int:
        """Run a command line that must end with an error of `code`, and return its exit code."""
        result = self.type(*words, "-o", "json", **options)
        assert result.exit_code != 0, result.output
        assert json.loads(result.stderr[result.stderr.index("{") :])["error"]["code"] == code
        return result.exit_code

    def json(self, *words: str) -> Any:
        """Run a command line that must go well, and return its JSON."""
        return json.loads(self.done(*words, "-o", "json"))

    def department(self, code: str, number: int, *words: str) -> None:
        """Register a department with right codes."""
        codes = ("--uscc", uscc(number), "--division", "440300")
        self.done("dept", "add", code, "--name", f"单位{number}", *codes, *words)

    def registry(self) -> Registry:
        """The registry as stored."""
        from hub.hub import open_store, read_settings
        from hub.store.registry import read_registry

        store = open_store(self.folder, read_settings(self.folder))
        try:
            with store.reading() as connection:
                return read_registry(connection)
        finally:
            store.close()


def administrator(folder: Path) -> Administrator:
    """An administrator with a fresh copy of the installation at `folder`."""
    shutil.copytree(template(), folder)
    return Administrator(folder)
