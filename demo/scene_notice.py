"""Scene 1: one notice to every department; some are slow, some fetch it themselves, some are down; they sign for it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from datetime import datetime
from functools import partial

from connectors.exchange_client import ExchangeClient, RecipientStanding, Standing, Submitted
from connectors.pretend.receipt import send_receipt
from demo.documents import ANNEX_ID, Document
from demo.names import CITY_OFFICE
from demo.processes import until_answering
from demo.stage import Handed, Stage, collect, handed_over, until
from hub import proof
from hub.envelope import payload_of
from hub.message import DeliveryState
from hub.parser import parse
from hub.signing import signature


async def play(stage: Stage, notice: Document) -> Submitted:
    """Send it, see it delivered, see one department come back, count who has signed; return the hub's receipt."""
    cast, screen = stage.city.cast, stage.screen
    total = len(cast.everybody)
    screen.scene(
        f"一、市政府办公室向 {total} 家单位发一份通知（带附件）",
        f"1. The city office sends one notice with an attachment to {total} departments",
    )
    async with stage.office(CITY_OFFICE.code) as office:
        accepted = await _hand_in(stage, office, notice)
        await _see_delivered(stage, office, notice, accepted.accepted_at)
        await _empty_mailboxes(stage, notice)
        await _come_back(stage, office, notice)
        await _compare_copies(stage, notice)
        await _count_signed(stage, office, notice)
        return accepted


async def _hand_in(stage: Stage, office: ExchangeClient, notice: Document) -> Submitted:
    began = time.perf_counter()
    accepted = await office.submit(notice.raw, notice.beside, "binary")
    took = (time.perf_counter() - began) * 1000
    signed = signature.verify(parse(accepted.stamp))
    stamp = proof.read_stamp(signed.root)
    screen = stage.screen
    screen.say(
        f"已接收，用时 {took:.0f} 毫秒；交换中心签名戳记：节点 {stamp.node} 第 {stamp.sequence} 条账目，"
        f"收件单位 {stamp.recipients.count} 家",
        f"accepted in {took:.0f} ms; the hub's signed stamp: node {stamp.node}, entry {stamp.sequence}, "
        f"{stamp.recipients.count} recipients",
    )
    screen.check("戳记由交换中心签名", "the stamp is the hub's", stage.city.hub_mark(), signed.thumbprint)
    screen.check("戳记所记摘要即所发信封", "the stamp names the envelope sent", notice.digest, stamp.digest)
    everybody = stamp.recipients.are(stage.city.cast.everybody)
    screen.check("戳记列明全部收件单位", "the stamp states every recipient", True, everybody)
    return accepted


async def _see_delivered(stage: Stage, office: ExchangeClient, notice: Document, since: datetime) -> None:
    cast, screen = stage.city.cast, stage.screen
    with screen.progress(len(cast.prompt), "正在投递", "delivering") as reached:

        async def look() -> Standing:
            standing = await office.status(notice.message_id)
            reached(len(_delivered(standing, cast.prompt)))
            return standing

        def enough(seen: Standing) -> bool:
            return len(_delivered(seen, cast.prompt)) == len(cast.prompt) and _waiting(stage, seen) == _down(stage)

        standing = await until(look, enough)
    done = _delivered(standing, cast.prompt)
    total, last = len(cast.everybody), _latest(done, since)
    quick = _latest(_delivered(standing, cast.usual), since)
    screen.say(
        f"{last:.2f} 秒内送达 {len(done)} 家（共 {total} 家）：{len(cast.usual)} 家在 {quick:.2f} 秒内，"
        f"{len(cast.slow)} 家系统应答缓慢",
        f"delivered to {len(done)} of {total} in {last:.2f} s: {len(cast.usual)} within {quick:.2f} s, "
        f"{len(cast.slow)} with slow systems",
    )
    screen.check("可连接的单位均已送达", "everybody reachable has it", len(cast.prompt), len(done))
    _tell_waiting(stage, standing)


def _tell_waiting(stage: Stage, standing: Standing) -> None:
    cast, screen, name = stage.city.cast, stage.screen, stage.city.name
    down = [one for one in standing.recipients if one.department in (cast.returning, cast.absent)]
    names = [name(one.department) for one in down]
    screen.say(
        f"{len(down)} 家系统无法连接，等待重试：{'、'.join(names)}；{len(cast.mailbox)} 家自行从信箱收取",
        f"{len(down)} cannot be reached and wait for a retry: {', '.join(names)}; "
        f"{len(cast.mailbox)} fetch from their mailbox",
    )
    known = _waiting(stage, standing)
    screen.check("无法连接的单位在等待重试", "those that are down wait for a retry", _down(stage), known)


def _down(stage: Stage) -> set[tuple[str, str]]:
    """The departments that cannot be reached, and what the hub has to say of each."""
    return {(code, "delivery.unreachable") for code in (stage.city.cast.returning, stage.city.cast.absent)}


