"""Monthly archives: what the ledger took in while a month lasted, whole, in the tree, and checked by the stranger."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

import verify_evidence
import verify_further
from hub.errors import Refused
from hub.evidence.archive import archive
from hub.evidence.asic import pack
from hub.month import Month
from hub.store.archive import read_subtrees
from hub.tree.merkle import root_of
from tests.admin import Administrator
from tests.keys import key_pem
from tests.test_evidence import files_of, sequence, zipped
from tests.town import HUB, ROUTING, Town, authority, found_town, signer_of

MARCH, APRIL = Month(2026, 3), Month(2026, 4)


def busy(town: Town, name: str) -> None:
    """Some messages, with a checkpoint after each."""
    for number in range(3):
        town.send("a", ["b", "c"], message_id=f"{name}-{number}")
        town.deliver()
        sequence(town)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Two months of work, and a third in which the archives are written."""
    town = found_town(tmp_path_factory.mktemp("archive"))
    for name in ("march", "april", "may"):
        busy(town, name)
        town.clock.turn(days=31)
    yield town
    town.close()


def written(town: Town, month: Month, **options: Any) -> bytes:
    target = io.BytesIO()
    archive(town.hub, town.folder, month, target, [sequence(town)], **options)
    return target.getvalue()


def said(town: Town, raw: bytes, **given: Any) -> list[tuple[str, str, str]]:
    keys = [sequence(town).text()]
    return verify_evidence.check(raw, given.get("keys", keys), authority().anchors, given.get("witnesses", [])).said


def wrong(town: Town, raw: bytes, **given: Any) -> list[str]:
    try:
        return [en for mark, _, en in said(town, raw, **given) if mark == "[XX]"]
    except verify_evidence.BAD as error:
        return [str(error)]


@pytest.fixture(scope="module")
def march(worked: Town) -> bytes:
    return written(worked, MARCH)


@pytest.fixture(scope="module")
def april(worked: Town) -> bytes:
    return written(worked, APRIL)


def index_of(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files_of(raw)["manifest.json"])
    return found


# months and trees


def test_a_month_is_a_month_by_utc() -> None:
    assert (MARCH.begin, MARCH.end) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert Month.read("2026-12").end == datetime(2027, 1, 1, tzinfo=UTC)
    for text in ("2026", "2026-13", "03-2026", ""):
        with pytest.raises(ValueError, match=r"does not match|unconverted"):
            Month.read(text)


@given(st.integers(0, 40), st.integers(0, 40))
def test_subtrees_grow_one_tree_into_another(first: int, more: int) -> None:
    """Against the naive root over all leaves, by the verifier's own code."""
    leaves = [hashlib.sha256(bytes([n])).digest() for n in range(first + more)]

    def node(height: int, index: int) -> bytes:
        return root_of(leaves[index << height : (index + 1) << height])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.store.archive.nodes_of", lambda read: node)
        before, after = (read_subtrees(None, *span) for span in ((0, first), (first, first + more)))  # type: ignore[arg-type]
    tree: list[tuple[int, bytes]] = []
    for level, root in before:
        verify_further.grow(tree, level, root)
    assert verify_further.state_of(tree) == (first, root_of(leaves[:first]))
    for level, root in after:
        verify_further.grow(tree, level, root)
    assert verify_further.state_of(tree) == (first + more, root_of(leaves))


def test_a_tree_of_another_shape_is_refused() -> None:
    with pytest.raises(verify_evidence.Wrong):
        verify_further.grow([(0, bytes(32))], 1, bytes(32))


# what passes


def test_each_month_is_proven_and_none_is_left_between(worked: Town, march: bytes, april: bytes) -> None:
    for raw in (march, april):
        assert wrong(worked, raw) == []
    one, two = index_of(march), index_of(april)
    assert (one["first"], one["size"]) == (0, two["first"])
    lines = [en for mark, _, en in said(worked, april) if mark == "[ok]"]
    entries = two["size"] - two["first"]
    assert any(f"hub: {two['first'] + 1} - {two['first'] + entries}" in line for line in lines)


def test_documents_are_added_if_asked_for(worked: Town, march: bytes) -> None:
    whole = written(worked, MARCH, with_documents=True)
    assert wrong(worked, whole) == []
    kept = {name for name in files_of(whole) if name.startswith("documents/")}
    assert len(kept) == 3 + 6  # envelopes and acknowledgements
    assert not any(name.startswith("documents/") for name in files_of(march))


def test_a_month_that_goes_on_or_is_empty_is_refused(worked: Town) -> None:
    now = worked.clock()
    for month, code in ((Month(now.year, now.month), "archive.open-month"), (Month(2020, 1), "archive.empty")):
        with pytest.raises(Refused) as caught:
            written(worked, month)
        assert caught.value.code == code


