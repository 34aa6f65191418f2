"""What can sign: a private key that is used but never seen, with its certificate.

`FileSigner` keeps a key read from a file. A PKCS#11 token or a signature server is another class of the same
shape. It does not know what is signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from hub.errors import Misconfigured
from hub.signing.algorithms import KEYS_TAKEN, Algorithm, algorithm_for


class Signer(Protocol):
    """Signs bytes with one key, wherever it is kept."""

    @property
    def certificate(self) -> bytes:
        """The certificate of the key, DER."""
        ...

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Issuers' certificates to send along, DER, nearest first."""
        ...

    @property
    def algorithm(self) -> Algorithm:
        """The row that the key belongs to."""
        ...

    def sign(self, octets: bytes) -> bytes:
        """Return the signature value over `octets` in the encoding of `algorithm`."""
        ...


@dataclass(frozen=True, slots=True)
class FileSigner:
    """A signer whose private key lies in memory, loaded once: reading an RSA key costs 41-66 ms."""

    certificate: bytes
    chain: tuple[bytes, ...]
    algorithm: Algorithm
    _key: Any = field(repr=False, compare=False)

    @classmethod
    def load(cls, key_path: Path, certificate_path: Path, password: bytes | None = None) -> FileSigner:
        """Read a key and its certificates from PEM files. Errors: Misconfigured key.*"""
        try:
            key_pem, certificate_pem = key_path.read_bytes(), certificate_path.read_bytes()
        except OSError as wrong:
            raise Misconfigured("key.unreadable", operator=str(wrong)) from None
        return cls.from_pem(key_pem, certificate_pem, password)

    @classmethod
    def from_pem(cls, key_pem: bytes, certificate_pem: bytes, password: bytes | None = None) -> FileSigner:
        """Read a key and its certificates, own first, from PEM. Errors: Misconfigured key.*"""
        key, certificates = _read(key_pem, certificate_pem, password)
        own, *issuers = (certificate.public_bytes(Encoding.DER) for certificate in certificates)
        algorithm = algorithm_for(own)
        if algorithm is None:
            raise Misconfigured("key.weak", expected=KEYS_TAKEN)
        if _spki(key.public_key()) != _spki(certificates[0].public_key()):
            raise Misconfigured("key.mismatch")
        return cls(own, tuple(issuers), algorithm, key)

    def sign(self, octets: bytes) -> bytes:
        """Return the signature value over `octets` in the encoding of `algorithm`."""
        return self.algorithm.sign(self._key, octets)


def _read(key_pem: bytes, certificate_pem: bytes, password: bytes | None) -> tuple[Any, list[x509.Certificate]]:
    try:
        key = load_pem_private_key(key_pem, password)
        return key, x509.load_pem_x509_certificates(certificate_pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        # Only the kind of error: the library's words may quote what it read.
        raise Misconfigured("key.unreadable", operator=type(wrong).__name__) from None


def _spki(key: Any) -> bytes:
    spki: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki
