"""The content store: one behaviour, in a folder and in a bucket of a real server that speaks S3."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.errors import Misconfigured, Unavailable
from hub.store.content.content import ContentStore, open_content
from hub.store.content.folder import Folder
from tests.berth import Berth

RCLONE = Path(sys.executable).with_name("rclone")
KEY, SECRET = "hub-test-key", "hub-test-secret"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Host and port of a server, and the folder in which it keeps the bucket `hub`."""
    kept = tmp_path_factory.mktemp("s3")
    (kept / "hub").mkdir()
    berth = Berth()
    port = berth.port
    quiet = {**os.environ, "RCLONE_CONFIG": "/dev/null", "RCLONE_CACHE_DIR": str(kept.parent / "s3-cache")}
    command = [RCLONE, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    # What it listed is soon listed afresh, so that a test may change its files. (At 0 s it would spin on its timers.)
    process = subprocess.Popen([*command, "--dir-cache-time", "1ms", str(kept)], env=quiet, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield f"127.0.0.1:{port}", kept / "hub"
    finally:
        process.terminate()
        process.wait()
        berth.close()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError("the S3 server did not start")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ContentStore, Path]:
    """A store, and the folder in which its blobs lie as files."""
    if request.param == "folder":
        return open_content("content", tmp_path), tmp_path / "content"
    host, kept = request.getfixturevalue("s3")
    prefix = tmp_path.name
    return open_content(f"s3://{KEY}:{SECRET}@{host}/hub/{prefix}?secure=false", tmp_path), kept / prefix


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_sweep_passes_over_what_is_moved_into_place_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Folder(tmp_path)
    store.put(digest_of(b"one"), b"one")
    [blob] = store._files()
    part, listed = blob.with_name(f"{blob.name}.0.part"), store._files
    part.write_bytes(b"one")

    def files() -> Iterator[Path]:
        for path in list(listed()):
            if path == part:
                part.replace(blob)
            yield path

    monkeypatch.setattr(store, "_files", files)
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0
    assert store.get(digest_of(b"one")) == b"one"


def test_what_is_put_is_found_got_listed_and_deleted(place: tuple[ContentStore, Path]) -> None:
    store, _ = place
    contents = [b"", b"one", "附件".encode() * 10_000]
    for content in (*contents, b"one"):  # the same blob twice is kept once
        store.put(digest_of(content), content)
    assert [store.get(digest_of(content)) for content in contents] == contents
    listed = {blob.digest: blob for blob in store.blobs()}
    assert {digest: blob.size for digest, blob in listed.items()} == {digest_of(c): len(c) for c in contents}
    assert all(abs(blob.stored_at - datetime.now(UTC)) < timedelta(minutes=5) for blob in listed.values())
    store.delete(digest_of(b"one"))
    store.delete(digest_of(b"one"))
    assert not store.has(digest_of(b"one"))
    assert store.has(digest_of(b""))


def test_what_is_not_there_is_missing(place: tuple[ContentStore, Path]) -> None:
    with pytest.raises(Unavailable, match=r"content\.missing"):
        place[0].get("0" * 64)
    assert not place[0].has("0" * 64)
    with pytest.raises(ValueError, match="no digest"):
        place[0].has("../../etc/passwd")


def test_one_flipped_bit_is_never_handed_out(place: tuple[ContentStore, Path]) -> None:
    store, files = place
    content = b"a drawing" * 1000
    digest = digest_of(content)
    store.put(digest, content)
    file = files / digest[:2] / digest[2:]
    spoilt = bytearray(file.read_bytes())
    spoilt[4321] ^= 1
    file.write_bytes(spoilt)
    with pytest.raises(Unavailable, match=r"content\.altered"):
        store.get(digest)


def test_a_torn_write_is_no_blob_and_is_swept(tmp_path: Path) -> None:
    store = open_content("content", tmp_path)
    store.put(digest_of(b"x"), b"x")
    torn = tmp_path / "content" / digest_of(b"x")[:2] / f"{digest_of(b'x')[2:]}.0123.part"
    torn.write_bytes(b"ha")
    assert [blob.digest for blob in store.blobs()] == [digest_of(b"x")]
    assert store.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0  # type: ignore[attr-defined]
    assert store.sweep(datetime.now(UTC) + timedelta(hours=1)) == 1  # type: ignore[attr-defined]
    assert not torn.exists()


def test_a_blob_of_another_length_is_written_anew(tmp_path: Path) -> None:
    """As a crash before the first fsync of an older system may have left it."""
    store = open_content("content", tmp_path)
    store.put(digest_of(b"whole"), b"whole")
    (tmp_path / "content" / digest_of(b"whole")[:2] / digest_of(b"whole")[2:]).write_bytes(b"")
    store.put(digest_of(b"whole"), b"whole")
    assert store.get(digest_of(b"whole")) == b"whole"


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store = open_content("content", tmp_path)
    store.put(digest_of(b"before"), b"before")
    monkeypatch.setattr("hub.store.content.folder.os.fsync", full)
    with pytest.raises(Unavailable, match=r"content\.full"):
        store.put(digest_of(b"before")[:2] + "0" * 62, b"more")
    monkeypatch.undo()
    assert [blob.digest for blob in store.blobs()] == [digest_of(b"before")]
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://k:s@{host}/absent?secure=false", "content.forbidden"),
        (f"s3://{KEY}:{SECRET}@{{host}}/absent?secure=false", "content.place"),
        (f"s3://{KEY}:{SECRET}@{{host}}/hub?colour=red", "content.place"),
        ("s3://127.0.0.1:9/hub?secure=false", "content.unreachable"),
        ("ftp://somewhere/else", "content.place"),
        ("", "content.place"),
    ],
)
def test_a_wrong_place_is_told(s3: tuple[str, Path], tmp_path: Path, url: str, code: str) -> None:
    with pytest.raises((Misconfigured, Unavailable), match=code.replace(".", r"\.")):
        open_content(url.format(host=s3[0]), tmp_path)
