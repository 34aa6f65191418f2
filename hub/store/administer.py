"""Records what an administrator did: the act is kept as a document, and its digest is the evidence of a ledger entry.

Part of the transaction that makes the change, so that there is neither one without the other.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from hub.administration.administered import Act, Deed, Facts
from hub.message import Hop
from hub.store.operate import Order
from hub.store.transaction import Transaction


def record(transaction: Transaction, order: Order, at: datetime, what: Deed, before: Facts, after: Facts) -> str:
    """Append the entry of an act, keep the act, and return its digest."""
    written = Act(order.by, what, order.reason, before, after).written()
    evidence = hashlib.sha256(written).hexdigest()
    transaction.stage_document(evidence, written)
    transaction.append(Hop.ADMIN, at, source=order.hub, evidence=evidence, detail=what)
    return evidence
