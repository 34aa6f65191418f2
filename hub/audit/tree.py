"""Part of the audit: the whole tree grown anew from the ledger, against leaves, tiles, head and every checkpoint.

Found: a leaf that is not its entry's hash or stands in the wrong place, an entry that the sequencer passed over, tiles
or a head that do not follow from the leaves, a checkpoint or cosignature that does not verify or whose root is not that
of its leaves, a key used outside its dates, a key that no change signed by old and new keys leads to, a time-stamp that
is altered, of another checkpoint or not of a configured authority. As every checkpoint is compared with one and the
same row of leaves, they are consistent with each other if nothing is found. Not to be found from inside: an end cut off
together with its checkpoints, yesterday's database, and everything rebuilt with the log's own key. For these give
checkpoints that somebody kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection

from hub.audit.checkpoint import LogKey, name_of, read_kept
from hub.audit.checkpoints import checkpoint_portions, ragged_reader
from hub.audit.finding import Finding, shown
from hub.audit.growth import Growth, Roots
from hub.audit.keys import check_changes, check_told, open_changes
from hub.audit.leaves import Placed, check_leaves, of_entry
from hub.audit.log import LogStandard
from hub.audit.report import Count, Row, Seen
from hub.audit.sharing import Share, looked
from hub.audit.timestamp import check_timestamp
from hub.errors import Misconfigured, Refused
from hub.ledger.timestamp import read_anchors
from hub.settings.settings import Settings
from hub.store import tree_holdings
from hub.store.store import Store
from hub.tree.key import Ed25519NoteSigner, Kind, NoteKey, read_keys
from hub.tree.key_change import Epochs
from hub.tree.merkle import EMPTY
from hub.trust.certificate import read_certificate


@dataclass(slots=True)
class _Placed(Placed):
    """What leaves, keys and checkpoints came to; `joint` as `_joint` gives it."""

    epochs: Epochs = field(default_factory=lambda: Epochs((), ((),)))
    joint: dict[int, tuple[NoteKey, ...]] = field(default_factory=dict)

    def keys_of(self, size: int) -> tuple[NoteKey, ...]:
        """The keys that may have signed the checkpoint of this size."""
        return self.joint.get(size) or self.epochs.at(size)


def log_standard_of(
    folder: Path, settings: Settings, store: Store, certificates: Sequence[bytes], kept: Mapping[str, bytes]
) -> LogStandard:
    """What to measure an installation's tree by; `certificates` are the hub's, the present one first, as DER.

    Errors: Misconfigured key.unreadable, certificate.unreadable, note.*, timestamp.anchors.
    """
    # The same name that hub.sequence gives the log: verbs do not know each other.
    origin = settings.log_origin(store.ledger_id)
    certified = [_certified(origin, der) for der in certificates]
    keys = [key for key in certified[:1] if key]
    if settings.ledger.key:
        try:
            pem = (folder / settings.ledger.key).read_bytes()
        except OSError as error:
            raise Misconfigured("key.unreadable", where="ledger.key", operator=str(error)) from None
        keys.append(LogKey(Ed25519NoteSigner.from_pem(origin, pem).key))
    lag = timedelta(seconds=settings.ledger.alarm)
    anchors = settings.ledger.timestamp_anchors
    return LogStandard(
        origin=origin,
        keys=tuple(keys),
        witnesses=read_keys(settings.ledger.witnesses),
        lag=lag,
        kept=kept,
        retired=tuple(key for key in certified[1:] if key),
        anchors=read_anchors(folder / anchors) if anchors else (),
    )


def _certified(origin: str, der: bytes) -> LogKey | None:
    """The key of a certificate if it can sign checkpoints."""
    read = read_certificate(der)
    public = read.parsed.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        return None
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return LogKey(NoteKey(origin, Kind.ECDSA, spki), (read.not_before, read.not_after))


def check_tree(
    connection: Connection,
    standard: LogStandard,
    seen: Seen = lambda row, number: None,
    shares: Sequence[Share] = (),
) -> Iterator[Finding]:
    """Yield everything that is wrong with the tree, leaves first; `shares` are ways to have them looked at quickly."""
    placed = _Placed()
    yield from check_leaves(connection, placed, shares, partial(seen, Row.LEAF))
    yield from _check_keys(connection, standard, placed)
    yield from _check_checkpoints(connection, standard, placed, shares, seen)
    yield from _check_timestamps(connection, standard, partial(seen, Row.TIMESTAMP))
    yield from _check_head(connection, placed)
    yield from _check_waiting(connection, placed, standard.lag)
    yield from _check_kept(connection, standard, placed)


def _check_keys(connection: Connection, standard: LogStandard, placed: _Placed) -> Iterator[Finding]:
    rows = tree_holdings.key_change_rows(connection)
    changes, wrong = open_changes(rows, standard.origin)
    yield from wrong
    placed.epochs = Epochs.of((known.key for known in standard.keys), changes)
    root = partial(_root_at, connection, placed.growth)
    yield from check_changes(changes, placed.epochs, placed.growth.size, root)
    yield from check_told(rows, tree_holdings.key_change_acts(connection))


def _check_checkpoints(
    connection: Connection, standard: LogStandard, placed: _Placed, shares: Sequence[Share], seen: Seen
) -> Iterator[Finding]:
    sizes = tree_holdings.checkpoint_sizes(connection)
    yield from looked(shares, seen, checkpoint_portions(sizes, standard, placed.epochs, placed.growth))
    placed.joint = _joint(sizes, placed.epochs)
    for size in tree_holdings.cosignatures_alone(connection):
        yield Finding("audit.cosignature", name_of(size), "size", got=shown(size))


def _joint(sizes: Sequence[Any], epochs: Epochs) -> dict[int, tuple[NoteKey, ...]]:
    """The keys of both sides that signed the first checkpoint after a change, by its size."""
    numbers = [size for size in sizes if type(size) is int]
    signing = ((size, *epochs.signing(before, size)) for before, size in pairwise([0, *numbers]))
    return {size: keys for size, keys, joint in signing if joint}


def _check_timestamps(connection: Connection, standard: LogStandard, seen: Count) -> Iterator[Finding]:
    for batch in tree_holdings.timestamp_rows(connection):
        for row in batch:
            yield from check_timestamp(row, standard.anchors)
        seen(len(batch))


def _check_head(connection: Connection, placed: _Placed) -> Iterator[Finding]:
    """The head is that of the leaves, the last checkpoint is its own, and the sequencer goes on where they end."""
    size, root = tree_holdings.head_row(connection)
    if size is None and not placed.growth.size:
        return
    if size != placed.growth.size:
        yield Finding("audit.head", "head", "size", str(placed.growth.size), shown(size))
    wanted = _whole_root(connection, placed.growth)
    if root != wanted:
        yield Finding("audit.head", "head", "root", wanted.hex(), shown(root))
    last, _ = tree_holdings.last_checkpoint(connection)
    if last != size and size:
        yield Finding("audit.head", "head", "checkpoint", shown(size), shown(last))
    positions = tree_holdings.positions(connection)
    for node in sorted(positions.keys() | placed.last.keys(), key=shown):
        if positions.get(node) != placed.last.get(node):
            expected, got = (placed.last.get(node) or ("", b""))[0], (positions.get(node) or ("", b""))[0]
            yield of_entry("audit.head", "numbered", "sequence", shown(expected), shown(got), node, expected)


def _whole_root(connection: Connection, growth: Growth) -> bytes:
    if not growth.size:
        return EMPTY
    return _root_at(connection, growth, growth.size)


def _root_at(connection: Connection, growth: Growth, size: int) -> bytes:
    return Roots(growth.roots).at(size, ragged_reader(connection)(size))


def _check_waiting(connection: Connection, placed: _Placed, lag: timedelta) -> Iterator[Finding]:
    """An entry may wait as long as nothing was signed after it; a hub that does not run numbers nothing."""
    _, signed_us = tree_holdings.last_checkpoint(connection)
    overdue = (signed_us if isinstance(signed_us, int) else 0) - lag // timedelta(microseconds=1)
    for node, last in tree_holdings.chain_ends(connection):
        numbered = placed.last.get(node, (0, b""))[0]
        if isinstance(last, int) and last <= numbered:
            continue
        first, count = tree_holdings.waiting(connection, node, numbered, overdue)
        if count:
            yield of_entry("audit.unnumbered", f"{count}", "time_us", "", "", node, first)


def _check_kept(connection: Connection, standard: LogStandard, placed: _Placed) -> Iterator[Finding]:
    for name, octets in standard.kept.items():
        try:
            found = read_kept(octets, standard.origin, placed.keys_of)
        except Refused as error:
            yield Finding("audit.kept", name, "note", got=error.code)
            continue
        if found.size > placed.growth.size:
            yield Finding("audit.kept", name, "size", str(found.size), str(placed.growth.size))
        elif (root := _root_at(connection, placed.growth, found.size)) != found.root:
            yield Finding("audit.kept", name, "root", found.root.hex(), root.hex())
