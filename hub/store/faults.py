"""Turns a driver's error into the hub's own: what an administrator must mend, or what passes by itself.

PostgreSQL is understood by its SQLSTATE, whatever language the server speaks; SQLite by its words. The driver's own
words go to the operator only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as NoneFree

from hub.errors import HubError, Misconfigured, Unavailable

RACED = "store.raced"
"""Another transaction was first; the same work tried again sees what that one did."""

_BY_STATE = (
    ("23505", RACED),  # unique_violation: two nodes took the same message at the same moment
    ("40", RACED),  # serialization_failure, deadlock_detected
    ("55P03", "store.busy"),  # lock_not_available
    ("57014", "store.slow"),  # query_canceled, by a statement's time limit
    ("25P03", "store.slow"),  # idle_in_transaction_session_timeout
    ("53100", "store.full"),  # disk_full
    ("53", "store.busy"),  # too many connections, out of memory
    ("25006", "store.read-only"),  # a standby, or a primary that was made read-only
    ("58", "store.io"),  # the server's own input and output
    ("28", "store.login"),
    ("3D000", "store.absent"),  # no such database
    ("42501", "store.forbidden"),  # insufficient_privilege
    ("42P01", "store.foreign"),  # a table that is ours is not there
    ("42703", "store.foreign"),  # or has other columns
    ("26000", RACED),  # what was prepared is gone from the server; the next try prepares it anew
    ("22012", RACED),  # division_by_zero: a chain's end is not where its node left it, see `hub.store.transaction`
    ("22", "store.value"),
    ("XX", "store.damaged"),  # data_corrupted, index_corrupted
)
_BY_WORDS = (
    ("disk is full", "store.full"),
    ("No space left", "store.full"),
    ("readonly database", "store.read-only"),
    ("unable to open database file", "store.read-only"),  # it is there, but its folder takes no files beside it
    ("disk I/O error", "store.io"),
    ("locked", "store.busy"),
    ("malformed", "store.damaged"),
    ("not a database", "store.damaged"),
    ("authentication failed", "store.login"),  # a connection that is refused has no SQLSTATE
    ('FATAL:  role "', "store.login"),
    ("no pg_hba.conf entry", "store.login"),
    ("permission denied for database", "store.forbidden"),
    ("is not currently accepting connections", "store.unreachable"),
    ('FATAL:  database "', "store.absent"),
    ("no password supplied", "store.login"),
    ("too many clients", "store.busy"),
    ("too many connections", "store.busy"),  # of a role or a database with a limit
    ("remaining connection slots", "store.busy"),
    ("invalid connection option", "store.url"),
    ("session is read-only", "store.read-only"),  # of several servers, none takes writes
)
_OTHERWISE = "store.unreachable"
_TO_MEND = frozenset(f"store.{what}" for what in ("url", "login", "absent", "forbidden", "foreign", "value", "damaged"))


def translate(error: DBAPIError) -> HubError:
    """The hub's own error for a driver's."""
    words, state = str(error.orig), str(getattr(error.orig, "sqlstate", None) or "")
    code = (_found(_BY_STATE, state.startswith) if state else _found(_BY_WORDS, words.__contains__)) or _OTHERWISE
    return (Misconfigured if code in _TO_MEND else Unavailable)(code, operator=words)


def _found(table: tuple[tuple[str, str], ...], fits: Callable[[str], bool]) -> str:
    return next((code for part, code in table if fits(part)), "")


@contextmanager
def translated() -> Iterator[None]:
    """Let no driver's error pass as itself."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error) from error
    except DisconnectionError as error:
        raise Unavailable("store.unreachable", operator=str(error)) from error
    except NoneFree as error:  # every connection of this process is in use
        raise Unavailable("store.busy", operator=str(error)) from error
