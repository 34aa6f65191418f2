"""Part of the audit: what the records say was purged, against the administrators' acts that name it. Pure.

A document may be missing if the message that has it was purged, and the act of that purge, which is the evidence of a
ledger entry, names both. A document that several messages have goes with the last of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from hub.administration.administered import Act, Deed, read_act
from hub.audit.finding import Finding

ReadAct = Callable[[str], Act | None]
"""Gives the act of this digest if it is kept and is the evidence of an administrator's entry; None otherwise."""


@dataclass(frozen=True, slots=True)
class PurgeRow:
    """A message, SENDER/ID, and the act that is said to have purged it."""

    message: str
    act: str


def act_of(raw: bytes) -> Act | None:
    """The act in a document; None if it is none."""
    try:
        return read_act(raw)
    except ValueError:
        return None


def covered(row: PurgeRow | None, read: ReadAct) -> Collection[str]:
    """The digests of a message's documents that may be missing."""
    act = read(row.act) if row is not None else None
    if row is None or act is None or act.what is not Deed.RETENTION_PURGED:
        return ()
    return set(act.before.get(f"message {row.message}", {}).values())


def check_row(row: PurgeRow, read: ReadAct) -> Iterator[Finding]:
    """Yield it if no act of a purge names the message of a row."""
    if not covered(row, read):
        yield Finding("audit.purge", row.message, "act", got=row.act)


def check_purge(act: Act, where: tuple[str, int]) -> Iterator[Finding]:
    """Yield it if the list of what an act says went does not have the digest that it states."""
    named = {digest for documents in act.before.values() for digest in documents.values()}
    stays = {name.removeprefix("document ") for name in act.after if name.startswith("document ")}
    listed = "".join(f"{digest}\n" for digest in sorted(named - stays)).encode()
    for name, facts in act.after.items():
        if name.startswith("rule ") and facts.get("sha256") != hashlib.sha256(listed).hexdigest():
            got = facts.get("sha256", "")
            yield Finding("audit.purge", name, "sha256", hashlib.sha256(listed).hexdigest(), got, *where)
