"""A small certificate authority for demonstrations, tests and first trials: P-256, one level or two.

Promises: certificates and CRLs that this hub's own strict checks accept, kept as PEM files in one folder
with the keys readable by their owner only. It is no substitute for a licensed authority: the keys are
unencrypted files and it publishes nothing. Time is an argument; keys and serial numbers come from the
system's randomness.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.errors import Misconfigured
from hub.trust.certificate import UNREADABLE

KeyKind = Literal["p256", "rsa2048"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CERTIFICATE_FILE = "ca.pem"
KEY_FILE = "ca.key"
CHAIN_FILE = "ca-chain.pem"
CRL_FILE = "ca.crl"
# Authorities and TLS certificates start this much earlier, for machines whose clock is a little behind.
_LEEWAY = timedelta(hours=1)
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a certificate may be used for; the default is to sign documents."""

    digital_signature: bool = True
    content_commitment: bool = True
    key_encipherment: bool = False

    def extension(self) -> x509.KeyUsage:
        """The same as an X.509 extension."""
        return _key_usage(self.digital_signature, self.content_commitment, self.key_encipherment, False)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate with its private key, both as PEM text, and the certificate's DER."""

    certificate_pem: bytes
    key_pem: bytes
    der: bytes


@dataclass(frozen=True, slots=True)
class Revocation:
    """One withdrawn certificate."""

    serial: int
    at: datetime


