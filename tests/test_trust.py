"""Whose certificate is this, and may it sign now: every way a certificate can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import HubError, Misconfigured, Refused
from hub.trust.ca import DemoCa, Usage
from hub.trust.certificate import EnrolledCertificate, read_certificate, split_certificates, thumbprint
from hub.trust.trust import Trust
from tests.pace import within

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
CA = DemoCa.create("演示根证书", NOW)
WATER = CA.issue("深圳市水务局", "sz-water", NOW).der
Extensions = Iterable[tuple[x509.ExtensionType, bool]]


def trust(*ders: bytes, ca: DemoCa = CA, crls: Iterable[bytes] = (), require_crl: bool = False) -> Trust:
    enrolled = [EnrolledCertificate("sz-water", der) for der in ders]
    return Trust.build(ca.anchors, enrolled, crls, crl_grace=DAY, require_crl=require_crl)


def refusal(ask: Callable[[], object], kind: type[HubError] = Refused) -> str:
    with pytest.raises(kind) as error:
        ask()
    return error.value.code


def handmade(ca: DemoCa, extensions: Extensions, key: object = None, issuer: str = "") -> bytes:
    """A certificate with just these extensions, signed by `ca`, under another name if one is given."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]) if issuer else ca.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hand made")]))
        .issuer_name(name)
        .public_key(own.public_key())  # type: ignore[attr-defined]
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 365 * DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.DER)


SIGNING = (Usage().extension(), True)


def test_an_enrolled_certificate_names_its_department() -> None:
    found = trust(WATER).identify(WATER, NOW)
    assert found.department == "sz-water"
    assert found.thumbprint == thumbprint(WATER)
    assert (found.not_before, found.not_after) == (NOW, NOW + 730 * DAY)


def test_several_certificates_of_one_department_overlap() -> None:
    renewed = CA.issue("深圳市水务局", "sz-water", NOW + 700 * DAY).der
    both = trust(WATER, renewed)
    in_overlap = NOW + 710 * DAY
    assert both.identify(WATER, in_overlap).department == both.identify(renewed, in_overlap).department
    assert refusal(lambda: both.identify(WATER, NOW + 731 * DAY)) == "certificate.expired"
    assert both.identify(renewed, NOW + 731 * DAY)


def test_expired() -> None:
    asked = trust(WATER)
    assert asked.identify(WATER, NOW + 730 * DAY)
    assert refusal(lambda: asked.identify(WATER, NOW + 730 * DAY + SECOND)) == "certificate.expired"
    assert asked.identify(WATER, NOW + DAY), "an old message is still judged as of its day"


def test_not_yet_valid() -> None:
    assert refusal(lambda: trust(WATER).identify(WATER, NOW - SECOND)) == "certificate.not-yet-valid"


def test_revoked_from_its_day_on() -> None:
    crl = CA.revoke(WATER, NOW + 5 * DAY).crl(NOW + 5 * DAY, NOW + 35 * DAY)
    asked = trust(WATER, crls=[crl])
    assert asked.identify(WATER, NOW + 5 * DAY - SECOND)
    assert refusal(lambda: asked.identify(WATER, NOW + 5 * DAY)) == "certificate.revoked"


def test_a_revocation_does_not_touch_others() -> None:
    other = CA.issue("other", "sz-other", NOW).der
    crl = CA.revoke(other, NOW).crl(NOW, NOW + DAY)
    assert trust(WATER, other, crls=[crl]).identify(WATER, NOW)


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [(Usage(digital_signature=False, content_commitment=False, key_encipherment=True).extension(), True)],
        [SIGNING, (x509.BasicConstraints(ca=True, path_length=None), True)],
        [SIGNING, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
        [SIGNING, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)],
    ],
    ids=["none stated", "encipherment only", "a CA", "TLS server", "OCSP responder"],
)
def test_wrong_usage(extensions: list[tuple[x509.ExtensionType, bool]]) -> None:
    der = handmade(CA, extensions)
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.usage"


def test_the_authority_itself_may_not_sign_messages() -> None:
    der = CA.anchors[0]
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.usage"


@pytest.mark.parametrize("usage", [Usage(content_commitment=False), Usage(digital_signature=False)])
def test_either_signing_usage_is_enough(usage: Usage) -> None:
    der = handmade(CA, [(usage.extension(), True)])
    assert trust(der).identify(der, NOW)


def test_a_purpose_for_people_beside_one_for_machines_is_enough() -> None:
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION])
    der = handmade(CA, [SIGNING, (purposes, False)])
    assert trust(der).identify(der, NOW)


def test_wrong_chain() -> None:
    stranger = DemoCa.create("别的机构", NOW)
    der = stranger.issue("深圳市水务局", "sz-water", NOW).der
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.untrusted"


def test_an_authority_of_the_same_name_is_another_authority() -> None:
    twin = DemoCa.create("演示根证书", NOW)
    der = twin.issue("深圳市水务局", "sz-water", NOW).der
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.untrusted"


