"""Stored messages by the million: rows made inside the database, delivered long ago, with all that stands beside them.

Right in form, so that every statement finds what it looks for: a message has its document, one delivery, its evidence,
two ledger entries and their places in the tree; there are checkpoints. Not right in content: documents and stamps are
some bytes of zero, and neither chain nor tree verifies; only what the next entry and the next checkpoint build on fits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, text

from bench.material import HUB, NOW
from hub.hub import Hub
from hub.ledger.ledger import to_microseconds
from hub.ledger.sequence import checkpoint_signers, origin_of
from hub.store.tables import checkpoints, deliveries, ledger, messages, numbered, tiles, tree_head
from hub.tree.checkpoint import Checkpoint
from hub.tree.note import sign_note
from hub.tree.tiles import HASH, edge_of, edge_root

STEP = 1_000_000
ENTRIES = 2
"""How many ledger entries a message has here."""
SENDERS = 1000
_DAY = 86_400_000_000
_SQLITE = {
    "hex": "printf('%010x', (i * 611953000001) % 1099511627776)",
    "blob": "CAST(substr({0}, 1, 32) AS BLOB)",
    "bytes": "zeroblob({0})",
    "numbers": "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)",
}
_POSTGRESQL = {
    "hex": "lpad(to_hex((i * 611953000001) % 1099511627776), 10, '0')",
    "blob": "convert_to(substr({0}, 1, 32), 'UTF8')",
    "bytes": "decode(repeat('00', {0}), 'hex')",
    "numbers": "WITH n(i) AS (SELECT generate_series(CAST(:first AS BIGINT), CAST(:last AS BIGINT)))",
}
"""Digests lie as evenly as those of SHA-256: a number below 2^40 that does not come twice, and some letters."""
_MADE = (
    ("documents (digest, content)", "{digest}, {content}", "1"),
    ("documents (digest, content)", "{proof}, {content}", "1"),
    ("message_keys (sender, message_id, message)", "{sender}, {name}, i", "i"),
    (
        "messages (id, sender, message_id, type, in_reply_to, document_number, case_number, urgency, classification,"
        " created_us, received_us, digest, size, signer, stamp, beside, beside_size)",
        "i, {sender}, {name}, 'official-document-1', CASE WHEN i % 10 = 0 THEN 'g-' || (i - 1) END,"
        " '办发〔2026〕' || i || '号', 'case-' || (i / 5), 'routine', 'none', {at}, {at}, {digest}, 8000, {thumbprint},"
        " {stamp}, 0, 0",
        "i",
    ),
    (
        "deliveries (id, message, recipient, role, endpoint, state, attempts, first_us, next_us, done_us, evidence)",
        "i, i, {recipient}, 'main', {recipient}, 'delivered', 1, {at}, {at}, {at} + 500, {proof}",
        "i",
    ),
    (
        "ledger (node, sequence, ledger, time_us, kind, sender, message_id, source, target, document, evidence, rules,"
        " signer, detail, previous, form, hash)",
        "{node}, 2 * i - 1, 'bench', {at}, 'accepted', {sender}, {name}, {sender}, {node}, {digest_blob}, {nothing},"
        " 's1/r1', {thumbprint}, '', {hash}, {form}, {hash}",
        "i",
    ),
    (
        "ledger (node, sequence, ledger, time_us, kind, sender, message_id, source, target, document, evidence, rules,"
        " signer, detail, previous, form, hash)",
        "{node}, 2 * i, 'bench', {at} + 500, 'delivered', {sender}, {name}, {node}, {recipient}, {digest_blob},"
        " {proof_blob}, '', {thumbprint}, 'signature', {hash}, {form}, {hash}",
        "i",
    ),
    ("leaves (place, node, sequence, hash)", "2 * i - 2, {node}, 2 * i - 1, {hash}", "i"),
    ("leaves (place, node, sequence, hash)", "2 * i - 1, {node}, 2 * i, {hash}", "i"),
    ("checkpoints (size, root, note, signed_us, fence)", "2 * i - 1, {hash}, 'note', {at}, 1", "i"),
)


def name_of(number: int) -> str:
    """SENDER/ID of a generated message; numbers begin at 1."""
    return f"s{number % SENDERS}/g-{number}"


def generate(hub: Hub, folder: Path, total: int) -> None:
    """Fill a new installation with `total` messages; what it accepts next follows them."""
    engine = hub.store.engine.execution_options(hub_writes=True)
    _hasten(engine)
    indexes = [index for table in (messages, ledger, deliveries) for index in table.indexes]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    for first in range(1, total + 1, STEP):
        with engine.begin() as connection:
            span = {"first": first, "last": min(first + STEP - 1, total)}
            for statement in _statements(engine.dialect.name):
                connection.execute(text(statement), span)
    with engine.begin() as connection:
        for index in indexes:
            index.create(connection)
        _stand(connection, hub, folder, total)
    _settle(engine)


def _statements(dialect: str) -> list[str]:
    told = _SQLITE if dialect == "sqlite" else _POSTGRESQL
    digest, proof = (f"{told['hex']} || '{letters * 27}'" for letters in ("5a", "a5"))
    words = {
        "digest": digest,
        "proof": proof,
        "digest_blob": told["blob"].format(digest),
        "proof_blob": told["blob"].format(proof),
        **{name: told["bytes"].format(size) for name, size in _SIZES.items()},
        "thumbprint": f"'{'c3' * 32}'",
        "at": f"({to_microseconds(NOW) - 30 * _DAY} + i * 1000)",
        "node": f"'{HUB}'",
        "sender": f"'s' || (i % {SENDERS})",
        "recipient": "'d' || (i % 16)",
        "name": "'g-' || i",
    }
    return [
        f"INSERT INTO {into} {told['numbers']} SELECT {fields.format(**words)} FROM n ORDER BY {order}"
        for into, fields, order in _MADE
    ]


_SIZES = {"nothing": 0, "hash": HASH, "content": 100, "stamp": 200, "form": 300}


def _hasten(engine: Engine) -> None:
    """Settings of the connection that will be used next: nothing of this need survive a power cut, or be checked."""
    given = engine.raw_connection()
    connection: Any = given.driver_connection
    for statement in _HASTE[engine.dialect.name]:
        connection.execute(statement)
    connection.commit()
    given.close()


_HASTE = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -2000000"),
    "postgresql": (
        "SET statement_timeout = 0",
        "SET session_replication_role = replica",
        "SET synchronous_commit = off",
        "SET maintenance_work_mem = '1GB'",
        "SET work_mem = '256MB'",
    ),
}


def _stand(connection: Connection, hub: Hub, folder: Path, total: int) -> None:
    """What the next entries, places and ids follow."""
    size = ENTRIES * total
    last = bytes(HASH)
    connection.execute(insert(numbered), {"node": HUB, "sequence": size, "hash": last})
    edge = {level: last * width for level, _, width in edge_of(size)}
    for level, number, width in edge_of(size):
        connection.execute(insert(tiles), {"level": level, "number": number, "hashes": last * width})
    root = edge_root(edge)
    note = sign_note(Checkpoint(origin_of(hub), size, root).text(), checkpoint_signers(hub, folder)).written()
    head = {"id": 1, "size": size, "root": root, "fence": 1, "node": HUB, "holder": "", "until_us": 0}
    connection.execute(insert(tree_head), head)
    signed = {"size": size, "root": root, "note": note, "signed_us": to_microseconds(NOW), "fence": 1}
    connection.execute(insert(checkpoints), signed)
    if connection.dialect.name == "postgresql":
        for name in ("messages", "deliveries"):
            connection.execute(select(func.setval(f"{name}_id_seq", total)))


def _settle(engine: Engine) -> None:
    """What a database does to itself in time: everything in its place on the disk, and PostgreSQL's statistics."""
    sqlite = engine.dialect.name == "sqlite"
    connection: Any = engine.raw_connection().driver_connection
    connection.rollback()
    if not sqlite:
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")
    for statement in ("PRAGMA wal_checkpoint(TRUNCATE)",) if sqlite else ("VACUUM ANALYZE", "CHECKPOINT"):
        connection.execute(statement)
    connection.close()
    engine.dispose()  # with it go the settings that were for filling only