@dataclass(frozen=True, slots=True)
class DemoCa:
    """An authority: its certificate, its key, the authorities above it, and what it has revoked."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...] = ()
    revoked: tuple[Revocation, ...] = ()

    @classmethod
    def create(cls, name: str, at: datetime, years: int = 10) -> DemoCa:
        """Make a new root. Errors: Misconfigured ca.name."""
        key = _new_key("p256")
        subject = _name(name)
        builder = _under(subject, key, _builder(subject, key, at - _LEEWAY, at + timedelta(days=365 * years)))
        return cls(_authority(builder, path_length=1).sign(key, hashes.SHA256()), key)

    def intermediate(self, name: str, at: datetime, years: int = 5) -> DemoCa:
        """Make an authority below this one that may issue certificates but no further authorities.

        Errors: Misconfigured ca.name.
        """
        key = _new_key("p256")
        builder = _builder(_name(name), key, at - _LEEWAY, at + timedelta(days=365 * years))
        builder = _authority(_under(self.certificate.subject, self.key, builder), path_length=0)
        return DemoCa(builder.sign(self.key, hashes.SHA256()), key, (self.certificate, *self.above))

    def issue(self, common_name: str, department: str, at: datetime, days: int = 730, key: KeyKind = "p256") -> Issued:
        """Issue a certificate that signs documents for `department`, valid from `at` on.

        Errors: Misconfigured ca.name.
        """
        made = _new_key(key)
        builder = _builder(_name(common_name, department), made, at, at + timedelta(days=days))
        return self._signed(builder.add_extension(Usage().extension(), critical=True), made)

    def issue_tls(self, hostnames: Sequence[str], at: datetime, days: int = 365) -> Issued:
        """Issue a TLS certificate, for server and client, that names one or more host names or IP addresses.

        Errors: Misconfigured ca.host.
        """
        if not hostnames:
            raise Misconfigured("ca.host")
        names = x509.SubjectAlternativeName([_general_name(host) for host in hostnames])
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        made = _new_key("p256")
        builder = (
            _builder(_name(hostnames[0]), made, at - _LEEWAY, at + timedelta(days=days))
            .add_extension(names, critical=False)
            .add_extension(purposes, critical=False)
            .add_extension(Usage(content_commitment=False).extension(), critical=True)
        )
        return self._signed(builder, made)

    def revoke(self, der: bytes, at: datetime) -> DemoCa:
        """Return this authority with certificate `der` on its list; an earlier revocation of it stays."""
        serial = x509.load_der_x509_certificate(der).serial_number
        if any(item.serial == serial for item in self.revoked):
            return self
        return replace(self, revoked=(*self.revoked, Revocation(serial, at)))

    def crl(self, at: datetime, next_update: datetime) -> bytes:
        """Sign the list of what is revoked, as PEM; its number is `at` in seconds, so it always grows."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at)
            .next_update(next_update)
            .add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
            .add_extension(_key_identifier(self.key), critical=False)
        )
        for item in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(item.serial).revocation_date(item.at)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    @property
    def certificate_pem(self) -> bytes:
        """This authority's certificate, PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """DER of this authority and of those above it: what a hub has to trust."""
        return tuple(c.public_bytes(Encoding.DER) for c in (self.certificate, *self.above))

    def save(self, folder: Path, at: datetime, next_update: datetime) -> None:
        """Write certificate, key (mode 0600), chain and a fresh CRL, the memory of what is revoked."""
        folder.mkdir(parents=True, exist_ok=True)
        _write_private(folder / KEY_FILE, _key_pem(self.key))
        (folder / CERTIFICATE_FILE).write_bytes(self.certificate_pem)
        (folder / CHAIN_FILE).write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in self.above))
        (folder / CRL_FILE).write_bytes(self.crl(at, next_update))

    @classmethod
    def load(cls, folder: Path) -> DemoCa:
        """Read what `save` wrote. Errors: Misconfigured ca.unreadable."""
        try:
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())
            key = load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
            crl = x509.load_pem_x509_crl((folder / CRL_FILE).read_bytes())
            chain = (folder / CHAIN_FILE).read_bytes()
            above = tuple(x509.load_pem_x509_certificates(chain)) if chain else ()
        except (OSError, *UNREADABLE) as wrong:
            raise Misconfigured("ca.unreadable", operator=str(wrong)) from None
        if not isinstance(key, PrivateKey) or key.public_key() != certificate.public_key():
            raise Misconfigured("ca.unreadable", operator=f"{KEY_FILE} does not belong to {CERTIFICATE_FILE}")
        revoked = tuple(Revocation(entry.serial_number, entry.revocation_date_utc) for entry in crl)
        return cls(certificate, key, above, revoked)

    def _signed(self, builder: x509.CertificateBuilder, key: PrivateKey) -> Issued:
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = _under(self.certificate.subject, self.key, builder).sign(self.key, hashes.SHA256())
        return Issued(made.public_bytes(Encoding.PEM), _key_pem(key), made.public_bytes(Encoding.DER))


def _builder(subject: x509.Name, key: PrivateKey, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _under(issuer: x509.Name, key: PrivateKey, builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.issuer_name(issuer).add_extension(_key_identifier(key), critical=False)


def _authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    builder = builder.add_extension(constraints, critical=True)
    return builder.add_extension(_key_usage(False, False, False, True), critical=True)


def _key_usage(signature: bool, commitment: bool, encipherment: bool, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=commitment,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_identifier(key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _name(common_name: str, department: str = "") -> x509.Name:
    """A common name longer than the 64 bytes that X.520 allows is cut between two characters."""
    short = common_name.encode()[:64].decode(errors="ignore")
    parts = [(NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATIONAL_UNIT_NAME, department)]
    try:
        known = [x509.NameAttribute(oid, value) for oid, value in parts if value]
        return x509.Name([*known, x509.NameAttribute(NameOID.COMMON_NAME, short)])
    except ValueError as wrong:
        raise Misconfigured("ca.name", got=common_name[:64], operator=str(wrong)) from None


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    if not _HOST.fullmatch(host):
        raise Misconfigured("ca.host", got=host[:64])
    return x509.DNSName(host)


def _new_key(kind: KeyKind) -> PrivateKey:
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_private(path: Path, content: bytes) -> None:
    """Create the file closed to others from its first byte on; an older, wider one is replaced."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
