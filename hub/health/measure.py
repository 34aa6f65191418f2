"""Measures what `health` judges: the database as this process sees it, and the disk under the data directory.

Promises: it reads only, and what cannot be read is a code, never an error. It may block; callers put it in a thread.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from hub.errors import HubError
from hub.health.health import Measured, Stored
from hub.hub import Hub
from hub.ledger.ledger import from_microseconds
from hub.store.condition import is_local, takes_writes
from hub.store.partitions import months_ahead
from hub.store.queues import read_oldest
from hub.store.store import LARGEST_CLOCK_DIFFERENCE
from hub.store.timestamps import read_unconfirmed_since
from hub.store.tree import read_queues
from hub.trust.certificate import read_certificate

_PASSING = {"store.value", "store.raced", "store.busy", "store.slow"}
"""What a commit may fail with although the database is well."""


def measure(hub: Hub, folder: Path, *, reading: bool = True) -> Measured:
    """What there is to measure at this moment of the hub's clock; not `reading`: the database does not answer."""
    certificate = read_certificate(hub.signer.certificate)
    stored, code = None, "" if reading else "store.unreachable"
    try:
        stored = _read(hub) if reading else None
    except HubError as error:
        code = error.code
    return Measured(
        at=hub.clock(),
        key_from=certificate.not_before,
        key_until=certificate.not_after,
        stored=stored,
        store=code,
        writer="" if hub.writer.fault in _PASSING else hub.writer.fault,
        disk=_free(folder) if is_local(hub.store) else None,
    )


def _read(hub: Hub) -> Stored:
    at = hub.clock()
    difference = hub.store.clock_difference(hub.clock)
    watched = bool(hub.settings.ledger.witnesses or hub.settings.ledger.timestamp_url)
    with hub.store.reading() as connection:
        unnumbered = [queue.entries[0].time_us for queue in read_queues(connection, 1)]
        unconfirmed = read_unconfirmed_since(connection) if watched else None
        oldest = read_oldest(connection)
        ahead = months_ahead(connection, at)
    return Stored(
        clock=difference.total_seconds(),
        largest_clock=LARGEST_CLOCK_DIFFERENCE.total_seconds(),
        read_only=not takes_writes(hub.store),
        merge_lag=_age(min(map(from_microseconds, unnumbered), default=None), at),
        unconfirmed=_age(None if unconfirmed is None else from_microseconds(unconfirmed), at),
        oldest_waiting=_age(oldest, at),
        months_ahead=ahead,
    )


def _age(since: datetime | None, at: datetime) -> float:
    return 0.0 if since is None else max(0.0, (at - since).total_seconds())


def _free(folder: Path) -> int | None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    return free if os.access(folder, os.W_OK) else 0
