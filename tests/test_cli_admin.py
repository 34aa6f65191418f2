"""The administrators' nouns of the registry: dept, group, right, endpoint, registry; and that a serving hub notices."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from commands.frame.exits import ExitCode
from hub.directory import Kind, Profile
from hub.hub import open_hub, refresh
from hub.registry.diff import diff
from hub.registry.right_explain import explain_right
from tests.admin import Administrator, administrator, uscc


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return administrator(tmp_path / "data")


# departments


def test_a_department_is_added_shown_changed_disabled_and_removed(admin: Administrator) -> None:
    admin.department("WATER", 1)
    admin.done("dept", "set", "WATER", "--name", "市水务局", "--parent", "CENTER", "--level", "county")
    admin.done("dept", "disable", "WATER")
    shown = admin.json("dept", "show", "WATER")
    assert (shown["name"], shown["parent"], shown["level"], shown["enabled"]) == ("市水务局", "CENTER", "county", False)
    admin.done("dept", "enable", "WATER")
    admin.done("dept", "remove", "WATER", "--yes")
    assert [d["code"] for d in admin.json("dept", "list")] == ["CENTER"]


def test_the_readmes_codes_are_accepted_full_width_and_small(admin: Administrator) -> None:
    written = uscc(7).lower().translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789"})
    admin.done("dept", "add", "WATER", "--name", "市水务局", "--uscc", written, "--division", "440300")
    assert admin.json("dept", "show", "WATER")["uscc"] == uscc(7)


def test_a_social_credit_code_that_is_registered_already_is_pointed_out(admin: Administrator) -> None:
    first = admin.type("dept", "add", "WATER", "--name", "市水务局", "--uscc", uscc(7), "--division", "440300")
    assert first.stderr == ""
    again = ("dept", "add", "water", "--name", "市水务局", "--uscc", uscc(7), "--division", "440300")
    second = admin.type(*again, lang="zh")
    assert (second.exit_code, "WATER 名下" in second.stderr) == (0, True)
    assert {one["code"] for one in admin.json("dept", "list")} >= {"WATER", "water"}


def add(code: str, name: str = "x", number: str = uscc(3), division: str = "440300", *more: str) -> tuple[str, ...]:
    """A command line that registers a department."""
    return ("dept", "add", code, "--name", name, "--uscc", number, "--division", division, *more)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (add("-WATER-"), "cli.usage"),
        (add("W", number="123"), "registry.uscc-length"),
        (add("W", number=uscc(3)[:-1] + "Z"), "registry.uscc-alphabet"),
        (add("W", division="44"), "registry.division"),
        (add("W", name=""), "registry.name"),
        (add("W", name="a\nb"), "registry.name"),
        (add("W "), "registry.code"),
        (add("CENTER"), "registry.exists"),
        (add("W", "x", uscc(3), "440300", "--parent", "Q"), "registry.unknown-department"),
        (("dept", "set", "CENTER", "--parent", "CENTER"), "registry.parent-circle"),
        (("dept", "show", "CENTRE"), "registry.absent"),
        (("dept", "disable", "CENTER"), "registry.hub-department"),
        (("dept", "remove", "CENTER", "--yes"), "registry.hub-department"),
        (("endpoint", "add", "X", "--push", "http://x/"), "registry.unknown-department"),
        (("endpoint", "add", "CENTER", "--push", "ftp://x/"), "registry.url"),
        (("endpoint", "add", "CENTER", "--push", "http://u:p@x/"), "registry.url"),
        (("endpoint", "add", "CENTER"), "cli.usage"),
        (("endpoint", "add", "CENTER", "--mailbox", "--push", "http://x/"), "cli.usage"),
        (("endpoint", "add", "CENTER", "--mailbox", "--first-retry", "2d", "--longest-retry", "1d"), "retry.policy"),
        (("endpoint", "show", "X"), "registry.absent"),
        (("group", "add", "g", "NOBODY"), "registry.unknown-department"),
        (("group", "members", "supervison"), "registry.absent"),
        (("group", "members", "supervision", "--drop", "CENTER"), "registry.absent"),
        (("right", "add", "group:none", "CENTER"), "registry.unknown-group"),
        (("right", "add", "*", "*", "receipt-1"), "registry.exists"),
        (("right", "remove", "CENTER", "CENTER"), "registry.absent"),
        (("right", "add", "*", "*", "a b"), "registry.code"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(admin: Administrator, words: tuple[str, ...], code: str) -> None:
    before = admin.registry()
    exit_code = admin.refused(code, *words)
    expected = {"cli.usage": ExitCode.USAGE, "registry.absent": ExitCode.NOT_FOUND}
    assert exit_code == expected.get(code, ExitCode.MISCONFIGURED)
    assert admin.registry() == before


def test_the_nearest_name_is_told(admin: Administrator) -> None:
    assert "CENTER" in admin.type("dept", "show", "CENTRE").stderr
    assert "supervision" in admin.type("group", "members", "supervison").stderr


def test_removing_a_department_takes_all_that_hangs_on_it_after_showing_it(admin: Administrator) -> None:
    for number, code in enumerate(("CITY", "WATER"), 1):
        admin.department(code, number)
        admin.done("ca", "issue", code)
        admin.done("endpoint", "add", code, "--mailbox")
    admin.done("dept", "set", "CITY", "--parent", "WATER")
    admin.done("group", "add", "both", "CITY,WATER")
    admin.done("right", "add", "WATER", "CITY")
    before = admin.registry()
    declined = admin.type("dept", "remove", "WATER", answer="n\n")
    assert declined.exit_code == ExitCode.DECLINED
    for line in ("remove department WATER", "remove endpoint WATER", "remove member both/WATER", "remove right WATER"):
        assert line in declined.stderr
    assert admin.registry() == before
    admin.done("dept", "remove", "WATER", answer="y\n")
    after = admin.registry()
    assert "WATER" not in str(after)
    assert [e.code for e in after.endpoints] == ["CITY"]


def test_lists_filter_by_group_and_division(admin: Administrator) -> None:
    admin.department("A", 1)
    admin.department("B", 2)
    admin.done("dept", "set", "B", "--division", "440306")
    admin.done("group", "add", "g", "B")
    assert [d["code"] for d in admin.json("dept", "list", "--division", "440306")] == ["B"]
    assert [d["code"] for d in admin.json("dept", "list", "--group", "g")] == ["B"]
    assert [d["code"] for d in admin.json("dept", "list", "--group", "group:g")] == ["B"]


def test_tables_are_in_the_users_language(admin: Administrator) -> None:
    assert admin.done("dept", "list", lang="zh").startswith("代码    名称")
    assert admin.done("dept", "list").startswith("CODE    NAME")
    assert "没有端点" in admin.type("endpoint", "list", lang="zh").stderr


# groups and rights


def test_members_join_and_leave_a_group(admin: Administrator) -> None:
    admin.department("A", 1)
    admin.department("B", 2)
    admin.done("group", "add", "districts", "A")
    admin.done("group", "members", "districts", "--add", "B，B", "--drop", "A")
    assert [m["code"] for m in admin.json("group", "members", "districts")] == ["B"]
    assert {g["name"]: g["members"] for g in admin.json("group", "list")} == {"districts": 1, "supervision": 0}


def test_removing_a_group_takes_its_rights(admin: Administrator) -> None:
    admin.done("group", "add", "g", "CENTER")
    admin.done("right", "add", "group:g", "*", "receipt-1")
    admin.done("group", "remove", "g", "--yes")
    assert admin.json("right", "list", "--of", "group:g") == []


def test_a_right_for_a_type_that_is_not_registered_is_given_with_a_note(admin: Administrator) -> None:
    result = admin.type("right", "add", "*", "*", "permit-9")
    assert result.exit_code == 0
    assert "permit-9" in result.stderr
    assert admin.type("right", "add", "CENTER", "*", "receipt-1").stderr == ""


def test_right_explain_says_why(admin: Administrator) -> None:
    admin.department("A", 1)
    admin.department("B", 2)
    admin.done("dept", "disable", "B")
    admin.done("group", "add", "all", "A,B,CENTER")
    admin.done("right", "add", "CENTER", "group:all", "official-document-1")
    result = admin.type("right", "explain", "CENTER", "group:all", "official-document-1", "--lang", "zh")
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert "收件单位已停用" in result.stdout
    assert "CENTER > group:all : official-document-1" in result.stdout
    assert admin.type("right", "explain", "CENTER", "A", "official-document-1").exit_code == 0
    assert "noRight" in admin.type("right", "explain", "A", "CENTER", "x-1", "-o", "json").stdout
    assert "senderUnknown" in admin.type("right", "explain", "Q", "CENTER", "x-1", "-o", "json").stdout


def test_right_explain_agrees_with_what_the_roads_ask(admin: Administrator) -> None:
    for number, code in enumerate("ABC", 1):
        admin.department(code, number)
    admin.done("dept", "disable", "C")
    admin.done("group", "add", "g", "A,C")
    for words in (("A", "group:g"), ("group:g", "B", "x-1"), ("*", "C", "y-1")):
        admin.done("right", "add", *words)
    registry = admin.registry()
    directory = registry.directory()
    for sender in ("A", "B", "C", "CENTER"):
        for recipient in ("A", "B", "C", "CENTER", "NOBODY"):
            for type in ("x-1", "y-1", "notice-1", "receipt-1"):
                allowed = bool(directory.expand(recipient)) and directory.may_send(sender, recipient, type)
                assert [v.allowed for v in explain_right(registry, sender, recipient, type)] == [allowed]


# endpoints


def test_an_endpoint_has_a_profile_and_a_queue(admin: Administrator) -> None:
    admin.department("TAX", 1)
    admin.done(
        "endpoint", "add", "TAX", "--push", "https://oa.tax.example/hub", "--soap", "1.2", "--form", "binary",
        "--unsigned-answer", "--timeout", "60s", "--parallel", "4", "--give-up-after", "7d",
    )  # fmt: skip
    known = admin.registry().endpoints[0]
    assert known.profile == Profile("1.2", "binary", False, 60.0, 4, give_up_after=7 * 86400.0)
    admin.done("endpoint", "set", "TAX", "--signed-answer", "--timeout", "30s")
    assert admin.registry().endpoints[0].profile == Profile("1.2", "binary", True, 30.0, 4, give_up_after=7 * 86400.0)
    shown = admin.json("endpoint", "show", "TAX")
    assert (shown["waiting"], shown["dead"], shown["oldest"], shown["soap"]) == (0, 0, None, "1.2")


def test_an_endpoint_is_paused_resumed_turned_into_a_mailbox_and_back(admin: Administrator) -> None:
    admin.department("TAX", 1)
    admin.done("endpoint", "add", "TAX-OA", "--dept", "TAX", "--mailbox")
    admin.done("endpoint", "pause", "TAX-OA")
    assert [e["code"] for e in admin.json("endpoint", "list", "--waiting")] == ["TAX-OA"]
    admin.done("endpoint", "resume", "TAX-OA")
    assert admin.json("endpoint", "list", "--waiting") == []
    admin.done("endpoint", "set", "TAX-OA", "--push", "http://10.0.0.1/d")
    assert (admin.registry().endpoints[0].kind, admin.registry().endpoints[0].url) == (Kind.PUSH, "http://10.0.0.1/d")
    admin.done("endpoint", "set", "TAX-OA", "--mailbox")
    assert (admin.registry().endpoints[0].kind, admin.registry().endpoints[0].url) == (Kind.MAILBOX, "")
    assert admin.done("endpoint", "ping", "TAX-OA") != ""
    admin.done("endpoint", "remove", "TAX-OA", "--yes")
    assert admin.registry().endpoints == ()


def test_ping_of_a_dead_endpoint_is_the_other_sides_fault(admin: Administrator) -> None:
    admin.department("TAX", 1)
    admin.done("endpoint", "add", "TAX", "--push", "http://127.0.0.1:1/x")
    assert admin.refused("delivery.unreachable", "endpoint", "ping", "TAX") == ExitCode.UNDELIVERED


def test_setting_what_is_set_already_changes_nothing_and_says_so(admin: Administrator) -> None:
    admin.department("TAX", 1)
    result = admin.type("dept", "set", "TAX", "--level", "city")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing to change" in result.stderr


# the whole registry


def test_the_registry_goes_out_and_in_again_unchanged(admin: Administrator, tmp_path: Path) -> None:
    admin.department("A", 1)
    admin.done("ca", "issue", "A")
    admin.done("endpoint", "add", "A", "--mailbox")
    file = tmp_path / "registry.yaml"
    admin.done("registry", "export", str(file))
    assert file.read_text() == admin.done("registry", "export")
    assert admin.type("registry", "diff", str(file)).exit_code == 0
    admin.refused("file.exists", "registry", "export", str(file))
    admin.done("dept", "remove", "A", "--yes")
    assert admin.type("registry", "diff", str(file)).exit_code == ExitCode.CHECK_FAILED
    admin.done("registry", "apply", str(file), "--yes")
    assert admin.type("registry", "diff", str(file)).exit_code == 0


def test_apply_shows_the_difference_and_asks(admin: Administrator, tmp_path: Path) -> None:
    written = yaml.safe_load(admin.done("registry", "export"))
    written["departments"][0]["name"] = "新名称"
    written["groups"]["new"] = ["CENTER"]
    file = tmp_path / "registry.yaml"
    file.write_text(yaml.safe_dump(written, allow_unicode=True))
    declined = admin.type("registry", "apply", str(file), lang="zh", answer="n\n")
    assert declined.exit_code == ExitCode.DECLINED
    assert "测试交换中心 → 新名称" in declined.stderr
    assert admin.registry().departments[0].name == "测试交换中心"
    assert "新名称" in admin.done("registry", "apply", str(file), answer="y\n")
    assert admin.registry().departments[0].name == "新名称"


def test_apply_refuses_if_somebody_changed_the_registry_meanwhile(
    admin: Administrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = admin.done("registry", "export")
    file = tmp_path / "registry.yaml"
    file.write_text(text.replace("测试交换中心", "新名称"))

    def meanwhile(*_: object, **__: object) -> bool:
        admin.department("A", 1)
        return True

    monkeypatch.setattr("click.confirm", meanwhile)
    admin.refused("registry.moved", "registry", "apply", str(file))
    assert [d.code for d in admin.registry().departments] == ["A", "CENTER"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"version: [1", "config.syntax"),
        (b"version: 9\n", "registry.version"),
        (b"version: 1\ndepartment: []\n", "config.unknown-key"),
        (b"\xff\xfe", "file.encoding"),
        (b"version: 1\n", "registry.hub-department"),
        (b"version: 1\na: &x 1\nb: *x\n", "config.not-plain"),
    ],
)
def test_a_wrong_registry_file_is_refused_whole(admin: Administrator, tmp_path: Path, text: bytes, code: str) -> None:
    before = admin.registry()
    file = tmp_path / "new-departments.yaml"
    file.write_bytes(text)
    assert admin.refused(code, "registry", "apply", str(file), "--yes") == ExitCode.MISCONFIGURED
    assert diff(before, admin.registry()) == []


@pytest.mark.parametrize("verb", ["apply", "diff"])
@pytest.mark.parametrize("text", ["version: [1", "version: 1\ndepartment: []\n", "version: 1\nrights: [{sender: A}]\n"])
def test_a_wrong_registry_file_is_called_by_its_own_name(
    admin: Administrator, tmp_path: Path, verb: str, text: str
) -> None:
    file = tmp_path / "new-departments.yaml"
    file.write_text(text)
    said = admin.type("registry", verb, str(file)).stderr
    assert "at: new-departments.yaml" in said
    assert "registry.yaml" not in said


# beside a serving hub


def test_a_serving_hub_notices_what_the_command_line_changes(admin: Administrator) -> None:
    hub = open_hub(admin.folder)
    try:
        assert refresh(hub, admin.folder) is hub
        admin.department("A", 1)
        admin.done("endpoint", "add", "A", "--mailbox")
        admin.done("ca", "issue", "A")
        fresh = refresh(hub, admin.folder)
        assert "A" in fresh.rules.directory.departments
        assert fresh.rules.directory.endpoint_for("A") is not None
    finally:
        hub.close()


def test_what_stands_in_the_registry_cannot_command_the_terminal(admin: Administrator) -> None:
    result = admin.type("dept", "add", "A", "--name", "x\x1b[2J", "--uscc", uscc(1), "--division", "440300")
    assert result.exit_code == ExitCode.MISCONFIGURED
    assert "\x1b" not in result.output
