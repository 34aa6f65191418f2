"""Row "Certificates": well-made signatures by keys that may not sign, with real certificates."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hub.directory import Directory, Right
from hub.hub import Hub
from hub.signing import signature
from hub.signing.signer import FileSigner
from hub.trust.ca import DemoCa, Issued, Usage
from hub.trust.certificate import EnrolledCertificate
from hub.trust.trust import Trust
from tests.hostile.conftest import Refuse
from tests.hostile.documents import changed, element
from tests.keys import key_pem
from tests.town import START, Town, authority

DAY = timedelta(days=1)
GRACE = timedelta(days=1)
Trusting = Callable[..., Hub]


@pytest.fixture
def trusting(town: Town) -> Iterator[Trusting]:
    """Let the town's hub trust other certificates for the length of one test."""
    before = town.hub

    def trust(*enrolled: EnrolledCertificate, anchors: Iterable[bytes] = (), crls: Iterable[bytes] = ()) -> Hub:
        made = Trust.build((*authority().anchors, *anchors), enrolled, crls, GRACE)
        town.hub = replace(before, rules=replace(before.rules, trust=made))
        return town.hub

    yield trust
    town.hub = before


def _signer(issued: Issued) -> FileSigner:
    return FileSigner.from_pem(issued.key_pem, issued.certificate_pem)


def _enrolled(issued: Issued, code: str = "a") -> EnrolledCertificate:
    return EnrolledCertificate(code, issued.der, True)


def _raw(town: Town, issued: Issued) -> bytes:
    return signature.sign(town.envelope("a", "b"), _signer(issued))


