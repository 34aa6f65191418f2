"""The ledger over HTTP: all it answers is checked as a stranger would, from the format document alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.ledger_door import ledger_door
from connectors.serving.server import serve_hub
from hub.administration.install import Plan, install
from hub.ledger.ledger import hash_form, read_form
from hub.ledger.sequence import checkpoint_signers
from hub.message import Hop
from hub.settings.settings import Sequencing
from hub.store.store import Store
from hub.tree.checkpoint import Checkpoint, cosign, open_checkpoint
from hub.tree.key import Ed25519NoteSigner, Kind
from hub.tree.merkle import proves_consistency, proves_inclusion, root_of
from hub.tree.note import Note, read_note, sign_note
from tests.serving import Heard, ask
from tests.test_sequence import append, drain, execute, sequencer
from tests.town import Town, found_town, reopened


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a town whose tree has 3, then 603 entries."""
    town = found_town(tmp_path_factory.mktemp("grown"))
    one = sequencer(town)
    for count in (3, 600):
        append(town, count)
        assert len(drain(one)) == 1
    town.close()
    return town.folder


def test_a_body_that_drips_is_cut_off(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.ledger_door.BODY_SECONDS", 0.05, raising=False)
    heard: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        heard.append(message)

    [route] = [one for one in ledger_door(lambda: town.hub) if isinstance(one, Route) and "POST" in (one.methods or ())]
    scope = {"type": "http", "method": "POST", "path": route.path, "headers": [], "query_string": b""}
    asyncio.run(asyncio.wait_for(route.app(scope, receive, send), 60))
    assert heard[0]["status"] == 408


@pytest.fixture
def town(grown: Path, tmp_path: Path) -> Iterator[Town]:
    """A town with a ledger of 603 entries of its own."""
    shutil.copytree(grown, tmp_path, dirs_exist_ok=True)
    made = reopened(tmp_path)
    yield made
    made.close()


@pytest.fixture
def door(town: Town) -> ASGIApp:
    """A door to that ledger, with a witness."""
    town.settle(ledger=Sequencing(witnesses=witness().key.text()))
    return Starlette(routes=ledger_door(lambda: town.hub))


def witness(name: str = "witness.example/w1") -> Ed25519NoteSigner:
    return Ed25519NoteSigner.of(name, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32), Kind.COSIGNATURE)


def get(door: ASGIApp, path: str) -> Heard:
    return ask(door, method="GET", path=f"/ledger/v1/{path}")


def found(door: ASGIApp, path: str) -> Any:
    heard = get(door, path)
    assert heard.status == 200, heard.body
    return json.loads(heard.body)


def refused(heard: Heard) -> tuple[int, str]:
    facts = json.loads(heard.body)
    assert facts["zh"]
    assert facts["en"]
    for secret in ("Traceback", "sqlite", "/work", ".py"):
        assert secret not in heard.body.decode()
    return heard.status, facts["code"]


def checkpoint(door: ASGIApp, town: Town, path: str = "checkpoint") -> Checkpoint:
    heard = get(door, path)
    assert heard.headers["content-type"] == "text/plain; charset=utf-8"
    assert heard.headers["cache-control"] == "no-cache"
    keys = [one.key for one in checkpoint_signers(town.hub, town.folder)]
    return open_checkpoint(read_note(heard.body), "hub/ledger/town", keys)


def test_the_tree_read_from_its_tiles_has_the_root_of_the_checkpoint(door: ASGIApp, town: Town) -> None:
    now = checkpoint(door, town)
    leaves = b"".join(get(door, f"tile/0/{name}").body for name in ("000", "001", "002.p/91"))
    assert len(leaves) == now.size * 32 == 603 * 32
    hashes = [leaves[i : i + 32] for i in range(0, len(leaves), 32)]
    assert root_of(hashes) == now.root
    assert get(door, "tile/1/000.p/2").body == root_of(hashes[:256]) + root_of(hashes[256:512])


def test_tiles_may_be_kept_for_ever_and_earlier_widths_stay_to_be_had(door: ASGIApp) -> None:
    heard = get(door, "tile/0/000.p/3")
    assert heard.headers["content-type"] == "application/octet-stream"
    assert "immutable" in heard.headers["cache-control"]
    assert len(heard.body) == 96
    assert get(door, "tile/0/000").body.startswith(heard.body)


