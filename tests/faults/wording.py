"""In which words the page of survived faults is written, and those of docs/reliability.md.

The results name figures and tests as the tests do; a page in another language needs a word for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Wording:
    """One language. `head` has places for the numbers; `rows` has of each fault what it is and what is wanted.

    `told` puts one result into words: its outcome, its test, its form, when it was, its seconds, and its figures.
    `figure` joins a name with a value, and `apart` stands between two of them. The functions turn what a result says
    (names of figures, outcomes, tests and forms, values, reasons) into this language.
    """

    head: str
    rows: Mapping[str, tuple[str, str]]
    machine: str
    told: str
    other_sizes: str
    form_count: str
    figure: str
    apart: str
    missing: str
    word: Callable[[str], str]
    test: Callable[[str], str]
    form: Callable[[str], str]
    value: Callable[[Any], str]
    reason: Callable[[str], str]


ENGLISH = Wording(
    head="""# What was survived

Made from the results of the fault tests; no number is typed by hand. This page in Chinese, made in the same run:
[reliability.zh-CN.md](reliability.zh-CN.md). On {machine}.

The forms are short, medium and long; `tests/faults/sizes.py` has their sizes, and `long,messages=6` is the long one
with another size. `make test` runs the short one. Results of several runs are joined: of each test the longest form
stands here, and of that the last run. Each says when (UTC); the program may have been changed since.

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
""",
    rows={
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
        "R15": (
            "a certificate ends mid-run, roll-over, revocation",
            "none refused in the overlap, none accepted after",
        ),
        "R16": ("two sequencers, one asleep", "no fork"),
        "R17": ("five times too much load", "sheds with 503, what is taken stays quick"),
        "R18": ("soak with kills and partitions", "memory, descriptors, queue flat"),
        "R19": ("one random bit flipped in the database", "found every time"),
        "R20": ("backup and restore under load", "the audit says exactly what is missing"),
        "R21": ("upgrade and migration under load", "five zeros"),
        "R22": ("very many waiting for one dead department", "others' p99 unchanged"),
    },
    machine="{system}, {cores} cores, Python {python}, SQLite {sqlite}",
    told="{outcome} ({test}; **{form}**, {when}, {seconds} s): {figures}",
    other_sizes="{form} with other sizes",
    form_count="{number} {form}",
    figure="{name} {value}",
    apart=", ",
    missing="**not run**",
    word=lambda name: name.replace("_", " "),
    test=str,
    form=str,
    value=str,
    reason=str,
)
