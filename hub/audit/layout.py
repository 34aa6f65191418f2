"""Part of the audit: tables and indexes are defined as the hub's are, and nothing acts in its database by itself."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from hub.audit.finding import Finding, shown
from hub.store.layout import flaws


def check_layout(connection: Connection) -> Iterator[Finding]:
    """Yield a finding for each definition that is not the program's."""
    for flaw in flaws(connection):
        yield Finding("audit.layout", shown(flaw.where), "", shown(flaw.expected), shown(flaw.got))
