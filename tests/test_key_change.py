"""A change of the keys that sign checkpoints: signed by both sides or found out, by audit, sequencer and witness."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette

from commands.frame.exits import ExitCode
from commands.frame.terminal import width
from connectors.ledger_door import ledger_door
from connectors.witness_client import WitnessClient
from hub.audit.audit import LogStandard, Report, report
from hub.audit.checkpoint import LogKey
from hub.errors import Misconfigured, Refused
from hub.ledger.rekey import change_keys, signers_with, tenures
from hub.ledger.sequence import Sequencer, checkpoint_signers, open_sequencer
from hub.message import Hop
from hub.settings.settings import Sequencing
from hub.store.operate import Order
from hub.store.tree_keys import read_changes
from hub.store.tree_proofs import read_checkpoint
from hub.tree.checkpoint import Checkpoint, open_checkpoint
from hub.tree.key import Ed25519NoteSigner, Kind, NoteKey, NoteSigner
from hub.tree.key_change import Epochs, KeyChange, following, open_change, sign_change
from hub.tree.note import Note, read_note, sign_note
from hub.witness.folder import WitnessFolder
from hub.witness.judge import Verdict
from hub.witness.look import look
from tests.admin import Administrator, administrator
from tests.serving import ask, serving
from tests.test_audit import STANDARD
from tests.test_sequence import ORIGIN, append, drain
from tests.town import HUB, START, Town, authority
from tests.witnessing import DirectLog, looked, other_town, witness_of

ORDER = Order(HUB, "王工", "年度更换")


def made(seed: int, name: str = ORIGIN) -> Ed25519NoteSigner:
    """An Ed25519 key of one's own."""
    return Ed25519NoteSigner.of(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def change(old: Sequence[NoteSigner], new: Sequence[NoteSigner], size: int = 5, origin: str = ORIGIN) -> KeyChange:
    return KeyChange(origin, size, bytes(32), tuple(s.key for s in old), tuple(s.key for s in new))


def signed(one: KeyChange, *signers: NoteSigner) -> bytes:
    return sign_change(one, signers).written().encode()


def grow(town: Town, count: int, signers: Sequence[NoteSigner]) -> Checkpoint:
    """So many entries and a checkpoint over them."""
    append(town, count)
    (grown,) = drain(Sequencer(lambda: town.hub, signers))
    return grown


def changed(town: Town, new: Sequence[NoteSigner], old: Sequence[NoteSigner] = ()) -> KeyChange:
    return change_keys(town.hub, old or checkpoint_signers(town.hub, town.folder), new, ORDER)


def latest(town: Town) -> Note:
    with town.hub.store.reading() as connection:
        return read_note(read_checkpoint(connection).note.encode())


def audited(town: Town, keys: Sequence[NoteSigner], **options: object) -> Report:
    log = LogStandard(ORIGIN, tuple(LogKey(one.key) for one in keys), **options)  # type: ignore[arg-type]
    return report(town.hub.store, STANDARD, log, deep=False)


def codes(found: Report) -> set[tuple[str, str]]:
    return {(finding.code, finding.field) for finding in found.findings}


def execute(town: Town, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(town.folder / "hub.db")) as database:
        assert database.execute(statement, values).rowcount
        database.commit()


@pytest.fixture
def hubs(town: Town) -> tuple[NoteSigner, ...]:
    """The town's own key, which has signed a checkpoint of five entries."""
    own = checkpoint_signers(town.hub, town.folder)
    grow(town, 5, own)
    return own


# --- the record


def test_the_text_of_a_change_is_read_back_and_in_one_form_only() -> None:
    one = change([made(1)], [made(2), made(3)])
    assert KeyChange.read(one.text()) == one
    lines = one.text().splitlines()
    assert lines[:3] == ["hub/key-change/v1", ORIGIN, "5"]
    assert [line[:4] for line in lines[4:]] == ["old ", "new ", "new "]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("v1", "v2"),
        lambda text: text + "more\n",
        lambda text: text.replace("\n5\n", "\n05\n"),
        lambda text: text.replace("new ", "old "),
        lambda text: text[: text.index("new ")],
        lambda text: text + text[text.index("new ") :],
        lambda text: text.replace(ORIGIN + "+", "other+"),
        lambda text: text[text.index("\n") + 1 :],
        lambda text: "",
        lambda text: "".join(sorted(text.splitlines(keepends=True), reverse=True)),
    ],
)
def test_what_is_not_exactly_a_change_is_not_read(spoil: Callable[[str], str]) -> None:
    text = change([made(1)], [made(2)]).text()
    assert spoil(text) != text
    with pytest.raises(Refused, match=r"note\.not-key-change"):
        KeyChange.read(spoil(text))


