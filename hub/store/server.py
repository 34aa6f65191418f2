"""Whether a PostgreSQL server is one that the hub can be kept in.

Promises: a server that is too old, or that would lose or spoil Chinese text, is refused with every connection, so also
after a fail-over, and before anything is asked of it. It changes nothing.
"""

from __future__ import annotations

from typing import Any

from hub.errors import Misconfigured

OLDEST = 15
"""The oldest PostgreSQL that the hub works on."""
ENCODING = "UTF8"


def connect_checked(dialect: Any, record: Any, given: list[Any], named: dict[str, Any]) -> Any:
    """A driver's connection to a server that will do. Before SQLAlchemy asks anything: it cannot read every encoding.

    Errors: Misconfigured store.server, store.encoding, and the driver's own.
    """
    connection: Any = dialect.connect(*given, **named)
    try:
        _check(connection.info.server_version, connection.info.parameter_status("server_encoding"))
    except BaseException:
        connection.close()
        raise
    return connection


def _check(version: int, encoding: str | None) -> None:
    if version < OLDEST * 10_000:
        raise Misconfigured("store.server", expected=f">= {OLDEST}", got=f"{version // 10_000}.{version % 10_000}")
    if encoding and encoding != ENCODING:
        raise Misconfigured("store.encoding", expected=ENCODING, got=encoding)
