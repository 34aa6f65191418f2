"""What `hub doctor` says of the database's partitions: whether those of the months to come are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from commands.checks.looked import Check, Level, Site, failed, ok
from hub.administration.administered import NODE
from hub.errors import Misconfigured
from hub.health.health import MONTHS_AHEAD
from hub.hub import open_store
from hub.store.partitions import months_ahead


def check_partitions(site: Site) -> Iterator[Check]:
    """PostgreSQL has partitions for some months ahead; of SQLite there is nothing to say. Errors: store.*"""
    with closing(open_store(site.folder, site.settings, NODE)) as store, store.reading() as connection:
        ahead = months_ahead(connection, site.at)
    if ahead is None:
        return
    if ahead < MONTHS_AHEAD:
        few = Misconfigured("health.partitions", got=str(ahead), expected=f">= {MONTHS_AHEAD}")
        yield failed("partitions", few, Level.WARN)
    else:
        yield ok("partitions", f"今后 {ahead} 个月的分区已备好", f"partitions for the coming {ahead} months are there")
