"""The format document, read as a stranger would: its example is right, and a reader made from it alone can check."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub.ledger.ledger import FIELDS, FIRST, Entry, entry_hash, form, to_microseconds
from hub.message import Hop
from hub.store.tables import ledger
from hub.tree.key_change import MOST_KEYS, open_change
from hub.tree.note import MOST_BYTES, MOST_SIGNATURES

DOCUMENT = (Path(__file__).parent.parent / "docs" / "ledger-format.md").read_text(encoding="utf-8")
EXAMPLE = Entry(
    ledger="7f3a",
    node="hub",
    sequence=1,
    time_us=to_microseconds(datetime(2026, 3, 2, 1, 0, tzinfo=UTC)),
    kind=Hop.ACCEPTED,
    sender="a",
    message_id="m-1",
    source="a",
    target="hub",
    document=bytes(range(32)),
    evidence=b"",
    rules="s1/r1",
    signer="ab" * 32,
    detail="",
    previous=FIRST,
)


def block(name: str) -> bytes:
    """The hex of a fenced block."""
    found = re.search(rf"```{name}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return bytes.fromhex(found[1])


def test_the_example_is_the_form_and_the_hash_that_the_hub_writes() -> None:
    assert block("form") == form(EXAMPLE)
    assert block("hash") == entry_hash(EXAMPLE)


def test_the_example_reads_by_the_documents_words_alone() -> None:
    octets = block("form")
    assert hashlib.sha256(b"\x00" + octets).digest() == block("hash")
    assert octets[:4] == b"HLE1"
    values, rest = [], octets[4:]
    while rest:
        size = int.from_bytes(rest[:4], "big")
        values.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    assert values[:4] == [b"7f3a", b"hub", (1).to_bytes(8, "big"), values[3]]
    assert int.from_bytes(values[3], "big") == EXAMPLE.time_us
    assert len(values) == 15


def test_the_fields_and_kinds_of_the_document_are_those_of_the_hub() -> None:
    named = re.findall(r"^\| \d+ \| (\w+) \|", DOCUMENT, re.MULTILINE)
    assert tuple(named) == FIELDS
    kinds = re.search(r"^\| 5 \| kind \| text \| (.*?);", DOCUMENT, re.MULTILINE)
    assert kinds is not None
    assert re.findall(r"`(\w+)`", kinds[1]) == [str(kind) for kind in Hop]


def test_the_bounds_of_the_document_are_those_of_the_hub() -> None:
    assert f"{MOST_BYTES:,} octets or {MOST_SIGNATURES} signatures" in DOCUMENT
    widest = sum(getattr(column.type, "length", None) or 64 for column in ledger.c) * 4
    assert widest < 2**16  # an entry bundle gives two octets to an entry's length


def test_the_example_of_a_key_change_reads_by_the_documents_words_alone() -> None:
    found = re.search(r"```key-change\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    text, _, lines = found[1].partition("\n\n")
    header, origin, size, root, *keys = text.split("\n")
    assert (header, size) == ("hub/key-change/v1", "5")
    assert base64.b64decode(root) == hashlib.sha256(b"root").digest()
    assert [key[:4] for key in keys] == ["old ", "new "]
    verified = []
    for key, line in zip(keys, lines.splitlines(), strict=True):
        name, identity, coded = key[4:].split("+", 2)
        public = base64.b64decode(coded)
        named = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
        signature = base64.b64decode(line.removeprefix(f"\u2014 {origin} "))
        assert (name, identity, public[0]) == (origin, named.hex(), 1)
        assert signature[:4] == named
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], f"{text}\n".encode())
        verified.append(name)
    assert verified == [origin, origin]


def test_the_example_of_a_key_change_is_what_the_hub_reads() -> None:
    found = re.search(r"```key-change\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    change = open_change(found[1].encode(), "city.example/ledger")
    assert (change.size, len(change.old), len(change.new)) == (5, 1, 1)
    assert MOST_KEYS == 8
    assert "1 to 8 `old` lines" in DOCUMENT
