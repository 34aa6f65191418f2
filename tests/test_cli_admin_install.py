"""`hub init` and `hub.administration.install`: everything is there and right, or nothing has changed."""

from __future__ import annotations

import re
import stat
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
import hub.administration.install
from commands.frame.exits import ExitCode
from hub.administration.install import Identity, Plan, default_routing, install
from hub.errors import Misconfigured
from hub.hub import open_hub
from hub.routing.routing import Routing
from hub.settings.file import load_settings
from hub.settings.settings import Settings
from hub.settings.text import settings_text
from hub.store.store import Store
from hub.trust.ca import DemoCa

NOW = datetime.now(UTC)
ROOT = Path(cli.__file__).parent


def tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def identity(hub_id: str = "hub", age: timedelta = timedelta(minutes=1)) -> Identity:
    """A key and certificate that run for 100 days and are `age` old."""
    ca = DemoCa.create("外部 CA", NOW - timedelta(days=200))
    issued = ca.issue("交换中心", hub_id, NOW - age, days=100)
    return Identity(issued.key_pem, issued.certificate_pem, ca.certificate_pem)


def test_a_new_installation_opens_and_knows_itself(tmp_path: Path) -> None:
    install(tmp_path / "a" / "data", Plan("CENTER", "市交换中心"), NOW)
    found = open_hub(tmp_path / "a" / "data")
    try:
        rules = found.rules
        assert (found.id, found.settings.name, found.store.hub_id) == ("CENTER", "市交换中心", "CENTER")
        assert rules.trust.identify(found.signer.certificate, NOW).department == "CENTER"
        assert rules.trust.alarms(NOW) == []
        assert rules.directory.departments["CENTER"].name == "市交换中心"
        assert rules.directory.groups == {"supervision": frozenset()}
        assert rules.directory.may_send("CENTER", "ANY", "notice-1")
        assert rules.directory.may_send("ANY", "OTHER", "receipt-1")
        assert not rules.directory.may_send("CENTER", "ANY", "receipt-2")
        assert not rules.directory.may_send("ANY", "CENTER", "notice-1")
        assert rules.routing.version == Routing.load(default_routing()).version
    finally:
        found.close()


def test_private_keys_are_closed_to_others(tmp_path: Path) -> None:
    install(tmp_path / "data", Plan(), NOW)
    for name in ("keys", "ca", "departments"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o700
    keys = list((tmp_path / "data").rglob("*.key"))
    assert sorted(key.name for key in keys) == ["ca.key", "hub.key"]
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)


def test_own_certificates_take_the_place_of_the_demo_ca(tmp_path: Path) -> None:
    brought = identity()
    install(tmp_path / "data", Plan(identity=brought), NOW)
    assert not (tmp_path / "data" / "ca").exists()
    assert (tmp_path / "data" / "keys" / "hub.key").read_bytes() == brought.key
    open_hub(tmp_path / "data").close()


def test_the_routing_file_is_the_programs_own(tmp_path: Path) -> None:
    install(tmp_path / "data", Plan(), NOW)
    assert (tmp_path / "data" / "routing.yaml").read_bytes() == (ROOT / "routing.yaml").read_bytes()


def test_an_empty_folder_may_stand_there_and_a_filled_one_may_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    install(tmp_path / "empty", Plan(), NOW)
    filled = tmp_path / "filled"
    filled.mkdir()
    (filled / "notes.txt").write_text("mine")
    with pytest.raises(Misconfigured) as wrong:
        install(filled, Plan(), NOW)
    assert wrong.value.code == "install.not-empty"
    assert tree(filled) == ["notes.txt"]
    with pytest.raises(Misconfigured):
        install(tmp_path / "empty", Plan(), NOW)


def mismatched() -> Identity:
    one, other = identity(), identity()
    return Identity(other.key, one.certificate, one.anchors)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (lambda: Plan(identity=mismatched()), "key.mismatch"),
        (lambda: Plan(identity=Identity(b"junk", b"junk", b"junk")), "key.unreadable"),
        (lambda: Plan(identity=Identity(identity().key, identity().certificate, b"junk")), "key.mismatch"),
        (lambda: Plan(identity=identity(age=timedelta(days=101))), "certificate.expired"),
        (lambda: Plan(identity=strangers()), "certificate.untrusted"),
        (lambda: Plan(hub="not a code"), "registry.code"),
        (lambda: Plan(name="a\nb"), "registry.name"),
        (lambda: Plan(division="11"), "registry.uscc-length"),
        (lambda: Plan(uscc="123"), "registry.uscc-length"),
    ],
)
def test_what_cannot_be_installed_leaves_nothing_behind(tmp_path: Path, plan: Any, code: str) -> None:
    folder = tmp_path / "deep" / "data"
    with pytest.raises(Misconfigured) as wrong:
        install(folder, plan(), NOW)
    assert wrong.value.code == code
    assert tree(tmp_path) == []