def _handmade(ca: DemoCa, *extensions: tuple[x509.ExtensionType, bool]) -> Issued:
    """A certificate of `ca` with just these extensions."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=hand made"))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - DAY)
        .not_valid_after(START + 365 * DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    made = builder.sign(ca.key, hashes.SHA256())
    return Issued(made.public_bytes(Encoding.PEM), key_pem(key), made.public_bytes(Encoding.DER))


SIGNING = (Usage().extension(), True)
AS_CA = (x509.BasicConstraints(ca=True, path_length=None), True)


def test_a_certificate_that_is_in_order_is_taken(town: Town, trusting: Trusting) -> None:
    issued = authority().issue("a", "a", START - DAY)
    trusting(_enrolled(issued), crls=[authority().crl(START, START + 30 * DAY)])
    town.submit(_raw(town, issued))


def test_expired(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = authority().issue("a", "a", START - 10 * DAY, days=9)
    trusting(_enrolled(issued))
    refuse(_raw(town, issued), "certificate.expired")


def test_not_yet_valid(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = authority().issue("a", "a", START + DAY)
    trusting(_enrolled(issued))
    refuse(_raw(town, issued), "certificate.not-yet-valid")


def test_revoked(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = authority().issue("a", "a", START - DAY)
    crl = authority().revoke(issued.der, START - DAY).crl(START - DAY, START + 30 * DAY)
    trusting(_enrolled(issued), crls=[crl])
    refusal = refuse(_raw(town, issued), "certificate.revoked")
    serial = x509.load_der_x509_certificate(issued.der).serial_number
    assert f"{serial:x}" not in str(refusal.facts())


WRONG_USAGE = {
    "none stated": (),
    "encipherment only": (
        (Usage(digital_signature=False, content_commitment=False, key_encipherment=True).extension(), True),
    ),
    "a CA": (SIGNING, AS_CA),
    "TLS server": (SIGNING, (x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), False)),
    "code signing": (SIGNING, (x509.ExtendedKeyUsage([x509.OID_CODE_SIGNING]), False)),
}


@pytest.mark.parametrize("row", WRONG_USAGE)
def test_wrong_usage(town: Town, trusting: Trusting, refuse: Refuse, row: str) -> None:
    issued = _handmade(authority(), *WRONG_USAGE[row])
    trusting(_enrolled(issued))
    refuse(_raw(town, issued), "certificate.usage")


def test_wrong_chain(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = DemoCa.create("别的机构", START - 30 * DAY).issue("a", "a", START - DAY)
    trusting(_enrolled(issued))
    refuse(_raw(town, issued), "certificate.untrusted")


def test_an_authority_of_the_same_name(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = DemoCa.create("测试根证书", START - 30 * DAY).issue("a", "a", START - DAY)
    trusting(_enrolled(issued))
    refuse(_raw(town, issued), "certificate.untrusted")


def test_a_department_that_issues_certificates(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    """Signed by an enrolled department's own key, which is no authority's."""
    middle = authority().issue("b", "b", START - DAY)
    forged_ca = DemoCa(x509.load_der_x509_certificate(middle.der), _signer(middle)._key)
    issued = _handmade(forged_ca, SIGNING)
    trusting(_enrolled(issued), _enrolled(middle, "b"))
    refuse(_raw(town, issued), "certificate.untrusted")


@pytest.fixture(scope="module")
def look_alikes() -> list[tuple[DemoCa, bytes]]:
    """A hundred authorities of our authority's name, each under the one before."""
    ca, chain = DemoCa.create("测试根证书", START - 30 * DAY), []
    for _ in range(100):
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(ca.certificate.subject)
            .issuer_name(ca.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(START - DAY)
            .not_valid_after(START + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(ca.key, hashes.SHA256())
        )
        ca = DemoCa(made, key)
        chain.append((ca, made.public_bytes(Encoding.PEM)))
    return chain


def test_look_alike_chain_of_100_sent_along(
    town: Town, refuse: Refuse, look_alikes: list[tuple[DemoCa, bytes]]
) -> None:
    issued = look_alikes[-1][0].issue("a", "a", START - DAY)
    pem = issued.certificate_pem + b"".join(pem for _, pem in reversed(look_alikes))
    long = FileSigner.from_pem(issued.key_pem, pem)
    refuse(signature.sign(town.envelope("a", "b"), long), "envelope.invalid")


def test_look_alike_chain_as_long_as_may_be_sent(
    town: Town, refuse: Refuse, look_alikes: list[tuple[DemoCa, bytes]]
) -> None:
    issued = look_alikes[-1][0].issue("a", "a", START - DAY)
    pem = issued.certificate_pem + b"".join(pem for _, pem in look_alikes[-4:])
    refuse(signature.sign(town.envelope("a", "b"), FileSigner.from_pem(issued.key_pem, pem)), "certificate.unenrolled")


def test_look_alike_chain_of_100_even_if_enrolled_and_half_trusted(
    town: Town, trusting: Trusting, refuse: Refuse, look_alikes: list[tuple[DemoCa, bytes]]
) -> None:
    """Worst of all: an administrator took all hundred for intermediates, so that path building has them all to try."""
    issued = look_alikes[-1][0].issue("a", "a", START - DAY)
    anchors = [ca.certificate.public_bytes(Encoding.DER) for ca, _ in look_alikes[50:-1]]
    stranger = DemoCa.create("测试根证书", START - 30 * DAY).issue("a", "a", START - DAY)
    trusting(_enrolled(issued), _enrolled(stranger), anchors=anchors)
    refuse(_raw(town, stranger), "certificate.untrusted")


@pytest.mark.parametrize("number", [6, 100, 5_000])
def test_more_than_five_in_the_message(town: Town, refuse: Refuse, number: int) -> None:
    raw = town.signed("a", "b")
    own = element(raw, "X509Certificate")
    refuse(changed(raw, own, own * number), "envelope.invalid")


def test_five_in_the_message_are_taken(town: Town) -> None:
    raw = town.signed("a", "b")
    own = element(raw, "X509Certificate")
    assert town.submit(changed(raw, own, own * 5)).digest


def test_unenrolled(town: Town, refuse: Refuse) -> None:
    refuse(_raw(town, authority().issue("a", "a", START - DAY)), "certificate.unenrolled")


def test_disabled(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = authority().issue("a", "a", START - DAY)
    trusting(replace(_enrolled(issued), enabled=False))
    refuse(_raw(town, issued), "certificate.disabled")


def test_enrolled_for_another_department(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    """The certificate's own subject says a; the enrolment says b, and that counts."""
    issued = authority().issue("a", "a", START - DAY)
    trusting(_enrolled(issued, "b"))
    refuse(_raw(town, issued), "rights.sender")


def test_a_list_stale_beyond_its_grace_refuses_and_alarms(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    issued = authority().issue("a", "a", START - 20 * DAY)
    hub = trusting(_enrolled(issued), crls=[authority().crl(START - 10 * DAY, START - GRACE - timedelta(seconds=1))])
    refuse(_raw(town, issued), "certificate.crl-stale")
    assert [alarm.code for alarm in hub.rules.trust.alarms(town.clock())] == ["trust.crl-stale"]


def test_a_list_late_but_within_its_grace_is_taken_and_alarms(town: Town, trusting: Trusting) -> None:
    issued = authority().issue("a", "a", START - 20 * DAY)
    hub = trusting(_enrolled(issued), crls=[authority().crl(START - 10 * DAY, START - GRACE)])
    town.submit(_raw(town, issued))
    assert [alarm.code for alarm in hub.rules.trust.alarms(town.clock())] == ["trust.crl-late"]


JUNK = {"zeros": bytes(300), "DER of no certificate": b"\x30\x82\x01\x00" + bytes(256), "largest": b"\x30" * 16_384}


@pytest.mark.parametrize("row", JUNK)
def test_a_certificate_that_is_none(town: Town, refuse: Refuse, row: str) -> None:
    raw = town.signed("a", "b")
    junk = f"<ds:X509Certificate>{b64encode(JUNK[row]).decode()}</ds:X509Certificate>"
    refuse(changed(raw, element(raw, "X509Certificate"), junk), "signature.profile")


def test_a_disabled_department_may_not_send(town: Town, trusting: Trusting, refuse: Refuse) -> None:
    """Its certificate is still good; its rights are gone."""
    issued = authority().issue("a", "a", START - DAY)
    rules = trusting(_enrolled(issued)).rules
    members = [replace(d, enabled=d.code != "a") for d in rules.directory.departments.values()]
    directory = Directory(members, {}, rules.directory.endpoints.values(), [Right("*", "*", "*")])
    town.hub = replace(town.hub, rules=replace(rules, directory=directory))
    refuse(_raw(town, issued), "routing.recipient")
