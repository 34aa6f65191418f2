"""The signature algorithms that the hub takes: one row each, from URI to digest, key rule, signing and
verifying.

Promises: a key that a row accepts is strong enough, and a signature value has one encoding, the one of XML
Signature. SM2 with SM3 is one more row in `ALGORITHMS`. It knows nothing of XML or of who may be trusted.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

# The upper bounds are there because a stranger chooses the key that the hub computes with.
_RSA_BITS = range(2048, 8192 + 1)
_RSA_EXPONENTS = range(65537, 2**32)
_LARGEST_CERTIFICATE = 16 * 1024
_P256_BYTES = 32
_HASH = hashes.SHA256()
_PKCS1 = padding.PKCS1v15()
_ECDSA = ec.ECDSA(_HASH)


class UnfitKey(Exception):
    """A certificate that cannot be read, or whose key is of another kind or size than the algorithm takes."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row. `public_key` reads the key out of a certificate (DER) and raises `UnfitKey` if the row does
    not take it.

    `sign` and `verify` use the signature encoding of XML Signature; `verify` only answers, whatever the
    bytes.
    """

    name: str
    signature_uri: str
    digest_uri: str
    digest: Callable[[bytes], bytes]
    public_key: Callable[[bytes], Any]
    sign: Callable[[Any, bytes], bytes]
    verify: Callable[[Any, bytes, bytes], bool]


def sha256(octets: bytes) -> bytes:
    """SHA-256 of `octets`, 32 bytes."""
    return hashlib.sha256(octets).digest()


@lru_cache(maxsize=1024)
def _certified_key(der: bytes) -> Any:
    """The public key of a certificate, parsed once; bounded because strangers choose what is cached."""
    try:
        with warnings.catch_warnings():  # of odd certificates; whether to trust one is not asked here
            warnings.simplefilter("ignore")
            return x509.load_der_x509_certificate(der).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as wrong:
        raise UnfitKey(f"unreadable: {type(wrong).__name__}") from None


def _key_of(der: bytes) -> Any:
    if len(der) > _LARGEST_CERTIFICATE:
        raise UnfitKey(f"certificate of {len(der)} bytes")
    return _certified_key(der)


def _rsa_key(der: bytes) -> rsa.RSAPublicKey:
    key = _key_of(der)
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnfitKey("not an RSA key")
    if key.key_size not in _RSA_BITS or key.public_numbers().e not in _RSA_EXPONENTS:
        raise UnfitKey(f"RSA key of {key.key_size} bits")
    return key


def _p256_key(der: bytes) -> ec.EllipticCurvePublicKey:
    key = _key_of(der)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnfitKey("not a P-256 key")
    return key


def _sign_rsa(key: rsa.RSAPrivateKey, octets: bytes) -> bytes:
    return key.sign(octets, _PKCS1, _HASH)


def _verify_rsa(key: rsa.RSAPublicKey, signature: bytes, octets: bytes) -> bool:
    try:
        key.verify(signature, octets, _PKCS1, _HASH)
    except InvalidSignature:
        return False
    return True


def _sign_p256(key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(octets, _ECDSA))
    return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)


def _verify_p256(key: ec.EllipticCurvePublicKey, signature: bytes, octets: bytes) -> bool:
    """XML Signature carries r and s side by side (RFC 6931, 2.3.6), not in DER."""
    if len(signature) != 2 * _P256_BYTES:
        return False
    r, s = (int.from_bytes(part) for part in (signature[:_P256_BYTES], signature[_P256_BYTES:]))
    try:
        key.verify(encode_dss_signature(r, s), octets, _ECDSA)
    except InvalidSignature:
        return False
    return True


_SHA256_URI = "http://www.w3.org/2001/04/xmlenc#sha256"

RSA_SHA256 = Algorithm(
    name="rsa-sha256",
    signature_uri="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digest_uri=_SHA256_URI,
    digest=sha256,
    public_key=_rsa_key,
    sign=_sign_rsa,
    verify=_verify_rsa,
)
ECDSA_SHA256 = Algorithm(
    name="ecdsa-sha256",
    signature_uri="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    digest_uri=_SHA256_URI,
    digest=sha256,
    public_key=_p256_key,
    sign=_sign_p256,
    verify=_verify_p256,
)

ALGORITHMS = {row.signature_uri: row for row in (ECDSA_SHA256, RSA_SHA256)}
KEYS_TAKEN = "RSA >= 2048, P-256"


def algorithm_for(certificate: bytes) -> Algorithm | None:
    """The first row that takes the key of a certificate (DER), or None."""
    for row in ALGORITHMS.values():
        try:
            row.public_key(certificate)
        except UnfitKey:
            continue
        return row
    return None
