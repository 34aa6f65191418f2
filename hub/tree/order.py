"""Which entries come next into the tree, and in which order. Pure.

Promises: a node's entries enter in the order of its chain, without a gap, and only as far as each carries the hash of
the one before it; nodes are interleaved by time, then by name. The order between nodes means nothing more than that.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry without a place in the tree."""

    node: str
    sequence: int
    time_us: int
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Queue:
    """One node's waiting entries, oldest first, after the last that has a place (`sequence` 0 if none has)."""

    node: str
    sequence: int
    hash: bytes
    entries: tuple[Waiting, ...]

    def unbroken(self) -> tuple[Waiting, ...]:
        """The entries up to the first that does not follow its predecessor."""
        sequence, previous = self.sequence, self.hash
        for place, entry in enumerate(self.entries):
            if entry.sequence != sequence + 1 or entry.previous != previous:
                return self.entries[:place]
            sequence, previous = entry.sequence, entry.hash
        return self.entries


def interleave(queues: Sequence[Queue], most: int) -> list[Waiting]:
    """At most `most` entries in the order in which they enter the tree."""
    runs = [queue.unbroken() for queue in queues]
    return list(islice(heapq.merge(*runs, key=lambda entry: (entry.time_us, entry.node)), most))


def first_breaks(queues: Sequence[Queue]) -> list[Waiting]:
    """The entries, one of a node at most, at which a chain is broken."""
    return [queue.entries[len(whole)] for queue in queues if len(whole := queue.unbroken()) < len(queue.entries)]
