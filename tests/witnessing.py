"""A witness beside a town, and the town's ledger as a witness reaches it, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import Refused
from hub.ledger.cosign import keep_cosignature
from hub.settings.settings import Sequencing
from hub.store.tree_keys import read_changes
from hub.store.tree_proofs import read_checkpoint, read_consistency
from hub.tree.key import EcdsaNoteSigner, NoteKey
from hub.witness.folder import WitnessFolder
from hub.witness.look import Log, Outcome, look
from hub.witness.settings import WitnessSettings
from tests.test_sequence import ORIGIN, append, drain, sequencer
from tests.town import HUB, START, Town, found_town, signer_of

NAME = "supervision.example/w1"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)


@dataclass
class DirectLog:
    """The ledger of a town. `before` is called before a cosignature is taken."""

    town: Town
    before: Callable[[], None] = lambda: None

    async def latest(self) -> bytes | None:
        with self.town.hub.store.reading() as connection:
            try:
                return read_checkpoint(connection).note.encode()
            except Refused:
                return None

    async def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        with self.town.hub.store.reading() as connection:
            return tuple(read_consistency(connection, old, new).proof)

    async def key_changes(self) -> tuple[bytes, ...]:
        with self.town.hub.store.reading() as connection:
            return tuple(one.note.encode() for one in read_changes(connection))

    async def hand_in(self, note: bytes) -> None:
        self.before()
        await keep_cosignature(self.town.hub, note)


def town_key() -> NoteKey:
    """The key of the ledger of every town."""
    return EcdsaNoteSigner.of(ORIGIN, signer_of(HUB)[0]).key


def lone_witness(folder: Path, url: str = "http://hub.test") -> WitnessFolder:
    """A witness that no town knows."""
    return WitnessFolder.create(folder, WitnessSettings(url, NAME, (town_key(),)), PRIVATE, START)


def witness_of(town: Town, folder: Path, url: str = "http://hub.test") -> WitnessFolder:
    """A witness of a town's ledger, which the town knows."""
    made = lone_witness(folder, url)
    town.settle(ledger=Sequencing(witnesses=made.signer.key.text()))
    return made


def grow(town: Town, *counts: int) -> None:
    """A checkpoint after each of so many new entries."""
    one = sequencer(town)
    for count in counts:
        append(town, count)
        drain(one)


def looked(folder: WitnessFolder, hub: Log) -> Outcome:
    return asyncio.run(look(folder, hub, lambda: START))


def other_town(town: Town, folder: Path, *counts: int, later: float = 0.0) -> Town:
    """Another database under the same name and key: `later` seconds make every entry a different one."""
    folder.mkdir()
    other = found_town(folder)
    other.settle(ledger=town.hub.settings.ledger)
    other.clock.turn(seconds=later)
    grow(other, *counts)
    return other
