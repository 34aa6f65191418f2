"""What `hub doctor` says of a PostgreSQL database: the role's rights, and the partitions of the months to come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from commands.checks.looked import Check, Level, Site, failed, ok
from hub.administration.administered import NODE
from hub.errors import Misconfigured
from hub.health.health import MONTHS_AHEAD
from hub.hub import open_store
from hub.store.partitions import months_ahead
from hub.store.roles import check_rights


def check_role(site: Site) -> Iterator[Check]:
    """PostgreSQL lets the hub's role do all that serving needs; of SQLite there is nothing to say. Errors: store.*"""
    with closing(open_store(site.folder, site.settings, NODE)) as store, store.reading() as connection:
        check_rights(connection)
        if connection.dialect.name != "sqlite":
            yield ok("role", "数据库用户的权限齐全", "the database role has all the rights that serving needs")


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
