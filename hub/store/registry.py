"""The registry's rows: departments, groups, endpoints, rights, certificates, anchors and registered schemas.

Every change raises the registry's version in `meta`, by which running hubs notice it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.registry.registry import Group, Registry
from hub.schema.package import SchemaPackage
from hub.store.notify import announce_rules
from hub.store.tables import (
    anchors,
    certificates,
    departments,
    endpoints,
    groups,
    meta,
    rights,
    schema_files,
)
from hub.trust.certificate import EnrolledCertificate, thumbprint

Row = dict[str, Any]


def registry_version(connection: Connection) -> str:
    """A number that grows with every change."""
    return str(connection.scalar(select(meta.c.value).where(meta.c.key == "registry")))


def hold_registry(connection: Connection) -> None:
    """Let nobody else change registry, authorities or schemas until this transaction ends; before they are read.

    On SQLite there is one writer anyway.
    """
    connection.execute(select(meta.c.value).where(meta.c.key == "registry").with_for_update())


def read_registry(connection: Connection) -> Registry:
    """The whole registry as stored."""
    members: dict[str, list[str]] = {}
    for row in connection.execute(select(groups)):
        members.setdefault(row.name, []).extend([row.member] if row.member else [])
    return Registry.of(
        departments=[Department(**row._mapping) for row in connection.execute(select(departments))],
        groups=[Group(name, tuple(codes)) for name, codes in members.items()],
        endpoints=[_read_endpoint(row) for row in connection.execute(select(endpoints))],
        rights=[Right(row.sender, row.recipient, row.type) for row in connection.execute(select(rights))],
        certificates=read_enrolled(connection),
    )


def _read_endpoint(row: Any) -> Endpoint:
    profile = Profile(**json.loads(row.profile))
    return Endpoint(row.code, row.department, Kind(row.kind), row.url, row.paused, profile)


def read_enrolled(connection: Connection) -> list[EnrolledCertificate]:
    """All enrolled certificates."""
    columns = (certificates.c.department, certificates.c.der, certificates.c.enabled)
    return [EnrolledCertificate(*row) for row in connection.execute(select(*columns))]


def read_trusted(connection: Connection) -> tuple[list[bytes], list[EnrolledCertificate]]:
    """Trusted authorities (DER) and enrolled certificates."""
    return list(connection.scalars(select(anchors.c.der))), read_enrolled(connection)


def write_registry(connection: Connection, before: Registry, after: Registry) -> None:
    """Change the stored registry from `before` to `after`, touching only rows that differ."""
    old, new = _rows(before), _rows(after)
    for table in (departments, groups, endpoints, rights, certificates):
        _change(connection, table, old[table.name], new[table.name])
    touch(connection)


def _rows(registry: Registry) -> dict[str, list[Row]]:
    return {
        "departments": [asdict(d) for d in registry.departments],
        "groups": [{"name": g.name, "member": code} for g in registry.groups for code in (g.members or ("",))],
        "endpoints": [_endpoint_row(e) for e in registry.endpoints],
        "rights": [asdict(r) for r in registry.rights],
        "certificates": [{**asdict(c), "thumbprint": thumbprint(c.der)} for c in registry.certificates],
    }


def _endpoint_row(endpoint: Endpoint) -> Row:
    return {
        "code": endpoint.code,
        "department": endpoint.department,
        "kind": str(endpoint.kind),
        "url": endpoint.url,
        "paused": endpoint.paused,
        "profile": json.dumps(asdict(endpoint.profile), sort_keys=True),
    }


def _change(connection: Connection, table: Table, old: list[Row], new: list[Row]) -> None:
    names = [column.name for column in table.primary_key]
    before = {tuple(row[name] for name in names): row for row in old}
    after = {tuple(row[name] for name in names): row for row in new}
    for key in [key for key, row in before.items() if after.get(key) != row]:
        connection.execute(delete(table).where(*(table.c[n] == v for n, v in zip(names, key, strict=True))))
    added = [row for key, row in after.items() if before.get(key) != row]
    if added:
        connection.execute(insert(table), added)


def touch(connection: Connection) -> None:
    """Raise the registry's version."""
    version = int(registry_version(connection)) + 1
    connection.execute(update(meta).where(meta.c.key == "registry").values(value=str(version)))
    announce_rules(connection)


def read_anchors(connection: Connection) -> list[tuple[str, str, bytes]]:
    """Trusted authorities as (thumbprint, name, DER)."""
    return [tuple(row) for row in connection.execute(select(anchors).order_by(anchors.c.name))]


def add_anchor(connection: Connection, name: str, der: bytes) -> bool:
    """Trust an authority; False if it was trusted before."""
    mark = thumbprint(der)
    if connection.execute(select(anchors.c.name).where(anchors.c.thumbprint == mark)).first():
        return False
    connection.execute(insert(anchors).values(thumbprint=mark, name=name, der=der))
    touch(connection)
    return True


def remove_anchor(connection: Connection, mark: str) -> bool:
    """Trust an authority no longer; False if it was not trusted."""
    gone = connection.execute(delete(anchors).where(anchors.c.thumbprint == mark)).rowcount
    touch(connection)
    return bool(gone)


def read_schemas(connection: Connection) -> list[SchemaPackage]:
    """All registered schema packages."""
    found: dict[str, list[Any]] = {}
    for row in connection.execute(select(schema_files).order_by(schema_files.c.token, schema_files.c.path)):
        found.setdefault(row.token, []).append(row)
    return [
        SchemaPackage(
            name=rows[0].name,
            version=rows[0].version,
            entry=next(row.path for row in rows if row.entry),
            files={row.path: row.content for row in rows},
        )
        for rows in found.values()
    ]


def add_schema(connection: Connection, package: SchemaPackage) -> None:
    """Keep a schema package's files."""
    rows: Iterable[Row] = (
        {
            "token": package.token,
            "path": path,
            "name": package.name,
            "version": package.version,
            "entry": path == package.entry,
            "content": content,
        }
        for path, content in package.files.items()
    )
    connection.execute(insert(schema_files), list(rows))
    touch(connection)


def remove_schema(connection: Connection, token: str) -> bool:
    """Forget a schema package; False if there was none."""
    gone = connection.execute(delete(schema_files).where(schema_files.c.token == token)).rowcount
    touch(connection)
    return bool(gone)
