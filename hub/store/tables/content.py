"""Large attachments: what is being uploaded, of which blobs of the content store it consists, and who may fetch it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, UniqueConstraint

from hub.store.tables.base import metadata

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("department", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("part_bytes", Integer, nullable=False),
    Column("token", String(64), nullable=False, index=True),
    Column("complete", Boolean, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    UniqueConstraint("department", "digest"),
)
"""One attachment of one department. `token` is the SHA-256 of the upload id that the department was given."""

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("stored", Boolean, nullable=False),
    Index("upload_parts_by_digest", "digest"),
)
"""The parts, from 1. A row is there before its blob, so that no sweep takes a blob that somebody counts on."""

tickets = Table(
    "tickets",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("upload", String(32), nullable=False),
    Column("department", String(64), nullable=False),
    Column("until_us", BigInteger, nullable=False, index=True),
)
"""Permissions to download an attachment, under the SHA-256 of the ticket that stands in the link."""
