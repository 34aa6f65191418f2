"""Reads a recipient's word that it has a message: an acknowledgement, or the confirmation of a mailbox.

Proves who signed it and says what it claims. Whether that signer was trusted on that day is not asked. A confirmation
without signature was proven by its connection, of which nothing but the entry tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from hub import proof
from hub.errors import Refused
from hub.ledger.ledger import Entry
from hub.message import Hop, ProvenBy
from hub.parser import ParseLimits, parse
from hub.schema.schema import Schemas
from hub.signing import signature
from hub.signing.profile import SIGNATURE

LIMITS = ParseLimits(max_bytes=1024 * 1024, max_elements=10_000)
_WITH_EVIDENCE = frozenset({Hop.DELIVERED, Hop.RELEASED, Hop.RESENT, Hop.ADMIN})


@dataclass(frozen=True, slots=True)
class Claim:
    """That `recipient` has one message. `delivery_id` is 0 in an acknowledgement, which does not name it."""

    sender: str
    message_id: str
    digest: str
    recipient: str
    delivery_id: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a document claims; `signer` is the thumbprint of the certificate that signed it, or empty."""

    signer: str
    proven_by: ProvenBy
    claims: frozenset[Claim]


def keeps_evidence(entry: Entry) -> bool:
    """Whether an entry's evidence must be kept. An acceptance names a list of recipients if they are many."""
    return entry.kind in _WITH_EVIDENCE or bool(entry.kind == Hop.ACCEPTED and entry.evidence)


def read_evidence(raw: bytes) -> Evidence:
    """Read what `raw` claims. Errors: Refused xml.*, request.*, signature.*."""
    root = parse(raw, LIMITS)
    Schemas.builtin().check_proof(root)
    signer = signature.verify(root).thumbprint if root.find(SIGNATURE) is not None else ""
    match etree.QName(root).localname:
        case "acknowledgement":
            proven_by = ProvenBy.SIGNATURE if signer else ProvenBy.NOTHING
            return Evidence(signer, proven_by, _acknowledged(root, raw, signer))
        case "confirmRequest":
            proven_by = ProvenBy.SIGNATURE if signer else ProvenBy.CONNECTION
            return Evidence(signer, proven_by, _confirmed(root))
        case kind:
            raise Refused("request.kind", expected="acknowledgement | confirmRequest", got=str(kind))


def _acknowledged(root: Any, raw: bytes, signer: str) -> frozenset[Claim]:
    word = proof.read_acknowledgement(root, raw, signer)
    return frozenset([Claim(word.sender, word.message_id, word.digest, word.recipient)])


def _confirmed(root: Any) -> frozenset[Claim]:
    request = proof.read_request(root)
    return frozenset(
        Claim(item.sender, item.message_id, item.digest, request.department, item.delivery_id) for item in request.items
    )