@pytest.mark.parametrize(
    "path",
    ["0/003", "0/002", "0/002.p/92", "0/000.p/256", "0/0", "2/000", "2/000.p/1", "64/000", "00/000", "-1/000", "x/000",
     "0/x000/001", "0/../000", "0/000.p/0"],
)  # fmt: skip
def test_a_tile_that_is_not_there_is_said_so(door: ASGIApp, path: str) -> None:
    assert refused(get(door, f"tile/{path}")) in [(404, "tree.no-tile"), (400, "tree.parameter")]


@pytest.mark.parametrize("sequence", [1, 3, 4, 256, 257, 603])
def test_an_entry_is_proven_to_be_in_the_checkpoint(door: ASGIApp, town: Town, sequence: int) -> None:
    answer = found(door, f"proof/inclusion?node=hub&sequence={sequence}")
    now = checkpoint(door, town)
    proof = [bytes.fromhex(part) for part in answer["proof"]]
    assert (answer["size"], bytes.fromhex(answer["root"])) == (now.size, now.root)
    assert read_note(answer["checkpoint"].encode()).text == now.text()
    assert proves_inclusion(bytes.fromhex(answer["leaf"]), answer["index"], now.size, proof, now.root)


def test_a_receipts_entry_is_proven_by_its_node_sequence_and_hash(door: ASGIApp, town: Town) -> None:
    receipt = town.send("a", "b")
    entry = next(e for e in town.hops(Hop.ACCEPTED))
    assert refused(get(door, f"proof/inclusion?node=hub&sequence={entry.sequence}")) == (404, "tree.not-numbered")
    drain(sequencer(town))
    answer = found(door, f"proof/inclusion?node=hub&sequence={entry.sequence}")
    assert answer["leaf"].encode() in receipt.stamp


def test_a_proof_may_be_had_for_an_earlier_checkpoint(door: ASGIApp) -> None:
    answer = found(door, "proof/inclusion?node=hub&sequence=2&size=3")
    assert (answer["size"], len(answer["proof"])) == (3, 2)
    assert refused(get(door, "proof/inclusion?node=hub&sequence=4&size=3")) == (404, "tree.not-numbered")
    assert refused(get(door, "proof/inclusion?node=hub&sequence=4&size=4")) == (404, "tree.no-checkpoint")


def test_the_earlier_tree_is_proven_to_be_the_beginning_of_the_later(door: ASGIApp, town: Town) -> None:
    old, new = checkpoint(door, town, "checkpoint/3"), checkpoint(door, town)
    answer = found(door, "proof/consistency?from=3&to=603")
    assert answer == found(door, "proof/consistency?from=3")
    proof = [bytes.fromhex(part) for part in answer["proof"]]
    assert proves_consistency(3, 603, proof, old.root, new.root)
    assert (bytes.fromhex(answer["fromRoot"]), bytes.fromhex(answer["toRoot"])) == (old.root, new.root)
    assert found(door, "proof/consistency?from=0")["proof"] == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("proof/inclusion", (400, "tree.parameter")),
        ("proof/inclusion?node=hub&sequence=-1", (400, "tree.parameter")),
        ("proof/inclusion?node=hub&sequence=1e9", (400, "tree.parameter")),
        ("proof/inclusion?node=hub&sequence=" + "9" * 30, (400, "tree.parameter")),
        ("proof/inclusion?node=hub&sequence=999999999999999999", (404, "tree.not-numbered")),
        ("proof/inclusion?node=none&sequence=1", (404, "tree.not-numbered")),
        ("proof/inclusion?node=%00&sequence=1", (404, "tree.not-numbered")),
        ("proof/inclusion?node='%20or%201=1&sequence=1", (404, "tree.not-numbered")),
        ("proof/inclusion?node=hub&sequence=1&size=x", (400, "tree.parameter")),
        ("proof/consistency?from=603&to=3", (400, "tree.parameter")),
        ("proof/consistency?from=3&to=604", (400, "tree.parameter")),
        ("proof/consistency", (400, "tree.parameter")),
        ("checkpoint/4", (404, "tree.no-checkpoint")),
        ("checkpoint/04", (400, "tree.parameter")),
        ("checkpoint/witnessed", (404, "tree.no-checkpoint")),
    ],
)
def test_a_wrong_question_is_answered_with_its_code(door: ASGIApp, path: str, expected: tuple[int, str]) -> None:
    assert refused(get(door, path)) == expected


