"""What `hub doctor` says of backups: when the last one was taken, by the ledger's word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

from commands.checks.looked import Check, Site, ok, warn
from hub.administration.administered import NODE
from hub.hub import open_store
from hub.store.backups import has_messages, last_backup

LONG = timedelta(days=2)
"""Without a backup for so long there is something wrong with whatever takes them each night."""


def check_backup(site: Site) -> Iterator[Check]:
    """A backup was taken not long ago. Errors: Misconfigured store.*; Unavailable store.*"""
    with closing(open_store(site.folder, site.settings, NODE)) as store, store.reading() as connection:
        at, used = last_backup(connection), has_messages(connection)
    if at is None and not used:
        yield ok("backup", "尚无报文，无需备份", "no message yet, so nothing to back up")
        return
    if at is None:
        yield warn("backup", "从未备份，请定期运行 hub backup", "no backup was ever taken: run hub backup each night")
        return
    when, days = at.isoformat(timespec="seconds"), (site.at - at) / timedelta(days=1)
    if site.at - at > LONG:
        yield warn(
            "backup", f"最近一次备份是 {when}，已过 {days:.0f} 天", f"the last backup is {days:.0f} days old: {when}"
        )
    else:
        yield ok("backup", f"最近一次备份：{when}", f"the last backup: {when}")
