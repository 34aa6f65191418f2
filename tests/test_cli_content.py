"""`hub content` at a data directory: what it shows, takes away and finds."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from commands.frame.exits import ExitCode
from hub.attachments import upload
from hub.errors import Misconfigured
from hub.settings.file import load_settings
from tests.test_large_attachments import PART, WHOLE, known
from tests.test_mailbox import request
from tests.town import Town

Typed = Callable[..., Any]


@pytest.fixture
def typed(town: Town) -> Typed:
    """Type a command at the town's data directory; its JSON."""
    (town.folder / "hub.yaml").write_text("hub: hub\n", encoding="utf-8")

    def work(*words: str, code: ExitCode = ExitCode.OK) -> Any:
        done = CliRunner().invoke(cli.cli, ["--data", str(town.folder), "-o", "json", "content", *words])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    return work


def begin(town: Town) -> str:
    raw = request("uploadRequest", "a", town.clock(), digest=known(WHOLE).digest, size=len(WHOLE))
    token = town.run(upload.begin(town.hub, raw)).token
    town.run(upload.keep_part(town.hub, token, 1, WHOLE, known(WHOLE).digest))
    return token


def test_what_there_is_is_shown(town: Town, typed: Typed) -> None:
    token = begin(town)
    shown = typed("show")
    assert (shown["place"], shown["complete"], shown["underWay"]) == ("content", 0, 1)
    town.run(upload.complete(town.hub, token))
    assert typed("show")["complete"] == 1


def test_keys_of_a_bucket_are_not_shown(town: Town, typed: Typed) -> None:
    settings = "hub: hub\ncontent: {place: 's3://k:s@store.example/hub'}\n"
    (town.folder / "hub.yaml").write_text(settings, encoding="utf-8")
    assert typed("show")["place"] == "s3://store.example/hub"


def test_stray_blobs_are_swept_after_a_grace(town: Town, typed: Typed) -> None:
    begin(town)
    town.hub.content.put(hashlib.sha256(b"stray").hexdigest(), b"stray")
    assert typed("sweep", "--dry-run")["blobs"] == 0
    long_past = time.time() - 2 * 86400
    for path in (town.folder / "content").glob("??/*"):
        os.utime(path, (long_past, long_past))
    planned = typed("sweep", "--dry-run")
    assert (planned["uploads"], planned["blobs"], planned["bytes"]) == (1, 1, 5)
    went = typed("sweep")  # the upload began long ago by the town's clock, so its blob goes with it
    assert (went["uploads"], went["blobs"]) == (1, 2)
    assert list(town.hub.content.blobs()) == []


def test_damage_is_told_with_an_exit_code_of_its_own(town: Town, typed: Typed) -> None:
    town.run(upload.complete(town.hub, begin(town)))
    assert typed("check") == []
    [blob] = town.hub.content.blobs()
    town.hub.content.delete(blob.digest)
    assert typed("check", code=ExitCode.CHECK_FAILED) == [{"sha256": blob.digest, "code": "content.missing"}]


def test_parts_have_bounds() -> None:
    assert load_settings("hub: hub\nupload: {part_bytes: 65536}").upload.part_bytes > PART
    for wrong in (1000, 9 * 1024 * 1024):
        with pytest.raises(Misconfigured, match=r"settings\.value"):
            load_settings(f"hub: hub\nupload: {{part_bytes: {wrong}}}")
