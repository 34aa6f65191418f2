"""Backups: whole although messages come in, proven before they count, restored without hiding what is lost."""

from __future__ import annotations

import json
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

import commands.backup
import hub.store.snapshot
from commands.frame.exits import ExitCode
from hub import proof
from hub.backup.manifest import DATABASE, FILE, Manifest, read_manifest
from hub.backup.place import backups_in, seal, write_manifest
from hub.errors import Misconfigured
from hub.parser import parse
from hub.settings.text import settings_text, without_passwords
from hub.signing import signature
from hub.store.engine import opened
from hub.store.store import Store
from hub.store.trace import read_message
from hub.store.upgrade import upgrade
from hub.witness.judge import Verdict
from hub.witness.succeed import succeed
from tests.admin import Administrator, administrator
from tests.first_layout import ROOT, database, first
from tests.postgres import Server
from tests.test_sequence import drain, sequencer
from tests.town import HUB, START, Town, found_town, reopened, signer_of
from tests.witnessing import DirectLog, looked, other_town, witness_of

__all__ = ["first"]


def housed(town: Town, url: str = "sqlite:///hub.db", witness: str = "") -> Administrator:
    """The town's folder as a data directory, but for its private key; `witness` is the key of one."""
    folder = town.folder
    (folder / "keys").mkdir()
    certificate = load_der_x509_certificate(signer_of(HUB)[1])
    (folder / "keys" / "hub.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    shutil.copy(ROOT / "routing.yaml", folder)
    words = ("hub: hub", f"database: {json.dumps(url)}", f"ledger: {json.dumps({'witnesses': witness})}")
    (folder / "hub.yaml").write_text("\n".join(words))
    return Administrator(folder)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups")


@pytest.fixture
def grown(first: Administrator) -> Administrator:
    """An installation with 28 entries on SQLite, of this program's layout."""
    upgrade(f"sqlite:///{first.folder / 'hub.db'}")
    return first


@pytest.fixture
def taken(grown: Administrator, place: Path) -> Path:
    """A backup of it."""
    return Path(grown.json("backup", "--to", str(place))["backup"])


@contextmanager
def load(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> Iterator[None]:
    """Whenever a backup has done a step of its copy, others do `work`."""

    @contextmanager
    def progress(*_: Any) -> Iterator[Callable[[int], None]]:
        yield lambda _: work()

    with monkeypatch.context() as patch:
        patch.setattr(commands.backup, "progress", progress)
        patch.setattr(hub.store.snapshot, "_PAGES", 8)
        yield


def post(town: Town, count: int) -> None:
    """So many messages, each an entry with its place in the tree."""
    for _ in range(count):
        town.send("a", "b")
    drain(sequencer(town))


def manifest_of(place: Path) -> Manifest:
    return read_manifest((place / FILE).read_bytes())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_backup_under_load_is_of_one_moment_and_comes_back(
    engine: str, tmp_path: Path, place: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "sqlite:///hub.db"
    if engine == "postgresql":
        running: Server = request.getfixturevalue("server")
        url = running.url(running.database(running.with_tables))
    town = found_town(tmp_path, url=url if engine == "postgresql" else "")
    admin = housed(town, url)
    for _ in range(3):
        town.send("a", ["b", "m"])
    town.deliver()
    drain(sequencer(town))
    before = len(town.receipts)
    with load(monkeypatch, lambda: town.send("b", "c") if len(town.receipts) < before + 3 else None):
        taken = Path(admin.json("backup", "--to", str(place))["backup"])
    during = town.receipts[before:]
    assert len(during) == 3
    assert manifest_of(taken).engine == engine
    first_lost = proof.read_stamp(signature.verify(parse(during[0].stamp)).root).sequence
    assert manifest_of(taken).head.chains["hub"] == first_lost - 1
    town.close()

    other = Administrator(tmp_path.with_name(f"{tmp_path.name}-back"))
    said = other.json("restore", str(taken))
    assert said["entries"] == manifest_of(taken).head.size
    assert other.json("ledger", "audit")["clean"]
    with opened(f"sqlite:///{other.folder / DATABASE}") as found, found.connect() as connection:
        there = [read_message(connection, r.sender, r.message_id) is not None for r in town.receipts]
    assert there == [True] * before + [False] * len(during)


def test_it_comes_back_on_postgresql(taken: Path, grown: Administrator, server: Server, tmp_path: Path) -> None:
    name = server.database()
    other = Administrator(tmp_path / "back")
    other.done("restore", str(taken), "--database", server.url(name))
    assert not list(other.folder.glob("hub.db*"))
    found = other.json("ledger", "audit")
    assert (found["clean"], found["rows"]["entry"]) == (True, 29)
    assert other.json("database", "show")["kind"] == "postgresql"
    again = Administrator(tmp_path / "again")
    assert (
        again.refused("store.exists", "restore", str(taken), "--database", server.url(name)) == ExitCode.MISCONFIGURED
    )
    assert not again.folder.exists()


def test_a_restored_hub_does_not_go_on_with_its_old_chain(taken: Path, tmp_path: Path) -> None:
    other = Administrator(tmp_path / "back")
    said = other.json("restore", str(taken), "--why", "磁盘损坏")
    assert (other.folder / "hub.yaml").read_text().endswith(f'node: "{said["node"]}"\n')
    assert said["node"].startswith("hub-r")
    url = f"sqlite:///{other.folder / DATABASE}"
    for node in said["closed"].keys() - {"cli"}:
        with pytest.raises(Misconfigured, match=r"node\.closed"):
            Store.open(url, node)
    Store.open(url, said["node"]).close()
    assert "database.restored" in other.done("ledger", "show")
    assert other.json("ledger", "audit")["clean"]


def test_a_node_that_had_written_nothing_yet_gets_a_new_name_too(tmp_path: Path, place: Path) -> None:
    """Its chain may have begun in the time that is lost."""
    before, other = administrator(tmp_path / "d"), Administrator(tmp_path / "back")
    taken = before.json("backup", "--to", str(place), "--with-keys")["backup"]
    assert other.json("restore", taken)["closed"] == {"cli": 1}
    assert "can start" in other.done("serve", "--check", "--port", "0")
    with pytest.raises(Misconfigured, match=r"node\.closed"):
        Store.open(f"sqlite:///{other.folder / DATABASE}", "hub")


def test_a_node_that_has_a_chain_is_no_new_node(taken: Path, tmp_path: Path) -> None:
    other = Administrator(tmp_path / "back")
    assert other.refused("node.closed", "restore", str(taken), "--node", "hub") == ExitCode.MISCONFIGURED
    assert not other.folder.exists()


def test_the_missing_tail_is_told_to_the_entry(town: Town, tmp_path: Path, place: Path) -> None:
    witness = witness_of(town, tmp_path / "witness")
    admin = housed(town, witness=witness.signer.key.text())
    post(town, 7)
    looked(witness, DirectLog(town))
    early = place / "early.note"
    early.write_bytes(witness.kept_bytes())
    taken = admin.json("backup", "--to", str(place))["backup"]
    post(town, 12)
    looked(witness, DirectLog(town))
    late = witness.path / "kept.note"
    size = witness.kept()[0].size
    said = admin.json("backup", "verify", taken, "--since", str(late), "--since", str(early))
    assert said["clean"]
    assert [(one["note"], one["size"], one["missing"]) for one in said["since"]] == [
        ("kept.note", size, size - 7),
        ("early.note", 7, 0),
    ]
    other = Administrator(tmp_path / "back")
    told = other.type("restore", taken, "--since", str(late), lang="zh").stdout
    assert f"缺少其后的 {size - 7} 条" in told
    found = json.loads(other.type("ledger", "audit", "--kept", str(late), "-o", "json").stdout)
    assert [(one["code"], one["expected"], one["got"]) for one in found["findings"]] == [("audit.kept", str(size), "7")]
    assert (other.folder / "restored-head.note").exists()


def test_a_checkpoint_of_nobody_says_nothing(taken: Path, grown: Administrator, place: Path) -> None:
    note = place / "x.note"
    note.write_text(manifest_of(taken).head.note.replace("28", "29", 1))
    assert grown.refused("note.invalid", "backup", "verify", str(taken), "--since", str(note)) == ExitCode.REFUSED


@pytest.mark.parametrize("packed", [False, True])
def test_any_damaged_file_is_named_and_nothing_is_restored(
    grown: Administrator, place: Path, tmp_path: Path, packed: bool
) -> None:
    words = ["--tar"] if packed else []
    taken = Path(grown.json("backup", "--to", str(place), *words)["backup"])
    names = [FILE, DATABASE, "hub.yaml", "routing.yaml", "keys/hub.crt"]
    for name in names[1:]:
        broken = broken_at(taken, tmp_path / "broken", name)
        result = grown.type("backup", "verify", str(broken), "-o", "json")
        assert result.exit_code == ExitCode.CHECK_FAILED, result.output
        assert [(one["code"], one["of"]) for one in json.loads(result.stdout)["findings"]] == [("backup.altered", name)]
        other = Administrator(tmp_path / "back")
        assert other.refused("backup.unsound", "restore", str(broken)) == ExitCode.MISCONFIGURED
        assert not [path for path in tmp_path.iterdir() if "back" in path.name or "restore" in path.name]


def broken_at(taken: Path, to: Path, name: str) -> Path:
    """A copy of a backup in which one bit of a file is another."""
    shutil.rmtree(to, ignore_errors=True)
    if taken.is_dir():
        shutil.copytree(taken, to)
        flip(to / name, (to / name).stat().st_size // 2)
        return to
    to.mkdir()
    file = Path(shutil.copy(taken, to / "x.tar"))
    with tarfile.open(file) as tar:
        member = tar.getmember(name)
    flip(file, member.offset_data + member.size // 2)
    return file


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def test_missing_and_strange_files_are_named(taken: Path, grown: Administrator) -> None:
    (taken / "routing.yaml").rename(taken / "other.yaml")
    found = json.loads(grown.type("backup", "verify", str(taken), "-o", "json").stdout)["findings"]
    assert [one["of"] for one in found] == ["routing.yaml", "other.yaml"]


def test_a_tar_that_was_cut_off_is_no_backup(grown: Administrator, place: Path) -> None:
    file = place / "x.tar"
    grown.done("backup", "--to", str(file))
    whole = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for length, code in ((0, "backup.absent"), (300, "backup.absent"), (len(whole) // 2, "backup.altered")):
        file.write_bytes(whole[:length])
        assert grown.refused(code, "backup", "verify", str(file)) == ExitCode.MISCONFIGURED
    assert grown.refused("file.exists", "backup", "--to", str(file)) == ExitCode.MISCONFIGURED


def test_a_database_of_another_moment_is_not_the_manifests(taken: Path, grown: Administrator, place: Path) -> None:
    """Somebody put another database in, and its digest into the manifest."""
    later = Path(grown.json("backup", "--to", str(place / "later"))["backup"])
    shutil.copy(later / DATABASE, taken / DATABASE)
    (taken / FILE).unlink()
    write_manifest(
        taken, replace(manifest_of(later), head=replace(manifest_of(later).head, size=27), files=seal(taken))
    )
    found = json.loads(grown.type("backup", "verify", str(taken), "-o", "json").stdout)["findings"]
    assert {one["code"] for one in found} == {"backup.head"}


def test_an_unsound_ledger_is_backed_up_but_takes_no_other_backups_place(grown: Administrator, place: Path) -> None:
    grown.done("backup", "--to", str(place))
    (next(place.iterdir())).rename(place / "first")
    with opened(f"sqlite:///{grown.folder / 'hub.db'}") as engine, engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger SET detail = 'changed' WHERE sequence = 7")
    result = grown.type("backup", "--to", str(place), "--keep", "1", "-o", "json")
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert json.loads(result.stdout)["removed"] == []
    assert len(list(place.iterdir())) == 2


def test_only_the_latest_are_kept_and_nothing_else_is_touched(grown: Administrator, place: Path) -> None:
    (place / "diary").mkdir()
    (place / "diary" / FILE).write_text("{}")
    for name in ("a", "b.tar", "c"):
        made = grown.json("backup", "--to", str(place), *(["--tar"] if "." in name else []))
        Path(made["backup"]).rename(place / name)
    removed = grown.json("backup", "--to", str(place), "--keep", "2")["removed"]
    assert removed == ["a", "b.tar"] or len(removed) == 2
    assert (place / "diary" / FILE).exists()
    assert len(grown.json("backup", "list", str(place))) == 2
    assert grown.type("backup", "--to", str(place / "x.tar"), "--keep", "2").exit_code == ExitCode.USAGE


def test_passwords_and_keys_are_left_out_unless_asked_for(grown: Administrator, place: Path) -> None:
    (grown.folder / "keys" / "hub.key").write_text("private")
    text = 'hub: hub\ncontent:\n  place: "s3://KEY:SECRET@s3.example/bucket"\n# database: postgresql://u:SECRET@db/x\n'
    (grown.folder / "hub.yaml").write_text(text)
    plain = Path(grown.json("backup", "--to", str(place / "plain"))["backup"])
    assert not [path for path in plain.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()]
    assert not (plain / "keys" / "hub.key").exists()
    whole = Path(grown.json("backup", "--to", str(place / "whole"), "--with-keys", "--with-secrets")["backup"])
    assert (whole / "hub.yaml").read_text() == text
    assert (whole / "keys" / "hub.key").read_text() == "private"
    assert {stat.S_IMODE(path.stat().st_mode) for path in whole.rglob("*") if path.is_file()} == {0o600}


def test_addresses_lose_their_passwords_only() -> None:
    for address, left in (
        ("postgresql+psycopg://u:p/w@db1:1,db2:2/hub", "postgresql+psycopg://u@db1:1,db2:2/hub"),
        ("postgresql://db/hub?password=x&connect_timeout=3", "postgresql://db/hub?connect_timeout=3"),
        ("postgresql://u@db/hub", "postgresql://u@db/hub"),
        ("sqlite:///a@b:c.db", "sqlite:///a@b:c.db"),
    ):
        text = settings_text("hub", "n", "h", 1, database=address)
        assert without_passwords(text) == settings_text("hub", "n", "h", 1, database=left)


def test_large_attachments_in_a_folder_belong_to_a_backup(grown: Administrator, place: Path, tmp_path: Path) -> None:
    home = grown.folder / "content" / "ab"
    home.mkdir(parents=True)
    (home / ("c" * 62)).write_bytes(b"large")
    (home / ("c" * 62 + ".1.part")).write_bytes(b"half")
    taken = grown.json("backup", "--to", str(place))["backup"]
    other = Administrator(tmp_path / "back")
    other.done("restore", taken)
    assert [path.name for path in (other.folder / "content" / "ab").iterdir()] == ["c" * 62]


def test_a_backup_of_an_older_program_is_brought_to_this_layout(taken: Path, tmp_path: Path) -> None:
    (taken / DATABASE).write_bytes(database())
    made = manifest_of(taken)
    (taken / FILE).unlink()
    write_manifest(taken, replace(made, layout=1, files=seal(taken)))
    digest = (taken / DATABASE).read_bytes()
    other = Administrator(tmp_path / "back")
    other.done("restore", str(taken))
    assert other.json("ledger", "audit")["clean"]
    assert (taken / DATABASE).read_bytes() == digest


def test_a_folder_in_use_is_no_target(taken: Path, grown: Administrator) -> None:
    before = sorted(grown.folder.rglob("*"))
    assert grown.refused("install.not-empty", "restore", str(taken)) == ExitCode.MISCONFIGURED
    assert grown.refused("store.url", "restore", str(taken), "--database", "sqlite:///x.db") == ExitCode.MISCONFIGURED
    assert sorted(grown.folder.rglob("*")) == before


def test_a_backup_that_fails_leaves_nothing(grown: Administrator, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hub.backup.place.seal", full)
    for goal in (place / "x", place / "x.tar"):
        assert grown.refused("store.full", "backup", "--to", str(goal)) == ExitCode.UNAVAILABLE
    assert [path for path in place.rglob("*") if path.is_file()] == []
    assert grown.type("backup", "last").exit_code == ExitCode.CHECK_FAILED


def test_the_doctor_and_monitoring_see_how_old_the_last_one_is(grown: Administrator, place: Path) -> None:
    def doctor() -> str:
        (line,) = [one for one in json.loads(grown.type("doctor", "-o", "json").stdout) if one["name"] == "backup"]
        return str(line["level"])

    assert doctor() == "warn"
    grown.done("backup", "--to", str(place))
    assert doctor() == "ok"
    assert grown.json("backup", "last", "--within", "1h")["late"] is False


def test_the_authority_goes_on_after_it_has_accepted_the_loss(town: Town, tmp_path: Path, place: Path) -> None:
    old = witness_of(town, tmp_path / "witness")
    admin = housed(town, witness=old.signer.key.text())
    post(town, 5)
    looked(old, DirectLog(town))
    post(town, 2)
    taken = admin.json("backup", "--to", str(place))["backup"]
    post(town, 6)
    looked(old, DirectLog(town))
    seen = old.kept()[0].size

    other = Administrator(tmp_path / "back")
    node = other.json("restore", taken)["node"]
    back = reopened(other.folder, node=node)
    log = DirectLog(back)
    drain(sequencer(back))
    assert looked(old, log).verdict is Verdict.ROLLBACK
    private = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
    head, witnessed = ((other.folder / f"restored-{name}.note").read_bytes() for name in ("head", "witnessed"))
    with pytest.raises(Misconfigured, match=r"witness\.not-seen"):
        succeed(old, head, tmp_path / "new", "w2", private, "x", START)
    with pytest.raises(Misconfigured, match=r"witness\.setting"):
        succeed(old, witnessed, tmp_path / "new", old.settings.name, private, "x", START)
    made = succeed(old, witnessed, tmp_path / "new", "w2", private, "approved", START)
    assert (made.held, made.seen, made.missing) == (5, seen, seen - 5)
    assert old.unsettled() == []
    back.settle(ledger=replace(back.hub.settings.ledger, witnesses=made.folder.signer.key.text()))
    rewritten = other_town(town, tmp_path / "rewritten", 9, later=1.0)
    assert looked(made.folder, DirectLog(rewritten)).verdict is Verdict.INCONSISTENT
    rewritten.close()
    made.folder.settle("", START)
    outcome = looked(made.folder, log)
    assert (outcome.verdict, outcome.cosigned) == (Verdict.GROWN, True)
    back.close()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["at", "head", "files", "keys", "counts", "size", "format", "hub", "layout"]), _JSON)
def test_a_manifest_of_any_shape_is_read_or_refused(field: str, value: Any) -> None:
    head = {"size": 1, "root": "", "note": "", "chains": {}}
    file = {"name": DATABASE, "size": 1, "sha256": "0" * 64}
    whole = {
        "format": 1, "at": "2026-01-01T00:00:00+00:00", "program": "", "hub": "h", "ledger": "l", "node": "n",
        "engine": "sqlite", "layout": 1, "head": head, "counts": {}, "keys": [], "private_keys": False,
        "passwords": False, "files": [file],
    }  # fmt: skip
    made = read_manifest(json.dumps(whole).encode())
    assert read_manifest(made.written()) == made
    with suppress(Misconfigured):
        read_manifest(json.dumps({**whole, field: value}).encode())


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "", "a//b", "./a", "a\0"])
def test_a_manifest_names_no_file_outside(taken: Path, name: str) -> None:
    found = json.loads((taken / FILE).read_bytes())
    found["files"][0]["name"] = name
    with pytest.raises(Misconfigured, match=r"backup\.manifest"):
        read_manifest(json.dumps(found).encode())


def test_backups_of_another_hub_are_not_this_ones(taken: Path, place: Path) -> None:
    made = manifest_of(taken)
    assert [one.name for one, _ in backups_in(place, made.hub, made.ledger)] == [taken.name]
    assert backups_in(place, made.hub, "another") == []
