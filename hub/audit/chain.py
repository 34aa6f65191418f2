"""Part of the audit: every node's chain recomputed from its entries, and each entry's columns from its form.

A million entries take seconds: each is formed anew in one expression and compared. That pass only answers whether
all is well; if not, `hub.ledger.check_chain` reads again, slowly, and names the entry and its field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from struct import Struct
from struct import error as StructError  # noqa: N812: it is an exception
from typing import Any

from sqlalchemy import Connection

from hub.audit.finding import Finding
from hub.ledger import FIRST, MAGIC, Flaw, Stored, check_chain
from hub.store import holdings, tree_holdings

Count = Callable[[int], None]
"""Told how many more entries were looked at."""

_NOT_AN_ENTRY = (AttributeError, TypeError, ValueError, StructError)
_length = Struct(">I").pack
_number = Struct(">IQ").pack
_EIGHT = 8


def check_chains(connection: Connection, seen: Count) -> Iterator[Finding]:
    """Yield every flaw of every chain, each from its first entry on."""
    done = 0

    def note(number: int) -> None:
        nonlocal done
        done += number
        seen(number)

    if not _all_in_order(connection, note):
        for _, chain in groupby(holdings.chains(connection), key=lambda stored: stored.entry.node):
            for flaw in check_chain(_noted(chain, note if not done else _nobody)):
                yield _of_flaw(flaw)


def formed(values: Sequence[Any]) -> bytes:
    """The byte form of an entry from its fields in order. Errors: any of `_NOT_AN_ENTRY` for what no entry holds."""
    ledger, node, sequence, time_us, kind, sender, message_id, source, target, *rest = values
    document, evidence, rules, signer, detail, previous = rest
    return b"".join(
        (
            MAGIC,
            _text(ledger),
            _text(node),
            _number(_EIGHT, sequence),
            _number(_EIGHT, time_us),
            _text(kind),
            _text(sender),
            _text(message_id),
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


@lru_cache(maxsize=4096)
def _text(value: str) -> bytes:
    octets = value.encode()
    return _length(len(octets)) + octets


def _all_in_order(connection: Connection, seen: Count) -> bool:
    """Whether each chain is as its entries say, beginning with sequence 1."""
    node, sequence, last = None, 0, FIRST
    for batch in tree_holdings.entry_rows(connection):
        for *values, form, hashed in batch:
            if values[1] != node:
                node, sequence, last = values[1], 0, FIRST
            sequence += 1
            if values[2] != sequence or values[-1] != last or not _agree(values, form, hashed):
                return False
            last = hashed
        seen(len(batch))
    return True


def _agree(values: Sequence[Any], form: Any, hashed: Any) -> bool:
    try:
        return bool(formed(values) == form and sha256(b"\x00" + form).digest() == hashed)
    except _NOT_AN_ENTRY:
        return False


def _noted(chain: Iterator[Stored], seen: Count) -> Iterator[Stored]:
    for stored in chain:
        seen(1)
        yield stored


def _nobody(_: int) -> None:
    """Whoever was told of the entries in the first pass is not told again."""


def _of_flaw(flaw: Flaw) -> Finding:
    return Finding("audit.chain", "", flaw.field, flaw.expected, flaw.got, flaw.node, flaw.sequence)