def test_an_empty_ledger_has_no_checkpoint(tmp_path: Path) -> None:
    with closing(found_town(tmp_path)) as town:
        door = Starlette(routes=ledger_door(lambda: town.hub))
        assert refused(get(door, "checkpoint")) == (404, "tree.no-checkpoint")
        assert refused(get(door, "tile/0/000.p/1")) == (404, "tree.no-tile")


def test_entries_are_kept_from_strangers_unless_the_settings_publish_them(door: ASGIApp) -> None:
    assert refused(get(door, "tile/entries/000")) == (403, "tree.entries-closed")


def test_a_bundle_hashes_to_its_tile(door: ASGIApp, town: Town) -> None:
    town.settle(ledger=Sequencing(publish_entries=True))
    for name, width in (("001", 256), ("002.p/91", 91), ("000.p/3", 3)):
        rest, hashes = get(door, f"tile/entries/{name}").body, b""
        entries = []
        while rest:
            size = int.from_bytes(rest[:2], "big")
            entries.append(rest[2 : 2 + size])
            rest = rest[2 + size :]
        hashes = b"".join(hashlib.sha256(b"\x00" + entry).digest() for entry in entries)
        assert len(entries) == width
        assert hashes == get(door, f"tile/0/{name}").body
        assert read_form(entries[0]).node == "hub"
        assert hash_form(entries[0]) == hashes[:32]
    assert refused(get(door, "tile/entries/002.p/92")) == (404, "tree.no-tile")


def test_a_damaged_tree_proves_nothing_and_says_so(door: ASGIApp, town: Town, caplog: pytest.LogCaptureFixture) -> None:
    town.settle(ledger=Sequencing(publish_entries=True))
    execute(town, "update tiles set hashes = zeroblob(32) where level = 0 and number = 0")
    execute(town, "delete from ledger where sequence = 5")
    with caplog.at_level(logging.CRITICAL, "hub.ledger"):
        assert refused(get(door, "proof/inclusion?node=hub&sequence=200")) == (500, "tree.damaged")
        assert refused(get(door, "proof/consistency?from=3")) == (500, "tree.damaged")
        assert refused(get(door, "tile/entries/000")) == (500, "tree.damaged")


def post(door: ASGIApp, note: Note | bytes) -> Heard:
    body = note.written().encode() if isinstance(note, Note) else note
    return ask(door, body, "text/plain", path="/ledger/v1/cosignature")


def cosigned(door: ASGIApp, town: Town, path: str = "checkpoint", by: Ed25519NoteSigner | None = None) -> Note:
    note = read_note(get(door, path).body)
    return Note(note.text, (cosign(note, by or witness(), town.clock()),))


def test_a_witness_cosigns_and_its_line_is_handed_on(door: ASGIApp, town: Town) -> None:
    note = cosigned(door, town, "checkpoint/3")
    heard = post(door, note)
    assert heard.status == 200
    assert heard.body == get(door, "checkpoint/3").body == get(door, "checkpoint/witnessed").body
    lines = read_note(heard.body).signatures
    assert lines[1:] == note.signatures
    assert post(door, cosigned(door, town)).status == 200
    assert checkpoint(door, town, "checkpoint/witnessed").size == 603


def test_cosigning_again_keeps_the_first(door: ASGIApp, town: Town) -> None:
    first = post(door, cosigned(door, town)).body
    town.clock.now += timedelta(minutes=1)
    assert post(door, cosigned(door, town)).body == first


