"""Ends what nobody else will end: leases whose holder is gone, and deliveries whose message has expired.

Promises: any number of processes may do it, each passes over what another is at work on, and what is put back or ended
is on record as if its own carrier had done it. It delivers nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from hub.deliver import GaveUp, Outcome, RetryAt, settle
from hub.hub import Hub
from hub.store import outbox, turns
from hub.store.ended_nodes import ended
from hub.store.outbox import Leased
from hub.store.transaction import Transaction
from hub.trouble import Trouble

INTERRUPTED, AGAIN, POISON = "delivery.interrupted", "delivery.interrupted-again", "delivery.poison"
SUSPECT = (AGAIN, "delivery.interrupted-alone", "delivery.interrupted-alone-again")
"""In hand at two ends of a process; then in its own turn at one more; then at two more. At the third it is poison."""
APART = timedelta(seconds=1)
"""What was in hand at two ends of a process goes one by one, so far apart: each has a turn of its own."""
QUIET = timedelta(seconds=5)
"""So long a process has to live without them first, and as long as their recipient may take to answer.

Twice as long for each end in a turn: a process that something else ends again and again does not live as long, or
outlives one of three turns.
"""

LEAP = 1.0
"""Seconds by which a clock is put back that are worth a look."""
LONGEST_TURN = timedelta(minutes=1)
"""How long all turns may last together: if they are very many, they go closer together."""

log = logging.getLogger("hub.supervise")


async def run(hub: Callable[[], Hub], stop: asyncio.Event) -> None:
    """Sweep every `delivery.sweep` seconds until `stop`; an error is logged, once while it lasts, and met again."""
    trouble = Trouble(log, "sweep")
    ahead = math.inf
    while not stop.is_set():
        with trouble.told_once():
            ahead = await _mind_the_clock(hub(), ahead)
            await sweep(hub())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), hub().settings.delivery.sweep)


async def _mind_the_clock(hub: Hub, before: float) -> float:
    """At the start, and when the clock was put back, let nothing wait longer than any retry or turn would.

    `before` and the answer are by how many seconds the clock is ahead of one that only runs.
    """
    at = hub.clock()
    ahead = at.timestamp() - asyncio.get_running_loop().time()
    if ahead < before - LEAP:
        profiles = [endpoint.profile for endpoint in hub.rules.directory.endpoints.values()]
        longest = max((max(profile.longest_retry, profile.timeout) for profile in profiles), default=0.0)
        latest = at + _quiet(longest, SUSPECT[-1]) + LONGEST_TURN
        await hub.writer.run(lambda transaction: turns.hurry(transaction, at, latest))
    return ahead


async def sweep(hub: Hub) -> None:
    """Put lapsed leases back in their queues, and make dead letters of what has expired. Errors: Unavailable store.*"""
    at = hub.clock()
    until = at + timedelta(seconds=hub.settings.delivery.lease)
    await hub.writer.run(lambda transaction: _end(transaction, hub, at, until))


def _end(transaction: Transaction, hub: Hub, at: datetime, until: datetime) -> None:
    take_back(transaction, hub, at, until)
    for leased in outbox.lease_expired(transaction, at, until):
        settle(transaction, hub, leased, GaveUp("delivery.expired"), at)


def take_back(transaction: Transaction, hub: Hub, at: datetime, until: datetime, *, own: bool = False) -> None:
    """Put leases without an outcome back: lapsed ones, with `own` also all that this node had when it last ended.

    Each is on record as an attempt of which nothing is known. A suspect that was the only one in hand at three ends of
    a process, which had each time lived without it before, is set aside as a dead letter. What a process was too slow
    with, or could not settle because its database was away, says nothing of the kind: it lives.
    """
    lost = outbox.lease_lost(transaction, at, until, own=own)
    gone = {transaction.node} if own else ended(transaction, {leased.holder for leased in lost} - {transaction.node})
    in_hand = [leased for leased in lost if leased.holder in gone]
    suspects = [leased for leased in in_hand if leased.cause in SUSPECT]
    for leased in lost:
        if leased.holder not in gone:
            settle(transaction, hub, leased, RetryAt(at, leased.cause or INTERRUPTED), at)
    for number, leased in enumerate(in_hand):
        settle(transaction, hub, leased, _after_loss(leased, suspects, at, number), at)
    outbox.reclaim(transaction, at, own=own)
    if own or in_hand:  # a process has ended: what waits for a turn has not shown that it was the cause
        _give_turns(transaction, hub, at)


def _after_loss(leased: Leased, suspects: Sequence[Leased], at: datetime, number: int) -> Outcome:
    """What becomes of the `number`-th that was lost. Of suspects the one that went last goes first in the next round:

    what ends a process does so soon, and then nothing else is in hand.
    """
    if suspects == [leased]:
        times = SUSPECT.index(leased.cause) + 1
        return RetryAt(at, SUSPECT[times]) if times < len(SUSPECT) else GaveUp(POISON)
    if leased.cause in SUSPECT:
        return RetryAt(at - number * timedelta.resolution, leased.cause)
    if leased.cause == INTERRUPTED:
        return RetryAt(at - number * timedelta.resolution, AGAIN)
    return RetryAt(at, INTERRUPTED)


def _give_turns(transaction: Transaction, hub: Hub, at: datetime) -> None:
    """Let every suspect wait for a turn of its own, counted from now."""
    endpoints = hub.rules.directory.endpoints
    suspects = turns.waiting_for(transaction, SUSPECT)
    apart = min(APART, LONGEST_TURN / max(1, len(suspects)))
    worst = max((cause for _, _, cause in suspects), key=SUSPECT.index, default=AGAIN)
    when = {}
    for number, (delivery, code, _) in enumerate(suspects):
        answer = endpoints[code].profile.timeout if code in endpoints else 0.0
        when[delivery] = at + _quiet(answer, worst) + number * apart
    turns.put_off(transaction, when)


def _quiet(answer: float, cause: str) -> timedelta:
    """How long a process has to live before the turn of a suspect to whom this happened; `answer` in seconds."""
    return max(QUIET, timedelta(seconds=answer)) * (1 << SUSPECT.index(cause))
