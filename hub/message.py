"""What travels: the frozen values that every other file passes around. No behaviour beyond reading a field."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Why a recipient gets the document: 主送 or 抄送."""

    MAIN = "main"
    COPY = "copy"


class Urgency(StrEnum):
    """紧急程度 of GB/T 9704: 特急, 加急, or none."""

    ROUTINE = "routine"
    URGENT = "urgent"
    EXTRA_URGENT = "extraUrgent"


class Classification(StrEnum):
    """密级. Note the order: 绝密 topSecret > 机密 secret > 秘密 confidential > none."""

    NONE = "none"
    CONFIDENTIAL = "confidential"
    SECRET = "secret"
    TOP_SECRET = "topSecret"

    @property
    def rank(self) -> int:
        """0 for none up to 3 for topSecret, to compare with a ceiling."""
        return list(Classification).index(self)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One addressee as the sender wrote it: a department code, or `group:NAME`."""

    address: str
    role: Role = Role.MAIN


@dataclass(frozen=True, slots=True)
class Attachment:
    """One line of the signed manifest. `content` is set only when the bytes stand inline in the envelope."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """The envelope's header; times are aware UTC datetimes."""

    message_id: str
    type: str
    sender: str
    recipients: tuple[Recipient, ...]
    created: datetime
    expires: datetime | None = None
    urgency: Urgency = Urgency.ROUTINE
    classification: Classification = Classification.NONE
    conversation: str | None = None
    in_reply_to: str | None = None
    document_number: str | None = None
    case_number: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read from a tree. Reading proves nothing; see `Proven`."""

    header: Header
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """What a valid signature covers: the tree (its signature taken out) and the certificate that made it."""

    root: Any
    certificate: bytes
    thumbprint: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A certificate that the hub knows for a department; `thumbprint` is SHA-256 of the DER, lower-case hex."""

    department: str
    thumbprint: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Proven:
    """An envelope whose signature was verified for an enrolled department. Only `accept.examine` makes one.

    `raw` are the stored bytes, `digest` their SHA-256 (lower-case hex), `payload` the payload element.
    """

    envelope: Envelope
    raw: bytes
    digest: str
    payload: Any
    signer: Enrolment

    @property
    def header(self) -> Header:
        """The signed header."""
        return self.envelope.header


class Hop(StrEnum):
    """What a ledger entry records: a hop of a message, or an administrator's act."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    REPLAYED = "replayed"
    HELD = "held"
    RELEASED = "released"
    FETCHED = "fetched"
    DELIVERED = "delivered"
    ATTEMPT_FAILED = "attemptFailed"
    GAVE_UP = "gaveUp"
    RESENT = "resent"
    NOTICE = "notice"
    ADMIN = "administered"


class DeliveryState(StrEnum):
    """Where one recipient's copy stands."""

    WAITING = "waiting"
    LEASED = "leased"
    HELD = "held"
    DELIVERED = "delivered"
    DEAD = "dead"


class ProvenBy(StrEnum):
    """How a department's word was proven to be its own; the `detail` of a ledger entry that records it."""

    SIGNATURE = "signed"
    CONNECTION = "connection"
    NOTHING = "unsigned"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A recipient's answer to a delivery. `raw` is kept as evidence.

    `thumbprint` is of the certificate that signed it, or that the connection had it came by; empty if neither did.
    """

    message_id: str
    sender: str
    recipient: str
    digest: str
    raw: bytes
    thumbprint: str = ""
    proven_by: ProvenBy = ProvenBy.SIGNATURE

    @property
    def evidence(self) -> str:
        """The SHA-256 of `raw`, under which it is kept."""
        return hashlib.sha256(self.raw).hexdigest()


@dataclass(frozen=True, slots=True)
class Reference:
    """An attachment that was uploaded: its manifest id, which upload has the bytes, and where to download them."""

    id: str
    digest: str
    size: int
    upload: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Consignment:
    """All that a connector needs to hand one message to one recipient."""

    delivery_id: int
    recipient: str
    role: Role
    sender: str
    message_id: str
    type: str
    digest: str
    envelope: bytes
    stamp: bytes
    attachments: tuple[tuple[str, bytes], ...] = ()
    references: tuple[Reference, ...] = ()
