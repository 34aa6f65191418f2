"""The rights of the PostgreSQL role that the hub logs in with: all of the roads, and no way to change what is recorded.

The role may read and change the registry, the queues and the growing edge of the tree. To everything else - the ledger,
its places in the tree, checkpoints, kept documents, messages, refusals - it may only add: no UPDATE, no DELETE, no
TRUNCATE. The owner of the tables still may; a serving hub never logs in as the owner, and what an owner changes, `hub
ledger verify` and the witnesses find.
"""

from __future__ import annotations

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


def give_rights(url: str, role: str) -> None:
    """Run the statements as the owner, whom the address logs in. Errors: Misconfigured store.*, Unavailable store.*"""
    with opened(url) as engine, translated(), engine.begin() as connection:
        for statement in grants(role):
            connection.exec_driver_sql(statement.replace("%", "%%"))


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
