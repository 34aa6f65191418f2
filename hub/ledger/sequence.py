"""The sequencer: gives every ledger entry its place in the Merkle tree and signs a checkpoint, ten times a second.

Three steps: see in one state of the database what waits and plan the growth, after having taken the lease if it is not
held (then look again), and publish the plan in one transaction.
Promises: nothing is signed over a broken chain or over tiles that do not give the last root; a checkpoint is signed
only while the head cannot move, and known to nobody before all it stands on is committed; a second sequencer, or one
that slept past its lease, does nothing. An entry's place follows within a second, or an alarm is logged; for what
waited while no sequencer ran, the time counts from the first look. It cannot see a database put back to an earlier day,
or a stolen key: witnesses do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from hub import crash
from hub.errors import HubError, Misconfigured
from hub.hub import Hub
from hub.ledger.ledger import to_microseconds
from hub.store import tree, tree_keys
from hub.store.transaction import Transaction
from hub.tree.checkpoint import Checkpoint
from hub.tree.key import EcdsaNoteSigner, Ed25519NoteSigner, NoteSigner, is_name, read_keys
from hub.tree.note import sign_note
from hub.tree.order import Queue, Waiting, first_breaks, interleave
from hub.tree.tiles import Tile, edge_root, fits, grow, grown_edge
from hub.trouble import Trouble

BATCH = 1000
"""Most entries of one checkpoint: it bounds how long the writer is kept from other work."""
LEASE = timedelta(seconds=10)

log = logging.getLogger("hub.sequence")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the tree will grow from `head`."""

    head: tree.Head
    size: int
    root: bytes
    added: Sequence[Waiting]
    changed: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at the ledger showed. There is no plan without the lease."""

    waits: bool
    plan: Plan | None = None


def origin_of(hub: Hub) -> str:
    """The name of this hub's log."""
    return hub.settings.log_origin(hub.store.ledger_id)


def checkpoint_signers(hub: Hub, folder: Path) -> tuple[NoteSigner, ...]:
    """What signs checkpoints: the hub's own key if it is on P-256, and the Ed25519 key that the settings name.

    Errors: Misconfigured note.signer if there is neither, key.unreadable, settings.value.
    """
    name, path = origin_of(hub), hub.settings.ledger.key
    if not is_name(name):
        raise Misconfigured("settings.value", where="ledger.origin", expected="a name without spaces or +", got=name)
    signers: list[NoteSigner] = []
    if path:
        try:
            signers.append(Ed25519NoteSigner.from_pem(name, (folder / path).read_bytes()))
        except OSError as error:
            raise Misconfigured("key.unreadable", where="ledger.key", operator=str(error)) from None
    try:
        signers.append(EcdsaNoteSigner.of(name, hub.signer))
    except Misconfigured:
        if not signers:
            raise
    return tuple(signers)


def check_signers(connection: Connection, signers: Sequence[NoteSigner]) -> None:
    """Refuse to go on with other keys than those that sign the ledger now. Errors: Misconfigured tree.key."""
    due, own = tree_keys.read_due(connection), {(signer.key.name, signer.key.id) for signer in signers}
    if due and due != own:
        raise Misconfigured("tree.key", expected=_marks(due), got=_marks(own))


def _marks(keys: Iterable[tree_keys.KeyMark]) -> str:
    return ", ".join(f"{name}+{identity.hex()}" for name, identity in sorted(keys))


def open_sequencer(hub: Callable[[], Hub], folder: Path) -> Sequencer:
    """A sequencer with the keys of an installation.

    Errors: Misconfigured note.*, key.unreadable, settings.value; tree.key if they are not those of the ledger.
    """
    read_keys(hub().settings.ledger.witnesses)  # a wrong witness key should be met at start, not by the witness
    signers = checkpoint_signers(hub(), folder)
    with hub().store.reading() as connection:
        check_signers(connection, signers)
    return Sequencer(hub, signers)


