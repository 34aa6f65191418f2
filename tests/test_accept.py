"""The way in: what is accepted, what is refused, and that both are on record."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from hub import accept as road
from hub import envelope, proof
from hub.errors import Refused, Unavailable
from hub.message import Classification, DeliveryState, Hop
from hub.parser import parse
from hub.registry.registry import Registry
from hub.signing import signature
from tests.town import HUB, Town, department, signer_of


def refused(town: Town, raw: bytes, code: str, beside: dict[str, bytes] | None = None) -> Refused:
    """Hand in a bad envelope; it must leave one refusal entry and nothing else."""
    before = len(town.hops())
    with pytest.raises(Refused) as caught:
        town.submit(raw, beside)
    assert caught.value.code == code
    after = town.hops()
    assert len(after) == before + 1
    assert after[-1].kind is Hop.REFUSED
    assert after[-1].document == hashlib.sha256(raw).digest()
    assert after[-1].detail == code
    town.check()
    return caught.value


def test_a_good_envelope_is_accepted_with_a_stamp_that_proves_it(town: Town) -> None:
    raw = town.signed("a", ["b", "c"])
    receipt = town.submit(raw)
    signed = signature.verify(parse(receipt.stamp))
    stamp = proof.read_stamp(signed.root)
    assert signed.certificate == signer_of(HUB)[1]
    assert (stamp.sender, stamp.message_id, stamp.recipients.named) == ("a", receipt.message_id, ("b", "c"))
    assert stamp.digest == hashlib.sha256(raw).hexdigest()
    entry = town.hops(Hop.ACCEPTED)[0]
    assert (entry.sequence, entry.document.hex()) == (stamp.sequence, stamp.digest)
    town.check()


def test_the_stamp_passes_its_own_schema(town: Town) -> None:
    town.hub.rules.schemas.check_proof(parse(town.send("a", "b").stamp))


def test_the_same_bytes_again_get_the_same_receipt_and_no_second_delivery(town: Town) -> None:
    raw = town.signed("a", "b")
    first, second = town.submit(raw), town.submit(raw)
    assert second.stamp == first.stamp
    assert (first.replayed, second.replayed) == (False, True)
    assert town.deliver() == 1
    assert len(town.connector.handed) == 1
    town.check()


def test_a_replay_within_one_group_commit_is_seen(town: Town) -> None:
    raw = town.signed("a", "b")

    async def both() -> list[road.Receipt]:
        import asyncio

        return list(await asyncio.gather(road.accept(town.hub, raw), road.accept(town.hub, raw)))

    first, second = town.run(both())
    assert [first.replayed, second.replayed] == [False, True]
    assert first.stamp == second.stamp


def test_the_same_id_with_other_content_is_refused(town: Town) -> None:
    town.send("a", "b", message_id="same")
    refused(town, town.signed("a", "c", message_id="same"), "message.conflict")


def test_two_senders_may_use_the_same_id(town: Town) -> None:
    town.send("a", "b", message_id="same")
    town.send("b", "a", message_id="same")
    assert town.states("a", "same") == {"b": DeliveryState.WAITING}
    town.check()


def test_one_department_cannot_sign_as_another(town: Town) -> None:
    refused(town, town.signed("c", "b", by="a"), "rights.sender")


def test_far_future_is_refused(town: Town) -> None:
    late = town.clock() + timedelta(hours=1)
    told = refused(town, town.signed("a", "b", created=late), "message.future")
    assert told.expected == f"<= {town.clock().isoformat(timespec='seconds')}"


def test_a_clock_a_little_ahead_is_forgiven(town: Town) -> None:
    town.send("a", "b", created=town.clock() + timedelta(seconds=200))


def test_an_expired_message_is_refused(town: Town) -> None:
    created = town.clock() - timedelta(days=2)
    raw = town.signed("a", "b", created=created, expires=created + timedelta(days=1))
    refused(town, raw, "message.expired")


def test_too_long_a_life_is_refused(town: Town) -> None:
    raw = town.signed("a", "b", expires=town.clock() + timedelta(days=400))
    refused(town, raw, "message.life")


@pytest.mark.parametrize("level", ["confidential", "secret", "topSecret"])
def test_a_classification_above_the_ceiling_is_refused(town: Town, level: str) -> None:
    raw = town.signed("a", "b", classification=Classification(level))
    refused(town, raw, "rights.classification")


def test_the_ceiling_can_be_raised(town: Town) -> None:
    town.settle(limits=dataclasses.replace(town.hub.settings.limits, classification="confidential"))
    town.send("a", "b", classification=Classification.CONFIDENTIAL)
    refused(town, town.signed("a", "b", classification=Classification.SECRET), "rights.classification")


def test_unknown_and_forbidden_recipients_get_the_same_answer(town: Town) -> None:
    def without_rights(registry: Registry) -> Registry:
        return dataclasses.replace(registry, rights=())

    town.register(without_rights)
    forbidden = refused(town, town.signed("a", "b"), "routing.recipient")
    unknown = refused(town, town.signed("a", "nobody"), "routing.recipient")
    said = [(r.code, r.text, r.where, r.expected) for r in (forbidden, unknown)]
    assert said[0] == said[1]
    assert (forbidden.got, unknown.got) == ("b", "nobody")  # the sender's own words, nothing of ours


def test_a_group_reaches_its_members_but_not_the_sender(town: Town) -> None:
    receipt = town.send("a", "group:all")
    assert set(town.states("a", receipt.message_id)) == {"b", "c", "d", "m", "s"}


def test_an_attachment_beside_is_stored_once_and_delivered(town: Town) -> None:
    line = envelope.attachment("plan", "规划图.ofd", "application/ofd", b"drawing", inline=False)
    town.send("a", ["b", "c"], attachments=[line], beside={"plan": b"drawing"})
    town.deliver()
    assert [c.attachments for c in town.connector.handed] == [(("plan", b"drawing"),)] * 2
    town.check()


def test_an_inline_attachment_is_inside_the_envelope(town: Town) -> None:
    line = envelope.attachment("plan", "规划图.ofd", "application/ofd", b"drawing", inline=True)
    town.send("a", "b", attachments=[line])
    town.deliver()
    found = envelope.read(parse(town.connector.handed[0].envelope)).attachments[0]
    assert (found.content, found.name) == (b"drawing", "规划图.ofd")


def test_attachments_must_match_the_manifest(town: Town) -> None:
    line = envelope.attachment("plan", "p", "application/ofd", b"drawing", inline=False)
    altered = dataclasses.replace(line, content=b"drawinG")
    refused(town, town.signed("a", "b", attachments=[line]), "attachment.missing")
    refused(town, town.signed("a", "b", attachments=[line]), "attachment.altered", {"plan": b"drawinG"})
    refused(town, town.signed("a", "b", attachments=[altered]), "attachment.altered")
    refused(town, town.signed("a", "b"), "attachment.unlisted", {"plan": b"drawing"})
    refused(town, town.signed("a", "b", attachments=[line, line]), "envelope.invalid", {"plan": b"drawing"})


def test_a_payload_of_another_type_is_refused(town: Town) -> None:
    refused(town, town.signed("a", "b", type="receipt-1"), "payload.wrong-element")
    refused(town, town.signed("a", "b", type="no-such-type-1"), "payload.unknown-type")


def test_a_payload_that_breaks_its_schema_is_refused_with_the_place(town: Town) -> None:
    tree = town.envelope("a", "b")
    payload = envelope.payload_of(tree)
    payload.remove(next(child for child in payload if child.tag.endswith("}title")))
    refusal = refused(town, signature.sign(tree, signer_of("a")[0]), "payload.invalid")
    assert "officialDocument" in refusal.where


def test_an_unsigned_envelope_is_refused(town: Town) -> None:
    from lxml import etree

    with pytest.raises(Refused):
        town.submit(etree.tostring(town.envelope("a", "b")))
    assert town.refusals[0].code in ("envelope.invalid", "signature.missing")
    town.check()


def test_a_changed_byte_is_refused(town: Town) -> None:
    raw = town.signed("a", "b").replace("测试".encode(), "测验".encode(), 1)
    raw = raw if b"m-1" not in raw else raw.replace(b">m-1<", b">m-9<")
    refused(town, raw, "signature.invalid")


def test_examine_touches_no_database_and_no_clock(town: Town) -> None:
    raw = town.signed("a", "b")
    town.hub.close()
    town.hub.store.engine.pool.dispose()
    examined = road.examine(raw, town.hub.rules, town.clock(), {})
    assert examined.proven.header.sender == "a"


def test_a_rule_holds_until_released_and_a_rule_rejects(town: Town) -> None:
    town.reroute(
        "version: 1\nrules:\n"
        "  - {name: hold-c, when: {recipient: c}, then: {hold: 待审核}}\n"
        "  - {name: no-d, when: {recipient: d}, then: {reject: 不收}}\n"
    )
    receipt = town.send("a", "c")
    assert town.states("a", receipt.message_id) == {"c": DeliveryState.HELD}
    assert town.deliver() == 0
    refused(town, town.signed("a", "d"), "routing.rejected")


def test_a_department_with_no_endpoint_keeps_a_queue(town: Town) -> None:
    def with_newcomer(registry: Registry) -> Registry:
        return Registry.of(
            departments=(*registry.departments, department("new", 77)),
            groups=registry.groups,
            endpoints=registry.endpoints,
            rights=registry.rights,
            certificates=registry.certificates,
        )

    town.register(with_newcomer)
    receipt = town.send("a", ["new", "b"])
    assert town.deliver() == 1
    assert town.states("a", receipt.message_id)["new"] is DeliveryState.WAITING


def test_a_full_disk_takes_nothing_more_still_reads_and_heals_alone(town: Town) -> None:
    first = town.send("a", "b")
    engine = town.hub.store.engine
    line = envelope.attachment("plan", "p", "application/ofd", b"x" * 60_000, inline=True)
    raw = town.signed("a", "b", message_id="big", attachments=[line])

    def full(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it the present size

    event.listen(engine, "connect", full)
    engine.dispose()
    with pytest.raises(Unavailable, match=r"store\.full"):
        town.run(road.accept(town.hub, raw))
    assert town.trace("a", first.message_id).message.digest == first.digest
    event.remove(engine, "connect", full)
    engine.dispose()
    assert not town.submit(raw).replayed
    town.check()
