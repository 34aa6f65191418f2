"""The tables. Times are whole microseconds since 1970 UTC, digests are lower-case hex, except in `ledger` (raw)."""

from __future__ import annotations

from hub.store.tables.base import SEQUENCES, VERSION, meta, metadata
from hub.store.tables.ledger import checkpoints, cosignatures, leaves, ledger, numbered, tiles, timestamps, tree_head
from hub.store.tables.messages import deliveries, documents, message_attachments, messages, nonces, refusals
from hub.store.tables.registry import anchors, certificates, departments, endpoints, groups, rights, schema_files

__all__ = [
    "SEQUENCES",
    "VERSION",
    "anchors",
    "certificates",
    "checkpoints",
    "cosignatures",
    "deliveries",
    "departments",
    "documents",
    "endpoints",
    "groups",
    "leaves",
    "ledger",
    "message_attachments",
    "messages",
    "meta",
    "metadata",
    "nonces",
    "numbered",
    "refusals",
    "rights",
    "schema_files",
    "tiles",
    "timestamps",
    "tree_head",
]
