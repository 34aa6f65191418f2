"""Changes the keys that sign the ledger's checkpoints.

Promises: in one transaction a change signed by the old keys and the new is kept, an entry names it, and the first
checkpoint after it is signed by both sides; so there is no moment at which the ledger has one without the other. From
then on only the new keys are taken: a hub that still runs with the old ones signs nothing more until it is started
with the new. It does not touch hub.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hub.administration.administered import Deed
from hub.errors import Misconfigured, Refused
from hub.hub import Hub
from hub.ledger.sequence import BATCH, check_signers, checkpoint_signers, origin_of, plan_growth, publish
from hub.signing.signer import FileSigner
from hub.store.administer import record
from hub.store.operate import Order
from hub.store.transaction import Transaction
from hub.store.tree import lock_head, read_head, read_queues
from hub.store.tree_keys import KeptChange, keep_change, read_changes
from hub.tree.key import EcdsaNoteSigner, Ed25519NoteSigner, Kind, NoteKey, NoteSigner
from hub.tree.key_change import KeyChange, sign_change
from hub.tree.note import read_note

ITEM = "ledger keys"
"""How the act calls what was changed."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A key and the changes that brought it and took it away; None: it was there from the beginning, it still is."""

    key: NoteKey
    since: KeptChange | None
    until: KeptChange | None


def tenures(hub: Hub, configured: Sequence[NoteKey]) -> list[Tenure]:
    """Every key that signs or has signed the ledger's checkpoints, those that sign now first.

    As the changes say, which are not verified here; without any, the `configured` ones. Errors: Misconfigured
    tree.damaged.
    """
    with hub.store.reading() as connection:
        kept = read_changes(connection)
    try:
        changes = [(one, KeyChange.read(read_note(one.note.encode()).text)) for one in kept]
    except Refused as error:
        raise Misconfigured("tree.damaged", operator=str(error)) from None
    present = {key: Tenure(key, None, None) for key in (changes[0][1].old if changes else configured)}
    retired: list[Tenure] = []
    for one, change in changes:
        retired += [replace(present.pop(key), until=one) for key in list(present) if key not in change.new]
        present |= {key: Tenure(key, one, None) for key in change.new if key not in present}
    return [*present.values(), *reversed(retired)]


def signers_with(hub: Hub, folder: Path, key: bytes, certificate: bytes = b"") -> tuple[NoteSigner, ...]:
    """What will sign with a new private key (PEM): an Ed25519 key, or with its certificate the hub's own on P-256.

    The key of the other kind, if there is one, goes on. Errors: Misconfigured note.signer, key.*, certificate.*
    """
    name, present = origin_of(hub), checkpoint_signers(hub, folder)
    if not certificate:
        return (Ed25519NoteSigner.from_pem(name, key), *(s for s in present if s.key.kind is Kind.ECDSA))
    signer = FileSigner.from_pem(key, certificate)
    hub.rules.trust.check_new(signer.certificate, hub.clock())
    return (*(s for s in present if s.key.kind is Kind.ED25519), EcdsaNoteSigner.of(name, signer))


def change_keys(hub: Hub, old: Sequence[NoteSigner], new: Sequence[NoteSigner], order: Order) -> KeyChange:
    """Change from the keys that sign now to `new`.

    Errors: Refused tree.no-checkpoint if nothing was signed yet; Misconfigured tree.key, tree.same-key, tree.damaged.
    """
    with hub.store.transaction() as transaction:
        head = lock_head(transaction)
        if not head.size:
            raise Refused("tree.no-checkpoint")
        check_signers(transaction.connection, old)
        change = KeyChange(origin_of(hub), head.size, head.root, _keys(old), _keys(new))
        if set(change.old) == set(change.new):
            raise Misconfigured("tree.same-key")
        _keep(hub, transaction, change, (*old, *new), order)
        return change


def _keep(hub: Hub, transaction: Transaction, change: KeyChange, signers: Sequence[NoteSigner], order: Order) -> None:
    at, note = hub.clock(), sign_change(change, signers).written()
    before = {ITEM: {"keys": _words(change.old)}}
    record(transaction, order, at, Deed.LOG_KEYS_CHANGED, before, {ITEM: {"keys": _words(change.new), "note": note}})
    keep_change(transaction, change.size, note, at)
    transaction.flush()  # the new entry is one of those that the checkpoint is over
    head, queues = read_head(transaction.connection), read_queues(transaction.connection, BATCH)
    plan, both = plan_growth(transaction.connection, head, queues), {signer.key: signer for signer in signers}
    if plan is None or publish(transaction, plan, change.origin, both.values(), at) is None:
        raise Misconfigured("tree.damaged", where=f"size {change.size}", operator="nothing could be numbered")


def _keys(signers: Sequence[NoteSigner]) -> tuple[NoteKey, ...]:
    return tuple(signer.key for signer in signers)


def _words(keys: Sequence[NoteKey]) -> str:
    return " ".join(key.text() for key in keys)
