"""Revocation lists: which count, when they are out of date, and what is told to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import HubError, Misconfigured, Refused
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate
from hub.trust.trust import Trust

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
CA = DemoCa.create("演示根证书", NOW)
WATER = CA.issue("深圳市水务局", "sz-water", NOW).der
FRESH = CA.crl(NOW, NOW + 30 * DAY)
REVOKED = CA.revoke(WATER, NOW)


def trust(*crls: bytes, ca: DemoCa = CA, der: bytes = WATER, require_crl: bool = False) -> Trust:
    return Trust.build(ca.anchors, [EnrolledCertificate("sz-water", der)], crls, DAY, require_crl)


def refusal(ask: Callable[[], object], kind: type[HubError] = Refused) -> str:
    with pytest.raises(kind) as error:
        ask()
    return error.value.code


def handmade(
    *extensions: tuple[x509.ExtensionType, bool],
    revoked: bytes = b"",
    at: datetime = NOW,
    key: ec.EllipticCurvePrivateKey = CA.key,  # type: ignore[assignment]
) -> bytes:
    """A CRL with just these extensions, under the demo CA's name."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(CA.certificate.subject)
        .last_update(at)
        .next_update(at + 30 * DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    if revoked:
        serial = x509.load_der_x509_certificate(revoked).serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def part(name: str, **how: object) -> tuple[x509.ExtensionType, bool]:
    """The issuing distribution point of one part of a list."""
    fields: dict[str, object] = {
        "full_name": [x509.UniformResourceIdentifier(f"http://ca.example/{name}.crl")] if name else None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**fields, **how}), True  # type: ignore[arg-type]


def test_a_stale_list_refuses_beyond_its_grace_and_alarms() -> None:
    asked = trust(FRESH)
    end = NOW + 31 * DAY
    assert asked.identify(WATER, end)
    assert [a.code for a in asked.alarms(end)] == ["trust.crl-late"]
    assert refusal(lambda: asked.identify(WATER, end + SECOND)) == "certificate.crl-stale"
    assert [a.code for a in asked.alarms(end + SECOND)] == ["trust.crl-stale"]


def test_a_fresh_list_alarms_nobody() -> None:
    assert trust(FRESH, require_crl=True).alarms(NOW) == []


def test_on_a_stale_list_a_revoked_one_is_still_called_revoked() -> None:
    asked = trust(REVOKED.crl(NOW, NOW + DAY))
    assert refusal(lambda: asked.identify(WATER, NOW + 100 * DAY)) == "certificate.revoked"


def test_a_missing_list_refuses_only_where_lists_are_required() -> None:
    assert trust().identify(WATER, NOW)
    asked = trust(require_crl=True)
    assert refusal(lambda: asked.identify(WATER, NOW)) == "certificate.crl-stale"
    assert [a.code for a in asked.alarms(NOW)] == ["trust.crl-missing"]


def test_where_lists_are_required_each_authority_of_the_chain_needs_one() -> None:
    middle = CA.intermediate("中间证书", NOW)
    der = middle.issue("x", "sz-water", NOW).der
    own = middle.crl(NOW, NOW + DAY)
    asked = trust(own, ca=middle, der=der, require_crl=True)
    assert refusal(lambda: asked.identify(der, NOW)) == "certificate.crl-stale"
    assert trust(own, FRESH, ca=middle, der=der, require_crl=True).identify(der, NOW)


def test_the_newer_of_two_lists_counts_in_any_order() -> None:
    older, newer = REVOKED.crl(NOW, NOW + 30 * DAY), CA.crl(NOW + DAY, NOW + 31 * DAY)
    for crls in ((older, newer), (newer, older)):
        assert trust(*crls).identify(WATER, NOW + DAY), "a hold that was lifted"


def test_parts_of_a_list_count_together() -> None:
    with_it, without = handmade(part("1"), revoked=WATER), handmade(part("2"), at=NOW + DAY)
    for crls in ((with_it, without), (without, with_it)):
        asked = trust(*crls)
        assert refusal(partial(asked.identify, WATER, NOW + DAY)) == "certificate.revoked"


def test_an_authority_of_the_same_name_cannot_displace_the_list() -> None:
    twin = DemoCa.create("演示根证书", NOW)
    both = [*CA.anchors, *twin.anchors]
    crls = [REVOKED.crl(NOW, NOW + 30 * DAY), twin.crl(NOW + DAY, NOW + 30 * DAY)]
    asked = Trust.build(both, [EnrolledCertificate("sz-water", WATER)], crls)
    assert refusal(lambda: asked.identify(WATER, NOW + 2 * DAY)) == "certificate.revoked"


def test_a_list_that_no_trusted_authority_signed_is_not_loaded() -> None:
    stranger = DemoCa.create("别的机构", NOW)
    assert refusal(lambda: trust(stranger.crl(NOW, NOW + DAY)), Misconfigured) == "trust.crl-foreign"
    forged = handmade(key=ec.generate_private_key(ec.SECP256R1()))
    assert refusal(lambda: trust(forged), Misconfigured) == "trust.crl-foreign"


def test_a_department_cannot_sign_a_list() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = DemoCa(CA.certificate, key)
    assert refusal(lambda: trust(leaf.crl(NOW, NOW + DAY)), Misconfigured) == "trust.crl-foreign"


@pytest.mark.parametrize(
    "crl",
    [
        b"",
        b"junk",
        FRESH[:-40],
        handmade((x509.DeltaCRLIndicator(1), True)),
        handmade(part("1", indirect_crl=True)),
        handmade(part("", only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))),
        handmade((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)),
    ],
    ids=["empty", "junk", "cut off", "delta", "indirect", "by reason", "unknown critical"],
)
def test_a_list_that_is_not_fully_understood_is_not_loaded(crl: bytes) -> None:
    assert refusal(lambda: trust(crl), Misconfigured) == "trust.crl-unreadable"


@given(st.binary(max_size=100))
def test_any_bytes_for_a_list_are_answered(junk: bytes) -> None:
    assert refusal(lambda: trust(junk), Misconfigured) == "trust.crl-unreadable"


def test_a_list_of_the_future_alarms() -> None:
    assert [a.code for a in trust(CA.crl(NOW + DAY, NOW + 2 * DAY)).alarms(NOW)] == ["trust.crl-early"]


def test_der_and_pem_are_the_same_list() -> None:
    der = x509.load_pem_x509_crl(REVOKED.crl(NOW, NOW + DAY)).public_bytes(Encoding.DER)
    assert refusal(lambda: trust(der).identify(WATER, NOW)) == "certificate.revoked"


def test_an_authority_near_its_end_alarms() -> None:
    end = CA.certificate.not_valid_after_utc
    assert trust().alarms(end - 31 * DAY) == []
    assert [a.code for a in trust().alarms(end - 29 * DAY)] == ["trust.authority-expiring"]
    assert [a.code for a in trust().alarms(end + SECOND)] == ["trust.authority-expired"]


def test_a_public_answer_holds_no_serial_and_no_library_words() -> None:
    with pytest.raises(Refused) as error:
        trust(REVOKED.crl(NOW, NOW + DAY)).identify(WATER, NOW)
    serial = x509.load_der_x509_certificate(WATER).serial_number
    assert f"{serial:x}" not in str(error.value.facts())
    with pytest.raises(Misconfigured) as ours:
        trust(b"junk")
    assert "ASN.1" not in str(ours.value.facts())