@pytest.mark.parametrize("name", ['"\\: #{}[]&*!|>%@`', "长" * 100, "null", "1.10", "𠮷野"])
def test_a_strange_name_reaches_settings_and_registry_as_it_is(tmp_path: Path, name: str) -> None:
    install(tmp_path / "data", Plan(name=name), NOW)
    found = open_hub(tmp_path / "data")
    assert (found.settings.name, found.rules.directory.departments["hub"].name) == (name, name)
    found.close()


def strangers() -> Identity:
    one, other = identity(), identity()
    return Identity(one.key, one.certificate, other.anchors)


@pytest.mark.parametrize("step", ["default_routing", "check_registry", "write_registry", "put_crl"])
def test_a_failure_at_any_step_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub.administration.install, step, broken)
    (tmp_path / "data").mkdir()
    with pytest.raises(OSError, match="No space"):
        install(tmp_path / "data", Plan(), NOW)
    assert tree(tmp_path) == ["data"]


def test_two_installations_have_different_ledgers(tmp_path: Path) -> None:
    names = set()
    for name in ("a", "b"):
        install(tmp_path / name, Plan(), NOW)
        store = Store.open(f"sqlite:///{tmp_path / name / 'hub.db'}")
        names.add(store.ledger_id)
        store.close()
    assert len(names) == 2


# the text of hub.yaml


def test_what_is_commented_out_in_hub_yaml_is_the_default() -> None:
    text = settings_text("H", "名称", "127.0.0.1", 8080)
    told = re.sub(r"(?m)^( *)# ?([a-z_]+:(?: .*)?)$", r"\1\2", text)
    loaded = load_settings(told)
    assert loaded == Settings("H", "名称", listen=load_settings(told).listen)
    assert loaded.public_url == Settings("H").public_url


def test_every_setting_stands_in_hub_yaml() -> None:
    text = settings_text("H", "名称", "127.0.0.1", 8080)
    for setting in fields(Settings("H")):
        value = getattr(Settings("H"), setting.name)
        assert re.search(rf"(?m)^(# )?{setting.name}:", text), setting.name
        for inner in fields(value) if is_dataclass(value) else ():
            assert re.search(rf"(?m)^  (# )?{inner.name}:", text), inner.name


# the command


def test_init_installs_and_says_what_is_next(tmp_path: Path) -> None:
    words = ["--data", str(tmp_path / "d"), "--lang", "zh", "init", "--name", "市公文交换中心", "--port", "9001"]
    result = CliRunner().invoke(cli.cli, words)
    assert result.exit_code == 0, result.output
    assert "已在" in result.stdout
    assert "下一步" in result.stderr
    assert load_settings((tmp_path / "d" / "hub.yaml").read_text()).listen.port == 9001
    again = CliRunner().invoke(cli.cli, words)
    assert again.exit_code == ExitCode.MISCONFIGURED
    assert "install.not-empty" in again.stderr


def test_init_takes_certificates_from_files(tmp_path: Path) -> None:
    brought = identity("CENTER")
    for name, content in (("k", brought.key), ("c", brought.certificate), ("a", brought.anchors)):
        (tmp_path / name).write_bytes(content)
    files = ["--key", str(tmp_path / "k"), "--cert", str(tmp_path / "c"), "--anchor", str(tmp_path / "a")]
    start = ["--data", str(tmp_path / "d"), "init", "--hub", "CENTER"]
    for wrong in (["--ca", "none"], files, ["--ca", "none", *files[:4]], ["--ca", "demo", *files]):
        result = CliRunner().invoke(cli.cli, [*start, *wrong])
        assert (result.exit_code, "install.no-key" in result.stderr) == (ExitCode.MISCONFIGURED, True)
    result = CliRunner().invoke(cli.cli, [*start, "--ca", "none", *files])
    assert result.exit_code == 0, result.output
