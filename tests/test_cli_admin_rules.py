"""Schemas, routing and the doctor at the command line."""

from __future__ import annotations

import ast
import os
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import cli
from commands import doctor
from commands.checks.looked import Site, run
from commands.checks.place import check_clock, check_disk, check_key, check_permissions, check_port
from commands.frame.exits import ExitCode
from hub.envelope import build
from hub.hub import read_settings
from hub.message import Header, Hop, Recipient
from hub.signing.signature import sign
from hub.signing.signer import FileSigner
from hub.store.store import Store
from tests.admin import NOW, Administrator, administrator
from tests.berth import Berth

EXAMPLES = Path(cli.__file__).parent / "examples"


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return administrator(tmp_path / "data")


# schemas


def test_a_schema_is_registered_shown_sampled_used_and_removed(admin: Administrator, tmp_path: Path) -> None:
    admin.done("schema", "add", str(EXAMPLES / "permit-form"))
    assert "permit-form-1" in [s["token"] for s in admin.json("schema", "list")]
    shown = admin.json("schema", "show", "permit-form-1")
    assert shown["builtin"] is False
    assert shown["roots"]
    sample = tmp_path / "sample.xml"
    sample.write_text(admin.done("schema", "sample", "permit-form-1"))
    for file in (sample, EXAMPLES / "permit-form" / "permit-form.xml"):
        admin.done("schema", "validate", "permit-form-1", str(file))
    assert admin.refused("schema.token-taken", "schema", "add", str(EXAMPLES / "permit-form"))
    admin.done("schema", "add", str(EXAMPLES / "permit-form"), "--version", "2")
    admin.done("schema", "remove", "permit-form-1", "--yes")
    assert admin.refused("schema.unknown", "schema", "show", "permit-form-1") == ExitCode.NOT_FOUND
    assert admin.refused("schema.unknown", "schema", "remove", "permit-form-1", "--yes") == ExitCode.NOT_FOUND
    assert admin.refused("schema.builtin", "schema", "remove", "receipt-1", "--yes") == ExitCode.MISCONFIGURED


def test_every_example_document_is_valid_by_the_command(admin: Administrator) -> None:
    for file in sorted(EXAMPLES.glob("case-*.xml")):
        admin.done("schema", "validate", "approval-status-1", str(file))
    admin.done("schema", "validate", "official-document-1", str(EXAMPLES / "notice.xml"))


def test_an_invalid_document_is_told_as_the_sender_would_be(admin: Administrator, tmp_path: Path) -> None:
    file = tmp_path / "x.xml"
    file.write_text((EXAMPLES / "notice.xml").read_text().replace("officialDocument", "officialDocumemt"))
    assert admin.refused("payload.wrong-element", "schema", "validate", "official-document-1", str(file)) == 3
    file.write_bytes(b"<!DOCTYPE a><a/>")
    assert admin.refused("xml.doctype", "schema", "validate", "official-document-1", str(file)) == 3


def test_a_schema_with_a_trap_is_not_registered_and_every_finding_is_told(admin: Administrator, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "bad.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:bad">'
        '<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="\\p{L}+"/>'
        '</xs:restriction></xs:simpleType></xs:element><xs:element name="b" type="xs:QName"/></xs:schema>'
    )
    result = admin.type("schema", "add", str(folder), lang="zh")
    assert result.exit_code == ExitCode.CHECK_FAILED
    for code in ("schema.pattern-letters", "schema.qname"):
        assert code in result.stdout
    assert "没有登记" in result.stdout
    assert "bad-1" not in admin.done("schema", "list")


# routing


RULES = """version: 1
rules:
  - name: hold requests
    when: {sender: WATER, type: official-document-*}
    then: {hold: 请先核对}
  - name: copies
    when: {type: approval-status-*}
    then: {copy-to: group:supervision}
"""


def envelope_file(admin: Administrator, folder: Path) -> Path:
    """A signed envelope from WATER to CENTER."""
    admin.department("WATER", 1)
    admin.done("ca", "issue", "WATER")
    keys = admin.folder / "departments"
    signer = FileSigner.load(keys / "WATER.key", keys / "WATER.crt")
    header = Header("m-1", "official-document-1", "WATER", (Recipient("CENTER"),), NOW)
    payload = etree.parse(EXAMPLES / "notice.xml").getroot()
    file = folder / "message.xml"
    file.write_bytes(sign(build(header, payload), signer))
    return file


def test_route_explain_tells_each_rule_and_the_result(admin: Administrator, tmp_path: Path) -> None:
    file = envelope_file(admin, tmp_path)
    assert admin.refused("routing.recipient", "route", "explain", str(file)) == ExitCode.REFUSED
    admin.done("right", "add", "WATER", "CENTER")
    (admin.folder / "routing.yaml").write_text(RULES)
    told = admin.done("route", "explain", str(file), lang="zh")
    assert "规则“hold requests”匹配" in told
    assert "规则“copies”不匹配" in told
    assert "暂存投递，请先核对" in told
    assert told.splitlines()[-1].split()[:2] == ["CENTER", "主送"]
    facts = admin.json("route", "explain", str(file))
    assert [rule["outcome"] for rule in facts["rules"]] == ["applied", "notMatched"]
    assert [t["department"] for t in facts["decision"]["targets"]] == ["CENTER"]
    other = tmp_path / "rules.yaml"
    other.write_text(RULES.replace("{hold: 请先核对}", "{reject: 不收}"))
    assert "rejected, 不收" in admin.done("route", "explain", str(file), "--rules", str(other))


