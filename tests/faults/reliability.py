"""Writes docs/reliability.md from results of the fault tests: `python -m tests.faults.reliability FILE...`.

It tells what was run, in which form, on what and when, with the numbers as they came; a row of the list that no test
tried says so. Results of several runs are joined: of each test the longest form counts, and of that the last run.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.faults.summary import read

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
    "R13": ("a message that kills its worker", "set aside after 3 turns of its own, others go on"),
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

Made from the results of the fault tests; no number is typed by hand. On {where}.

The forms are short, medium and long; `tests/faults/sizes.py` has their sizes, and `long,messages=6` is the long one
with another size. `make test` runs the short one. Results of several runs are joined: of each test the longest form
stands here, and of that the last run. Each says when; the program may have been changed since.

The five zeros are counted over every message that the hub acknowledged: **lost** (acknowledged, yet neither handed over
nor a dead letter on record), **doubled** (given twice to a receiver's application, which knows a message by sender and
id), **altered** (other bytes than the sender signed), **unproven** (a receipt without message or entry, a hop that did
not happen, or anything at all that the audit finds), **phantom** (handed over and never accepted). `handed again` is no
fault: the hub delivers again when it cannot know that an answer was given.

“Passed” speaks of the five zeros and of what the hub did. Of the times wanted, the middle and the long form insist on
5 s (R8) and on a ratio of 1.2 (R22), and all of them on `back_in` seconds for nineteen of twenty starts (R1): 2 in the
long one, more in the others, whose machines do other work too. In the long form every tenth hub that R1 killed is
started by its command, and the others by a fork of a process that has everything imported, which is `run_hub` all the
same. In R17 what is taken may take five times as long as with room for all. Compare the numbers with what is wanted.

`dead` counts dead letters: they are on record, and their senders have a signed notice.

In these results: **{acknowledged} messages acknowledged**, {tried} tests, {failed} failed, {skipped} skipped.
Forms: {forms}. In all {runs} results that were looked through, earlier ones of the same tests among them: **{zeros}**.

| | fault | wanted | result |
| --- | --- | --- | --- |
"""
ZEROS = {"lost", "doubled", "altered", "unproven", "phantom"}
_LENGTHS = ("", "short", "medium", "long")


def page(results: list[dict[str, Any]]) -> str:
    """The whole document."""
    kept = joined(results)
    by_row = defaultdict(list)
    for one in kept:
        by_row[one["row"]].append(one)
    forms = Counter(one["form"].partition(",")[0] + " with other sizes" * ("," in one["form"]) for one in kept)
    head = _HEAD.format(
        where=machine(),
        acknowledged=f"{sum(one['figures'].get('acknowledged', 0) for one in kept):,}",
        tried=len(kept),
        failed=sum(one["outcome"] in ("failed", "error") for one in kept),
        skipped=sum(one["outcome"] == "skipped" for one in kept),
        forms=", ".join(f"{number} {form}" for form, number in forms.most_common()),
        runs=len(results),
        zeros=", ".join(f"{name} {number:,}" for name, number in counted_zeros(results).items()),
    )
    lines = [f"| {row} | {fault} | {wanted} | {told(by_row[row])} |" for row, (fault, wanted) in ROWS.items()]
    return head + "\n".join(lines) + "\n"


def joined(results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One result for each test: of its longest form, the last."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for one in results:
        key = one["row"], one["what"]
        if key not in best or length(one) >= length(best[key]):
            best[key] = one
    return list(best.values())


def counted_zeros(results: Iterable[dict[str, Any]]) -> dict[str, int]:
    """What all results that tell the five zeros came to, and how much was acknowledged; controls tell other things."""
    told = [one["figures"] for one in results if one["figures"].keys() >= ZEROS]
    return {name: sum(figures[name] for figures in told) for name in ("acknowledged", *sorted(ZEROS))}


def length(one: dict[str, Any]) -> int:
    """How long the form is that a result is of; 0 for one that was skipped, which tells nothing."""
    return 0 if one["outcome"] == "skipped" else _LENGTHS.index(one["form"].partition(",")[0])


def told(outcomes: list[dict[str, Any]]) -> str:
    """What became of one row."""
    return "<br>".join(map(_told, outcomes)) or "**not run**"


def _told(one: dict[str, Any]) -> str:
    numbers = (f"{name.replace('_', ' ')} {value}" for name, value in one["figures"].items())
    form = f"**{one['form']}**, {one['when']}, {one['seconds']:.0f} s"
    return f"{one['outcome']} ({one['what']}; {form}): {one['reason'] or ', '.join(numbers)}"


def machine() -> str:
    """What it ran on."""
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    return f"{system}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


if __name__ == "__main__":
    PAGE.write_text(page([one for name in sys.argv[1:] for one in read(Path(name))]), encoding="utf-8")
