"""The floor of a ledger's transaction on PostgreSQL: plain psycopg, prepared, all of it sent in one pipeline.

It confirms the chain's expected end and inserts rows of the right form and size; nothing is hashed, staged or pooled.
"""

from __future__ import annotations

from typing import Any

from bench.material import HUB
from hub.ledger.ledger import FIELDS

_COLUMNS = (*FIELDS, "form", "hash")
_INSERT = f"INSERT INTO ledger ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in _COLUMNS)})"
_CONFIRM = (
    "SELECT pg_advisory_xact_lock(6845794, hashtext(%(node)s)) IS NULL, 1 / CASE WHEN EXISTS (SELECT FROM ledger"
    " WHERE node = %(node)s AND sequence = %(sequence)s AND hash = %(hash)s) THEN 1 ELSE 0 END"
)
_ENTRY = {
    "ledger": "bench",
    "time_us": 1_780_000_000_000_000,
    "kind": "delivered",
    "sender": "sender",
    "message_id": "m-1",
    "source": HUB,
    "target": "d0",
    "document": bytes(32),
    "evidence": b"",
    "rules": "",
    "signer": "",
    "detail": "",
    "form": bytes(232),
}
"""The form is as long as that of the entry that the hub writes here."""


class Chain:
    """A chain of rows that do not verify, on a connection of its own."""

    def __init__(self, url: str, node: str) -> None:
        import psycopg

        self._connection: Any = psycopg.connect(url.replace("+psycopg", ""), prepare_threshold=1)
        self._connection.execute(_INSERT, self._row(node, 1))
        self._connection.commit()
        self._node, self._end = node, 1

    def commit(self, together: int) -> int:
        """Append so many rows in one transaction and one journey; how many."""
        last = self._end
        rows = [self._row(self._node, last + number) for number in range(1, together + 1)]
        with self._connection.pipeline():
            self._connection.execute(_CONFIRM, self._row(self._node, last))
            with self._connection.cursor() as cursor:
                if together == 1:
                    cursor.execute(_INSERT, rows[0])
                else:
                    cursor.executemany(_INSERT, rows)
            self._connection.commit()
        self._end += together
        return together

    def _row(self, node: str, sequence: int) -> dict[str, Any]:
        number = sequence.to_bytes(32, "big")
        return {
            **_ENTRY,
            "node": node,
            "sequence": sequence,
            "previous": (sequence - 1).to_bytes(32, "big"),
            "hash": number,
        }

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
