"""Tools that only some machines have: who lacks one skips, and says which."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.keeper import unmount_at_end


def need_root(why: str) -> None:
    """Skip unless this is root."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {why}")


def need(program: str) -> str:
    """The path of a program; skip without it."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs {program}")
    return found


def run(*words: str | Path) -> None:
    """Run a command that must succeed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr}")


@contextmanager
def mounted(*words: str | Path, at: Path) -> Iterator[Path]:
    """Something mounted for the block; skip where mounting is not allowed even to root."""
    at.mkdir(exist_ok=True)
    try:
        run("mount", *words, at)
    except RuntimeError as error:
        pytest.skip(f"needs mount: {error}")
    unmount_at_end(at)
    try:
        yield at
    finally:
        run("umount", "-l", at)


@contextmanager
def injecting(pid: int | None, what: str) -> Iterator[None]:
    """Let strace spoil a running process's system calls for the block."""
    command = [need("strace"), "-f", "-q", "-o", "/dev/null", "-p", str(pid), "-e", f"inject={what}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            _until_traced(tracer, Path(f"/proc/{pid}/status"))
            yield
        finally:
            tracer.terminate()
            tracer.communicate()


def _until_traced(tracer: subprocess.Popen[str], status: Path) -> None:
    """Wait until a process is traced; skip where that is not allowed."""
    end = time.monotonic() + 60
    while "TracerPid:\t0" in status.read_text(encoding="utf-8"):
        if tracer.poll() is not None:
            pytest.skip(f"strace may not attach here: {(tracer.communicate()[1] or '').strip()[:100]}")
        assert time.monotonic() < end
        time.sleep(0.01)
