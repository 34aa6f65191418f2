"""RFC 3161 time-stamps: what is asked of an authority, and whether its answer is a time-stamp of just that.

Promises: a token comes out only if the authority granted it, its signature verifies, its certificate is for
time-stamping and chains to a given root at the stated time, and it is over the given octets (and answers the given
nonce). It does not ask whether that certificate was revoked, and does not compare the stated time with any clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from hub.errors import Misconfigured, Undelivered
from hub.ledger.der import sort_certificates

_GRANTED = 0
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Question:
    """A request to be sent (DER), and the nonce in it."""

    request: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Token:
    """What a verified time-stamp says: that the octets existed at this time; its number at the authority."""

    at: datetime
    serial: int


def ask_for(octets: bytes) -> Question:
    """Write a request for a time-stamp over octets, by SHA-256, with a random nonce, certificates asked for."""
    builder = TimestampRequestBuilder(octets, HashAlgorithm.SHA256, nonce=True, cert_req=True)
    request = builder.build()
    assert request.nonce is not None  # asked for above
    return Question(request.as_bytes(), request.nonce)


def read_anchors(path: Path) -> tuple[x509.Certificate, ...]:
    """An authority's root certificates from a PEM file. Errors: Misconfigured timestamp.anchors."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise Misconfigured("timestamp.anchors", operator=str(error)) from None


def check(response: bytes, octets: bytes, anchors: Sequence[x509.Certificate], nonce: int | None = None) -> Token:
    """Verify a response (DER) over octets; a stored one is checked without its nonce.

    Errors: Undelivered timestamp.answer, timestamp.refused, timestamp.invalid; timestamp.other if it is whole but over
    other octets; timestamp.authority if it is whole by the certificates that it brings, but not under these roots.
    """
    try:
        read = decode_timestamp_response(sort_certificates(response))
        status = read.status
    except ValueError as error:
        raise Undelivered("timestamp.answer", operator=str(error)) from None
    if status != _GRANTED:
        raise Undelivered("timestamp.refused", got=f"status {status}", operator="; ".join(_words(read)))
    try:
        imprint = _verified(read, anchors, nonce)
        token = Token(read.tst_info.gen_time.astimezone(UTC), read.tst_info.serial_number)
    except Exception as error:  # noqa: BLE001  # a stranger's DER: whatever the library meets in it, nothing is proven
        code = "timestamp.authority" if _is_whole(read, nonce) else "timestamp.invalid"
        raise Undelivered(code, operator=f"{type(error).__name__}: {error}") from None
    if imprint != hashlib.sha256(octets).digest():
        raise Undelivered("timestamp.other", got=imprint.hex())
    return token


def _verified(read: TimeStampResponse, anchors: Sequence[x509.Certificate], nonce: int | None) -> bytes:
    """The digest that a response is over, once its signature and certificate are verified."""
    imprint = read.tst_info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256:
        raise VerificationError("not over a SHA-256 digest")
    VerifierBuilder(roots=list(anchors), nonce=nonce).build().verify(read, imprint.message)
    return imprint.message


def _is_whole(read: TimeStampResponse, nonce: int | None) -> bool:
    """Whether it would verify if its own certificates were trusted: then only the authority is a stranger."""
    try:
        own = [x509.load_der_x509_certificate(der) for der in read.signed_data.certificates]
        return bool(_verified(read, own, nonce))
    except Exception:  # noqa: BLE001  # as in `check`
        return False


def _words(read: TimeStampResponse) -> list[str]:
    try:
        return list(read.status_string)
    except ValueError:
        return []