def test_route_lint_finds_what_is_wrong_in_use_and_in_a_file(admin: Administrator, tmp_path: Path) -> None:
    assert admin.type("route", "lint").exit_code == 0
    broken = tmp_path / "routing.yaml"
    broken.write_text(RULES.replace("hold requests", "copies").replace("group:supervision", "group:supervison"))
    result = admin.type("route", "lint", str(broken))
    assert result.exit_code == ExitCode.CHECK_FAILED
    for code in ("routing.duplicate-rule", "routing.unknown-group", "routing.unknown-department"):
        assert code in result.stdout
    (admin.folder / "routing.yaml").write_text("version: 1\nrulez: []\n")
    assert "config.unknown-key" in admin.type("route", "lint").stdout
    assert admin.refused("config.unknown-key", "route", "show") == ExitCode.MISCONFIGURED


@pytest.mark.parametrize("text", ["version: [1", "version: 1\nrules: [{name: x}]\n"])
def test_a_wrong_routing_file_is_called_by_its_own_name(admin: Administrator, tmp_path: Path, text: str) -> None:
    file = tmp_path / "next-year.yaml"
    file.write_text(text)
    said = admin.type("route", "lint", str(file)).stdout, admin.type("route", "apply", str(file)).stdout
    assert [("next-year.yaml:" in one, "routing.yaml" in one) for one in said] == [(True, False)] * 2
    (tmp_path / "document.xml").write_bytes(b"<x/>")
    said_by_explain = admin.type("route", "explain", str(tmp_path / "document.xml"), "--rules", str(file)).stderr
    assert ("next-year.yaml:" in said_by_explain, "routing.yaml" in said_by_explain) == (True, False)


def test_route_show_lists_the_rules(admin: Administrator) -> None:
    (admin.folder / "routing.yaml").write_text(RULES)
    rows = admin.json("route", "show")
    assert [row["name"] for row in rows] == ["hold requests", "copies"]
    assert rows[1]["then"] == "copy-to group:supervision"


# the doctor


def levels(admin: Administrator) -> dict[str, str]:
    """The worst level of each check."""
    result = admin.type("-o", "json", "doctor")
    assert "Traceback" not in result.output
    import json

    found: dict[str, str] = {}
    for check in json.loads(result.stdout):
        known = found.get(check["name"], "ok")
        found[check["name"]] = max(known, check["level"], key=("ok", "warn", "fail").index)
    assert (result.exit_code == ExitCode.CHECK_FAILED) == ("fail" in found.values())
    return found


def healthy(admin: Administrator) -> dict[str, str]:
    """What a fresh installation says once the supervision group has a member and a free port."""
    settings = admin.folder / "hub.yaml"
    admin.done("group", "members", "supervision", "--add", "CENTER")
    with Berth() as free:
        settings.write_text(settings.read_text().replace("port: 8080", f"port: {free.port}"))
        return levels(admin)


def test_a_fresh_installation_is_healthy(admin: Administrator) -> None:
    assert set(healthy(admin).values()) == {"ok"}


def open_key(folder: Path) -> None:
    (folder / "keys" / "hub.key").chmod(0o644)


def other_key(folder: Path) -> None:
    os.replace(folder / "ca" / "ca.key", folder / "keys" / "hub.key")


def no_key(folder: Path) -> None:
    (folder / "keys" / "hub.key").unlink()


def damaged_database(folder: Path) -> None:
    (folder / "hub.db").write_bytes(b"not a database at all" * 100)


def foreign_database(folder: Path) -> None:
    (folder / "hub.yaml").write_text((folder / "hub.yaml").read_text().replace('hub: "CENTER"', 'hub: "OTHER"'))


def broken_rules(folder: Path) -> None:
    (folder / "routing.yaml").write_text("version: 1\nrules: 5\n")


def junk_crl(folder: Path) -> None:
    (folder / "crls" / "x.crl").write_bytes(b"junk")


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (open_key, "permissions"),
        (other_key, "key"),
        (no_key, "key"),
        (damaged_database, "database"),
        (foreign_database, "database"),
        (broken_rules, "routing"),
        (junk_crl, "trust"),
    ],
)
def test_the_doctor_names_what_is_broken_and_goes_on(admin: Administrator, harm: Any, name: str) -> None:
    harm(admin.folder)
    found = levels(admin)
    assert found[name] == "fail"
    after = "rest" if name == "database" else "queues"
    assert {"permissions", "key", "disk", "port", "database", after} <= found.keys()