def test_a_change_to_the_same_keys_or_to_a_witnesss_key_is_none() -> None:
    witness = Ed25519NoteSigner.of(ORIGIN, Ed25519PrivateKey.generate(), Kind.COSIGNATURE)
    for new in ([made(1)], [witness], [made(2), made(2)]):
        with pytest.raises(Refused, match=r"note\.not-key-change"):
            KeyChange.read(change([made(1)], new).text())


def test_a_change_is_opened_only_with_the_signature_of_every_key() -> None:
    one = change([made(1), made(2)], [made(2), made(3)])
    assert open_change(signed(one, made(1), made(2), made(3)), ORIGIN) == one
    for pair in ((1, 2), (1, 3), (2, 3)):
        with pytest.raises(Refused, match=r"note\.half-signed"):
            open_change(signed(one, *map(made, pair)), ORIGIN)
    with pytest.raises(Refused, match=r"note\.unknown-key"):
        open_change(signed(one, made(9)), ORIGIN)
    with pytest.raises(Refused, match=r"note\.other-log"):
        open_change(signed(one, made(1), made(2), made(3)), "other")
    moved = replace(one, size=6)
    octets = signed(one, made(1), made(2), made(3)).replace(one.text().encode(), moved.text().encode())
    with pytest.raises(Refused, match=r"note\.invalid"):
        open_change(octets, ORIGIN)


def test_a_checkpoint_is_no_change_and_a_change_is_no_checkpoint() -> None:
    with pytest.raises(Refused, match=r"note\.not-checkpoint"):
        Checkpoint.read(change([made(1)], [made(2)]).text())
    with pytest.raises(Refused, match=r"note\.not-key-change"):
        KeyChange.read(Checkpoint(ORIGIN, 5, bytes(32)).text())


def test_changes_are_followed_in_order_and_only_from_all_that_is_known() -> None:
    first, second = change([made(1)], [made(2)], 5), change([made(2)], [made(3), made(4)], 9)
    known = [made(1).key]
    assert following(known, -1, [second, first]) == [first, second]
    assert following(known, 5, [first, second]) == []
    assert following([made(2).key], -1, [first, second]) == [second]
    assert following([made(1).key, made(7).key], -1, [first, second]) == []
    assert following([made(3).key], -1, [first, second]) == []


def test_the_keys_of_every_epoch_follow_from_any_that_is_believed() -> None:
    one, two = change([made(1)], [made(2)], 5), change([made(2)], [made(3)], 9)
    expected = tuple((made(seed).key,) for seed in (1, 2, 3))
    for own in ((made(1).key,), (made(2).key,), (made(3).key,)):
        assert Epochs.of(own, [(5, one), (9, two)]).keys == expected
    assert Epochs.of((made(3).key,), [(5, None), (9, two)]).keys == ((), *expected[1:])
    assert Epochs.of((made(3).key,), [(5, one), (9, None)]).keys == ((), (), expected[2])
    assert Epochs.of((made(8).key,), [(5, one)]).keys == ((), (made(8).key,))
    epochs = Epochs.of((made(3).key,), [(5, one), (9, two)])
    assert [epochs.at(size) for size in (5, 6, 9, 10)] == [expected[0], expected[1], expected[1], expected[2]]
    assert epochs.signing(0, 5) == (expected[0], False)
    assert epochs.signing(5, 8) == ((made(1).key, made(2).key), True)
    assert epochs.signing(8, 9) == (expected[1], False)
    assert epochs.signing(5, 11) == ((made(1).key, made(2).key, made(3).key), True)


# --- the change


