"""What all tables share: their metadata, the layout's version, the type of ids, and `meta`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Sequence, String, Table, Text

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
