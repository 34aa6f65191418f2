"""The authorities an administrator chose to trust, and the chain from a certificate up to one of them.

Promises: paths are built and checked by `cryptography.x509.verification`, only through authorities given here;
certificates that arrive in a message are never used as a step. It knows neither departments nor revocation.

The web's rules for end certificates are left out on purpose: government CAs issue without subjectAltName.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509 import verification

from hub.errors import Misconfigured, Refused
from hub.trust.certificate import Certificate, read_certificate

DEEPEST = 4


class Authorities:
    """Roots and intermediates. An authority whose issuer is not among the others is itself a root."""

    __slots__ = ("_by_name", "_intermediates", "_store", "members")

    def __init__(self, ders: Iterable[bytes]) -> None:
        self.members = tuple(_authority(der) for der in dict.fromkeys(ders))
        self._by_name: dict[bytes, tuple[x509.Certificate, ...]] = {}
        for parsed in (member.parsed for member in self.members):
            name = parsed.subject.public_bytes()
            self._by_name[name] = (*self._by_name.get(name, ()), parsed)
        roots = [m.parsed for m in self.members if self._is_root(m.parsed)]
        self._intermediates = [m.parsed for m in self.members if not self._is_root(m.parsed)]
        self._store = verification.Store(roots) if roots else None

    def _is_root(self, parsed: x509.Certificate) -> bool:
        return parsed.issuer == parsed.subject or parsed.issuer.public_bytes() not in self._by_name

    def named(self, name: bytes) -> tuple[x509.Certificate, ...]:
        """Return the authorities whose subject is `name` (DER)."""
        return self._by_name.get(name, ())

    def chain(self, certificate: Certificate, at: datetime) -> list[x509.Certificate]:
        """Return the chain at `at`, leaf first and root last. Errors: Refused certificate.untrusted."""
        if self._store is None:
            raise _untrusted(certificate, "no authority is configured")
        verifier = (
            verification.PolicyBuilder()
            .store(self._store)
            .time(at)
            .max_chain_depth(DEEPEST)
            .extension_policies(ca_policy=_FOR_AUTHORITIES, ee_policy=_FOR_SIGNERS)
            .build_client_verifier()
        )
        try:
            return verifier.verify(certificate.parsed, self._intermediates).chain
        except (verification.VerificationError, ValueError) as wrong:
            raise _untrusted(certificate, str(wrong)) from None


def _authority(der: bytes) -> Certificate:
    read = read_certificate(der)
    if not read.authority:
        raise Misconfigured("trust.not-authority", got=read.subject)
    return read


def _untrusted(certificate: Certificate, why: str) -> Refused:
    return Refused("certificate.untrusted", got=certificate.issuer, operator=why)


def _must_be_authority(_policy: Any, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an issuer is not a CA")


def _must_sign_certificates(_policy: Any, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")


_FOR_SIGNERS = verification.ExtensionPolicy.permit_all()
_FOR_AUTHORITIES = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _must_be_authority)
    .may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _must_sign_certificates)
)
