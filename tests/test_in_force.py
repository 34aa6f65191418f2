"""Routing and settings are files, and what they say is on record all the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from commands.frame.command import ExitCode
from connectors.serving.on_record import OnRecord
from hub.administration import in_force
from hub.errors import Misconfigured
from hub.hub import Hub, open_hub, refresh
from hub.settings.file import load_settings
from hub.store.operate import Order
from tests.admin import NOW, Administrator, administrator
from tests.house import served, until
from tests.test_admin_entries import acts, execute
from tests.town import Town

ROUTING, SETTINGS = "file routing.yaml", "file hub.yaml"
OTHER = """version: 1
rules:
  - name: nothing-secret
    when: {classification: [secret]}
    then: {reject: 不予接收}
"""


@pytest.fixture
def admin(tmp_path: Path) -> Administrator:
    return administrator(tmp_path / "data")


def opened(admin: Administrator) -> Hub:
    return open_hub(admin.folder, clock=lambda: NOW + timedelta(minutes=1))


def changes(admin: Administrator) -> list[dict[str, Any]]:
    return [act for act in acts(admin) if act["what"] == "file.changed"]


def test_an_installation_begins_with_both_files(admin: Administrator) -> None:
    after = acts(admin)[0]["after"]
    assert after[ROUTING] == {"text": (admin.folder / "routing.yaml").read_text()}
    assert load_settings(after[SETTINGS]["text"]).hub == "CENTER"


def test_a_hub_goes_on_record_with_what_changed_and_only_once(admin: Administrator) -> None:
    hub, on_record = opened(admin), OnRecord(admin.folder)
    on_record.look(hub)
    assert changes(admin) == []
    before = (admin.folder / "routing.yaml").read_text()
    (admin.folder / "routing.yaml").write_text(OTHER)
    changed = refresh(hub, admin.folder)
    for seen in (on_record, OnRecord(admin.folder)):  # another process finds it done
        seen.look(changed)
    hub.close()
    (act,) = changes(admin)
    assert (act["before"], act["after"]) == ({ROUTING: {"text": before}}, {ROUTING: {"text": OTHER}})
    assert act["who"].startswith(f"{(admin.folder / 'routing.yaml').owner()}@")
    assert admin.json("ledger", "audit")["clean"]


def test_settings_are_on_record_without_passwords(admin: Administrator) -> None:
    path = admin.folder / "hub.yaml"
    path.write_text(path.read_text() + "\ncontent: {place: 's3://key:geheim@127.0.0.1/bucket'}\n")
    hub = opened(admin)
    OnRecord(admin.folder).look(hub)
    hub.close()
    (act,) = changes(admin)
    assert "s3://key@127.0.0.1/bucket" in act["after"][SETTINGS]["text"]
    assert "geheim" not in str(act)


def test_a_serving_hub_sees_to_it(admin: Administrator) -> None:
    path = admin.folder / "hub.yaml"
    path.write_text(path.read_text().replace("port: 8080", "port: 0"))

    async def play() -> None:
        async with served(admin.folder):
            await until(lambda: len(changes(admin)) == 1)
            (admin.folder / "routing.new").write_text(OTHER)
            (admin.folder / "routing.new").replace(admin.folder / "routing.yaml")  # never seen half-written
            await until(lambda: len(changes(admin)) == 2)

    asyncio.run(play())
    assert [list(act["after"]) for act in changes(admin)] == [[SETTINGS], [ROUTING]]


def test_what_cannot_be_recorded_now_is_recorded_later(admin: Administrator, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, on_record = opened(admin), OnRecord(admin.folder)
    (admin.folder / "routing.yaml").write_text(OTHER)
    changed = refresh(hub, admin.folder)
    address, changed.store.address = changed.store.address, f"sqlite:///{admin.folder / 'absent.db'}"
    with pytest.raises(Misconfigured, match=r"store\.absent"):
        on_record.look(changed)
    assert changes(admin) == []
    changed.store.address = address
    on_record.look(changed)
    assert len(changes(admin)) == 1
    hub.close()


def test_a_ledger_that_does_not_begin_with_an_installation_is_not_followed(town: Town) -> None:
    assert in_force.put_on_record(town.hub.store, {"routing.yaml": OTHER}, Order("hub", "me"), town.clock()) == []


def test_rules_are_put_into_force_with_who_and_why(admin: Administrator, tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(OTHER)
    admin.done("route", "apply", str(new), "--reason", "涉密文件不上网")
    assert (admin.folder / "routing.yaml").read_text() == OTHER
    (act,) = changes(admin)
    assert (act["why"], act["after"]) == ("涉密文件不上网", {ROUTING: {"text": OTHER}})
    assert "没有变化" in admin.done("route", "apply", str(new), lang="zh")
    hub = opened(admin)
    OnRecord(admin.folder).look(hub)
    hub.close()
    assert len(changes(admin)) == 1


def test_rules_with_an_error_are_not_put_into_force(admin: Administrator, tmp_path: Path) -> None:
    before = (admin.folder / "routing.yaml").read_text()
    new = tmp_path / "new.yaml"
    new.write_text(OTHER.replace("reject", "rejekt"))
    assert admin.type("route", "apply", str(new)).exit_code == ExitCode.CHECK_FAILED
    assert (admin.folder / "routing.yaml").read_text() == before
    assert changes(admin) == []


def test_rules_that_cannot_be_written_leave_no_entry(
    admin: Administrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    new = tmp_path / "new.yaml"
    new.write_text(OTHER)
    monkeypatch.setattr("hub.administration.in_force.replace_whole", full)
    assert admin.type("route", "apply", str(new)).exit_code != ExitCode.OK
    assert changes(admin) == []


def test_an_act_that_is_gone_does_not_stop_a_hub(admin: Administrator) -> None:
    execute(admin, "DELETE FROM documents")
    hub = opened(admin)
    OnRecord(admin.folder).look(hub)
    hub.close()
    assert [list(act["after"]) for act in changes(admin)] == [[SETTINGS], [ROUTING]]
