"""Part of the audit: whether every node's chain is whole, recomputed from the columns of its entries. Pure.

A million entries take seconds: each is formed anew in one expression and compared. The answer is only yes or no;
what is wrong, and where, `hub.ledger.check_chain` says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from hub.ledger import FIRST, MAGIC

NOT_AN_ENTRY = (AttributeError, TypeError, ValueError, struct.error)
"""What `formed` raises for values that no entry holds."""

_length = struct.Struct(">I").pack
_number = struct.Struct(">IQ").pack
_EIGHT = 8


def all_in_order(batches: Iterable[Sequence[Sequence[Any]]], seen: Callable[[int], None]) -> bool:
    """Whether each chain is unbroken from sequence 1 on, and each entry as its form and its hash say.

    Rows are the fields of an entry, its form and its hash, chain by chain in order. `seen` is told of each batch.
    """
    node, sequence, last = None, 0, FIRST
    for batch in batches:
        for *values, form, hashed in batch:
            if values[1] != node:
                node, sequence, last = values[1], 0, FIRST
            sequence += 1
            if values[2] != sequence or values[-1] != last or not _agree(values, form, hashed):
                return False
            last = hashed
        seen(len(batch))
    return True


def formed(values: Sequence[Any]) -> bytes:
    """The byte form of an entry from its fields in order. Errors: one of `NOT_AN_ENTRY`."""
    ledger, node, sequence, time_us, kind, sender, message_id, source, target, *rest = values
    document, evidence, rules, signer, detail, previous = rest
    named = message_id.encode()
    return b"".join(
        (
            MAGIC,
            _text(ledger),
            _text(node),
            _number(_EIGHT, sequence),
            _number(_EIGHT, time_us),
            _text(kind),
            _text(sender),
            _length(len(named)),
            named,
            _text(source),
            _text(target),
            _length(len(document)),
            document,
            _length(len(evidence)),
            evidence,
            _text(rules),
            _text(signer),
            _text(detail),
            _length(len(previous)),
            previous,
        )
    )


@lru_cache(maxsize=16384)  # but for the message's id, the texts of entries are few
def _text(value: str) -> bytes:
    octets = value.encode()
    return _length(len(octets)) + octets


def _agree(values: Sequence[Any], form: Any, hashed: Any) -> bool:
    try:
        return bool(formed(values) == form and sha256(b"\x00" + form).digest() == hashed)
    except NOT_AN_ENTRY:
        return False