# what is found


def test_each_changed_byte_of_any_file_is_found(worked: Town, april: bytes) -> None:
    files = files_of(april)
    for name, content in files.items():
        for place in {len(content) // 3, len(content) - 1}:
            changed = bytearray(content)
            changed[place] ^= 1
            assert wrong(worked, zipped({**files, name: bytes(changed)})), (name, place)


def forms_of(bundle: bytes) -> list[bytes]:
    found = []
    while bundle:
        size = 2 + int.from_bytes(bundle[:2])
        found.append(bundle[:size])
        bundle = bundle[size:]
    return found


LIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "the first left out": lambda forms: forms[1:],
    "one left out": lambda forms: [*forms[:2], *forms[3:]],
    "the last left out": lambda forms: forms[:-1],
    "two exchanged": lambda forms: [forms[1], forms[0], *forms[2:]],
    "one twice": lambda forms: [forms[0], *forms],
    "none": lambda forms: [],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_the_entries_is_found_though_the_hub_sealed_it(worked: Town, april: bytes, lie: str) -> None:
    files = files_of(april)
    name = "ledger/entries/000001"
    raw = resealed(worked, {**files, name: b"".join(LIES[lie](forms_of(files[name])))})
    assert any("have a gap, or are not in this ledger's tree" in line for line in wrong(worked, raw))
    assert wrong(worked, resealed(worked, files)) == []  # else it would prove nothing


def resealed(town: Town, files: dict[str, bytes]) -> bytes:
    whole = {k: v for k, v in files.items() if not k.startswith("META-INF/") and k != "mimetype"}
    return pack(whole, HUB, town.hub.signer, town.clock())


def test_another_start_end_or_checkpoint_is_found(worked: Town, march: bytes, april: bytes) -> None:
    files, other = files_of(april), files_of(march)
    for name in ("ledger/start", "ledger/end", "ledger/checkpoint"):
        raw = resealed(worked, {**files, name: other["ledger/end"] if name != "ledger/start" else files["ledger/end"]})
        assert wrong(worked, raw), name


# at the command line


@pytest.fixture
def admin(worked: Town) -> Administrator:
    (worked.folder / "hub.yaml").write_text(f"hub: {HUB}\n", encoding="utf-8")
    (worked.folder / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (worked.folder / "keys").mkdir(exist_ok=True)
    issued = signer_of(HUB)
    certificate = x509.load_der_x509_certificate(issued[1])
    (worked.folder / "keys" / "hub.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (worked.folder / "keys" / "hub.key").write_bytes(key_pem(issued[0]._key))
    return Administrator(worked.folder)


def test_an_archive_is_written_once_and_checked_when_asked_for_again(admin: Administrator, tmp_path: Path) -> None:
    words = ("-o", "json", "ledger", "archive", "--month", "2026-03", "--to", str(tmp_path / "new"))
    once, again = json.loads(admin.done(*words)), json.loads(admin.done(*words))
    assert (once.pop("written"), again.pop("written")) == (True, False)
    assert once == again
    path = tmp_path / "new" / "ledger-2026-03.asice"
    assert (path.parent / f"{path.name}.sha256").read_text() == f"{once['sha256']}  {path.name}\n"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == once["sha256"]
    assert [one.name for one in sorted(path.parent.iterdir())] == [path.name, f"{path.name}.sha256"]
    written = path.read_bytes()
    for place in (len(written) // 2, 10):  # inside a file, and a time in the container that no reader looks at
        raw = bytearray(written)
        raw[place] ^= 1
        path.write_bytes(bytes(raw))
        admin.refused("archive.differs", "ledger", "archive", "--month", "2026-03", "--to", str(path.parent))


def test_a_wrong_month_is_told(admin: Administrator, tmp_path: Path) -> None:
    assert admin.type("ledger", "archive", "--month", "March", "--to", str(tmp_path)).exit_code == 2
    admin.refused("archive.empty", "ledger", "archive", "--month", "2020-01", "--to", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_verifier_reads_an_archive_at_the_command_line(worked: Town, march: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.asice").write_bytes(march)
    (tmp_path / "root.der").write_bytes(authority().anchors[0])
    words = [str(tmp_path / "a.asice"), "--log-key", sequence(worked).text(), "--anchor", str(tmp_path / "root.der")]
    assert verify_evidence.main(words) == 0
    with zipfile.ZipFile(tmp_path / "a.asice") as container:
        assert container.namelist()[0] == "mimetype"
