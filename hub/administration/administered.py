"""What an administrator did, as the document that proves its ledger entry: who, what, why, before and after. Pure.

Promises: one act has one form, so its digest can stand in the ledger; what is read is exactly such a form. It does not
say whether the person was allowed to: whoever may write the database is an administrator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

NODE = "cli"
"""The chain that administrators' entries stand in: a serving hub writes its own at the same time."""

Facts = Mapping[str, Mapping[str, str]]
"""What an act touched: item ("department WATER") -> field -> value; an item without fields is its name alone."""


class Deed(StrEnum):
    """What was done; the detail of the entry."""

    INSTALLED = "hub.installed"
    FILE_CHANGED = "file.changed"
    REGISTRY_CHANGED = "registry.changed"
    AUTHORITY_TRUSTED = "authority.trusted"
    AUTHORITY_DISTRUSTED = "authority.distrusted"
    CRL_KEPT = "crl.kept"
    SCHEMA_REGISTERED = "schema.registered"
    SCHEMA_FORGOTTEN = "schema.forgotten"
    LOG_KEYS_CHANGED = "ledger.keys-changed"
    RETENTION_PURGED = "retention.purged"
    RETENTION_HELD = "retention.held"
    RETENTION_RELEASED = "retention.released"
    DATABASE_UPGRADED = "database.upgraded"
    DATABASE_MOVED = "database.moved"
    DATABASE_RESTORED = "database.restored"
    BACKUP_TAKEN = "backup.taken"


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was done. `before` and `after` hold only what differs."""

    who: str
    what: Deed
    why: str
    before: Facts
    after: Facts

    def written(self) -> bytes:
        """The act as JSON in its one form: keys sorted, no spaces, UTF-8."""
        text = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")  # a shell may hand over what is no text


def read_act(raw: bytes) -> Act:
    """The act that `raw` is the form of. Errors: `ValueError`."""
    try:
        found = json.loads(raw)
        act = Act(**{**found, "what": Deed(found["what"])})
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"not an act: {error}") from None
    texts = (act.who, act.why)
    if not all(isinstance(t, str) for t in texts) or not (_are_facts(act.before) and _are_facts(act.after)):
        raise ValueError(f"not of the types of {[f.name for f in fields(Act)]}")
    if act.written() != raw:
        raise ValueError("not in its one form")
    return act


def _are_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(of, dict) and all(isinstance(each, str) for each in of.values()) for of in value.values()
    )
