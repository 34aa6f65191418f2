"""Part of the audit: walks what was purged, and tells of one message which of its documents may be missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from sqlalchemy import Connection

from hub.administration.administered import NODE, Act, Deed
from hub.audit.finding import Finding
from hub.audit.held import Held
from hub.audit.message import name_of
from hub.audit.purged import PurgeRow, ReadAct, act_of, check_purge, check_row, covered
from hub.message import Hop
from hub.store import chain_holdings, holdings, purging


def check_purges(connection: Connection) -> Iterator[Finding]:
    """Yield what is wrong with the acts of purges, and with the rows that say which messages were purged."""
    for sequence, digest in chain_holdings.evidence_places(connection, NODE, Hop.ADMIN, Deed.RETENTION_PURGED):
        act = act_of(holdings.content(connection, digest) or b"")
        if act is not None:  # else it was found with its entry
            yield from check_purge(act, (NODE, sequence))
    read, after = act_reader(connection), 0
    while rows := purging.purge_rows(connection, after):
        for _, name, act_digest in rows:
            yield from check_row(PurgeRow(name, act_digest), read)
        after = rows[-1][0]


def may_miss(connection: Connection, held: Held, read: ReadAct) -> Collection[str]:
    """The digests of a message's documents that an administrator's act let go."""
    row = int(held.message["id"])
    found = purging.purged_of(connection, [row]).get(row)
    return covered(PurgeRow(name_of(held), found[1]), read) if found else ()


def act_reader(connection: Connection) -> ReadAct:
    """Reads acts, the last few only once: one act names many messages."""

    @lru_cache(maxsize=8)
    def read(digest: str) -> Act | None:
        if not chain_holdings.is_evidence(connection, digest, Hop.ADMIN):
            return None
        return act_of(holdings.content(connection, digest) or b"")

    return read
