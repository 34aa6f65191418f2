"""Part of the audit: every kept document is what its digest says, in portions that several processes can share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection

from hub.audit.finding import Finding
from hub.audit.report import Looked, Row
from hub.store import holdings

DOCUMENTS = 20_000
"""About as many of one portion at most: a second or two."""
_HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class DocumentPortion:
    """Documents of one table: their digests are not below `since`, if that is given, and below `until`."""

    table: str
    since: str
    until: str

    def look(self, connection: Connection) -> Looked:
        """Those of them that are not what they were."""
        found, count = [], 0
        for digest, content in holdings.contents(connection, self.table, self.since, self.until):
            count += 1
            got = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else type(content).__name__
            if got != digest:
                found.append(Finding("audit.document", digest, "content", digest, got))
        return Looked({Row.DOCUMENT: count}, tuple(found))


def document_portions(connection: Connection) -> list[DocumentPortion]:
    """All documents: every digest, also one that is none, is in just one portion."""
    return [
        DocumentPortion(table, since, until)
        for table, number in holdings.document_counts(connection).items()
        for since, until in _stretches(number)
    ]


def _stretches(number: int) -> list[tuple[str, str]]:
    """Borders between digests, which lie evenly, for so many of them; open at both ends."""
    cuts = [""]
    while len(cuts) * DOCUMENTS < number:
        cuts = [cut + digit for cut in cuts for digit in _HEX]
    borders = ["", *cuts[1:], ""]
    return list(pairwise(borders))
