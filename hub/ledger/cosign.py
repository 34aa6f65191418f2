"""Takes a witness's cosignature of one of this hub's checkpoints.

Promises: kept is only what a configured witness signed over exactly a checkpoint that this ledger published. If a
known witness has cosigned another one under this ledger's name, the ledger was rolled back or forked, or its key is
stolen: that is logged as an error and refused. It does not ask witnesses; they come.
"""

from __future__ import annotations

import logging

from hub.errors import Refused
from hub.hub import Hub
from hub.store import tree_proofs
from hub.store.transaction import Transaction
from hub.store.tree_proofs import Published
from hub.tree.checkpoint import Checkpoint, Cosignature, cosignatures
from hub.tree.key import read_keys
from hub.tree.note import Note, read_note

log = logging.getLogger("hub.cosign")


async def keep_cosignature(hub: Hub, octets: bytes) -> Published:
    """Keep the cosignatures in a note (checkpoint and signature lines); the checkpoint with all that are now known.

    Errors: Refused note.*, tree.fork; Misconfigured note.key; Unavailable store.*
    """
    note = read_note(octets)
    checkpoint = Checkpoint.read(note.text)
    found = cosignatures(note, read_keys(hub.settings.ledger.witnesses))
    return await hub.writer.run(lambda transaction: _keep(transaction, note, checkpoint, found))


def _keep(transaction: Transaction, note: Note, checkpoint: Checkpoint, found: list[Cosignature]) -> Published:
    _check_published(transaction, note, checkpoint, found)
    tree_proofs.keep_cosignatures(transaction, checkpoint.size, found)
    return tree_proofs.read_checkpoint(transaction.connection, checkpoint.size)


def _check_published(transaction: Transaction, note: Note, checkpoint: Checkpoint, found: list[Cosignature]) -> None:
    origin, ours = tree_proofs.read_texts(transaction.connection, checkpoint.size)
    if checkpoint.origin != origin:
        raise Refused("note.other-log", expected=origin, got=checkpoint.origin[:200])
    if note.text == ours:
        return
    witnesses = ", ".join(one.witness for one in found)
    fields = {"code": "tree.fork", "size": checkpoint.size, "root": checkpoint.root.hex(), "witness": witnesses}
    log.error("fork", extra={"fields": fields})
    raise Refused("tree.fork", got=f"size {checkpoint.size}")
