"""One X.509 certificate, read once into plain facts. Reading proves nothing: see `hub.trust.trust`.

Promises: any bytes give either facts or one `HubError`, and no key is used. It knows nothing of departments
beyond the line `EnrolledCertificate`, of chains or of revocation.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.errors import Misconfigured

LEAST_RSA_BITS = 2048
LARGEST = 64 * 1024

# All that the library raises for a certificate or CRL it cannot make sense of.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")
# Purposes that say of a certificate: for machines, not for documents.
_MACHINE_ONLY = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.TIME_STAMPING,
    }
)


@dataclass(frozen=True, slots=True)
class EnrolledCertificate:
    """One line of the enrolment list: the hub takes signatures by `der` as `department`'s while `enabled`."""

    department: str
    der: bytes
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself.

    `subject` and `issuer` are RFC 4514 text, `key` is like "EC secp256r1". `authority`: a CA.
    `for_documents`: its usage extensions let it sign documents.
    `strong`: RSA of at least 2048 bits, or P-256. `parsed` is the library's own object.
    """

    der: bytes
    thumbprint: str
    subject: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    key: str
    strong: bool
    authority: bool
    for_documents: bool
    parsed: x509.Certificate = field(repr=False, compare=False)


def thumbprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate's DER, lower-case hex."""
    return hashlib.sha256(der).hexdigest()


def read_certificate(der: bytes) -> Certificate:
    """Read one DER certificate. Errors: Misconfigured certificate.unreadable."""
    if len(der) > LARGEST:
        raise Misconfigured("certificate.unreadable", operator=f"{len(der)} bytes")
    try:
        return _read(der)
    except UNREADABLE as wrong:
        raise Misconfigured("certificate.unreadable", operator=f"{type(wrong).__name__}: {wrong}") from None


def split_certificates(raw: bytes) -> tuple[bytes, ...]:
    """Return the DER of every certificate in a PEM text, a base64 text or a single DER, in order.

    Errors: Misconfigured certificate.unreadable, also when a private key stands in the text.
    """
    if b"PRIVATE KEY" in raw:
        raise Misconfigured("certificate.unreadable", operator="holds a private key")
    if raw[:1] == b"\x30":
        return (raw,)
    bodies = _PEM.findall(raw) or [raw]
    try:
        ders = tuple(b64decode(b"".join(body.split()), validate=True) for body in bodies)
    except NotBase64 as wrong:
        raise Misconfigured("certificate.unreadable", operator=str(wrong)) from None
    if not all(ders):
        raise Misconfigured("certificate.unreadable", operator="empty")
    return ders


def _read(der: bytes) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    key, strong = _key(parsed)
    return Certificate(
        der=der,
        thumbprint=thumbprint(der),
        subject=parsed.subject.rfc4514_string(),
        issuer=parsed.issuer.rfc4514_string(),
        serial=parsed.serial_number,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        key=key,
        strong=strong,
        authority=_is_authority(parsed),
        for_documents=_signs_documents(parsed),
        parsed=parsed,
    )


def _key(parsed: x509.Certificate) -> tuple[str, bool]:
    try:
        key = parsed.public_key()
    except UnsupportedAlgorithm:  # SM2 and others: readable, listed, not yet usable
        return parsed.public_key_algorithm_oid.dotted_string, False
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}", key.key_size >= LEAST_RSA_BITS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", isinstance(key.curve, ec.SECP256R1)
    return parsed.public_key_algorithm_oid.dotted_string, False


def _is_authority(parsed: x509.Certificate) -> bool:
    try:
        return parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _signs_documents(parsed: x509.Certificate) -> bool:
    try:
        usage = parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    if not (usage.digital_signature or usage.content_commitment):
        return False
    try:
        purposes = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return not _MACHINE_ONLY.issuperset(purposes)
