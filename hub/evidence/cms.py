"""A detached CAdES-B-B signature (RFC 5652, ETSI EN 319 122-1), written in DER. It writes one kind and reads none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from hub.signing.algorithms import ECDSA_SHA256
from hub.signing.signer import Signer

_SEQUENCE, _SET, _INTEGER, _OCTETS, _NULL, _OID, _UTC_TIME, _IN_PLACE_0 = 0x30, 0x31, 2, 4, 5, 6, 0x17, 0xA0


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 128 + len(size)]) + size + body


def _oid(octets: str) -> bytes:
    return _der(_OID, bytes.fromhex(octets))


_DATA = _oid("2a864886f70d010701")
_SIGNED_DATA = _oid("2a864886f70d010702")
_CONTENT_TYPE = _oid("2a864886f70d010903")
_MESSAGE_DIGEST = _oid("2a864886f70d010904")
_SIGNING_TIME = _oid("2a864886f70d010905")
_SIGNING_CERTIFICATE_V2 = _oid("2a864886f70d010910022f")
_SHA256 = _der(_SEQUENCE, _oid("608648016503040201"))
_WITH_ECDSA = _der(_SEQUENCE, _oid("2a8648ce3d040302"))
_WITH_RSA = _der(_SEQUENCE, _oid("2a864886f70d010101"), _der(_NULL))
_VERSION_1 = _der(_INTEGER, b"\x01")


def detached(content: bytes, signer: Signer, at: datetime) -> bytes:
    """The signature of `content` with the signer's certificate and its chain inside."""
    attributes = _attributes(content, signer.certificate, at)
    value = signer.sign(_der(_SET, attributes))
    method = _WITH_RSA
    if signer.algorithm is ECDSA_SHA256:
        half = len(value) // 2  # the signer gives r and s side by side, CMS has them in DER
        value = encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
        method = _WITH_ECDSA
    signed = _der(
        _SEQUENCE,
        _VERSION_1,
        _whose(signer.certificate),
        _SHA256,
        _der(_IN_PLACE_0, attributes),
        method,
        _der(_OCTETS, value),
    )
    certificates = _der(_IN_PLACE_0, *sorted((signer.certificate, *signer.chain)))
    parts = (_VERSION_1, _der(_SET, _SHA256), _der(_SEQUENCE, _DATA), certificates, _der(_SET, signed))
    return _der(_SEQUENCE, _SIGNED_DATA, _der(_IN_PLACE_0, _der(_SEQUENCE, *parts)))


def _attributes(content: bytes, certificate: bytes, at: datetime) -> bytes:
    """The signed attributes, in the order that DER gives a set."""
    time = at.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode()
    named = _der(_SEQUENCE, _der(_SEQUENCE, _der(_OCTETS, hashlib.sha256(certificate).digest())))
    values = (
        (_CONTENT_TYPE, _DATA),
        (_SIGNING_TIME, _der(_UTC_TIME, time)),
        (_MESSAGE_DIGEST, _der(_OCTETS, hashlib.sha256(content).digest())),
        (_SIGNING_CERTIFICATE_V2, _der(_SEQUENCE, named)),
    )
    return b"".join(sorted(_der(_SEQUENCE, name, _der(_SET, value)) for name, value in values))


def _whose(certificate: bytes) -> bytes:
    """The issuer's name and the serial number."""
    parsed = x509.load_der_x509_certificate(certificate)
    number = parsed.serial_number.to_bytes(parsed.serial_number.bit_length() // 8 + 1)
    return _der(_SEQUENCE, parsed.issuer.public_bytes(), _der(_INTEGER, number))
