"""Whom a stamp is for: named while they are few, else a list that everybody can check who has stamp and list."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import cli
import verify_evidence
import verify_further
from commands.mailbox import keep_list
from connectors.exchange_client import RecipientStanding, Standing
from hub import proof
from hub.audit.audit import Standard, audit, audit_message
from hub.errors import Refused
from hub.evidence.asic import pack
from hub.evidence.contents import contents
from hub.evidence.dossier import Dossier
from hub.evidence.export import collect
from hub.evidence.pdf import as_pdf
from hub.ledger.sequence import Sequencer, checkpoint_signers
from hub.message import DeliveryState, Hop
from hub.parser import parse
from hub.recipients import NAMED_MOST, Recipients, write_list
from hub.registry.registry import Group, Registry
from hub.signing import signature
from hub.store import purging, trace
from hub.store.store import Store
from hub.trust.certificate import thumbprint
from tests.town import HUB, Town, authority, department, found_town, signer_of

CODES = st.text("ABab09._-", min_size=1, max_size=6)


def with_group(number: int) -> Any:
    """A registry that also has the group `many` of b and so many others, which have no endpoint."""
    others = [department(f"r{n:04}", 1000 + n) for n in range(number - 1)]

    def change(registry: Registry) -> Registry:
        many = Group("many", ("b", *(one.code for one in others)))
        kept = tuple(group for group in registry.groups if group.name != "many")
        known = {one.code for one in registry.departments}
        new = tuple(one for one in others if one.code not in known)
        return replace(registry, departments=(*registry.departments, *new), groups=(*kept, many))

    return change


def stamp_of(raw: bytes) -> proof.Stamp:
    return proof.read_stamp(signature.verify(parse(raw)).root)


def standard_of(store: Store) -> Standard:
    return Standard(HUB, store.ledger_id, frozenset({thumbprint(signer_of(HUB)[1])}))


def codes_found(store: Store) -> set[str]:
    return {finding.code for finding in audit(store, standard_of(store))}


# the list itself


@given(st.lists(CODES))
def test_the_list_is_each_code_once_in_order_with_a_line_feed(codes: list[str]) -> None:
    lines = write_list(codes).decode().split("\n")
    assert lines.pop() == ""
    assert set(lines) == set(codes)
    assert all(one.encode() < other.encode() for one, other in pairwise(lines))


@given(st.lists(CODES), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(codes: list[str], chance: Any) -> None:
    again = codes * 2
    chance.shuffle(again)
    assert Recipients.by_list(again) == Recipients.by_list(codes)
    assert Recipients.by_list(codes).are(again)


@given(st.sets(CODES), st.sets(CODES))
def test_other_recipients_have_another_list(some: set[str], others: set[str]) -> None:
    assert (Recipients.by_list(some).digest == Recipients.by_list(others).digest) == (some == others)
    assert Recipients.by_list(some).are(others) == Recipients.by_name(some).are(others) == (some == others)


def test_the_documented_example_is_right() -> None:
    assert write_list(["water", "HOUSING", "civil-affairs", "civil"]) == b"HOUSING\ncivil\ncivil-affairs\nwater\n"
    page = (Path(__file__).parent.parent / "docs" / "departments.md").read_text(encoding="utf-8")
    assert hashlib.sha256(b"HOUSING\ncivil\ncivil-affairs\nwater\n").hexdigest() in page


# what the hub does with it


@pytest.mark.parametrize("number", [NAMED_MOST, NAMED_MOST + 1])
def test_two_hundred_are_named_and_one_more_makes_a_list(town: Town, number: int) -> None:
    town.register(with_group(number))
    receipt = town.send("a", "group:many", message_id="wide")
    town.hub.rules.schemas.check_proof(parse(receipt.stamp))
    stated = stamp_of(receipt.stamp).recipients
    members = town.hub.rules.directory.groups["many"]
    assert stated.count == len(members) == number
    assert stated.are(members)
    assert bool(stated.named) == (number <= NAMED_MOST)
    [entry] = town.hops(Hop.ACCEPTED)
    assert entry.evidence.hex() == stated.digest == town.trace("a", "wide").listed
    assert not stated.are([*members, "c"])
    assert town.deliver() == 1
    assert town.states("a", "wide")["b"] is DeliveryState.DELIVERED
    assert codes_found(town.hub.store) == set()
    town.check()


def test_a_stamp_of_many_is_not_longer_than_one_of_two(town: Town) -> None:
    town.register(with_group(NAMED_MOST + 1))
    assert len(town.send("a", "group:many").stamp) < len(town.send("a", ["b", "c"]).stamp) + 200


def test_the_list_is_kept_once_for_all_messages_to_the_same(town: Town) -> None:
    town.register(with_group(300))
    first, second = (stamp_of(town.send("a", "group:many").stamp).recipients for _ in range(2))
    assert first == second
    with town.hub.store.reading() as connection:
        kept = trace.read_document(connection, first.digest)
        assert kept is not None
        assert kept.decode().split() == sorted(town.hub.rules.directory.groups["many"])
        assert connection.exec_driver_sql("select count(*) from documents").scalar() == 1


def test_a_stamp_that_names_more_than_are_named_now_still_holds(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.register(with_group(300))
    monkeypatch.setattr("hub.recipients.NAMED_MOST", 1000)
    assert len(stamp_of(town.send("a", "group:many").stamp).recipients.named) == 300
    assert codes_found(town.hub.store) == set()


def test_retention_leaves_the_list(town: Town) -> None:
    """Even if some sender attached the very same bytes to a message whose documents go."""
    town.register(with_group(300))
    digest = stamp_of(town.send("a", "group:many").stamp).recipients.digest
    with town.hub.store.reading() as connection:
        assert purging.weigh(connection, [1], [digest]).shared == {digest}


# the audit


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Town]:
    town = found_town(tmp_path)
    town.register(with_group(NAMED_MOST + 1))
    town.send("a", "group:many", message_id="wide")
    yield town
    town.close()


def spoil(town: Town, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(town.folder / "hub.db")) as database:
        assert database.execute(statement, values).rowcount == 1
        database.commit()


def kept_list(town: Town) -> tuple[str, bytes]:
    digest = town.trace("a", "wide").listed
    with town.hub.store.reading() as connection:
        return digest, trace.read_document(connection, digest) or b""


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_byte_of_the_list_that_was_altered_is_found(wide: Town, place: int) -> None:
    digest, written = kept_list(wide)
    altered = bytearray(written)
    altered[place] ^= 1
    spoil(wide, "UPDATE documents SET content = ? WHERE digest = ?", bytes(altered), digest)
    assert codes_found(wide.hub.store) == {"audit.document", "audit.recipients"}
    row = wide.trace("a", "wide").message.id
    one = audit_message(wide.hub.store, standard_of(wide.hub.store), row)
    assert [finding.code for finding in one] == ["audit.recipients"]


def test_a_list_that_is_gone_is_found(wide: Town) -> None:
    digest, _ = kept_list(wide)
    spoil(wide, "DELETE FROM documents WHERE digest = ?", digest)
    assert codes_found(wide.hub.store) == {"audit.document-missing"}


def test_a_copy_that_was_taken_out_is_found_by_list_and_stamp(wide: Town) -> None:
    spoil(wide, "DELETE FROM deliveries WHERE recipient = 'r0007'")
    assert codes_found(wide.hub.store) == {"audit.recipients", "audit.stamp", "audit.entry"}


# where it is shown


def test_the_list_is_printed_by_show_and_its_digest_by_show_and_trace(wide: Town) -> None:
    (wide.folder / "hub.yaml").write_text(f"hub: {HUB}\nname: 市交换中心\n", encoding="utf-8")
    digest, written = kept_list(wide)

    def typed(*words: str) -> str:
        done = CliRunner().invoke(cli.cli, ["--data", str(wide.folder), "--lang", "en", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert typed("msg", "show", "wide", "--recipients") == written.decode()
    assert json.loads(typed("-o", "json", "msg", "show", "wide"))["recipientsDigest"] == digest
    assert f"list of recipients: SHA-256 {digest}" in typed("msg", "trace", "wide")
    wide.send("a", ["c", "b"], message_id="narrow")
    assert typed("msg", "show", "narrow", "--recipients") == "b\nc\n"
    assert json.loads(typed("-o", "json", "msg", "trace", "narrow"))["recipientsDigest"] is None


def test_a_sender_gets_the_list_that_its_stamp_states_and_no_other(wide: Town, tmp_path: Path) -> None:
    message = wide.trace("a", "wide").message
    digest, written = kept_list(wide)
    told = [RecipientStanding(code, "main", "waiting", None, 0, "") for code in written.decode().split()]
    answer = Standing("wide", message.digest, message.received, message.stamp, tuple(reversed(told)))
    keep_list(answer, tmp_path / "list.txt")
    assert hashlib.sha256((tmp_path / "list.txt").read_bytes()).hexdigest() == digest
    with pytest.raises(Refused) as refused:
        keep_list(replace(answer, recipients=tuple(told[1:])), tmp_path / "other.txt")
    assert refused.value.code == "stamp.recipients"
    assert not (tmp_path / "other.txt").exists()


# the evidence file


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = found_town(tmp_path_factory.mktemp("thousand"))
    town.register(with_group(1000))
    town.send("a", "group:many", message_id="wide")
    assert town.deliver() == 1
    yield town
    town.close()


@pytest.fixture(scope="module")
def dossier(thousand: Town) -> Dossier:
    signers = checkpoint_signers(thousand.hub, thousand.folder)
    thousand.run(Sequencer(lambda: thousand.hub, signers).step())
    found = [thousand.trace("a", "wide").message]
    return collect(thousand.hub, thousand.folder, found, "wide", [signers[0].key])


def said(town: Town, dossier: Dossier, mark: str) -> list[str]:
    """The sentences with this mark about a dossier that the hub itself sealed; without the verdict."""
    raw = pack(contents(dossier, as_pdf(dossier)), town.hub.id, town.hub.signer, dossier.exported)
    found = verify_evidence.check(raw, dossier.log_keys, tuple(authority().anchors), [])
    return [en for one, _, en in found.said[:-1] if one == mark]


def altered_list(dossier: Dossier, codes: Iterable[str]) -> Dossier:
    """The dossier with another list under the digest of the right one."""
    digest = next(one.entry.evidence.hex() for one in dossier.entries if one.entry.kind == Hop.ACCEPTED)
    return replace(dossier, evidence={**dossier.evidence, digest: write_list(codes)})


def test_the_evidence_of_one_of_a_thousand_recipients_is_proven(thousand: Town, dossier: Dossier) -> None:
    right = said(thousand, dossier, "[ok]")
    assert said(thousand, dossier, "[XX]") == []
    assert any("list of 1000 recipients" in line for line in right)
    assert any(line.startswith("b signed with") for line in right)


def test_another_list_in_an_evidence_file_is_found_though_the_seal_is_right(thousand: Town, dossier: Dossier) -> None:
    members = thousand.hub.rules.directory.groups["many"]
    assert said(thousand, altered_list(dossier, members), "[XX]") == []
    for other in (members - {"b"}, members | {"c"}, (members - {"r0001"}) | {"r0000."}):
        assert said(thousand, altered_list(dossier, other), "[XX]") == ["the list of recipients was altered"]


@pytest.mark.parametrize(
    ("codes", "count", "words"),
    [
        (["b", "c"], 3, "a wrong form or number"),
        (["c", "b"], 2, "a wrong form or number"),
        (["b", "b"], 2, "a wrong form or number"),
        (["c", "d"], 2, "delivered to b"),
    ],
)
def test_a_list_that_the_hub_itself_made_wrongly_is_found(
    thousand: Town, dossier: Dossier, codes: list[str], count: int, words: str
) -> None:
    """What is signed and entered, and yet is no list of these recipients, or leaves one out that has it."""
    raw = "".join(f"{code}\n" for code in codes).encode()
    entry: dict[str, Any] = {"evidence": hashlib.sha256(raw).digest()}
    stated = replace(stamp_of(dossier.messages[0].stamp), recipients=Recipients(count, digest=entry["evidence"].hex()))
    root = verify_evidence.parse(proof.stamp_document(stated))
    files = {f"evidence/{entry['evidence'].hex()}": raw}
    it = verify_evidence.Evidence(files, {}, [], [], [], [])
    with pytest.raises(verify_evidence.Wrong) as wrong:
        verify_further.check_recipients(it, root, entry, [{"kind": "delivered", "target": "b"}])
    assert words in wrong.value.args[1]
    with pytest.raises(verify_evidence.Wrong):
        verify_further.check_recipients(it, root, {"evidence": b""}, [])
