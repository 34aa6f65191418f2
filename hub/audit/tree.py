"""Part of the audit: the whole tree grown anew from the ledger, against leaves, tiles, head and every checkpoint.

Found: a leaf that is not its entry's hash or stands in the wrong place, an entry that the sequencer passed over, tiles
or a head that do not follow from the leaves, a checkpoint or cosignature that does not verify or whose root is not that
of its leaves, a key used outside its dates. As every checkpoint is compared with one and the same row of leaves, they
are consistent with each other if nothing is found. Not to be found from inside: an end cut off together with its
checkpoints, yesterday's database, and everything rebuilt with the log's own key. For these give checkpoints that
somebody kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection

from hub.audit.checkpoint import LogKey, check_checkpoint, check_cosignatures, name_of, read_kept
from hub.audit.finding import Finding, shown
from hub.audit.growth import Grown, Growth, Roots
from hub.errors import Misconfigured, Refused
from hub.settings import Settings
from hub.store import tree_holdings
from hub.store.store import Store
from hub.tree.key import Ed25519NoteSigner, Kind, NoteKey, read_keys
from hub.tree.merkle import EMPTY
from hub.tree.tiles import HASH, WIDTH, split, tile_path
from hub.trust.certificate import read_certificate

_NO_HASH = bytes(HASH)
_BEFORE_THE_FIRST = (0, b"")
Count = Callable[[int], None]
"""Told how many more rows were looked at."""


@dataclass(frozen=True, slots=True)
class LogStandard:
    """What a tree is measured by: its origin, the keys of its log and of its witnesses, and how late a leaf may be.

    `kept` are checkpoints (notes) from outside, by the name that findings call them by.
    """

    origin: str
    keys: tuple[LogKey, ...]
    witnesses: tuple[NoteKey, ...] = ()
    lag: timedelta = timedelta(seconds=5)
    kept: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Placed:
    """What the leaves came to: the tree, and of each node the last entry with its hash."""

    growth: Growth = field(default_factory=Growth)
    last: dict[Any, tuple[Any, Any]] = field(default_factory=dict)
    signed_us: int = 0


def log_standard_of(
    folder: Path, settings: Settings, store: Store, certificates: Sequence[bytes], kept: Mapping[str, bytes]
) -> LogStandard:
    """What to measure an installation's tree by; `certificates` are those that are or were the hub's, as DER.

    Errors: Misconfigured key.unreadable, certificate.unreadable, note.*
    """
    # The same name that hub.sequence gives the log: verbs do not know each other.
    origin = settings.log_origin(store.ledger_id)
    keys = [key for der in certificates if (key := _certified(origin, der))]
    if settings.ledger.key:
        try:
            pem = (folder / settings.ledger.key).read_bytes()
        except OSError as error:
            raise Misconfigured("key.unreadable", where="ledger.key", operator=str(error)) from None
        keys.append(LogKey(Ed25519NoteSigner.from_pem(origin, pem).key))
    lag = timedelta(seconds=settings.ledger.alarm)
    return LogStandard(origin, tuple(keys), read_keys(settings.ledger.witnesses), lag, kept)


def _certified(origin: str, der: bytes) -> LogKey | None:
    """The key of a certificate if it can sign checkpoints."""
    read = read_certificate(der)
    public = read.parsed.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        return None
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return LogKey(NoteKey(origin, Kind.ECDSA, spki), (read.not_before, read.not_after))


def check_tree(
    connection: Connection, standard: LogStandard, leaf: Count = lambda n: None, checkpoint: Count = lambda n: None
) -> Iterator[Finding]:
    """Yield everything that is wrong with the tree, leaves first; `leaf` and `checkpoint` are told of rows."""
    placed = _Placed()
    yield from _check_leaves(connection, placed, leaf)
    yield from _check_checkpoints(connection, standard, placed, checkpoint)
    yield from _check_head(connection, placed)
    yield from _check_waiting(connection, placed, standard.lag)
    yield from _check_kept(connection, standard, placed)


def _check_leaves(connection: Connection, placed: _Placed, seen: Count) -> Iterator[Finding]:
    expected = 0
    for batch in tree_holdings.leaf_rows(connection):
        hashes = []
        for place, node, sequence, stored, entry in batch:
            before, _ = placed.last.get(node, _BEFORE_THE_FIRST)
            if place != expected or sequence != before + 1:
                yield _misplaced(place, expected, node, sequence, before + 1)
            if stored != entry:
                right = "-" if entry is None else shown(entry)
                yield _of_entry("audit.leaf", f"leaf {place}", "hash", right, shown(stored), node, sequence)
            hashed = stored if type(stored) is bytes and len(stored) == HASH else _NO_HASH
            placed.last[node] = (sequence if type(sequence) is int else before + 1, hashed)
            expected = place + 1 if type(place) is int else expected + 1
            hashes.append(hashed)
        for tile in placed.growth.add(hashes):
            yield from _check_tile(connection, tile)
        seen(len(batch))
    for tile in placed.growth.partial():
        yield from _check_tile(connection, tile)
    wanted, got = placed.growth.tiles(), tree_holdings.tile_count(connection)
    if wanted != got:
        yield Finding("audit.tile", "tiles", "number", str(wanted), str(got))


def _misplaced(place: Any, expected: int, node: Any, sequence: Any, following: int) -> Finding:
    wanted, got = f"{expected}: {following}", f"{shown(place)}: {shown(sequence)}"
    return _of_entry("audit.leaf-order", f"leaf {shown(place)}", "place", wanted, got, node, sequence)


def _of_entry(code: str, what: str, field_: str, expected: str, got: str, node: Any, sequence: Any) -> Finding:
    return Finding(code, what, field_, expected, got, shown(node), sequence if isinstance(sequence, int) else 0)


def _check_tile(connection: Connection, tile: Grown) -> Iterator[Finding]:
    stored = tree_holdings.tile(connection, tile.level, tile.number)
    wanted = b"".join(tile.hashes)
    if stored == wanted:
        return
    what = tile_path(tile.level, tile.number, len(tile.hashes))
    if not isinstance(stored, bytes) or len(stored) != len(wanted):
        length = len(stored) if isinstance(stored, bytes) else type(stored).__name__
        yield Finding("audit.tile", what, "length", str(len(wanted)), str(length))
        return
    pairs = zip(tile.hashes, split(stored), strict=True)
    index, (should, got) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
    yield Finding("audit.tile", what, f"hash {index}", should.hex(), got.hex())


def _check_checkpoints(
    connection: Connection, standard: LogStandard, placed: _Placed, seen: Count
) -> Iterator[Finding]:
    roots, leaves = Roots(placed.growth.roots), _ragged_reader(connection)
    for batch in tree_holdings.checkpoint_rows(connection):
        for row in batch:
            size, root, _, signed_us = row
            yield from check_checkpoint(row, standard.origin, standard.keys)
            yield from _check_root(size, root, placed.growth, roots, leaves)
            yield from check_cosignatures(row, tree_holdings.cosignature_rows(connection, size), standard.witnesses)
            placed.signed_us = signed_us if isinstance(signed_us, int) else placed.signed_us
        seen(len(batch))
    for size in tree_holdings.cosignatures_alone(connection):
        yield Finding("audit.cosignature", name_of(size), "size", got=shown(size))


Ragged = Callable[[int], Sequence[bytes]]


def _ragged_reader(connection: Connection) -> Ragged:
    """Gives the hashes of a tile of level 0, which the leaves were compared with."""

    @lru_cache(maxsize=4)  # checkpoints come in order of their size
    def read(number: int) -> Sequence[bytes]:
        stored = tree_holdings.tile(connection, 0, number)
        return split(stored) if isinstance(stored, bytes) else ()

    return read


def _check_root(size: Any, root: Any, growth: Growth, roots: Roots, leaves: Ragged) -> Iterator[Finding]:
    if not isinstance(size, int) or not 0 < size <= growth.size:
        yield Finding("audit.root", name_of(size), "size", f"<= {growth.size}", shown(size))
        return
    computed = roots.at(size, leaves(size // WIDTH)[: size % WIDTH] if size % WIDTH else ())
    if root != computed:
        yield Finding("audit.root", name_of(size), "root", computed.hex(), shown(root))


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
    last = tree_holdings.last_checkpoint(connection)
    if last != size and size:
        yield Finding("audit.head", "head", "checkpoint", shown(size), shown(last))
    positions = tree_holdings.positions(connection)
    for node in sorted(positions.keys() | placed.last.keys(), key=shown):
        if positions.get(node) != placed.last.get(node):
            expected, got = (placed.last.get(node) or ("", b""))[0], (positions.get(node) or ("", b""))[0]
            yield _of_entry("audit.head", "numbered", "sequence", shown(expected), shown(got), node, expected)


def _whole_root(connection: Connection, growth: Growth) -> bytes:
    if not growth.size:
        return EMPTY
    return _root_at(connection, growth, growth.size)


def _root_at(connection: Connection, growth: Growth, size: int) -> bytes:
    rest = _ragged_reader(connection)(size // WIDTH)[: size % WIDTH] if size % WIDTH else ()
    return Roots(growth.roots).at(size, rest)


def _check_waiting(connection: Connection, placed: _Placed, lag: timedelta) -> Iterator[Finding]:
    """An entry may wait as long as nothing was signed after it; a hub that does not run numbers nothing."""
    overdue = placed.signed_us - lag // timedelta(microseconds=1)
    for node, last in tree_holdings.chain_ends(connection):
        numbered = placed.last.get(node, (0, b""))[0]
        if isinstance(last, int) and last <= numbered:
            continue
        first, count = tree_holdings.waiting(connection, node, numbered, overdue)
        if count:
            yield _of_entry("audit.unnumbered", f"{count}", "time_us", "", "", node, first)


def _check_kept(connection: Connection, standard: LogStandard, placed: _Placed) -> Iterator[Finding]:
    for name, octets in standard.kept.items():
        try:
            found = read_kept(octets, standard.origin, standard.keys)
        except Refused as error:
            yield Finding("audit.kept", name, "note", got=error.code)
            continue
        if found.size > placed.growth.size:
            yield Finding("audit.kept", name, "size", str(found.size), str(placed.growth.size))
        elif (root := _root_at(connection, placed.growth, found.size)) != found.root:
            yield Finding("audit.kept", name, "root", found.root.hex(), root.hex())
