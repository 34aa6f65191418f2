"""Whose certificate is this, and may the hub take its signature now? The one place that answers.

Promises: only certificates an administrator enrolled count, and one that is not enrolled is refused by its
digest alone, before a byte of it is parsed. An enrolled one must be enabled, inside its dates, fit for
signing documents, lead to a trusted authority and stand on no revocation list. Every question carries its
own time, so an old message can be judged as of its day. It does not verify signatures, and says nothing of
the department's rights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.errors import HubError, Misconfigured, Refused
from hub.message import Enrolment
from hub.trust.certificate import Certificate, EnrolledCertificate, read_certificate, thumbprint
from hub.trust.chain import Authorities
from hub.trust.crl import Link, Revocations, read_crl

EXPIRY_NOTICE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Place:
    """What the enrolment list says of one thumbprint."""

    department: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class _Vouched:
    """A certificate whose chain was checked; the answer holds from `since` to `until`, revocation apart."""

    enrolment: Enrolment
    links: tuple[Link, ...]
    since: datetime
    until: datetime


class Trust:
    """Authorities, enrolled certificates and CRLs, as loaded together. Replaced whole, never changed."""

    __slots__ = ("_authorities", "_enrolled", "_revocations", "_vouched")

    def __init__(self, authorities: Authorities, enrolled: dict[str, _Place], revocations: Revocations) -> None:
        self._authorities = authorities
        self._enrolled = enrolled
        self._revocations = revocations
        # Grows by at most one entry per enrolled certificate, each the same whoever computes it.
        self._vouched: dict[str, _Vouched] = {}

    @classmethod
    def build(
        cls,
        anchors: Iterable[bytes],
        enrolled: Iterable[EnrolledCertificate],
        crls: Iterable[bytes] = (),
        crl_grace: timedelta = timedelta(days=1),
        require_crl: bool = False,
    ) -> Trust:
        """Load everything once. `anchors` are DER, roots and intermediates; `crls` are DER or PEM.

        Only the thumbprint of an enrolled certificate is kept: the same digest is the same certificate.
        Errors: Misconfigured certificate.unreadable, certificate.shared, trust.not-authority, trust.crl-*.
        """
        authorities = Authorities(anchors)
        places: dict[str, _Place] = {}
        for item in enrolled:
            mark = thumbprint(item.der)
            if mark in places:
                raise Misconfigured("certificate.shared", got=mark, where=item.department)
            places[mark] = _Place(item.department, item.enabled)
        lists = (read_crl(crl, authorities) for crl in crls)
        return cls(authorities, places, Revocations(lists, crl_grace, require_crl))

    def identify(self, der: bytes, at: datetime) -> Enrolment:
        """Return the department that signs with certificate `der` at time `at`.

        Errors: Refused certificate.unenrolled, .disabled, .unreadable, .not-yet-valid, .expired, .usage,
        .weak, .untrusted, .revoked, .crl-stale, in this order.
        """
        mark = thumbprint(der)
        place = self._enrolled.get(mark)
        if place is None:
            raise Refused("certificate.unenrolled", got=mark)
        if not place.enabled:
            raise Refused("certificate.disabled", got=mark)
        vouched = self._vouched.get(mark)
        if vouched is None or not vouched.since <= at <= vouched.until:
            vouched = self._vouched[mark] = self._vouch(_read(der), place.department, at)
        self._revocations.check(vouched.links, at)
        return vouched.enrolment

    def check_new(self, der: bytes, at: datetime) -> Certificate:
        """Judge a certificate that is to be enrolled; one that is not valid yet may come before its day.

        Errors: Misconfigured certificate.already-enrolled and all that `identify` refuses.
        """
        read = read_certificate(der)
        place = self._enrolled.get(read.thumbprint)
        if place is not None:
            raise Misconfigured("certificate.already-enrolled", got=place.department)
        try:
            vouched = self._vouch(read, "", max(at, read.not_before))
            self._revocations.check(vouched.links, at)
        except Refused as wrong:
            raise _ours(wrong) from None
        return read

    def alarms(self, at: datetime) -> list[Misconfigured]:
        """Return what an administrator should mend now: overdue or missing CRLs, expiring authorities."""
        members = self._authorities.members
        issuers = {m.parsed.subject.public_bytes(): m.subject for m in members}
        found = self._revocations.alarms(at, issuers)
        for member in members:
            if at + EXPIRY_NOTICE > member.not_after:
                code = "trust.authority-expired" if at > member.not_after else "trust.authority-expiring"
                found.append(Misconfigured(code, where=member.subject, got=member.not_after.isoformat()))
        return found

    def _vouch(self, read: Certificate, department: str, at: datetime) -> _Vouched:
        _check_itself(read, at)
        chain = self._authorities.chain(read, at)
        return _Vouched(
            enrolment=Enrolment(department, read.thumbprint, read.not_before, read.not_after),
            links=tuple(Link(c.issuer.public_bytes(), c.serial_number) for c in chain[:-1]),
            since=max(c.not_valid_before_utc for c in chain),
            until=min(c.not_valid_after_utc for c in chain),
        )


def _check_itself(read: Certificate, at: datetime) -> None:
    if at < read.not_before:
        raise Refused("certificate.not-yet-valid", got=read.not_before.isoformat())
    if at > read.not_after:
        raise Refused("certificate.expired", got=read.not_after.isoformat())
    if read.authority or not read.for_documents:
        raise Refused("certificate.usage", got="CA" if read.authority else "")
    if not read.strong:
        raise Refused("certificate.weak", got=read.key)


def _read(der: bytes) -> Certificate:
    try:
        return read_certificate(der)
    except Misconfigured as wrong:
        raise Refused(wrong.code, operator=wrong.operator) from None


def _ours(wrong: HubError) -> Misconfigured:
    """The same fact, told to the administrator who is about to enrol the certificate."""
    return Misconfigured(wrong.code, expected=wrong.expected, got=wrong.got, where=wrong.where, operator=wrong.operator)
