"""The floor: what one message costs if the C libraries are called straight and nothing else is done.

Parse, two schemas, C14N, SHA-256, signature check, a signed stamp, and plain sqlite3 inserts in groups with a full
fsync. With delivery: one HTTP POST, and for its answer a parse, a schema, a signature check and the rows.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from bench.material import keys
from schemas import FOLDER

GROUP = 32
TOGETHER = 16
C14N: dict[str, Any] = {"method": "c14n", "exclusive": True, "with_comments": False}
ACKNOWLEDGEMENT = "{urn:hub:proof:v1}acknowledgement"


@dataclass(frozen=True, slots=True)
class Libraries:
    """The C objects that the floor uses."""

    envelope: etree.XMLSchema
    payload: etree.XMLSchema
    proof: etree.XMLSchema
    sender: Any
    receiver: Any
    private: Any

    @classmethod
    def load(cls) -> Libraries:
        """Compile the schemas and read the keys once."""
        names = ("envelope-1", "official-document-1", "proof-1")
        envelope, payload, proof = (etree.XMLSchema(etree.parse(str(FOLDER / f"{name}.xsd"))) for name in names)
        sender, receiver = (x509.load_der_x509_certificate(keys(code).der).public_key() for code in ("sender", "d0"))
        return cls(envelope, payload, proof, sender, receiver, ec.generate_private_key(ec.SECP256R1()))


def check(raw: bytes, libraries: Libraries) -> bytes:
    """Parse, validate and check digest and signature value; return the stamp's signature."""
    root = etree.fromstring(raw)
    libraries.envelope.validate(root)
    libraries.payload.validate(root[1][0])
    check_signature(root, libraries.sender)
    stamp = hashlib.sha256(raw).digest() * 8
    return bytes(libraries.private.sign(stamp, ec.ECDSA(hashes.SHA256())))


def check_signature(root: Any, public: Any) -> None:
    """The two canonical forms, the digest, and one verification."""
    signature = root[-1]
    info = etree.tostring(signature[0], **C14N)
    value = base64.b64decode(signature[1].text)
    root.remove(signature)
    hashlib.sha256(etree.tostring(root, **C14N)).digest()
    half = len(value) // 2
    der = encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
    public.verify(der, info, ec.ECDSA(hashes.SHA256()))


def open_database(path: Path) -> sqlite3.Connection:
    """The tables that a message touches, as few as will do."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE documents (digest TEXT PRIMARY KEY, content BLOB)")
    database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, sender, message_id, digest, stamp BLOB)")
    database.execute("CREATE UNIQUE INDEX known ON messages (sender, message_id)")
    database.execute("CREATE TABLE deliveries (id INTEGER PRIMARY KEY, message, recipient, state, next_us)")
    database.execute("CREATE INDEX queue ON deliveries (state, recipient, next_us)")
    database.execute("CREATE TABLE ledger (node, sequence, form BLOB, hash BLOB, PRIMARY KEY (node, sequence))")
    return database


def accept_all(raws: list[bytes], database: sqlite3.Connection, libraries: Libraries) -> None:
    """Check and store every message, in groups."""
    for start in range(0, len(raws), GROUP):
        database.execute("BEGIN IMMEDIATE")
        for number, raw in enumerate(raws[start : start + GROUP], start):
            _store(number, raw, check(raw, libraries), database)
        database.execute("COMMIT")


def _store(number: int, raw: bytes, stamp: bytes, database: sqlite3.Connection) -> None:
    digest = hashlib.sha256(raw).hexdigest()
    database.execute("SELECT 1 FROM messages WHERE sender=? AND message_id=?", ("sender", f"m{number}")).fetchone()
    database.execute("INSERT INTO documents VALUES (?,?)", (digest, raw))
    database.execute("INSERT INTO messages VALUES (?,?,?,?,?)", (number, "sender", f"m{number}", digest, stamp))
    database.execute("INSERT INTO deliveries VALUES (?,?,?,?,?)", (number, number, "d0", "waiting", 0))
    _hop(2 * number, digest, database)


def _hop(number: int, digest: str, database: sqlite3.Connection) -> None:
    form = digest.encode() * 5
    database.execute("INSERT INTO ledger VALUES (?,?,?,?)", ("n", number, form, hashlib.sha256(form).digest()))


async def deliver_all(
    bodies: list[bytes], url: str, headers: dict[str, str], database: sqlite3.Connection, libraries: Libraries
) -> None:
    """POST every body and check and store every answer, some at a time, in groups."""
    async with aiohttp.ClientSession() as session:
        for start in range(0, len(bodies), TOGETHER):
            posts = [_post(session, url, body, headers) for body in bodies[start : start + TOGETHER]]
            answers = await asyncio.gather(*posts)
            database.execute("BEGIN IMMEDIATE")
            for number, answer in enumerate(answers, start):
                _settle(number, answer, database, libraries)
            database.execute("COMMIT")


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> bytes:
    async with session.post(url, data=body, headers=headers) as response:
        return await response.read()


def _settle(number: int, answer: bytes, database: sqlite3.Connection, libraries: Libraries) -> None:
    found = next(etree.fromstring(answer).iter(ACKNOWLEDGEMENT))
    root = etree.fromstring(etree.tostring(found))
    libraries.proof.validate(root)
    check_signature(root, libraries.receiver)
    digest = hashlib.sha256(answer).hexdigest()
    database.execute("INSERT INTO documents VALUES (?,?)", (digest, answer))
    database.execute("UPDATE deliveries SET state='delivered' WHERE id=?", (number,))
    _hop(2 * number + 1, digest, database)
