"""The five zeros: what senders got, what receivers got, the database and the ledger, held against each other.

`five_zeros` counts over every message that the hub acknowledged, and believes nobody alone: receipts and hand-overs
come from files that the hub never saw, messages and hops from the database, and whether these agree with the chains,
the tree, the stored bytes and the signatures from the hub's own audit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from sqlalchemy import select

from hub.audit.audit import log_standard, report, standard_of
from hub.hub import read_settings
from hub.message import DeliveryState, Hop
from hub.store.store import Store
from hub.store.tables import deliveries, ledger, messages
from tests.faults.receivers import HandedOver, memory_of, read_handed
from tests.faults.senders import Remembered, read_memory
from tests.faults.town_of_processes import Town

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class FiveZeros:
    """The counts that have to be zero, then how much they were counted over, then what was seen on the way."""

    lost: int
    doubled: int
    altered: int
    unproven: int
    phantom: int
    acknowledged: int
    delivered: int
    handed_again: int
    dead: int
    findings: tuple[str, ...] = ()

    @property
    def hold(self) -> bool:
        """Whether all five are zero."""
        return not (self.lost or self.doubled or self.altered or self.unproven or self.phantom)

    def figures(self) -> dict[str, int]:
        """All numbers by name."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}


@dataclass(frozen=True, slots=True)
class _Held:
    """What the database says: message digests, states of copies, what was delivered, other entries by their place."""

    messages: dict[tuple[str, str], str]
    copies: dict[Key, str]
    entries: dict[tuple[str, int], tuple[str, str, str]] = field(default_factory=dict)
    delivered: set[Key] = field(default_factory=set)


def five_zeros(town: Town) -> FiveZeros:
    """Count, once everything is delivered that will be."""
    made = list(_made(town))
    receipts = {(one.sender, one.message_id): one for one in made if one.entry}
    handed = [one for code in town.codes for one in _handed(town, code)]
    with town.store() as store:
        held = _read(store)
        settings = read_settings(town.node.folder)
        standard = standard_of(town.node.folder, settings, store)
        audited = report(store, standard, log_standard(town.node.folder, settings, store, {}))
    reached = {one.key for one in handed}
    got = Counter(one.key for one in handed if one.first)
    digests = {(one.sender, one.message_id): one.digest for one in made}
    owed = {(one.sender, one.message_id, recipient) for one in receipts.values() for recipient in one.recipients}
    dead = {key for key, state in held.copies.items() if state == DeliveryState.DEAD}
    return FiveZeros(
        lost=len(owed - reached - dead),
        doubled=sum(times - 1 for times in got.values()),
        altered=_altered(receipts.values(), handed, held, digests),
        unproven=audited.wrong + _unproven(receipts.values(), held) + len(held.delivered - reached),
        phantom=_phantom(handed, held, digests),
        acknowledged=len(receipts),
        delivered=len(held.delivered),
        handed_again=len(handed) - len(reached),
        dead=len(dead),
        findings=tuple(str(finding) for finding in audited.findings[:5]),
    )


def _made(town: Town) -> Iterable[Remembered]:
    for path in sorted(town.memories.glob("sent-*.jsonl")):
        yield from read_memory(path)


def _handed(town: Town, code: str) -> Iterable[HandedOver]:
    path = memory_of(town.memories, code)
    return read_handed(path) if path.exists() else ()


def _read(store: Store) -> _Held:
    with store.reading() as connection:
        rows = connection.execute(select(messages.c.id, messages.c.sender, messages.c.message_id, messages.c.digest))
        by_id = {row.id: row for row in rows}
        copies = connection.execute(select(deliveries.c.message, deliveries.c.recipient, deliveries.c.state))
        held = _Held(
            {(row.sender, row.message_id): row.digest for row in by_id.values()},
            {(by_id[c.message].sender, by_id[c.message].message_id, c.recipient): c.state for c in copies},
        )
        columns = ("node", "sequence", "sender", "message_id", "hash", "kind", "target")
        for entry in connection.execute(select(*(ledger.c[name] for name in columns))):
            if entry.kind == Hop.DELIVERED:
                held.delivered.add((entry.sender, entry.message_id, entry.target))
            else:
                place = entry.node, entry.sequence
                held.entries[place] = entry.sender, entry.message_id, bytes(entry.hash).hex()
        return held


def _altered(
    receipts: Iterable[Remembered], handed: Iterable[HandedOver], held: _Held, digests: dict[tuple[str, str], str]
) -> int:
    """Messages whose bytes in the database or at a receiver are not those that their sender made."""
    stored = sum(held.messages.get((r.sender, r.message_id), r.digest) != r.digest for r in receipts)
    return stored + sum(digests.get((h.sender, h.message_id), h.digest) != h.digest for h in handed)


def _unproven(receipts: Iterable[Remembered], held: _Held) -> int:
    """Receipts without their message, or without the entry that they name."""
    return sum(
        (one.sender, one.message_id) not in held.messages
        or held.entries.get((one.node, one.sequence)) != (one.sender, one.message_id, one.entry)
        for one in receipts
    )


def _phantom(handed: Iterable[HandedOver], held: _Held, digests: dict[tuple[str, str], str]) -> int:
    """Hand-overs of what no sender made or the hub never accepted, the hub's own notices aside."""
    own = {"hub"}
    return sum(
        (one.sender, one.message_id) not in held.messages
        or (one.sender not in own and (one.sender, one.message_id) not in digests)
        for one in handed
    )
