"""Both READMEs are typed in as they stand, and what they show is compared with what is seen.

The commands run in this process, those with "&" as processes of their own. Two ports are replaced by free ones.
Numbers, times and digests in what is shown differ from run to run; the words, columns and rows may not.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from tests.berth import Berth
from tests.serving import UNPREPARED

ROOT = Path(cli.__file__).parent
SECTIONS = {"en": ("README.md", "## Your own departments"), "zh": ("README.zh-CN.md", "## 接入自己的单位")}
ACTIVATE = ". .venv/bin/activate"
PATIENCE = 60.0
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_VARYING = re.compile(r"\b[0-9a-f]{16,}\b|\d+(?:[.:\-]\d+)*(?:\s*(?:ms|s|毫秒|秒)\b)?")


@dataclass(frozen=True)
class Step:
    """One command line, and what the README shows of its output."""

    line: str
    shown: str = ""


def steps(lang: str) -> list[Step]:
    """The commands of a README's walk in their order."""
    name, heading = SECTIONS[lang]
    section = (ROOT / name).read_text(encoding="utf-8").partition(heading + "\n")[2].partition("\n## ")[0]
    found: list[Step] = []
    for kind, content in _BLOCK.findall(section):
        if kind == "sh":
            found.extend(Step(line) for line in content.splitlines())
        else:
            found[-1] = Step(found[-1].line, content)
    return found


def shape(text: str) -> list[list[str]]:
    """The words of each line, with what varies left out."""
    return [_VARYING.sub("0", line).split() for line in text.splitlines() if line.strip()]


@dataclass
class Reader:
    """Someone who types what the README says, in an empty folder beside the examples."""

    folder: Path
    ports: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    awaited: list[int] = field(default_factory=list)

    def type(self, line: str, lang: str) -> str:
        """Run one line, which must go well; return what it printed."""
        for shown, port in self.ports.items():
            line = line.replace(shown, port)
        words = shlex.split(line)
        if words[-1] == "&":
            return self.start(words[1:-1])
        if words[0] == "kill":
            return self.stop()
        assert words[0] == "hub", line
        until(lambda: all(listens(port) for port in self.awaited))
        done = CliRunner().invoke(cli.cli, ["--lang", lang, *words[1:]])
        assert done.exit_code == 0, f"{line}\n{done.output}"
        return done.stdout

    def start(self, words: list[str]) -> str:
        code = f"import sys, cli; {UNPREPARED}; sys.argv[0] = 'hub'; cli.main()"
        self.awaited.append(int(self.ports["8201" if words[0] == "mock" else "8099"]))
        self.running.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *words],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=subprocess.DEVNULL,
            )
        )
        return ""

    def stop(self) -> str:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        ended = [process.wait(PATIENCE) for process in self.running]
        self.running.clear()
        self.awaited.clear()
        assert set(ended) <= {0}
        return ""

    def receipt_is_in(self) -> bool:
        """Whether the pretend bureau's receipt has come, a moment after the delivery that it answers."""
        return "receipt-1" in self.type("hub -o json msg list", "en")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], bool], pause: float = 0.02) -> None:
    """Ask again and again: processes of their own give no other sign."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(pause)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_DATA", raising=False)
    with Berth() as hub, Berth() as bureau:
        person = Reader(tmp_path, {"8099": str(hub.port), "8201": str(bureau.port)})
        yield person
        for process in person.running:
            process.kill()
            process.wait()


@pytest.mark.parametrize("lang", SECTIONS)
def test_the_walk_of_a_readme_ends_in_a_traced_delivery(reader: Reader, lang: str) -> None:
    first, *walk = steps(lang)
    assert first.line == ACTIVATE
    for step in walk:
        seen = reader.type(step.line, lang)
        if step.shown:
            assert shape(seen) == shape(step.shown), seen
        if step.line.startswith("hub msg send"):
            until(reader.receipt_is_in, pause=0.2)  # a whole command each time
    trace = reader.type("hub msg trace form-1", "en")
    assert "1 recipient: 1 delivered" in trace
    assert "signed for" in trace
    fetched = next((reader.folder / "in").iterdir())
    assert sorted(path.name for path in fetched.iterdir()) == ["delivery.json", "envelope.xml", "stamp.xml"]


def test_both_readmes_type_the_same_commands() -> None:
    assert [step.line for step in steps("en")] == [step.line for step in steps("zh")]
    assert [bool(step.shown) for step in steps("en")] == [bool(step.shown) for step in steps("zh")]


@pytest.mark.parametrize("lang", SECTIONS)
def test_what_a_readme_tells_to_make_can_be_made(lang: str) -> None:
    text = (ROOT / SECTIONS[lang][0]).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    assert told == {"demo", "test"}
    assert told <= targets
