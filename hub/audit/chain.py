"""Part of the audit: whether every node's chain is whole, recomputed from the columns of its entries. Pure.

A million entries take seconds: each is formed anew in one expression and compared. That answers only yes or no; what is
wrong, and where, a second and slower look says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from hub.audit.finding import Finding
from hub.ledger.ledger import MAGIC, Stored, check_chain

_NOT_AN_ENTRY = (AttributeError, TypeError, ValueError, struct.error)
"""What forming an entry raises for values that no entry holds."""
_MOST_TEXTS = 16_384

_length = struct.Struct(">I").pack
_numbers = struct.Struct(">IQIQ").pack
_EIGHT = 8


class _Lengths(dict[int, bytes]):
    """Each length as a form writes it, made once."""

    def __missing__(self, number: int) -> bytes:
        made = self[number] = _length(number)
        return made


class _Texts(dict[str, bytes]):
    """Each text as a form writes it, made once: but for the message's id, the texts of entries are few."""

    def __missing__(self, value: str) -> bytes:
        octets = value.encode()
        if len(self) >= _MOST_TEXTS:
            self.clear()
        made = self[value] = _length(len(octets)) + octets
        return made


_size = _Lengths()
_text = _Texts()


def in_order(batches: Iterable[Sequence[Sequence[Any]]], after: int, previous: bytes) -> int | None:
    """How many entries follow `after` without a gap, each as its form, its hash and the one before it say.

    None if one does not. Rows are the fields of an entry, its form and its hash, of one chain in order; `previous` is
    the hash of entry `after`.
    """
    number = 0
    try:
        for batch in batches:
            if not _follow(batch, after + number, previous):
                return None
            number += len(batch)
            previous = batch[-1][-1]
    except _NOT_AN_ENTRY:
        return None
    return number


def _follow(batch: Sequence[Sequence[Any]], after: int, last: bytes) -> bool:
    number, join, text, size = after, b"".join, _text, _size
    for (
        ledger, node, sequence, time_us, kind, sender, message_id, source, target,
        document, evidence, rules, signer, detail, previous, form, hashed,
    ) in batch:  # fmt: skip
        number += 1
        named = message_id.encode()
        parts = (
            MAGIC, text[ledger], text[node], _numbers(_EIGHT, sequence, _EIGHT, time_us), text[kind], text[sender],
            size[len(named)], named, text[source], text[target], size[len(document)], document,
            size[len(evidence)], evidence, text[rules], text[signer], text[detail], size[len(previous)], previous,
        )  # fmt: skip
        if sequence != number or previous != last or form != join(parts):
            return False
        if sha256(b"\x00" + form).digest() != hashed:
            return False
        last = hashed
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
