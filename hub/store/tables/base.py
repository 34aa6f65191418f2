"""What all tables share: their metadata, the layout's version, the type of ids, and `meta`."""

from __future__ import annotations

from sqlalchemy import DDL, BigInteger, Column, Integer, MetaData, Sequence, String, Table, Text, event

from hub.store.migrations import latest

VERSION = latest().number
"""The number of this layout, which is its last revision's; `meta` keeps the database's own."""

metadata = MetaData()
Id = BigInteger().with_variant(Integer, "sqlite")

SEQUENCES = {name: Sequence(f"{name}_id_seq", metadata=metadata) for name in ("messages", "deliveries")}
"""Where PostgreSQL takes the ids of rows from; SQLite has one writer and needs none."""

meta = Table(
    "meta",
    metadata,
    Column("key", String(50), primary_key=True),
    Column("value", Text, nullable=False),
)


def parted(table: Table, *partitions: str) -> None:
    """Have PostgreSQL make these partitions with the table: each a name's ending and the bounds of what it holds."""
    for one in partitions:
        ending, _, bounds = one.partition(" ")
        words = f"CREATE TABLE {table.name}_{ending} PARTITION OF {table.name} {bounds}"
        made = DDL(words)  # type: ignore[no-untyped-call]
        event.listen(table, "after_create", made.execute_if(dialect="postgresql"))
