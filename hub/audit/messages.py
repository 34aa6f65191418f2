"""Part of the audit: every stored message with its copies and attachments, in portions that several processes share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sqlalchemy import Connection

from hub.audit.delivery import Read, check_deliveries
from hub.audit.evidence import Evidence, read_evidence
from hub.audit.finding import Finding
from hub.audit.held import Held
from hub.audit.message import Standard, accepted_entry, check_list, check_message, check_record
from hub.audit.purged import ReadAct
from hub.audit.purges import act_reader, may_miss
from hub.audit.report import Looked, Row
from hub.store import holdings
from hub.store.sweeping import uploaded

MESSAGES = 500
"""Most of one portion: a second or two, as each takes three signatures."""


@dataclass(frozen=True, slots=True)
class MessagePortion:
    """The messages with row ids beyond `after` up to `to`."""

    after: int
    to: int
    standard: Standard

    def look(self, connection: Connection) -> Looked:
        """What is wrong with them."""
        read, acts = _evidence_reader(connection), act_reader(connection)
        found: list[Finding] = []
        messages = copies = 0
        for held in holdings.held_messages(connection, self.after, self.to):
            found += _check(connection, held, self.standard, read, acts)
            messages += 1
            copies += len(held.deliveries)
        return Looked({Row.MESSAGE: messages, Row.DELIVERY: copies}, tuple(found))


def message_portions(connection: Connection, standard: Standard) -> list[MessagePortion]:
    """All messages."""
    cuts = holdings.message_cuts(connection, MESSAGES)
    return [MessagePortion(after, to, standard) for after, to in pairwise(cuts)]


def _check(connection: Connection, held: Held, standard: Standard, read: Read, acts: ReadAct) -> Iterator[Finding]:
    raw = holdings.content(connection, str(held.message["digest"]), held.message["id"])
    beside = {str(row["digest"]) for row in held.beside}
    missing = beside - holdings.kept(connection, beside, held.message["id"])
    if missing:
        missing -= uploaded(connection, held.message["id"])
    purged = may_miss(connection, held, acts) if raw is None or missing else ()
    if raw is None and held.message["digest"] in purged:
        yield from check_record(held, standard)
    else:
        yield from check_message(held, raw, standard)
    yield from check_deliveries(held, read)
    accepted = accepted_entry(held)
    if accepted is not None and accepted.evidence:
        yield from check_list(held, holdings.content(connection, accepted.evidence.hex()))
    for digest in missing.difference(purged):
        yield Finding("audit.document-missing", str(held.message["message_id"]), "attachment", digest)


def _evidence_reader(connection: Connection) -> Read:
    @lru_cache(maxsize=64)  # one confirmation of a mailbox is the evidence of many deliveries
    def read(digest: str) -> Evidence | None:
        raw = holdings.content(connection, digest)
        return None if raw is None else read_evidence(raw)

    return read
