"""Processor seconds of running processes, from /proc, so that hub, database, sender and receivers are told apart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _ENDED = 1, slice(11, 13), slice(13, 15)
"""Fields of /proc/PID/stat after the command's name: its parent; its own ticks; those of its children that ended."""


def of_processes(pids: Iterable[int]) -> float:
    """Seconds that these processes have used, all threads."""
    return sum(_ticks(pid, _OWN) for pid in pids) / _TICK


def of_family(pid: int) -> float:
    """Seconds of a process and its children, also of those that have ended."""
    children = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == pid]
    return (_ticks(pid, _OWN) + _ticks(pid, _ENDED) + sum(_ticks(child, _OWN) for child in children)) / _TICK


def _ticks(pid: int, which: slice) -> int:
    return sum(int(ticks) for ticks in _fields(Path(f"/proc/{pid}/stat"))[which])


def _parent(path: Path) -> int:
    fields = _fields(path)
    return int(fields[_PARENT]) if fields else 0


def _fields(path: Path) -> list[str]:
    """What follows the command's name, which may hold anything; nothing for a process that is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
