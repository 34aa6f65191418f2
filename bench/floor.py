"""The floor: what one message costs if the C libraries are called straight and nothing else is done.

Parse, two schemas, C14N, SHA-256, signature check, a signed stamp, and plain sqlite3 inserts in groups of 32 with a full
fsync; with delivery also one HTTP POST, the check of a signed answer and the rows for it.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from bench.material import keys
from schemas import FOLDER

GROUP = 32
DS = "{http://www.w3.org/2000/09/xmldsig#}"
C14N: dict[str, Any] = {"method": "c14n", "exclusive": True, "with_comments": False}


@dataclass(frozen=True, slots=True)
class Libraries:
    """The C objects that both floor roads use."""

    envelope: etree.XMLSchema
    payload: etree.XMLSchema
    proof: etree.XMLSchema
    public: Any
    private: Any

    @classmethod
    def load(cls) -> Libraries:
        """Compile the schemas and keys once."""
        names = ("envelope-1", "official-document-1", "proof-1")
        schemas = [etree.XMLSchema(etree.parse(str(FOLDER / f"{name}.xsd"))) for name in names]
        public = x509.load_der_x509_certificate(keys("sender").der).public_key()
        return cls(*schemas, public, ec.generate_private_key(ec.SECP256R1()))


def check(raw: bytes, libraries: Libraries) -> bytes:
    """Parse, validate and check digest and signature value; return the stamp's signature."""
    root = etree.fromstring(raw)
    libraries.envelope.validate(root)
    libraries.payload.validate(root[1][0])
    _check_signature(root, libraries)
    stamp = hashlib.sha256(raw).digest() * 8
    return bytes(libraries.private.sign(stamp, ec.ECDSA(hashes.SHA256())))


def _check_signature(root: Any, libraries: Libraries) -> None:
    signature = root[-1]
    info = etree.tostring(signature[0], **C14N)
    value = base64.b64decode(signature[1].text)
    root.remove(signature)
    hashlib.sha256(etree.tostring(root, **C14N)).digest()
    half = len(value) // 2
    der = encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
    libraries.public.verify(der, info, ec.ECDSA(hashes.SHA256()))


def open_database(path: Path) -> sqlite3.Connection:
    """The four tables that a message touches, as SQLite likes them best."""
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
    form = digest.encode() * 5
    database.execute("INSERT INTO ledger VALUES (?,?,?,?)", ("n", number, form, hashlib.sha256(form).digest()))
