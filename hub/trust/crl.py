"""Certificate revocation lists (RFC 5280 section 5): read and proven once, then asked by serial number.

Promises: a list counts only if a trusted authority of the issuer's name signed it; of two lists for one
place the newer counts; whatever the hub cannot fully understand (delta, indirect or by-reason lists) is
refused when it is loaded, because ignoring it would let revoked certificates in. It fetches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.errors import Misconfigured, Refused
from hub.trust.certificate import UNREADABLE
from hub.trust.chain import Authorities

_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate of a chain as a CRL knows it: its issuer's name (DER) and its serial number."""

    issuer: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One CRL. `place` is its distribution point in DER: some authorities cut their list into parts.

    `signer` is the authority's key, so that two authorities of one name never displace each other's lists.
    """

    issuer: bytes
    issuer_name: str
    signer: bytes
    place: bytes
    this_update: datetime
    next_update: datetime
    revoked: Mapping[int, datetime] = field(repr=False)


def read_crl(raw: bytes, authorities: Authorities) -> RevocationList:
    """Read one CRL, PEM or DER, and check its signature.

    Errors: Misconfigured trust.crl-unreadable, trust.crl-foreign (no trusted authority signed it).
    """
    try:
        pem = raw.lstrip().startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(raw) if pem else x509.load_der_x509_crl(raw)
        return _read(crl, authorities)
    except UNREADABLE as wrong:
        raise Misconfigured("trust.crl-unreadable", operator=f"{type(wrong).__name__}: {wrong}") from None


class Revocations:
    """All revocation lists in force, and how long one may be overdue (`grace`)."""

    __slots__ = ("_by_issuer", "_grace", "_required")

    def __init__(self, lists: Iterable[RevocationList], grace: timedelta, required: bool) -> None:
        newest: dict[tuple[bytes, bytes, bytes], RevocationList] = {}
        for item in lists:
            key = (item.issuer, item.signer, item.place)
            if key not in newest or item.this_update > newest[key].this_update:
                newest[key] = item
        self._by_issuer: dict[bytes, tuple[RevocationList, ...]] = {}
        for item in newest.values():
            self._by_issuer[item.issuer] = (*self._by_issuer.get(item.issuer, ()), item)
        self._grace = grace
        self._required = required

    def check(self, links: Iterable[Link], at: datetime) -> None:
        """Let a chain pass if none of its links is revoked at `at` and every list about it is fresh.

        Errors: Refused certificate.revoked, certificate.crl-stale.
        """
        for link in links:
            lists = self._by_issuer.get(link.issuer, ())
            for item in lists:
                since = item.revoked.get(link.serial)
                if since is not None and since <= at:
                    raise Refused("certificate.revoked", got=since.isoformat(), operator=f"serial {link.serial:x}")
            if self._required and not lists:
                raise Refused("certificate.crl-stale", operator="no CRL of the issuer")
            if any(self._stale(item, at) for item in lists):
                raise Refused("certificate.crl-stale", got=min(i.next_update for i in lists).isoformat())

    def alarms(self, at: datetime, issuers: Mapping[bytes, str]) -> list[Misconfigured]:
        """Return what an administrator must mend about the lists; `issuers` are the names that need one."""
        missing = [name for key, name in issuers.items() if self._required and key not in self._by_issuer]
        found = [Misconfigured("trust.crl-missing", where=name) for name in missing]
        for item in (item for lists in self._by_issuer.values() for item in lists):
            if item.this_update > at:
                found.append(_alarm("trust.crl-early", item, item.this_update))
            elif self._stale(item, at):
                found.append(_alarm("trust.crl-stale", item, item.next_update))
            elif at > item.next_update:
                found.append(_alarm("trust.crl-late", item, item.next_update))
        return found

    def _stale(self, item: RevocationList, at: datetime) -> bool:
        return at > item.next_update + self._grace


def _alarm(code: str, item: RevocationList, due: datetime) -> Misconfigured:
    return Misconfigured(code, where=item.issuer_name, got=due.isoformat())


def _read(crl: x509.CertificateRevocationList, authorities: Authorities) -> RevocationList:
    issuer = crl.issuer.public_bytes()
    if not isinstance(crl.signature_hash_algorithm, _DIGESTS):
        raise UnsupportedAlgorithm("a digest weaker than SHA-256")
    return RevocationList(
        issuer=issuer,
        issuer_name=crl.issuer.rfc4514_string(),
        signer=_signer(crl, authorities.named(issuer)),
        place=_place(crl),
        this_update=crl.last_update_utc,
        # Without a nextUpdate nobody can tell when the list is out of date: it is due at once.
        next_update=crl.next_update_utc or crl.last_update_utc,
        revoked={entry.serial_number: entry.revocation_date_utc for entry in crl},
    )


def _signer(crl: x509.CertificateRevocationList, candidates: Iterable[x509.Certificate]) -> bytes:
    for candidate in candidates:
        key = candidate.public_key()
        # The library's type of `key` is wider than what can sign a CRL; a key of another kind is a TypeError.
        if _may_sign_crls(candidate) and crl.is_signature_valid(key):  # type: ignore[arg-type]
            return candidate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise Misconfigured("trust.crl-foreign", got=crl.issuer.rfc4514_string())


def _may_sign_crls(authority: x509.Certificate) -> bool:
    try:
        return authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _place(crl: x509.CertificateRevocationList) -> bytes:
    place = b""
    for extension in crl.extensions:
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint):
            if point.indirect_crl or point.only_some_reasons:
                raise ValueError("an indirect or by-reason CRL")
            place = point.public_bytes()
        elif extension.critical or isinstance(point, x509.DeltaCRLIndicator):
            raise ValueError(f"CRL extension {extension.oid.dotted_string}")
    return place