class Sequencer:
    """Grows the tree of one ledger. Any number may run; one of them has the lease."""

    def __init__(self, hub: Callable[[], Hub], signers: Sequence[NoteSigner], holder: str = "") -> None:
        self._hub = hub
        self._signers = signers
        self._holder = holder or secrets.token_hex(8)
        self._fence: int | None = None
        self._until: datetime | None = None
        self._starting = True
        self._behind = False
        self._watch = _Watch()

    @property
    def lag(self) -> float:
        """Seconds from the first look to the last for which the oldest entry without a checkpoint waited; 0 if none."""
        return self._watch.lag

    async def run(self, stop: asyncio.Event) -> None:
        """Sequence until `stop`, once in each interval, and at once again while more waits than one step takes.

        An error is logged, once while it lasts, and met again at the next step.
        """
        trouble = Trouble(log, "sequence")
        while not stop.is_set():
            began = time.monotonic()
            with trouble.told_once():
                await self.step()
            if not self._behind:
                left = began + self._hub().settings.ledger.interval - time.monotonic()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), max(0.0, left))
        await self._give_back()

    async def _give_back(self) -> None:
        """Let another sequencer begin at once; should that fail, the lease ends by itself."""
        if self._fence is not None:
            with contextlib.suppress(HubError):
                await self._hub().writer.run(lambda transaction: tree.give_lease_back(transaction, self._holder))

    async def step(self) -> Checkpoint | None:
        """Give what waits its places, `BATCH` at most; the new checkpoint, or None if nothing was done.

        Errors: Misconfigured tree.damaged, tree.key; Unavailable store.*
        """
        hub = self._hub()
        at = hub.clock()
        self._behind = False
        sight = await asyncio.to_thread(self._look, hub, at)  # 1
        if not sight.waits:
            return None
        if not self._holds(at):
            if not await self._take(hub, at):  # 2
                return None
            crash.point("sequence.held")
            sight = await asyncio.to_thread(self._look, hub, at)
        plan = sight.plan
        crash.point("sequence.planned")
        published = await self._publish(hub, plan, at) if plan else None  # 3
        self._behind = published is not None and plan is not None and len(plan.added) == BATCH
        crash.point("sequence.published")
        self._until = at + LEASE
        if published is None:
            self._fence = None
            log.warning("outrun")
        return published

    def _look(self, hub: Hub, at: datetime) -> Sight:
        """Who has the wrong keys is stopped here, and leaves the lease to others."""
        with hub.store.reading() as connection:
            queues = tree.read_queues(connection, BATCH)
            self._watch.look(queues, at, hub.settings.ledger.alarm)
            if not any(queue.unbroken() for queue in queues):
                return Sight(waits=False)
            check_signers(connection, self._signers)
            head = tree.read_head(connection)
            own = self._holds(at) and head.fence == self._fence
            return Sight(waits=True, plan=plan_growth(connection, head, queues) if own else None)

    def _holds(self, at: datetime) -> bool:
        """Whether the lease is still ours, as far as can be known without asking."""
        return self._fence is not None and self._until is not None and at < self._until <= at + LEASE

    async def _take(self, hub: Hub, at: datetime) -> bool:
        starting = self._starting
        self._fence = await hub.writer.run(
            lambda transaction: tree.take_lease(transaction, self._holder, at, LEASE, starting=starting)
        )
        self._starting = False
        self._until = at + LEASE
        return self._fence is not None

    async def _publish(self, hub: Hub, plan: Plan, at: datetime) -> Checkpoint | None:
        origin = origin_of(hub)
        return await hub.writer.run(lambda transaction: publish(transaction, plan, origin, self._signers, at))


def publish(
    transaction: Transaction, plan: Plan, origin: str, signers: Iterable[NoteSigner], at: datetime
) -> Checkpoint | None:
    """Sign the checkpoint of a plan and move the head to it; None if the head has moved since."""
    # Signed only once the head is locked: of two checkpoints of one size, the second is never signed.
    if not tree.is_current(transaction, plan.head):
        return None
    checkpoint = Checkpoint(origin, plan.size, plan.root)
    note = sign_note(checkpoint.text(), signers).written()
    crash.point("sequence.signed")
    signed = tree.Signed(plan.size, plan.root, note, to_microseconds(at))
    return checkpoint if tree.advance(transaction, plan.head, signed, plan.added, plan.changed, at + LEASE) else None


class _Watch:
    """Knows how late the tree is and which chains are broken, and says each once.

    Late is what waits while it looks: what commands wrote while nothing ran says nothing about this sequencer.
    """

    def __init__(self) -> None:
        self.lag = 0.0
        self._since = sys.maxsize
        self._late = False
        self._broken: set[str] = set()

    def look(self, queues: Sequence[Queue], at: datetime, alarm: float) -> None:
        """Take note of what waits; more than `alarm` seconds is too late."""
        now = to_microseconds(at)
        self._since = min(self._since, now)  # at the first look, and again when the clock was set back
        oldest = min((queue.entries[0].time_us for queue in queues), default=now)
        self.lag = max(0.0, (now - max(oldest, self._since)) / 1_000_000)
        if (late := self.lag > alarm) != self._late:
            fields = {"code": "tree.late" if late else "", "seconds": f"{self.lag:.1f}"}
            log.log(logging.ERROR if late else logging.INFO, "lag", extra={"fields": fields})
        self._late = late
        broken = {f"{entry.node}/{entry.sequence}" for entry in first_breaks(queues)}
        for place in sorted(broken - self._broken):
            log.error("chain", extra={"fields": {"code": "tree.broken", "where": place}})
        self._broken = broken


def plan_growth(connection: Connection, head: tree.Head, queues: Sequence[Queue]) -> Plan | None:
    """How the tree will grow by what waits, None if nothing does; all that is read is of one state of the database.

    Errors: Misconfigured tree.damaged.
    """
    edge = tree.read_edge(connection, head.size)
    if not fits(head.size, edge) or edge_root(edge) != head.root:
        raise Misconfigured("tree.damaged", where=f"size {head.size}", operator=f"the last root is {head.root.hex()}")
    added = interleave(queues, BATCH)
    if not added:
        return None
    changed = grow(head.size, edge, [entry.hash for entry in added])
    return Plan(head, head.size + len(added), edge_root(grown_edge(edge, changed)), added, changed)