def test_no_authority_at_all() -> None:
    asked = Trust.build([], [EnrolledCertificate("sz-water", WATER)])
    assert refusal(lambda: asked.identify(WATER, NOW)) == "certificate.untrusted"


def test_a_self_made_certificate() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = handmade(DemoCa(CA.certificate, key), [SIGNING], key=key, issuer="hand made")
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.untrusted"


def test_a_certificate_that_is_no_authority_cannot_issue() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    middle = x509.load_der_x509_certificate(handmade(CA, [SIGNING], key=key))
    der = handmade(DemoCa(middle, key), [SIGNING])
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.untrusted"
    assert refusal(lambda: Trust.build([middle.public_bytes(Encoding.DER)], []), Misconfigured) == "trust.not-authority"


def test_an_authority_that_may_not_sign_certificates() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    as_ca = (x509.BasicConstraints(ca=True, path_length=None), True)
    middle = x509.load_der_x509_certificate(handmade(CA, [as_ca, SIGNING], key=key))
    der = handmade(DemoCa(middle, key, (CA.certificate,)), [SIGNING])
    asked = trust(der, ca=DemoCa(middle, key, (CA.certificate,)))
    assert refusal(lambda: asked.identify(der, NOW)) == "certificate.untrusted"


def test_a_chain_over_an_intermediate_and_its_path_length() -> None:
    middle = CA.intermediate("市级中间证书", NOW)
    der = middle.issue("深圳市水务局", "sz-water", NOW).der
    assert trust(der, ca=middle).identify(der, NOW)
    below = middle.intermediate("越权的下级", NOW)
    too_deep = below.issue("x", "sz-water", NOW).der
    assert refusal(lambda: trust(too_deep, ca=below).identify(too_deep, NOW)) == "certificate.untrusted"


def test_an_intermediate_alone_is_an_anchor() -> None:
    middle = CA.intermediate("市级中间证书", NOW)
    der = middle.issue("深圳市水务局", "sz-water", NOW).der
    asked = Trust.build(middle.anchors[:1], [EnrolledCertificate("sz-water", der)])
    assert asked.identify(der, NOW)


def test_a_revoked_intermediate_takes_its_certificates_with_it() -> None:
    middle = CA.intermediate("市级中间证书", NOW)
    der = middle.issue("深圳市水务局", "sz-water", NOW).der
    crl = CA.revoke(middle.anchors[0], NOW).crl(NOW, NOW + DAY)
    assert refusal(lambda: trust(der, ca=middle, crls=[crl]).identify(der, NOW)) == "certificate.revoked"


def test_an_expired_authority_takes_its_certificates_with_it() -> None:
    old = DemoCa.create("old", NOW, years=1)
    der = old.issue("x", "sz-water", NOW, days=1000).der
    asked = trust(der, ca=old)
    assert asked.identify(der, NOW + 364 * DAY)
    assert refusal(lambda: asked.identify(der, NOW + 400 * DAY)) == "certificate.untrusted"


def test_an_unknown_critical_extension_is_not_waved_through() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.156.1.1"), b"\x05\x00")
    der = handmade(CA, [SIGNING, (odd, True)])
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.untrusted"


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())],
    ids=["RSA 1024", "P-384"],
)
def test_a_weak_or_unaccepted_key(key: object) -> None:
    der = handmade(CA, [SIGNING], key=key)
    assert refusal(lambda: trust(der).identify(der, NOW)) == "certificate.weak"


def test_unenrolled_though_well_issued() -> None:
    other = CA.issue("深圳市水务局", "sz-water", NOW).der
    assert refusal(lambda: trust(WATER).identify(other, NOW)) == "certificate.unenrolled"


def test_enrolled_for_another_department() -> None:
    """What counts is the enrolment, not the department that the certificate's subject claims."""
    claims_water = CA.issue("深圳市水务局", "sz-water", NOW).der
    asked = Trust.build(CA.anchors, [EnrolledCertificate("sz-school", claims_water)])
    assert asked.identify(claims_water, NOW).department == "sz-school"


def test_disabled() -> None:
    asked = Trust.build(CA.anchors, [EnrolledCertificate("sz-water", WATER, enabled=False)])
    assert refusal(lambda: asked.identify(WATER, NOW)) == "certificate.disabled"


def test_look_alike_chain_of_100_costs_nothing() -> None:
    """A hundred certificates of our authority's name and another's key, in a row: refused by digest alone."""
    ca = DemoCa.create("演示根证书", NOW)
    ders = []
    for _ in range(100):
        key = ec.generate_private_key(ec.SECP256R1())
        as_ca = (x509.BasicConstraints(ca=True, path_length=None), True)
        ders.append(handmade(ca, [as_ca], key=key, issuer="演示根证书"))
        ca = DemoCa(x509.load_der_x509_certificate(ders[-1]), key)
    asked = trust(WATER)
    codes = within(0.2, lambda: {refusal(partial(asked.identify, der, NOW)) for der in ders})
    assert codes == {"certificate.unenrolled"}


