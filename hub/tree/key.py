"""Keys of signed notes: their names and ids, their text form, and what signs and verifies with them.

Three kinds of signature are known (C2SP signed-note and tlog-cosignature): Ed25519 (1), ECDSA with SHA-256 on P-256
(2), and the time-stamped Ed25519 cosignature of a witness (4), whose value holds the time before the signature. A key
is read from configuration only, so a wrong one is the administrator's to mend.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from hub.errors import Misconfigured
from hub.signing.algorithms import ECDSA_SHA256
from hub.signing.signer import Signer

ID_BYTES = 4
_ED25519_BYTES = 32
_TIME_BYTES = 8
_COSIGNATURE = "cosignature/v1\ntime {seconds}\n"


class Kind(IntEnum):
    """The signature type byte."""

    ED25519 = 1
    ECDSA = 2
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A verifier key. `public` is 32 bytes for the two Ed25519 kinds, a SubjectPublicKeyInfo (DER) for ECDSA."""

    name: str
    kind: Kind
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line names its key; for ECDSA the name takes no part in them."""
        if self.kind is Kind.ECDSA:
            return hashlib.sha256(self.public).digest()[:ID_BYTES]
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:ID_BYTES]

    def text(self) -> str:
        """The key as people exchange it: `NAME+ID+BASE64`."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def read(cls, text: str) -> NoteKey:
        """Read the text form. Errors: Misconfigured note.key."""
        name, identity, coded = [*text.split("+", 2), "", ""][:3]
        try:
            octets = base64.b64decode(coded, validate=True)
            key = cls(name, Kind(octets[0]), octets[1:])
        except (binascii.Error, ValueError, IndexError):
            raise _wrong(name) from None
        if not is_name(name) or identity != key.id.hex() or not key._usable() or key.text() != text:
            raise _wrong(name)
        return key

    def verifies(self, text: bytes, value: bytes) -> bool:
        """Whether `value` is this key's signature over a note's text."""
        try:
            if self.kind is Kind.ECDSA:
                _p256(self.public).verify(value, text, ec.ECDSA(hashes.SHA256()))
            elif self.kind is Kind.COSIGNATURE:
                seconds, value = int.from_bytes(value[:_TIME_BYTES]), value[_TIME_BYTES:]
                Ed25519PublicKey.from_public_bytes(self.public).verify(value, cosigned_text(text, seconds))
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(value, text)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _usable(self) -> bool:
        try:
            if self.kind is Kind.ECDSA:
                _p256(self.public)
            else:
                Ed25519PublicKey.from_public_bytes(self.public)
        except (ValueError, UnsupportedAlgorithm):
            return False
        return True


@lru_cache(maxsize=16)  # reading one takes a third as long as verifying with it
def _p256(spki: bytes) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 key")
    return key


def read_keys(text: str) -> tuple[NoteKey, ...]:
    """Verifier keys with white space between them. Errors: Misconfigured note.key."""
    return tuple(NoteKey.read(part) for part in text.split())


class NoteSigner(Protocol):
    """Signs notes under one name."""

    @property
    def key(self) -> NoteKey:
        """The verifier key of what it signs."""
        ...

    def sign(self, text: bytes) -> bytes:
        """The signature value over a note's text."""
        ...


@dataclass(frozen=True, slots=True)
class EcdsaNoteSigner:
    """Signs notes with a P-256 key wherever it is kept, such as the hub's own."""

    key: NoteKey
    _signer: Signer = field(repr=False)

    @classmethod
    def of(cls, name: str, signer: Signer) -> EcdsaNoteSigner:
        """Under `name`, which is not yet checked. Errors: Misconfigured note.signer if the key is not on P-256."""
        if signer.algorithm is not ECDSA_SHA256:
            raise Misconfigured("note.signer", expected="P-256, Ed25519", got=signer.algorithm.name)
        certified = x509.load_der_x509_certificate(signer.certificate).public_key()
        spki = certified.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(NoteKey(name, Kind.ECDSA, spki), signer)

    def sign(self, text: bytes) -> bytes:
        """The signature in DER, as notes carry it; the signer gives r and s side by side."""
        pair = self._signer.sign(text)
        half = len(pair) // 2
        return encode_dss_signature(int.from_bytes(pair[:half]), int.from_bytes(pair[half:]))


@dataclass(frozen=True, slots=True)
class Ed25519NoteSigner:
    """Signs notes with an Ed25519 key in memory."""

    key: NoteKey
    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, name: str, private: Ed25519PrivateKey, kind: Kind = Kind.ED25519) -> Ed25519NoteSigner:
        """Under `name`; the kind says whether it signs as a log or, through `cosign`, as a witness."""
        return cls(NoteKey(name, kind, private.public_key().public_bytes_raw()), private)

    @classmethod
    def from_pem(cls, name: str, pem: bytes, kind: Kind = Kind.ED25519) -> Ed25519NoteSigner:
        """With an unencrypted private key in PEM. Errors: Misconfigured note.signer."""
        try:
            private = load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
            # Only the kind of error: the library's words may quote what it read.
            raise Misconfigured("note.signer", expected="Ed25519 PEM", operator=type(wrong).__name__) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise Misconfigured("note.signer", expected="Ed25519", operator=type(private).__name__)
        return cls.of(name, private, kind)

    def sign(self, text: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(text)

    def cosign(self, text: bytes, seconds: int) -> bytes:
        """The value of a cosignature over a checkpoint's text at a POSIX time."""
        return seconds.to_bytes(_TIME_BYTES) + self._private.sign(cosigned_text(text, seconds))


def cosigned_text(text: bytes, seconds: int) -> bytes:
    """What a witness signs: a header line, the time, and the checkpoint's text."""
    return _COSIGNATURE.format(seconds=seconds).encode() + text


def _wrong(name: str) -> Misconfigured:
    # Only the name: the text may be a private key, pasted by mistake.
    return Misconfigured("note.key", expected="NAME+ID+BASE64", got=f"{name[:40]}+\u2026")


def is_name(name: str) -> bool:
    """Whether a key may have this name: not empty, no space of any kind, no plus, no control character."""
    return bool(name) and not any(char.isspace() or char == "+" or char < " " for char in name)