def _waiting(stage: Stage, standing: Standing) -> set[tuple[str, str]]:
    """Those of them that wait, and what the hub says of each."""
    down = (stage.city.cast.returning, stage.city.cast.absent)
    waiting = (one for one in standing.recipients if one.state != DeliveryState.DELIVERED)
    return {(one.department, one.detail) for one in waiting if one.department in down}


async def _empty_mailboxes(stage: Stage, notice: Document) -> None:
    """The departments that fetch: they check what they got, confirm it, and sign for it."""
    cast, screen = stage.city.cast, stage.screen
    for code in cast.mailbox:
        async with stage.office(code) as client:
            for fetched in await collect(client, 1):
                sent, got = (notice.digest, notice.beside), (fetched.digest, dict(fetched.attachments))
                screen.check(f"{code} 收到的与所发一致", f"{code} got what was sent", sent, got)
                signature.verify(parse(fetched.envelope))
                await send_receipt(client, stage.city.signer(code), code, fetched, stage.clock())
    screen.say(f"{len(cast.mailbox)} 家已从信箱收取并确认", f"{len(cast.mailbox)} have fetched and confirmed it")


async def _come_back(stage: Stage, office: ExchangeClient, notice: Document) -> None:
    """One of the two starts its system again; nobody tells the hub, which finds out by its next retry."""
    city, screen = stage.city, stage.screen
    code = city.cast.returning
    child = stage.children.receive("returning", [code])
    await until_answering(child, f"http://127.0.0.1:{city.ports.returning}/dept/{code}/received")
    began = time.perf_counter()
    look, there = partial(office.status, notice.message_id), partial(_delivered, codes=[code])
    # Longer than the hub's breaker rests: on a slow machine five attempts may have failed by now.
    standing = await until(look, lambda seen: bool(there(seen)), patience=120.0)
    took, found = time.perf_counter() - began, _delivered(standing, [code])
    tries = found[0].attempts if found else 0
    screen.say(
        f"{city.name(code)}系统恢复，{took:.1f} 秒后自动补投成功（第 {tries} 次投递）",
        f"{city.name(code)} comes back and has it {took:.1f} s later, without anybody's doing (attempt {tries})",
    )
    screen.check("恢复的单位经重试送达", "the one that came back got it by a retry", True, tries > 1)
    others = [one.department for one in standing.recipients if one.state != DeliveryState.DELIVERED]
    screen.check("只剩未恢复的一家仍在等待", "only the other one still waits", [city.cast.absent], others)


async def _compare_copies(stage: Stage, notice: Document) -> None:
    """Ask the receiving systems, not the hub, what they have."""
    found = await copies(stage, notice.message_id)
    annex = hashlib.sha256(notice.beside[ANNEX_ID]).hexdigest()
    right = [Handed(notice.digest, ((ANNEX_ID, annex),), 1)]
    same = sum(handed == right for handed in found.values())
    stage.screen.say(
        f"向 {len(found)} 家系统逐一核对：{same} 家各有一份，信封与附件摘要与所发一致",
        f"asked {len(found)} systems one by one: {same} have one copy each, envelope and attachment as sent",
    )
    stage.screen.check("每家恰有一份且内容一致", "each has exactly one right copy", len(found), same)


async def copies(stage: Stage, message_id: str) -> dict[str, list[Handed]]:
    """What every receiving system has of a message."""
    cast, ports = stage.city.cast, stage.city.ports
    return {
        **await handed_over(ports.prompt, cast.prompt, message_id),
        **await handed_over(ports.returning, [cast.returning], message_id),
    }


async def _count_signed(stage: Stage, office: ExchangeClient, notice: Document) -> None:
    """The city office empties its mailbox and counts who has signed for its notice."""
    cast = stage.city.cast
    expected = sorted(set(cast.everybody) - {cast.absent})
    signed = []
    for receipt in await collect(office, len(expected)):
        proven = signature.verify(parse(receipt.envelope))
        payload = payload_of(proven.root)
        said = (proven.thumbprint, payload.findtext("{*}kind"), payload.findtext("{*}ofDigest"))
        if said == (stage.city.mark(receipt.sender), "signedFor", notice.digest):
            signed.append(receipt.sender)
    stage.screen.say(
        f"市政府办公室已收到 {len(signed)} 家签收回执，每份均由签收单位签名",
        f"the city office has {len(signed)} receipts, each signed by the department that signed for the notice",
    )
    stage.screen.check("收到通知的单位均已签收一次", "everybody who has it signed once", expected, sorted(signed))


def _delivered(standing: Standing, codes: Iterable[str]) -> list[RecipientStanding]:
    wanted = set(codes)
    return [one for one in standing.recipients if one.department in wanted and one.state == DeliveryState.DELIVERED]


def _latest(done: Iterable[RecipientStanding], since: datetime) -> float:
    """Seconds from acceptance to the last of these deliveries, by the hub's own clock."""
    return max(((one.at - since).total_seconds() for one in done if one.at is not None), default=0.0)