def test_the_first_checkpoint_after_a_change_is_signed_by_both_and_later_ones_by_the_new(
    town: Town, hubs: tuple[NoteSigner, ...]
) -> None:
    new = (made(2),)
    done = changed(town, new)
    assert (done.size, done.old, done.new) == (5, (hubs[0].key,), (made(2).key,))
    both = latest(town)
    assert open_checkpoint(both, ORIGIN, [hubs[0].key]).size == 6  # the entry that tells of the change
    assert open_checkpoint(both, ORIGIN, [made(2).key]).size == 6
    grow(town, 3, new)
    after = latest(town)
    assert [line.key_id for line in after.signatures] == [made(2).key.id]
    assert audited(town, new).clean
    assert town.hops(Hop.ADMIN)[0].detail == "ledger.keys-changed"
    with town.hub.store.reading() as connection:
        (kept,) = read_changes(connection)
    assert open_change(kept.note.encode(), ORIGIN) == done


def test_whoever_has_the_old_key_only_signs_nothing_more(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    running = Sequencer(lambda: town.hub, hubs)
    append(town, 1)
    drain(running)
    changed(town, (made(2),))
    append(town, 1)
    with pytest.raises(Misconfigured, match=r"tree\.key"):
        asyncio.run(running.step())
    with pytest.raises(Misconfigured, match=r"tree\.key"):
        open_sequencer(lambda: town.hub, town.folder)
    assert open_checkpoint(latest(town), ORIGIN, [made(2).key]).size == 7
    grow(town, 1, (made(2),))
    assert audited(town, (made(2),)).clean


def test_a_key_put_in_place_without_a_change_signs_nothing(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    append(town, 1)
    with pytest.raises(Misconfigured, match=r"tree\.key"):
        asyncio.run(Sequencer(lambda: town.hub, (made(2),)).step())
    assert open_checkpoint(latest(town), ORIGIN, [hubs[0].key]).size == 5


def test_a_change_that_cannot_be_is_refused_and_leaves_nothing(town: Town) -> None:
    own = checkpoint_signers(town.hub, town.folder)
    with pytest.raises(Refused, match=r"tree\.no-checkpoint"):
        changed(town, (made(2),))
    grow(town, 2, own)
    with pytest.raises(Misconfigured, match=r"tree\.same-key"):
        changed(town, own)
    with pytest.raises(Misconfigured, match=r"tree\.key"):
        changed(town, (made(2),), old=(made(3),))
    assert town.hops(Hop.ADMIN) == []
    grow(town, 2, own)
    assert audited(town, own).clean


def test_an_ed25519_key_goes_beside_the_hubs_own_and_that_may_be_changed_too(
    town: Town, hubs: tuple[NoteSigner, ...]
) -> None:
    pem = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (town.folder / "ledger.key").write_bytes(pem)
    both = signers_with(town.hub, town.folder, pem)
    assert [one.key.kind for one in both] == [Kind.ED25519, Kind.ECDSA]
    changed(town, both)
    town.settle(ledger=Sequencing(key="ledger.key"))
    open_sequencer(lambda: town.hub, town.folder)
    grow(town, 1, both)
    issued = authority().issue(HUB, "hub", START - timedelta(days=1))
    last = signers_with(town.hub, town.folder, issued.key_pem, issued.certificate_pem)
    assert last[0].key == both[0].key
    assert last[1].key not in {one.key for one in both}
    changed(town, last)
    grow(town, 1, last)
    assert audited(town, last).clean
    found = tenures(town.hub, [])
    sizes = [(one.key, one.since and one.since.size, one.until and one.until.size) for one in found]
    assert sizes == [(last[0].key, 5, None), (last[1].key, 7, None), (hubs[0].key, None, 7)]


# --- the audit


def test_a_retired_key_outside_the_dates_of_its_certificate_is_found(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    changed(town, (made(2),))
    before = LogKey(hubs[0].key, (START - timedelta(days=2), START - timedelta(days=1)))
    assert codes(audited(town, (made(2),), retired=(before,))) == {("audit.checkpoint-key", "signed_us")}


def test_an_audit_before_hub_yaml_names_the_new_key_agrees_too(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    changed(town, (made(2),))
    grow(town, 1, (made(2),))
    assert audited(town, hubs).clean
    assert not audited(town, (made(3),)).clean


def test_a_kept_checkpoint_of_the_old_key_still_belongs_to_the_ledger(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    old = latest(town).written().encode()
    changed(town, (made(2),))
    both = latest(town)
    half = Note(both.text, both.signatures[:1]).written().encode()  # as a witness keeps it that knew the old key only
    grow(town, 1, (made(2),))
    assert audited(town, (made(2),), kept={"old": old, "both": half}).clean
    late = Checkpoint.read(latest(town).text)
    stale = sign_note(late.text(), hubs).written().encode()
    assert codes(audited(town, (made(2),), kept={"stale": stale})) == {("audit.kept", "note")}


def test_a_change_without_the_signature_of_one_side_is_named(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    done = changed(town, (made(2),))
    for signer in (hubs[0], made(2)):
        execute(town, "UPDATE key_changes SET note = ?", signed(done, signer).decode())
        first = audited(town, (made(2),)).findings[0]
        lacking = made(2) if signer is hubs[0] else hubs[0]
        assert (first.code, first.what, first.got) == ("audit.key-change", "key change 5", "note.half-signed")
        assert first.expected == lacking.key.id.hex()


def test_a_change_made_on_another_tree_is_named(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    done = changed(town, (made(2),))
    other = replace(done, root=bytes(32))
    execute(town, "UPDATE key_changes SET note = ?", signed(other, hubs[0], made(2)).decode())
    assert {("audit.key-change", "root"), ("audit.key-change", "entry")} <= codes(audited(town, (made(2),)))


def test_a_change_that_is_moved_or_taken_away_is_named(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    changed(town, (made(2),))
    execute(town, "UPDATE key_changes SET size = 4")
    assert ("audit.key-change", "size") in codes(audited(town, (made(2),)))
    execute(town, "DELETE FROM key_changes")
    found = codes(audited(town, (made(2),)))
    assert {("audit.key-change", "note"), ("audit.checkpoint", "note")} <= found


def test_a_first_checkpoint_that_one_side_has_not_signed_is_named(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    changed(town, (made(2),))
    both = latest(town)
    execute(town, "UPDATE checkpoints SET note = ? WHERE size = 6", Note(both.text, both.signatures[1:]).written())
    found = audited(town, (made(2),))
    assert [(f.code, f.what, f.expected) for f in found.findings] == [
        ("audit.key-change", "checkpoint 6", hubs[0].key.id.hex())
    ]


def test_a_checkpoint_that_the_retired_key_signed_is_named(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    """As whoever has stolen it would, after the change."""
    changed(town, (made(2),))
    grow(town, 1, (made(2),))
    text = latest(town).text
    execute(town, "UPDATE checkpoints SET note = ? WHERE size = 7", sign_note(text, hubs).written())
    assert [(f.code, f.what, f.got) for f in audited(town, (made(2),)).findings] == [
        ("audit.checkpoint", "checkpoint 7", "note.unknown-key")
    ]


# --- the witness


class Forged(DirectLog):
    """A ledger that hands over other changes, another latest note, or one thing as every proof."""

    changes: tuple[bytes, ...] | None = None
    note: bytes | None = None
    proof: tuple[bytes, ...] | None = None

    async def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return await super().consistency(old, new) if self.proof is None else self.proof

    async def key_changes(self) -> tuple[bytes, ...]:
        return await super().key_changes() if self.changes is None else self.changes

    async def latest(self) -> bytes | None:
        return self.note or await super().latest()


@pytest.fixture
def folder(town: Town, tmp_path: Path) -> WitnessFolder:
    return witness_of(town, tmp_path / "witness")


def test_a_witness_follows_a_change_and_keeps_it(
    town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]
) -> None:
    looked(folder, DirectLog(town))
    done = changed(town, (made(2),))
    assert looked(folder, DirectLog(town)).cosigned  # by the old key, which signs for the last time
    assert folder.log_keys() == (hubs[0].key,)
    grow(town, 2, (made(2),))
    outcome = looked(folder, DirectLog(town))
    assert (outcome.verdict, outcome.size, outcome.cosigned) == (Verdict.GROWN, 8, True)
    assert folder.changes() == [done]
    again = WitnessFolder.open(folder.path)
    assert again.log_keys() == (made(2).key,)
    assert looked(again, DirectLog(town)).verdict is Verdict.SAME


def test_a_witness_that_missed_two_changes_follows_both(
    town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]
) -> None:
    changed(town, (made(2),))
    grow(town, 1, (made(2),))
    changed(town, (made(3),), old=(made(2),))
    grow(town, 1, (made(3),))
    assert looked(folder, DirectLog(town)).cosigned
    assert [one.new for one in folder.changes()] == [(made(2).key,), (made(3).key,)]
    assert audited(town, (made(3),), witnesses=(folder.signer.key,)).clean


def test_an_unknown_key_is_an_alarm(town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]) -> None:
    looked(folder, DirectLog(town))
    append(town, 1)
    text = Checkpoint(ORIGIN, 9, bytes(32)).text()
    log = Forged(town)
    log.note = sign_note(text, [made(2)]).written().encode()
    outcome = looked(folder, log)
    assert (outcome.verdict, outcome.code, outcome.cosigned) == (Verdict.UNKNOWN_KEY, "witness.unknown-key", False)
    assert outcome.evidence is not None
    about = json.loads((outcome.evidence / "about.json").read_text())
    assert (about["code"], about["changes"]) == ("unknown-key", [])
    assert folder.kept()[0].size == 5
    assert folder.log_keys() == (hubs[0].key,)


@pytest.mark.parametrize("lacking", ["old", "new"])
def test_a_change_that_one_side_has_not_signed_is_an_alarm(
    town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...], lacking: str
) -> None:
    looked(folder, DirectLog(town))
    done = changed(town, (made(2),))
    grow(town, 1, (made(2),))
    log = Forged(town)
    log.changes = (signed(done, made(2) if lacking == "old" else hubs[0]),)
    outcome = looked(folder, log)
    assert outcome.code == "witness.key-change"
    assert outcome.evidence is not None
    assert json.loads((outcome.evidence / "about.json").read_text())["changes"] == [log.changes[0].decode()]
    assert folder.changes() == []
    assert not looked(folder, DirectLog(town)).cosigned  # until somebody settles it


def test_a_change_on_another_history_is_an_alarm(
    town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]
) -> None:
    """Both keys are in the forger's hands: what was kept still convicts the log."""
    looked(folder, DirectLog(town))
    other = other_town(town, folder.path.parent / "other", 5, later=1.0)
    changed(other, (made(2),))
    grow(other, 1, (made(2),))
    assert looked(folder, DirectLog(other)).code == "witness.key-change"
    other.close()
    assert folder.log_keys() == (hubs[0].key,)


def test_a_change_that_the_offered_checkpoint_does_not_extend_is_an_alarm(
    town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]
) -> None:
    looked(folder, DirectLog(town))
    log = Forged(town)
    log.changes = (signed(change(hubs, [made(2)], 7), hubs[0], made(2)),)
    log.proof = ()
    for size in (6, 9):
        log.note = sign_note(Checkpoint(ORIGIN, size, bytes(32)).text(), [made(2)]).written().encode()
        assert looked(folder, log).code == "witness.key-change"
    assert folder.changes() == []


def test_a_change_of_a_stolen_key_among_two_is_not_followed(town: Town, folder: WitnessFolder) -> None:
    """Who has one of two keys cannot make a change of that one alone."""
    keys = (*folder.settings.keys, made(7).key)
    two = WitnessFolder.create(folder.path.parent / "two", replace(folder.settings, keys=keys),
                               Ed25519PrivateKey.generate(), START)  # fmt: skip
    log = Forged(town)
    log.changes = (signed(change([made(7)], [made(8)]), made(7), made(8)),)
    log.note = sign_note(Checkpoint(ORIGIN, 9, bytes(32)).text(), [made(8)]).written().encode()
    assert looked(two, log).code == "witness.unknown-key"


def test_a_followed_change_that_was_altered_stops_the_witness(
    town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]
) -> None:
    changed(town, (made(2),))
    grow(town, 1, (made(2),))
    looked(folder, DirectLog(town))
    (file,) = (folder.path / "key-changes").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"\n5\n", b"\n4\n"))
    with pytest.raises(Misconfigured, match=r"witness\.damaged"):
        looked(folder, DirectLog(town))
    stranger = change([made(5)], [made(2)])
    file.write_bytes(signed(stranger, made(5), made(2)))
    with pytest.raises(Misconfigured, match=r"witness\.damaged"):
        folder.log_keys()


def test_a_witness_follows_over_http(town: Town, folder: WitnessFolder, hubs: tuple[NoteSigner, ...]) -> None:
    changed(town, (made(2),))
    grow(town, 1, (made(2),))
    with serving(Starlette(routes=ledger_door(lambda: town.hub))) as url:
        outcome = asyncio.run(look(folder, WitnessClient(url), lambda: START))
    assert (outcome.cosigned, folder.log_keys()) == (True, (made(2).key,))


def test_the_door_hands_over_the_changes(town: Town, hubs: tuple[NoteSigner, ...]) -> None:
    app = Starlette(routes=ledger_door(lambda: town.hub))
    assert json.loads(ask(app, method="GET", path="/ledger/v1/keys").body) == {"origin": ORIGIN, "changes": []}
    done = changed(town, (made(2),))
    (handed,) = json.loads(ask(app, method="GET", path="/ledger/v1/keys").body)["changes"]
    assert handed["size"] == 5
    assert open_change(handed["note"].encode(), ORIGIN) == done


# --- the command line


def numbered(admin: Administrator) -> None:
    """Let the installation's entries have their places."""
    from hub.hub import open_hub

    hub = open_hub(admin.folder)
    try:
        drain(open_sequencer(lambda: hub, admin.folder))
    finally:
        hub.close()


def test_an_administrator_changes_the_key_and_then_hub_yaml(tmp_path: Path) -> None:
    admin = administrator(tmp_path / "data")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    fresh = admin.folder / "keys" / "ledger-2027.key"
    fresh.write_bytes(pem)
    fresh.chmod(0o600)
    words = ("ledger", "key", "change", "--key", str(fresh), "--reason", "年度更换")
    assert admin.refused("tree.no-checkpoint", *words) == ExitCode.REFUSED
    numbered(admin)
    before = [row for row in admin.json("ledger", "key", "show") if row["use"] == "checkpoint"]
    told = admin.json(*words)
    assert (told["settings"], told["retired"], len(told["keys"])) == ("ledger.key: keys/ledger-2027.key", [], 2)
    assert admin.type("ledger", "audit").exit_code == 0
    with pytest.raises(Misconfigured, match=r"tree\.key"):
        numbered(admin)
    text = (admin.folder / "hub.yaml").read_text(encoding="utf-8")
    (admin.folder / "hub.yaml").write_text(text + "\nledger:\n  key: keys/ledger-2027.key\n", encoding="utf-8")
    admin.done("group", "add", "offices", "--why", "after the change")
    numbered(admin)
    assert admin.type("ledger", "audit").exit_code == 0
    rows = [row for row in admin.json("ledger", "key", "show") if row["use"] == "checkpoint"]
    assert [row["key"] for row in rows] == [*(row["key"] for row in before), told["keys"][0]]
    assert {row["state"] for row in rows} == {"current"}
    stamps = [row for row in admin.json("ledger", "key", "show") if row["use"] == "stamp"]
    assert [row["state"] for row in stamps] == ["current"]
    assert NoteKey.read(told["keys"][0]).kind is Kind.ED25519
    assert "年度更换" in _act(admin)


@pytest.mark.parametrize(("lang", "room"), [("zh", 80), ("en", 80), ("zh", 100), ("en", 100)])
def test_in_a_narrow_terminal_only_a_key_is_wider_and_its_line_is_nothing_else(
    tmp_path: Path, lang: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = administrator(tmp_path / "data")
    (key,) = (row["key"] for row in admin.json("ledger", "key", "show") if row["use"] == "checkpoint")
    monkeypatch.setattr("commands.frame.session.room_on", lambda stream: room)
    shown = admin.done("ledger", "key", "show", lang=lang).splitlines()
    assert [line for line in shown if width(line) > room] == [key]


def _act(admin: Administrator) -> str:
    with closing(sqlite3.connect(admin.folder / "hub.db")) as database:
        query = "SELECT content FROM documents, ledger WHERE digest = lower(hex(evidence)) AND detail = ?"
        (content,) = database.execute(query, ("ledger.keys-changed",)).fetchone()
    return bytes(content).decode()


def test_a_file_that_is_no_key_changes_nothing(tmp_path: Path) -> None:
    admin = administrator(tmp_path / "data")
    numbered(admin)
    wrong = tmp_path / "wrong.key"
    wrong.write_text("nothing")
    assert admin.refused("note.signer", "ledger", "key", "change", "--key", str(wrong)) == ExitCode.MISCONFIGURED