@pytest.mark.parametrize(("harm", "name"), [(broken_rules, "routing"), (junk_crl, "trust")])
def test_the_doctor_tells_a_fault_once_and_names_what_it_hides(admin: Administrator, harm: Any, name: str) -> None:
    harm(admin.folder)
    found = levels(admin)
    assert [one for one, level in found.items() if level == "fail"] == [name]
    assert found["rest"] == "warn"
    assert not {"certificates", "ledger-keys"} & found.keys()
    assert "未检查：" in (said := admin.type("--lang", "zh", "doctor").stdout)
    assert "证书、账本密钥" in said


def test_the_doctor_says_once_that_the_database_cannot_be_used(admin: Administrator) -> None:
    foreign_database(admin.folder)
    found = levels(admin)
    assert [name for name, level in found.items() if level == "fail"] == ["database"]
    assert found["rest"] == "warn"
    assert "tree" not in found


def test_the_doctor_warns_of_missing_certificates_endpoints_and_pauses(admin: Administrator) -> None:
    admin.department("WATER", 1)
    assert levels(admin)["endpoints"] == "warn"
    admin.done("endpoint", "add", "WATER", "--mailbox")
    found = levels(admin)
    assert (found["endpoints"], found["certificates"]) == ("ok", "warn")
    admin.done("ca", "issue", "WATER", "--days", "10")
    assert levels(admin)["certificates"] == "warn"
    admin.done("endpoint", "pause", "WATER")
    assert levels(admin)["endpoints"] == "warn"


def site(admin: Administrator, **ahead: float) -> Site:
    return Site(admin.folder, read_settings(admin.folder), NOW + timedelta(**ahead))


def test_the_doctor_sees_certificates_and_lists_run_out(admin: Administrator) -> None:
    from commands.checks.rules import check_trust

    assert [c.level for c in run("key", check_key, site(admin, days=1810))] == ["warn"]
    assert [c.level for c in run("key", check_key, site(admin, days=1900))] == ["fail"]
    assert [c.level for c in run("trust", check_trust, site(admin, days=365, hours=12))] == ["warn"]
    assert [c.level for c in run("trust", check_trust, site(admin, days=370))] == ["fail"]


def test_the_doctor_sees_a_port_in_use_and_a_full_disk(admin: Administrator, monkeypatch: pytest.MonkeyPatch) -> None:
    here = site(admin)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        taken.settimeout(0)
        listen = replace(here.settings.listen, port=taken.getsockname()[1])
        busy = Site(here.folder, replace(here.settings, listen=listen), here.at)
        monkeypatch.setattr("commands.checks.place._serving", lambda *_: "")
        assert [c.level for c in check_port(busy)] == ["fail"]
        monkeypatch.setattr("commands.checks.place._serving", lambda *_: "CENTER")
        assert [c.level for c in check_port(busy)] == ["ok"]
    usage = type("Usage", (), {"free": 5 * 1024**2})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert [c.level for c in check_disk(here)] == ["fail"]


def test_the_doctor_sees_a_data_directory_that_cannot_be_written(
    admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = site(admin)
    assert [c.level for c in check_permissions(here)] == ["ok"]
    monkeypatch.setattr("os.access", lambda *_: False)
    said = [(c.level, c.said.en) for c in check_permissions(here)]
    assert [level for level, _ in said] == ["fail"]
    assert "cannot be written" in said[0][1]


def test_the_doctor_sees_a_clock_that_went_back(admin: Administrator) -> None:
    store = Store.open(f"sqlite:///{admin.folder / 'hub.db'}")
    with store.transaction() as transaction:
        transaction.append(Hop.REFUSED, NOW + timedelta(days=2))
    store.close()
    assert [c.level for c in check_clock(site(admin))] == ["fail"]
    assert [c.level for c in check_clock(site(admin, days=3))] == ["ok"]


def test_the_doctor_tells_an_absent_installation_in_one_line(tmp_path: Path) -> None:
    assert Administrator(tmp_path / "none").refused("settings.absent", "doctor") == ExitCode.MISCONFIGURED


def test_every_check_of_the_doctor_has_a_chinese_title() -> None:
    """All names that a check is made with, or that an error is told under."""
    folder = Path(doctor.__file__).parent
    sources = [folder / "doctor.py", *sorted((folder / "checks").glob("*.py"))]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    found = {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
        if isinstance(node.func, ast.Name) and node.func.id in ("ok", "warn", "fail", "failed", "run")
    }
    assert {"database", "rest", "role", "timestamp"} <= found
    assert found <= set(doctor._TITLES)


def test_the_doctor_tells_people_of_a_database_that_cannot_be_used(admin: Administrator) -> None:
    foreign_database(admin.folder)
    said = admin.type("--lang", "zh", "doctor")
    assert said.exit_code == ExitCode.CHECK_FAILED
    assert "其余项目" in said.stdout


def test_in_chinese_the_doctor_names_each_check_in_chinese(admin: Administrator) -> None:
    shown = admin.type("--lang", "zh", "doctor").stdout.splitlines()[1:]
    titles = {line.split()[1] for line in shown}
    assert {"数据库", "端点", "备份"} <= titles
    assert not {title for title in titles if title.isascii()} - {"TLS"}
