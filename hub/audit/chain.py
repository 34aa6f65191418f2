"""Part of the audit: whether every node's chain is whole, recomputed from the columns of its entries. Pure.

A million entries take seconds: each is formed anew in one expression and compared. That answers only yes or no; what is
wrong, and where, a second and slower look says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from typing import Any

from hub.audit.finding import Finding
from hub.ledger import FIRST, MAGIC, Stored, check_chain

NOT_AN_ENTRY = (AttributeError, TypeError, ValueError, struct.error)
"""What `formed` raises for values that no entry holds."""

_length = struct.Struct(">I").pack
_numbers = struct.Struct(">IQIQ").pack
_EIGHT = 8
_NODE, _SEQUENCE, _PREVIOUS, _FORM, _HASH = 1, 2, 14, 15, 16


def all_in_order(batches: Iterable[Sequence[Sequence[Any]]], seen: Callable[[int], None]) -> bool:
    """Whether each chain is unbroken from sequence 1 on, and each entry as its form and its hash say.

    Rows are the fields of an entry, its form and its hash, chain by chain in order. `seen` is told of each batch.
    """
    node, sequence, last = None, 0, FIRST
    for batch in batches:
        for row in batch:
            if row[_NODE] != node:
                node, sequence, last = row[_NODE], 0, FIRST
            sequence += 1
            if row[_SEQUENCE] != sequence or row[_PREVIOUS] != last or not _agrees(row):
                return False
            last = row[_HASH]
        seen(len(batch))
    return True


def flaws(chains: Iterable[Stored]) -> Iterator[Finding]:
    """Yield what is wrong with chains that are not all in order, node by node."""
    flawless = True
    for _, chain in groupby(chains, key=lambda stored: stored.entry.node):
        for flaw in check_chain(chain):
            flawless = False
            yield Finding("audit.chain", "", flaw.field, flaw.expected, flaw.got, flaw.node, flaw.sequence)
    if flawless:  # both looks disagree, which is no reason to say that all is well
        yield Finding("audit.chain")


def formed(values: Sequence[Any]) -> bytes:
    """The byte form of an entry, given its fields, in order, and anything after. Errors: one of `NOT_AN_ENTRY`."""
    (ledger, node, sequence, time_us, kind, sender, message_id, source, target,
     document, evidence, rules, signer, detail, previous, *_) = values  # fmt: skip
    named = message_id.encode()
    return b"".join(
        (
            MAGIC,
            _text(ledger),
            _text(node),
            _numbers(_EIGHT, sequence, _EIGHT, time_us),
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


def _agrees(row: Sequence[Any]) -> bool:
    try:
        form = formed(row)
        return bool(form == row[_FORM] and sha256(b"\x00" + form).digest() == row[_HASH])
    except NOT_AN_ENTRY:
        return False
