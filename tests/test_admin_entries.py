"""Administrators' acts in the ledger: who, what, why, before and after, kept, audited, and never without the change."""

from __future__ import annotations

import getpass
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.frame.exits import ExitCode
from hub.administration.administered import Act, Deed, read_act
from hub.message import Hop
from hub.store.store import Store
from hub.trust.ca import DemoCa
from hub.trust.certificate import thumbprint
from tests.admin import NOW, Administrator, administrator

ANY_TEXT = st.text(max_size=8)
FACTS = st.dictionaries(ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2), max_size=2)


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return administrator(tmp_path / "data")


def acts(admin: Administrator) -> list[dict[str, Any]]:
    """Every act that is kept, in the order of its entries."""
    with closing(sqlite3.connect(admin.folder / "hub.db")) as database:
        rows = database.execute(
            "SELECT detail, content FROM ledger JOIN documents ON digest = lower(hex(evidence))"
            " WHERE kind = ? AND node = 'cli' ORDER BY sequence",
            (str(Hop.ADMIN),),
        ).fetchall()
    found = [json.loads(content) for _, content in rows]
    assert [act["what"] for act in found] == [detail for detail, _ in rows]
    return found


def execute(admin: Administrator, statement: str) -> None:
    with closing(sqlite3.connect(admin.folder / "hub.db")) as database:
        assert database.execute(statement).rowcount
        database.commit()


def test_the_first_entry_of_a_ledger_is_its_installation(admin: Administrator) -> None:
    (installed,) = acts(admin)
    assert installed["what"] == "hub.installed"
    assert installed["before"] == {}
    assert installed["after"]["department CENTER"]["name"] == "测试交换中心"
    assert any(name.startswith("authority ") for name in installed["after"])


def test_init_says_who_and_why(tmp_path: Path) -> None:
    fresh = Administrator(tmp_path / "fresh")
    fresh.done("init", "--why", "试点上线")
    (installed,) = acts(fresh)
    assert installed["who"].startswith(f"{getpass.getuser()}@")
    assert installed["why"] == "试点上线"


def test_a_changed_field_is_kept_before_and_after(admin: Administrator) -> None:
    admin.department("WATER", 1, "--why", "新单位接入")
    admin.done("dept", "set", "WATER", "--name", "市水务局", "--why", "更名")
    added, renamed = acts(admin)[1:]
    assert (added["why"], added["before"]) == ("新单位接入", {})
    assert added["after"]["department WATER"]["name"] == "单位1"
    assert renamed["before"] == {"department WATER": {"name": "单位1"}}
    assert renamed["after"] == {"department WATER": {"name": "市水务局"}}
    assert renamed["who"] == added["who"] == acts(admin)[-1]["who"] != ""


def test_every_kind_of_change_is_an_entry(admin: Administrator, tmp_path: Path) -> None:
    folder = tmp_path / "form"
    folder.mkdir()
    schema = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x" elementFormDefault="qualified">'
        '<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" type="xs:date"/></xs:sequence>'
        "</xs:complexType></xs:element></xs:schema>"
    )
    (folder / "form.xsd").write_text(schema)
    admin.department("WATER", 1)
    admin.done("ca", "issue", "WATER")
    admin.done("ca", "crl")
    admin.done("endpoint", "add", "WATER", "--mailbox")
    admin.done("endpoint", "pause", "WATER")
    admin.done("right", "add", "WATER", "CENTER")
    admin.done("group", "add", "all", "WATER")
    admin.done("schema", "add", str(folder))
    admin.done("schema", "remove", "form-1", "--yes")
    other = DemoCa.create("另一根证书", NOW)
    (tmp_path / "other.crt").write_bytes(other.certificate_pem)
    admin.done("trust", "add", str(tmp_path / "other.crt"))
    admin.done("trust", "add", str(tmp_path / "other.crt"))
    admin.done("trust", "remove", thumbprint(other.anchors[0]), "--yes")
    assert [act["what"] for act in acts(admin)] == [
        "hub.installed",
        "registry.changed",
        "registry.changed",
        "crl.kept",
        *["registry.changed"] * 4,
        "schema.registered",
        "schema.forgotten",
        "authority.trusted",
        "authority.distrusted",
    ]
    assert acts(admin)[-1]["before"] == acts(admin)[-2]["after"] != {}
    kept = next(act for act in acts(admin) if act["what"] == "crl.kept")
    assert len(kept["before"]) == len(kept["after"]) == 1
    assert kept["before"] != kept["after"]
    paused = acts(admin)[5]
    assert (paused["before"], paused["after"]) == (
        {"endpoint WATER": {"paused": "false"}},
        {"endpoint WATER": {"paused": "true"}},
    )
    admin.done("ledger", "audit")


def test_what_changes_nothing_or_is_refused_is_no_entry(admin: Administrator) -> None:
    admin.department("WATER", 1)
    before = acts(admin)
    admin.done("dept", "set", "WATER", "--name", "单位1")
    admin.refused("registry.exists", "dept", "add", "WATER", "--name", "x", "--uscc", "11440300MB2C92114E",
                  "--division", "440300")  # fmt: skip
    admin.refused("registry.hub-department", "dept", "remove", "CENTER", "--yes")
    assert acts(admin) == before


