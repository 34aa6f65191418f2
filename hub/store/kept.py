"""Where documents are kept, and reading them: evidence in `documents`, for ever; what messages consist of in `bodies`.

Promises: a message's own are those of the month that its row id carries, and are found in one partition; the same
content in another month is another row, so that a month can go without a look at the others. The contents of messages
from before there were months are in `documents`. Reads only.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select, union_all

from hub.month import BITS
from hub.store.prepared import Prepared
from hub.store.tables import bodies, documents

KEPT = union_all(select(documents.c.digest, documents.c.content), select(bodies.c.digest, bodies.c.content)).subquery(
    "kept"
)
"""Whatever is kept, wherever, by digest; the same one may be there more than once."""
_BODY = Prepared(
    select(bodies.c.content).where(bodies.c.digest == bindparam("digest"), bodies.c.month == bindparam("month"))
)
_DOCUMENT = Prepared(select(documents.c.content).where(documents.c.digest == bindparam("digest")))


def month_of_message(message: int) -> int:
    """The count of the month under which the documents of the message with this row id are kept; 0: in `documents`."""
    return message >> BITS


def read_own(connection: Connection, message: int, digest: str) -> bytes | None:
    """The document with this digest of the message with this row id."""
    if month := month_of_message(message):
        found = _BODY.execute(connection, {"digest": digest, "month": month}).first()
    else:
        found = _DOCUMENT.execute(connection, {"digest": digest}).first()
    return bytes(found.content) if found else None


def read_anywhere(connection: Connection, digest: str) -> Any:
    """Whatever is kept with this digest, as the driver gives it; None if nothing is."""
    return connection.scalar(select(KEPT.c.content).where(KEPT.c.digest == digest).limit(1))
