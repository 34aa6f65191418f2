"""Departments, how they are reached, what they may do, and the schemas and certificates that they use."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, LargeBinary, String, Table, Text

from hub.store.tables.base import metadata

departments = Table(
    "departments",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("division", String(12), nullable=False),
    Column("parent", String(64), nullable=False, default=""),
    Column("level", String(20), nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
)

groups = Table(
    "groups",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("member", String(64), primary_key=True),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("department", String(64), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("url", String(1000), nullable=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("profile", Text, nullable=False),
)

rights = Table(
    "rights",
    metadata,
    Column("sender", String(80), primary_key=True),
    Column("recipient", String(80), primary_key=True),
    Column("type", String(100), primary_key=True),
)

certificates = Table(
    "certificates",
    metadata,
    Column("thumbprint", String(64), primary_key=True),
    Column("department", String(64), nullable=False, index=True),
    Column("der", LargeBinary, nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
)

anchors = Table(
    "anchors",
    metadata,
    Column("thumbprint", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("der", LargeBinary, nullable=False),
)

schema_files = Table(
    "schema_files",
    metadata,
    Column("token", String(100), primary_key=True),
    Column("path", String(300), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("version", String(20), nullable=False),
    Column("entry", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
