"""Certificates, authorities, revocation lists and the demo CA at the command line."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from commands.frame.exits import ExitCode
from hub.hub import open_hub, refresh
from hub.trust.ca import DemoCa
from tests.admin import NOW, Administrator, administrator


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    made = administrator(tmp_path / "data")
    made.department("WATER", 1)
    return made


@pytest.fixture
def outside(admin: Administrator, tmp_path: Path) -> DemoCa:
    """An authority that the hub trusts beside its demo CA."""
    ca = DemoCa.create("省电子认证中心", NOW - timedelta(days=1))
    (tmp_path / "outside.pem").write_bytes(ca.certificate_pem)
    admin.done("trust", "add", str(tmp_path / "outside.pem"))
    return ca


# the demo CA


def test_issue_makes_a_key_only_its_owner_reads_and_enrols_the_certificate(admin: Administrator) -> None:
    admin.done("ca", "issue", "WATER")
    key = admin.folder / "departments" / "WATER.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [c["department"] for c in admin.json("cert", "list", "--dept", "WATER")] == ["WATER"]
    assert "有效" in admin.done("cert", "list", lang="zh")


def test_issue_overwrites_no_key(admin: Administrator, tmp_path: Path) -> None:
    admin.done("ca", "issue", "WATER")
    before = (admin.folder / "departments" / "WATER.key").read_bytes()
    assert admin.refused("file.exists", "ca", "issue", "WATER") == ExitCode.MISCONFIGURED
    assert (admin.folder / "departments" / "WATER.key").read_bytes() == before
    told = admin.json("ca", "issue", "WATER", "--out", str(tmp_path / "new"), "--key", "rsa2048", "--no-enrol")
    assert told["enrolled"] is False
    assert len(admin.json("cert", "list", "--dept", "WATER")) == 1
    admin.done("cert", "add", "WATER", str(tmp_path / "new" / "WATER.crt"))
    assert len(admin.json("cert", "list", "--dept", "WATER")) == 2


def test_issue_for_nobody_leaves_no_file(admin: Administrator) -> None:
    assert admin.refused("registry.absent", "ca", "issue", "FIRE") == ExitCode.NOT_FOUND
    assert list((admin.folder / "departments").iterdir()) == []


def test_a_revoked_certificate_counts_no_longer_and_a_serving_hub_notices(admin: Administrator) -> None:
    admin.done("ca", "issue", "WATER")
    hub = open_hub(admin.folder)
    try:
        mark = admin.json("cert", "list", "--dept", "WATER")[0]["thumbprint"]
        admin.done("ca", "revoke", mark[:12])
        assert refresh(hub, admin.folder) is not hub
    finally:
        hub.close()
    assert admin.json("cert", "list", "--dept", "WATER")[0]["state"] == "certificate.revoked"
    assert admin.json("trust", "crl", "list")[0]["revoked"] == 1
    admin.done("ca", "crl", "--days", "30")
    assert [c["revoked"] for c in admin.json("trust", "crl", "list")] == [1]


def test_revoke_takes_a_file_or_a_thumbprint_and_not_both(admin: Administrator) -> None:
    admin.done("ca", "issue", "WATER")
    file = str(admin.folder / "departments" / "WATER.crt")
    admin.refused("cli.usage", "ca", "revoke")
    admin.refused("cli.usage", "ca", "revoke", "12345678", "--file", file)
    admin.done("ca", "revoke", "--file", file)
    assert admin.json("cert", "list", "--dept", "WATER")[0]["state"] == "certificate.revoked"


def test_a_second_demo_ca_is_refused_and_an_absent_one_is_told(admin: Administrator, tmp_path: Path) -> None:
    admin.refused("ca.exists", "ca", "init")
    (admin.folder / "ca").rename(tmp_path / "elsewhere")
    assert admin.refused("ca.absent", "ca", "issue", "WATER") == ExitCode.MISCONFIGURED
    admin.done("ca", "init", "--name", "第二个")
    admin.done("ca", "issue", "WATER")
    assert len(admin.json("trust", "list")) == 2


# enrolment


def test_a_certificate_of_a_trusted_authority_is_enrolled_shown_switched_and_removed(
    admin: Administrator, outside: DemoCa, tmp_path: Path
) -> None:
    issued = outside.issue("市水务局", "WATER", NOW - timedelta(hours=1))
    (tmp_path / "w.der").write_bytes(issued.der)
    mark = admin.json("cert", "add", "WATER", str(tmp_path / "w.der"))["thumbprint"]
    shown = admin.json("cert", "show", mark[:8].upper())
    assert (shown["thumbprint"], shown["state"], shown["key"]) == (mark, "valid", "EC secp256r1")
    assert admin.refused("certificate.already-enrolled", "cert", "add", "WATER", str(tmp_path / "w.der"))
    admin.done("cert", "disable", mark)
    assert admin.json("cert", "show", mark)["state"] == "certificate.disabled"
    admin.done("cert", "enable", mark)
    admin.done("cert", "remove", mark, "--yes")
    assert admin.refused("registry.absent", "cert", "show", mark) == ExitCode.NOT_FOUND


def test_certificates_that_would_never_count_are_not_enrolled(
    admin: Administrator, outside: DemoCa, tmp_path: Path
) -> None:
    stranger = DemoCa.create("陌生机构", NOW - timedelta(days=1))
    start = NOW - timedelta(hours=1)
    wrong = {
        "certificate.untrusted": stranger.issue("x", "WATER", start).certificate_pem,
        "certificate.expired": outside.issue("x", "WATER", NOW - timedelta(days=1, seconds=1), days=1).certificate_pem,
        "certificate.usage": outside.intermediate("下级机构", start).certificate_pem,
        "certificate.unreadable": outside.issue("x", "WATER", start).key_pem,
    }
    for code, content in wrong.items():
        (tmp_path / "x.pem").write_bytes(content)
        assert admin.refused(code, "cert", "add", "WATER", str(tmp_path / "x.pem")) == ExitCode.MISCONFIGURED
    (tmp_path / "ok.pem").write_bytes(outside.issue("x", "FIRE", start).certificate_pem)
    assert admin.refused("registry.absent", "cert", "add", "FIRE", str(tmp_path / "ok.pem")) == ExitCode.NOT_FOUND
    assert admin.refused("file.absent", "cert", "add", "WATER", str(tmp_path / "absent")) == ExitCode.MISCONFIGURED
    assert admin.json("cert", "list", "--dept", "WATER") == []


@pytest.mark.parametrize("mark", ["1234567", "zzzzzzzz", "", "'; drop table certificates; --", "0" * 65])
def test_a_thumbprint_needs_eight_digits_and_an_owner(admin: Administrator, mark: str) -> None:
    assert admin.refused("registry.absent", "cert", "show", mark) == ExitCode.NOT_FOUND


# authorities and lists


def test_trusting_twice_is_told_and_distrusting_names_whom_it_concerns(
    admin: Administrator, outside: DemoCa, tmp_path: Path
) -> None:
    assert admin.json("trust", "add", str(tmp_path / "outside.pem"))[0]["added"] is False
    (tmp_path / "w.pem").write_bytes(outside.issue("水", "WATER", NOW - timedelta(hours=1)).certificate_pem)
    admin.done("cert", "add", "WATER", str(tmp_path / "w.pem"))
    mark = next(a["thumbprint"] for a in admin.json("trust", "list") if "省电子" in a["subject"])
    declined = admin.type("trust", "remove", mark[:10], answer="\n")
    assert declined.exit_code == ExitCode.DECLINED
    assert admin.json("trust", "remove", mark[:10], "--yes")["departments"] == ["WATER"]
    assert admin.json("cert", "list", "--dept", "WATER")[0]["state"] == "certificate.untrusted"
    assert admin.refused("trust.absent", "trust", "remove", mark, "--yes") == ExitCode.NOT_FOUND


def test_an_authority_whose_list_is_in_use_stays(admin: Administrator) -> None:
    mark = admin.json("trust", "list")[0]["thumbprint"]
    assert admin.refused("trust.crl-foreign", "trust", "remove", mark, "--yes") == ExitCode.MISCONFIGURED
    assert len(admin.json("trust", "list")) == 1
    open_hub(admin.folder).close()


def test_an_ordinary_certificate_is_no_authority(admin: Administrator, outside: DemoCa, tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_bytes(outside.issue("x", "WATER", NOW).certificate_pem)
    admin.refused("trust.not-authority", "trust", "add", str(tmp_path / "leaf.pem"))


def test_a_list_replaces_the_older_one_of_its_authority_only(
    admin: Administrator, outside: DemoCa, tmp_path: Path
) -> None:
    older = outside.crl(NOW - timedelta(hours=2), NOW + timedelta(days=9))
    newer = outside.crl(NOW - timedelta(hours=1), NOW + timedelta(days=10))
    for name, content in (("old", older), ("new", newer), ("junk", b"junk")):
        (tmp_path / name).write_bytes(content)
    admin.done("trust", "crl", "add", str(tmp_path / "old"))
    admin.done("trust", "crl", "add", str(tmp_path / "new"))
    assert len(admin.json("trust", "crl", "list")) == 2
    assert admin.refused("trust.crl-older", "trust", "crl", "add", str(tmp_path / "old")) == ExitCode.MISCONFIGURED
    assert admin.refused("trust.crl-unreadable", "trust", "crl", "add", str(tmp_path / "junk"))
    stranger = DemoCa.create("陌生机构", NOW - timedelta(days=1))
    (tmp_path / "foreign").write_bytes(stranger.crl(NOW, NOW + timedelta(days=1)))
    assert admin.refused("trust.crl-foreign", "trust", "crl", "add", str(tmp_path / "foreign"))
    open_hub(admin.folder).close()
