"""The rights of the PostgreSQL role that the hub logs in with: all of the roads, and no way to change what is recorded.

The role may read and change the registry, the queues and the growing edge of the tree. To everything else - the ledger,
its places in the tree, checkpoints, kept documents, messages, refusals - it may only add: no UPDATE, no DELETE, no
TRUNCATE. The owner of the tables still may; a serving hub never logs in as the owner, and what an owner changes, `hub
ledger verify` and the witnesses find. A role that lacks a right which serving needs is found before anything is served.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.errors import Misconfigured
from hub.store.engine import opened
from hub.store.faults import translated
from hub.store.tables import (
    SEQUENCES,
    anchors,
    certificates,
    deliveries,
    departments,
    endpoints,
    groups,
    holds,
    meta,
    metadata,
    nonces,
    numbered,
    rights,
    schema_files,
    tickets,
    tiles,
    tree_head,
    upload_parts,
    uploads,
)

_REGISTRY = (meta, departments, groups, endpoints, rights, certificates, anchors, schema_files)
CHANGING = frozenset(
    {*_REGISTRY, deliveries, holds, nonces, tickets, tiles, tree_head, numbered, upload_parts, uploads}
)
"""The tables whose rows may change; a table that is not named here can only be added to."""

_MISSING = text("""
    SELECT wanted.right_to || ' ON ' || wanted.name FROM
    unnest(CAST(:names AS text[]), CAST(:rights AS text[])) AS wanted (name, right_to)
    WHERE NOT CASE WHEN wanted.right_to = 'USAGE' THEN has_sequence_privilege(wanted.name, wanted.right_to)
    ELSE has_table_privilege(wanted.name, wanted.right_to) END""")


def give_rights(url: str, role: str) -> None:
    """Run the statements as the owner, whom the address logs in. Errors: Misconfigured store.*, Unavailable store.*"""
    with opened(url) as engine, translated(), engine.begin() as connection:
        for statement in grants(role):
            connection.exec_driver_sql(statement.replace("%", "%%"))


def check_rights(connection: Connection) -> None:
    """The role that is logged in may do all that serving needs. Errors: Misconfigured store.forbidden."""
    if connection.dialect.name == "sqlite":
        return
    names, rights = zip(*_needed(), strict=True)
    missing = connection.scalars(_MISSING, {"names": list(names), "rights": list(rights)}).all()
    if missing:
        raise Misconfigured("store.forbidden", got=", ".join(missing[:10]))


def grants(role: str) -> list[str]:
    """The statements, for the owner to run, that give `role` its rights and take others; they may be run again."""
    who = '"' + role.replace('"', '""') + '"'
    changing, recorded = (
        ", ".join(table.name for table in metadata.sorted_tables if (table in CHANGING) is wanted)
        for wanted in (True, False)
    )
    sequences = ", ".join(sequence.name for sequence in SEQUENCES.values())
    return [
        f"REVOKE ALL ON {recorded}, {changing} FROM {who}",
        f"GRANT SELECT, INSERT ON {recorded} TO {who}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {changing} TO {who}",
        f"GRANT USAGE ON SEQUENCE {sequences} TO {who}",
    ]


def _needed() -> list[tuple[str, str]]:
    """Each table or sequence, and a right to it that a serving hub needs; one line for each right."""
    tables = [
        (table.name, right)
        for table in metadata.sorted_tables
        for right in ("SELECT", "INSERT", *(("UPDATE", "DELETE") if table in CHANGING else ()))
    ]
    return [*tables, *((str(sequence.name), "USAGE") for sequence in SEQUENCES.values())]
