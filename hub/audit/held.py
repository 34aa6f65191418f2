"""One stored message with everything that belongs to it, as an audit looks at it: plain rows, nothing interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.ledger.ledger import Stored

Columns = Mapping[Any, Any]
"""One row: column name -> value as stored, of whatever type was found there."""


@dataclass(frozen=True, slots=True)
class Held:
    """One message; `hops` in the order of time, `deliveries` by id, `beside` by attachment."""

    message: Columns
    deliveries: tuple[Columns, ...]
    beside: tuple[Columns, ...]
    hops: tuple[Stored, ...]
