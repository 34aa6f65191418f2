"""Writes docs/reliability.md, in both languages, from results: `python -m tests.faults.reliability FILE...`.

It tells what was run, in which form, on what and when, with the numbers as they came; a row of the list that no test
tried says so. Results of several runs are joined: of each test the longest form counts, and of that the last run.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.faults.summary import read
from tests.faults.wording import ENGLISH, Wording
from tests.faults.wording_zh import CHINESE

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = {DOCS / "reliability.md": ENGLISH, DOCS / "reliability.zh-CN.md": CHINESE}
ROWS = ENGLISH.rows
ZEROS = {"lost", "doubled", "altered", "unproven", "phantom"}
_LENGTHS = ("", "short", "medium", "long")


def page(results: list[dict[str, Any]], wording: Wording) -> str:
    """The whole document."""
    kept = joined(results)
    head = wording.head.format(
        machine=machine(wording),
        acknowledged=f"{sum(one['figures'].get('acknowledged', 0) for one in kept):,}",
        tried=len(kept),
        failed=sum(one["outcome"] in ("failed", "error") for one in kept),
        skipped=sum(one["outcome"] == "skipped" for one in kept),
        forms=wording.apart.join(forms(kept, wording)),
        runs=len(results),
        zeros=figures({name: f"{number:,}" for name, number in counted_zeros(results).items()}, wording),
    )
    return head + "\n".join(rows(kept, wording)) + "\n"


def rows(kept: Iterable[dict[str, Any]], wording: Wording) -> list[str]:
    """The lines of the table."""
    by_row = defaultdict(list)
    for one in kept:
        by_row[one["row"]].append(one)
    return [
        f"| {row} | {fault} | {wanted} | {told(by_row[row], wording)} |"
        for row, (fault, wanted) in wording.rows.items()
    ]


def forms(kept: Iterable[dict[str, Any]], wording: Wording) -> Iterator[str]:
    """How many results there are of each form."""
    counted = Counter((one["form"].partition(",")[0], "," in one["form"]) for one in kept)
    for (form, other), number in counted.most_common():
        name = wording.form(form)
        yield wording.form_count.format(form=wording.other_sizes.format(form=name) if other else name, number=number)


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


def told(outcomes: list[dict[str, Any]], wording: Wording) -> str:
    """What became of one row."""
    return "<br>".join(_told(one, wording) for one in outcomes) or wording.missing


def _told(one: dict[str, Any], wording: Wording) -> str:
    return wording.told.format(
        outcome=wording.word(one["outcome"]),
        test=wording.test(one["what"]),
        form=wording.form(one["form"]),
        when=one["when"],
        seconds=f"{one['seconds']:.0f}",
        figures=wording.reason(one["reason"]) or figures(one["figures"], wording),
    )


def figures(numbers: Mapping[str, Any], wording: Wording) -> str:
    """Each with its name."""
    named = ((wording.word(name), wording.value(value)) for name, value in numbers.items())
    return wording.apart.join(wording.figure.format(name=name, value=value) for name, value in named)


def machine(wording: Wording) -> str:
    """What it ran on."""
    return wording.machine.format(
        system=f"{platform.system()} {platform.release()}",
        cores=os.cpu_count(),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
    )


if __name__ == "__main__":
    found = [one for name in sys.argv[1:] for one in read(Path(name))]
    for path, wording in PAGES.items():
        path.write_text(page(found, wording), encoding="utf-8")