def test_only_a_configured_witness_may_cosign(door: ASGIApp, town: Town) -> None:
    stranger = Ed25519NoteSigner.of("witness.example/w1", Ed25519PrivateKey.generate(), Kind.COSIGNATURE)
    assert refused(post(door, cosigned(door, town, by=stranger))) == (403, "note.unknown-key")
    assert refused(post(door, cosigned(door, town, by=witness("other")))) == (403, "note.unknown-key")
    town.settle(ledger=Sequencing())
    assert refused(post(door, cosigned(door, town))) == (403, "note.unknown-key")


@pytest.mark.parametrize("size", [603, 602, 700])
def test_a_cosignature_of_a_tree_that_is_not_ours_is_a_fork(
    door: ASGIApp, town: Town, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the same size with another root, of a size never signed, and of one beyond: the database was put back."""
    other = sign_note(Checkpoint("hub/ledger/town", size, bytes(32)).text(), checkpoint_signers(town.hub, town.folder))
    with caplog.at_level(logging.ERROR, "hub.cosign"):
        assert refused(post(door, Note(other.text, (cosign(other, witness(), town.clock()),)))) == (409, "tree.fork")
    assert [(r.message, r.fields["size"]) for r in caplog.records] == [("fork", size)]
    assert refused(get(door, "checkpoint/witnessed")) == (404, "tree.no-checkpoint")


def test_another_logs_cosignature_is_refused_without_alarm(
    door: ASGIApp, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    other = sign_note(Checkpoint("other/log", 3, bytes(32)).text(), checkpoint_signers(town.hub, town.folder))
    with caplog.at_level(logging.ERROR, "hub.cosign"):
        heard = post(door, Note(other.text, (cosign(other, witness(), town.clock()),)))
    assert refused(heard) == (400, "note.other-log")
    assert caplog.records == []


def spoil(note: Note) -> bytes:
    line = note.signatures[0].line()
    coded = line.split(" ")[2].strip()
    value = bytearray(base64.b64decode(coded))
    value[-1] ^= 1
    return note.written().replace(coded, base64.b64encode(bytes(value)).decode()).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lambda note: b"", (400, "note.malformed")),
        (lambda note: b"\xff" * 100, (400, "note.malformed")),
        (lambda note: b"x" * 70_000, (413, "http.too-large")),
        (lambda note: note.text.encode(), (400, "note.malformed")),
        (lambda note: b"hello\n\n" + note.signatures[0].line().encode(), (400, "note.not-checkpoint")),
        (spoil, (400, "note.invalid")),
    ],
)
def test_a_wrong_cosignature_is_answered_with_its_code(
    door: ASGIApp, town: Town, body: Callable[[Note], bytes], expected: tuple[int, str]
) -> None:
    assert refused(post(door, body(cosigned(door, town)))) == expected


def test_other_methods_are_not_allowed(door: ASGIApp) -> None:
    assert ask(door, method="POST", path="/ledger/v1/checkpoint").status == 405
    assert ask(door, method="GET", path="/ledger/v1/cosignature").status == 405


def test_a_proof_is_small(door: ASGIApp) -> None:
    assert len(get(door, "proof/inclusion?node=hub&sequence=300").body) <= 8 * 1024


def test_a_served_hub_numbers_its_entries_by_itself(tmp_path: Path) -> None:
    """A whole installation over a real socket; what the ledger already held gets its place too."""
    install(tmp_path / "data", Plan(port=0), datetime.now(UTC))
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'hub.db'}")
    with store.transaction() as transaction:
        transaction.append(Hop.REFUSED, datetime.now(UTC), detail="x")
    store.close()
    answer = json.loads(asyncio.run(_first_proof(tmp_path / "data")))
    assert (answer["index"], answer["size"]) == (1, 2)  # the installation's own entry comes first


async def _first_proof(folder: Path) -> bytes:
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_hub(folder, stop, ready=address.set_result))
    url = f"{await address}/ledger/v1/proof/inclusion?node=hub&sequence=1"
    try:
        async with asyncio.timeout(60):
            while not (body := await asyncio.to_thread(_fetch, url)):
                await asyncio.sleep(0.01)
        return body
    finally:
        stop.set()
        await serving


def _fetch(url: str) -> bytes:
    try:
        with urlopen(url) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        error.close()
        return b""
