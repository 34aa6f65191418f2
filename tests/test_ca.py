"""The demo authority: what it issues is accepted, what it keeps is private and survives."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification

from hub.errors import Misconfigured, Refused
from hub.trust.ca import CHAIN_FILE, CRL_FILE, KEY_FILE, DemoCa
from hub.trust.certificate import EnrolledCertificate, read_certificate
from hub.trust.trust import Trust

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = NOW + 30 * DAY


@pytest.fixture(scope="module")
def ca() -> DemoCa:
    return DemoCa.create("演示根证书", NOW)


def test_p256_is_the_default_and_rsa_is_there(ca: DemoCa) -> None:
    assert read_certificate(ca.issue("x", "d", NOW).der).key == "EC secp256r1"
    assert read_certificate(ca.issue("x", "d", NOW, key="rsa2048").der).key == "RSA 2048"


def test_the_key_given_belongs_to_the_certificate(ca: DemoCa) -> None:
    issued = ca.issue("深圳市水务局", "sz-water", NOW)
    key = load_pem_private_key(issued.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == x509.load_pem_x509_certificate(issued.certificate_pem).public_key()


def test_dates_are_those_asked_for(ca: DemoCa) -> None:
    read = read_certificate(ca.issue("x", "d", NOW - DAY, days=3).der)
    assert (read.not_before, read.not_after) == (NOW - DAY, NOW + 2 * DAY)


def test_a_long_chinese_name_is_cut_between_characters(ca: DemoCa) -> None:
    assert read_certificate(ca.issue("局" * 100, "d", NOW).der).subject.count("局") == 21


def test_a_name_or_host_that_cannot_stand_in_a_certificate_is_one_clear_error(ca: DemoCa) -> None:
    for ask in (
        lambda: ca.issue("", "d", NOW),
        lambda: ca.intermediate("", NOW),
        lambda: DemoCa.create("", NOW),
    ):
        with pytest.raises(Misconfigured) as error:
            ask()
        assert error.value.code == "ca.name"
    for hosts in ([], [""], ["中心.政务"], ["a b"], ["-x"]):
        with pytest.raises(Misconfigured) as error:
            ca.issue_tls(hosts, NOW)
        assert error.value.code == "ca.host"


def test_what_is_saved_is_loaded_with_its_revocations(ca: DemoCa, tmp_path: Path) -> None:
    middle = ca.intermediate("中间证书", NOW)
    issued = middle.issue("x", "sz-water", NOW)
    middle.revoke(issued.der, NOW).save(tmp_path, NOW, LATER)
    again = DemoCa.load(tmp_path)
    assert again.anchors == middle.anchors
    enrolled = [EnrolledCertificate("sz-water", issued.der)]
    trust = Trust.build(again.anchors, enrolled, [again.crl(NOW, LATER), (tmp_path / CRL_FILE).read_bytes()])
    with pytest.raises(Refused) as error:
        trust.identify(issued.der, NOW)
    assert error.value.code == "certificate.revoked"


def test_revoking_twice_keeps_the_first_day(ca: DemoCa) -> None:
    der = ca.issue("x", "d", NOW).der
    once = ca.revoke(der, NOW)
    assert once.revoke(der, LATER) is once


def test_keys_are_for_their_owner_only_even_over_an_older_wide_file(ca: DemoCa, tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("old")
    (tmp_path / KEY_FILE).chmod(0o644)
    ca.save(tmp_path, NOW, LATER)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ca-chain.pem", "ca.crl", "ca.key", "ca.pem"]


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "ca.crl", "ca-chain.pem"])
@pytest.mark.parametrize("broken", [None, b"junk"])
def test_a_damaged_folder_is_named_and_nothing_of_it_is_shown(
    ca: DemoCa, tmp_path: Path, name: str, broken: bytes | None
) -> None:
    ca.save(tmp_path, NOW, LATER)
    (tmp_path / name).unlink()
    if broken is not None:
        (tmp_path / name).write_bytes(broken)
    with pytest.raises(Misconfigured) as error:
        DemoCa.load(tmp_path)
    assert error.value.code == "ca.unreadable"
    assert str(tmp_path) not in str(error.value.facts())


def test_a_key_of_another_authority_is_noticed(ca: DemoCa, tmp_path: Path) -> None:
    ca.save(tmp_path, NOW, LATER)
    key = (tmp_path / KEY_FILE).read_bytes()
    DemoCa.create("other", NOW).save(tmp_path, NOW, LATER)
    (tmp_path / KEY_FILE).write_bytes(key)
    with pytest.raises(Misconfigured):
        DemoCa.load(tmp_path)


def test_a_root_has_an_empty_chain_file(ca: DemoCa, tmp_path: Path) -> None:
    ca.save(tmp_path, NOW, LATER)
    assert (tmp_path / CHAIN_FILE).read_bytes() == b""
    assert DemoCa.load(tmp_path).above == ()


@pytest.mark.parametrize("host", ["hub.example", "127.0.0.1"])
def test_a_tls_certificate_passes_the_rules_of_the_web(ca: DemoCa, host: str) -> None:
    issued = ca.issue_tls(["hub.example", "127.0.0.1"], NOW)
    leaf = x509.load_der_x509_certificate(issued.der)
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert host in [str(name.value) for name in alternative]
    store = verification.Store([ca.certificate])
    builder = verification.PolicyBuilder().store(store).time(NOW)
    chain = builder.build_server_verifier(x509.DNSName("hub.example")).verify(leaf, [])
    assert chain[-1] == ca.certificate


def test_openssl_takes_a_tls_certificate_and_its_authority(ca: DemoCa, tmp_path: Path) -> None:
    issued = ca.issue_tls(["localhost"], NOW)
    (tmp_path / "both.pem").write_bytes(issued.certificate_pem + issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    context.load_verify_locations(cadata=ca.certificate_pem.decode())
    assert len(context.get_ca_certs()) == 1


def test_a_tls_certificate_for_client_and_server_is_no_silent_document_signer(ca: DemoCa) -> None:
    """It may sign only if someone enrols it on purpose: clientAuth says that it stands for its holder."""
    der = ca.issue_tls(["hub.example"], NOW).der
    with pytest.raises(Refused) as error:
        Trust.build(ca.anchors, []).identify(der, NOW)
    assert error.value.code == "certificate.unenrolled"


def test_rsa_keys_are_of_the_length_promised(ca: DemoCa) -> None:
    key = load_pem_private_key(ca.issue("x", "d", NOW, key="rsa2048").key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