def test_a_change_whose_entry_cannot_be_written_is_not_made(
    admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hub.administration.edit.record", broken)
    before = admin.registry()
    assert admin.type("group", "add", "new", "CENTER").exit_code
    assert admin.registry() == before


def test_a_revocation_list_that_cannot_be_written_leaves_no_entry(
    admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = acts(admin)
    monkeypatch.setattr("hub.administration.edit.put_crl", broken)
    assert admin.type("ca", "crl").exit_code
    assert acts(admin) == before


def test_an_administrators_entry_is_shown_in_both_languages(admin: Administrator) -> None:
    assert "管理操作" in admin.done("ledger", "show", "--node", "cli", lang="zh")
    assert "administered" in admin.done("ledger", "show", "--node", "cli")
    assert admin.json("ledger", "show")[0]["detail"] == "hub.installed"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM documents", "audit.document-missing"),
        ("UPDATE documents SET content = replace(content, 'department', 'Department')", "audit.document"),
        ("UPDATE documents SET content = '{}'", "audit.administered"),
        ("UPDATE documents SET content = zeroblob(10)", "audit.administered"),
        ("UPDATE documents SET content = CAST(replace(CAST(content AS TEXT), 'hub.inst', 'schema.forgott') AS BLOB)",
         "audit.administered"),
        ("UPDATE ledger SET detail = 'crl.kept'", "audit.chain"),
    ],
)  # fmt: skip
def test_an_act_that_was_altered_or_taken_away_is_found(admin: Administrator, statement: str, code: str) -> None:
    execute(admin, statement)
    result = admin.type("-o", "json", "ledger", "audit")
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert code in {finding["code"] for finding in json.loads(result.stdout)["findings"]}


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("UPDATE departments SET name = 'x' WHERE code = 'WATER'", "name"),
        ("UPDATE departments SET enabled = 0 WHERE code = 'WATER'", "enabled"),
        ("UPDATE rights SET sender = 'WATER' WHERE sender = '*'", ""),
        ("DELETE FROM rights", ""),
        ("INSERT INTO rights VALUES ('WATER', '*', '*')", ""),
        ("UPDATE endpoints SET paused = 1", "paused"),
        ("UPDATE endpoints SET profile = replace(profile, '30', '31')", "timeout"),
        ("UPDATE endpoints SET profile = 'x'", ""),
        ("UPDATE certificates SET enabled = 0", "enabled"),
        ("UPDATE certificates SET department = 'WATER'", "department"),
        ("UPDATE anchors SET name = 'x'", "subject"),
        ("DELETE FROM anchors", ""),
    ],
)
def test_a_registry_changed_behind_the_ledgers_back_is_found(admin: Administrator, statement: str, field: str) -> None:
    admin.department("WATER", 1)
    admin.done("endpoint", "add", "WATER", "--mailbox")
    assert admin.json("ledger", "audit")["clean"]
    execute(admin, statement)
    result = admin.type("-o", "json", "ledger", "audit")
    findings = json.loads(result.stdout)["findings"]
    assert ("audit.registry", field) in {(finding["code"], finding["field"]) for finding in findings}


def test_an_entry_whose_deed_is_not_that_of_its_act_is_found(admin: Administrator) -> None:
    """An entry that is right by itself, with the evidence of another deed."""
    store = Store.open(f"sqlite:///{admin.folder / 'hub.db'}", "cli")
    with store.transaction() as transaction:
        (row,) = transaction.connection.exec_driver_sql("SELECT evidence, time_us FROM ledger").all()
        from hub.ledger.ledger import from_microseconds

        at = from_microseconds(row.time_us)
        transaction.append(Hop.ADMIN, at, source="CENTER", evidence=row.evidence.hex(), detail=Deed.CRL_KEPT)
    store.close()
    result = admin.type("-o", "json", "ledger", "audit")
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["code"], finding["sequence"], finding["field"]) == ("audit.administered", 2, "detail")


def test_the_audit_command_counts_and_ends_with_zero(admin: Administrator) -> None:
    found = admin.json("ledger", "audit", "--quick")
    assert found["clean"]
    assert found["rows"]["entry"] == 1
    assert "document" not in found["rows"]
    assert "全部一致" in admin.done("ledger", "audit", lang="zh")


def test_a_kept_note_that_is_none_is_a_finding(admin: Administrator, tmp_path: Path) -> None:
    note = tmp_path / "kept.note"
    note.write_text("no note")
    result = admin.type("-o", "json", "ledger", "audit", "--quick", "--kept", str(note))
    assert result.exit_code == ExitCode.CHECK_FAILED
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["code"], finding["of"], finding["got"]) == ("audit.kept", "kept.note", "note.malformed")


@given(who=ANY_TEXT, why=ANY_TEXT, what=st.sampled_from(Deed), before=FACTS, after=FACTS)
def test_an_act_is_read_as_it_was_written(who: str, why: str, what: Deed, before: Any, after: Any) -> None:
    act = Act(who, what, why, before, after)
    assert read_act(act.written()) == act


def test_a_reason_that_is_no_text_is_kept_escaped() -> None:
    act = Act("me", Deed.INSTALLED, "\udcff", {}, {})
    assert read_act(act.written()) == act


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'{"what":"hub.installed"}',
        b'{"after":{},"before":{},"what":"other","who":"a","why":""}',
        b'{"after":[],"before":{},"what":"hub.installed","who":"a","why":""}',
        b'{"after":{"a":{"b":1}},"before":{},"what":"hub.installed","who":"a","why":""}',
        b'{"after":{},"before":{},"what":"hub.installed","who":1,"why":""}',
        b'{"after":{}, "before":{},"what":"hub.installed","who":"a","why":""}',
        b'{"after":{},"before":{},"what":["a"],"who":"a","why":""}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_act_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_act(raw)
