"""One look of a witness at a log: fetch, open, judge, keep, cosign, hand in. The steps are those of C2SP tlog-witness.

Promises: a checkpoint is cosigned only after it was opened with the log's key, proven to extend the kept one, and put
on the disk in its place; another key is believed only by a change that `hub.witness.follow` proves, and is an alarm
otherwise; after an alarm nothing is cosigned until a person settles it. A hub that does not answer, or whose answer
cannot be read, is no alarm and costs nothing. It does not watch whether entries are true: only that none
is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hub.errors import HubError, Refused, Unavailable, Undelivered
from hub.tree.checkpoint import Checkpoint, cosignatures
from hub.tree.note import Note, opened, read_note
from hub.witness.folder import Evidence, WitnessFolder
from hub.witness.follow import check_history, is_signed, led_to
from hub.witness.judge import Verdict, judge_alone, judge_grown

MOST_EVIDENCE = 100
"""How many pieces of unsettled evidence are kept; more say nothing new, and would let a hub fill the disk."""

log = logging.getLogger("hub.witness")


class Log(Protocol):
    """The hub's ledger as a witness reaches it. Errors of each: Unavailable or Undelivered witness.*"""

    async def latest(self) -> bytes | None:
        """The latest checkpoint's note, or None if the log says that it has none."""
        ...

    async def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """What the log hands over as the consistency proof between two sizes."""
        ...

    async def key_changes(self) -> tuple[bytes, ...]:
        """What the log hands over as the changes of its keys; nothing if it knows of none."""
        ...

    async def hand_in(self, note: bytes) -> None:
        """Give the log a cosignature."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look came to. `size` is that of the checkpoint offered, `evidence` where an alarm's lies.

    `cosigned` is false too if the log has our cosignature of this checkpoint already, or while an alarm is unsettled.
    """

    verdict: Verdict
    size: int
    cosigned: bool = False
    evidence: Path | None = None

    @property
    def code(self) -> str:
        """The code of an alarm, or nothing."""
        return f"witness.{self.verdict}" if self.verdict.alarming else ""


async def look(folder: WitnessFolder, hub: Log, clock: Callable[[], datetime]) -> Outcome:
    """Look once. The folder must be held with `alone`.

    Errors: Unavailable witness.unreachable; Undelivered witness.answer, witness.refused, witness.gone,
    witness.stranger; Misconfigured witness.damaged.
    """
    kept, _ = folder.kept()
    octets = await hub.latest()  # 1
    if octets is None:
        return _nothing(kept)
    note, offered = _open(folder, octets)  # 2
    if not is_signed(note, folder.log_keys()):
        alarm = await _follow(folder, hub, kept, note, clock)
        if alarm is not None:
            return alarm
    proof: Sequence[bytes] = ()
    verdict = judge_alone(kept, offered)  # 3
    if verdict is None:
        proof = await hub.consistency(kept.size, offered.size) if kept.size else ()
        verdict = judge_grown(kept, offered, proof)
    if verdict.alarming:
        return _alarm(
            folder, verdict, offered, Evidence(str(verdict), folder.kept_bytes(), octets, tuple(proof), clock())
        )
    if folder.unsettled() or (verdict is Verdict.SAME and _has_ours(folder, note)):
        return Outcome(verdict, offered.size)
    signed_by_log = Note(note.text, opened(note, folder.log_keys()))
    cosigned = folder.keep(signed_by_log, clock())  # 4, 5
    await hub.hand_in(cosigned.written().encode())  # 6
    return Outcome(verdict, offered.size, cosigned=True)


async def watch(folder: WitnessFolder, hub: Log, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Look again and again until `stop`. What goes wrong is logged once while it lasts, and tried again."""
    told = ""
    while not stop.is_set():
        try:
            outcome = await look(folder, hub, clock)
        except HubError as error:
            told = _tell_error(told, error)
        except Exception as error:
            if told != repr(error):
                log.exception("look")
            told = repr(error)
        else:
            told = _tell_outcome(told, outcome)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), folder.settings.interval)


def _open(folder: WitnessFolder, octets: bytes) -> tuple[Note, Checkpoint]:
    """A checkpoint of our log that no known key has signed wrongly; perhaps none has signed it."""
    try:
        note = read_note(octets)
        offered = Checkpoint.read(note.text)
        is_signed(note, folder.log_keys())
    except Refused as wrong:
        raise Undelivered("witness.stranger", expected=folder.settings.origin, got=wrong.code) from None
    if offered.origin != folder.settings.origin:
        raise Undelivered("witness.stranger", expected=folder.settings.origin, got="note.other-log")
    return note, offered


async def _follow(
    folder: WitnessFolder, hub: Log, kept: Checkpoint, note: Note, clock: Callable[[], datetime]
) -> Outcome | None:
    """Follow the log to the key that has signed a note, and keep how; or raise the alarm."""
    handed, offered = await hub.key_changes(), Checkpoint.read(note.text)
    last = max((change.size for change in folder.changes()), default=-1)
    followed = await check_history(led_to(note, folder.log_keys(), last, handed), kept, offered, hub)
    if followed.alarm is not None:
        octets = note.written().encode()
        evidence = Evidence(str(followed.alarm), folder.kept_bytes(), octets, followed.proof, clock(), handed)
        return _alarm(folder, followed.alarm, offered, evidence)
    for change, octets in followed.changes:
        folder.keep_change(change, octets)
        keys = " ".join(key.text() for key in change.new)
        log.warning("followed", extra={"fields": {"size": change.size, "keys": keys}})
    return None


def _nothing(kept: Checkpoint) -> Outcome:
    if kept.size:
        # No signature proves this, so it is told like any wrong answer; it is what a wiped ledger looks like.
        raise Undelivered("witness.gone", expected=f">= {kept.size}", got="0")
    return Outcome(Verdict.SAME, 0)


def _alarm(folder: WitnessFolder, verdict: Verdict, offered: Checkpoint, evidence: Evidence) -> Outcome:
    place = None
    if len(folder.unsettled()) < MOST_EVIDENCE:
        # By what was signed: cosignatures that come and go make no new case.
        place = folder.convict(evidence, hashlib.sha256(offered.text().encode()).hexdigest())
    return Outcome(verdict, offered.size, evidence=place)


def _has_ours(folder: WitnessFolder, note: Note) -> bool:
    """Whether the hub shows our cosignature, rightly."""
    try:
        return bool(cosignatures(note, [folder.signer.key]))
    except Refused:
        return False


def _tell_error(told: str, error: HubError) -> str:
    if error.code != told:
        level = logging.WARNING if isinstance(error, Unavailable) else logging.ERROR
        fields = {"code": error.code, "got": error.got, "operator": error.operator}
        log.log(level, "unanswered", extra={"fields": fields})
    return error.code


def _tell_outcome(told: str, outcome: Outcome) -> str:
    state = f"{outcome.code}:{outcome.size}" if outcome.code else ""
    if outcome.code and told != state:
        fields = {"code": outcome.code, "size": outcome.size, "evidence": outcome.evidence or ""}
        log.error("alarm", extra={"fields": fields})
    elif outcome.cosigned or (told and not state):
        log.info("cosigned" if outcome.cosigned else "answered", extra={"fields": {"size": outcome.size}})
    return state
