"""Writes docs/reliability.md from results of the fault tests: `python -m tests.faults.reliability FILE [NOTE]`.

It tells what was run, on what and when, with the numbers as they came; a row of the list that no test tried says so.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.sizes import chosen

PAGE = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
ROWS = {
    "R1": ("kill -9 of any process at random, under load", "five zeros, back in 2 s"),
    "R2": ("a crash at every step", "every named step covered, five zeros"),
    "R3": ("power cut", "0 lost; the control without fsync loses"),
    "R5": ("fsync answers EIO", "no receipt after the error"),
    "R6": ("disk full", "refused with 503, reading works, heals alone"),
    "R8": ("PostgreSQL killed and restarted, failed over", "five zeros, reconnected in 5 s"),
    "R9": ("partition", "the queue drains, order per conversation kept"),
    "R10": ("bad network: delay, cut, reset, drip, half-close, flipped byte, lost answer", "five zeros"),
    "R11": ("only the answer to a delivery is lost", "the receiver's application sees each id once"),
    "R12": ("wrong answers of every kind", "never called delivered without a right receipt"),
    "R13": ("a message that kills its worker", "set aside after 3 tries, others go on"),
    "R14": ("clock jumps +3 days, -1 h", "order never by clock, retries sane"),
    "R15": ("a certificate ends mid-run, roll-over, revocation", "none refused in the overlap, none accepted after"),
    "R16": ("two sequencers, one asleep", "no fork"),
    "R17": ("five times too much load", "sheds with 503, what is taken stays quick"),
    "R18": ("soak with kills and partitions", "memory, descriptors, queue flat"),
    "R19": ("one random bit flipped in the database", "found every time"),
    "R20": ("backup and restore under load", "the audit says exactly what is missing"),
    "R21": ("upgrade and migration under load", "five zeros"),
    "R22": ("very many waiting for one dead department", "others' p99 unchanged"),
}
_HEAD = """# What was survived

Made from the results of the fault tests; no number is typed by hand. Form: **{form}**, {when} UTC, on {where}.
{note}
The sizes of each form stand in `tests/faults/sizes.py`; `make test` runs the short one.

The five zeros are counted over every message that the hub acknowledged: **lost** (acknowledged, yet neither handed over
nor a dead letter on record), **doubled** (given twice to a receiver's application, which knows a message by sender and
id), **altered** (other bytes than the sender signed), **unproven** (a receipt without message or entry, a hop that did
not happen, or anything at all that the audit finds), **phantom** (handed over and never accepted). `handed_again` is no
fault: the hub delivers again when it cannot know that an answer was given.

“Passed” speaks of the five zeros and of what the hub did. Of the times wanted, the middle and the long form insist on
5 s (R8) and on a ratio of 1.2 (R22), only the long one on 2 s (R1); the middle one allows 8 s there, because its
machines do other work too. In R17 what is taken may take five times as long as with room for all. Compare the numbers
with what is wanted.

In these results: **{acknowledged} messages acknowledged**, {tried} tests, {failed} failed, {skipped} skipped.

| | fault | wanted | result |
| --- | --- | --- | --- |
"""


def page(results: list[dict[str, Any]], note: str) -> str:
    """The whole document; `note` says what a reader must know of how the results came about."""
    by_row = defaultdict(list)
    for one in results:
        by_row[one["row"]].append(one)
    head = _HEAD.format(
        form=chosen().name,
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        where=machine(),
        note=note and f"\n{note}\n",
        acknowledged=f"{sum(one['figures'].get('acknowledged', 0) for one in results):,}",
        tried=len(results),
        failed=sum(one["outcome"] in ("failed", "error") for one in results),
        skipped=sum(one["outcome"] == "skipped" for one in results),
    )
    lines = [f"| {row} | {fault} | {wanted} | {told(by_row[row])} |" for row, (fault, wanted) in ROWS.items()]
    return head + "\n".join(lines) + "\n"


def told(outcomes: list[dict[str, Any]]) -> str:
    """What became of one row."""
    if not outcomes:
        return "**not run**"
    return "<br>".join(
        f"{one['outcome']} ({one['what']}, {one['seconds']:.0f} s): "
        + (one["reason"] or ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one["figures"].items()))
        for one in outcomes
    )


def machine() -> str:
    """What it ran on."""
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    return f"{system}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    PAGE.write_text(page([json.loads(line) for line in lines], " ".join(sys.argv[2:])), encoding="utf-8")