def test_look_alike_authorities_beside_the_real_one_are_quick() -> None:
    """Even an administrator who trusts 100 authorities of one name gets an answer in no time."""
    middles = [CA.intermediate("同名中间证书", NOW) for _ in range(100)]
    stranger = DemoCa.create("别的机构", NOW).intermediate("同名中间证书", NOW)
    der = stranger.issue("x", "sz-water", NOW).der
    anchors = [*CA.anchors, *(m.anchors[0] for m in middles)]
    asked = Trust.build(anchors, [EnrolledCertificate("sz-water", der)])
    assert within(0.2, lambda: refusal(lambda: asked.identify(der, NOW))) == "certificate.untrusted"


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_unenrolled_and_if_enrolled_unreadable(junk: bytes) -> None:
    assert refusal(lambda: trust(WATER).identify(junk, NOW)) == "certificate.unenrolled"
    assert refusal(lambda: trust(junk).identify(junk, NOW)) == "certificate.unreadable"


def flipped(der: bytes, bit: int) -> bytes:
    return der[: bit // 8] + bytes([der[bit // 8] ^ (1 << bit % 8)]) + der[bit // 8 + 1 :]


@given(st.integers(0, len(WATER) * 8 - 1))
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_one_flipped_bit_is_refused_or_leaves_all_that_was_signed_alone(bit: int) -> None:
    """DER lets the signature's count of unused bits vary while its last bits are zero; nothing else may."""
    der = flipped(WATER, bit)
    try:
        trust(der).identify(der, NOW)
    except Refused:
        return
    one, other = x509.load_der_x509_certificate(der), x509.load_der_x509_certificate(WATER)
    assert (one.tbs_certificate_bytes, one.signature) == (other.tbs_certificate_bytes, other.signature)


def test_a_certificate_cannot_be_enrolled_twice() -> None:
    twice = [EnrolledCertificate("sz-water", WATER), EnrolledCertificate("sz-school", WATER)]
    assert refusal(lambda: Trust.build(CA.anchors, twice), Misconfigured) == "certificate.shared"


# What an administrator hears when enrolling


def test_a_good_new_certificate_is_read_out() -> None:
    read = trust().check_new(WATER, NOW)
    assert "深圳市水务局" in read.subject
    assert (read.key, read.strong, read.authority) == ("EC secp256r1", True, False)


def test_a_certificate_of_tomorrow_may_be_enrolled_today() -> None:
    tomorrow = CA.issue("x", "sz-water", NOW + DAY).der
    assert trust().check_new(tomorrow, NOW).not_before == NOW + DAY


def test_what_would_be_refused_later_is_refused_at_enrolment() -> None:
    stranger = DemoCa.create("别的机构", NOW).issue("x", "y", NOW).der
    revoked = CA.revoke(WATER, NOW).crl(NOW, NOW + DAY)
    cases = {
        "certificate.unreadable": lambda: trust().check_new(b"junk", NOW),
        "certificate.already-enrolled": lambda: trust(WATER).check_new(WATER, NOW),
        "certificate.expired": lambda: trust().check_new(WATER, NOW + 800 * DAY),
        "certificate.untrusted": lambda: trust().check_new(stranger, NOW),
        "certificate.usage": lambda: trust().check_new(CA.anchors[0], NOW),
        "certificate.revoked": lambda: trust(crls=[revoked]).check_new(WATER, NOW),
    }
    for code, ask in cases.items():
        assert refusal(ask, Misconfigured) == code


def test_ten_thousand_certificates_load_quickly_and_are_asked_in_microseconds() -> None:
    crowd = [EnrolledCertificate(f"d{n}", WATER + n.to_bytes(4)) for n in range(10_000)]
    asked = within(4, lambda: Trust.build(CA.anchors, [EnrolledCertificate("sz-water", WATER), *crowd]))
    asked.identify(WATER, NOW)
    within(0.4, lambda: [asked.identify(WATER, NOW) for _ in range(1000)])


# Reading


def test_pem_der_and_base64_give_the_same_certificate() -> None:
    pem = CA.issue("x", "y", NOW)
    body = pem.certificate_pem.replace(b"-----BEGIN CERTIFICATE-----", b"").replace(b"-----END CERTIFICATE-----", b"")
    assert split_certificates(pem.certificate_pem) == split_certificates(pem.der) == split_certificates(body)
    assert split_certificates(pem.certificate_pem + CA.certificate_pem) == (pem.der, CA.anchors[0])


@pytest.mark.parametrize("raw", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----"])
def test_text_without_a_certificate_is_unreadable(raw: bytes) -> None:
    assert refusal(lambda: split_certificates(raw), Misconfigured) == "certificate.unreadable"


def test_a_private_key_is_never_taken_for_a_certificate() -> None:
    issued = CA.issue("x", "y", NOW)
    raw = issued.key_pem + issued.certificate_pem
    with pytest.raises(Misconfigured) as error:
        split_certificates(raw)
    assert "PRIVATE" not in str(error.value.facts())


def test_a_huge_certificate_is_not_parsed() -> None:
    assert refusal(lambda: read_certificate(b"\x30" * 70_000), Misconfigured) == "certificate.unreadable"
