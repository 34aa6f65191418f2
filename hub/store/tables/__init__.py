"""The tables. Times are whole microseconds since 1970 UTC, digests are lower-case hex, except in `ledger` (raw)."""

from __future__ import annotations

from hub.store.tables.base import SEQUENCES, VERSION, meta, metadata
from hub.store.tables.content import tickets, upload_parts, uploads
from hub.store.tables.ledger import (
    checkpoints,
    cosignatures,
    key_changes,
    leaves,
    ledger,
    numbered,
    tiles,
    timestamps,
    tree_head,
)
from hub.store.tables.messages import (
    bodies,
    deliveries,
    documents,
    holds,
    message_attachments,
    message_keys,
    messages,
    nonces,
    purges,
    refusals,
)
from hub.store.tables.registry import anchors, certificates, departments, endpoints, groups, rights, schema_files

__all__ = [
    "SEQUENCES",
    "VERSION",
    "anchors",
    "bodies",
    "certificates",
    "checkpoints",
    "cosignatures",
    "deliveries",
    "departments",
    "documents",
    "endpoints",
    "groups",
    "holds",
    "key_changes",
    "leaves",
    "ledger",
    "message_attachments",
    "message_keys",
    "messages",
    "meta",
    "metadata",
    "nonces",
    "numbered",
    "purges",
    "refusals",
    "rights",
    "schema_files",
    "tickets",
    "tiles",
    "timestamps",
    "tree_head",
    "upload_parts",
    "uploads",
]
