"""Scene 3: what must not get in. Each attempt is refused with a code and a sentence; a replay changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from commands.frame.command import Phrase
from connectors.department_client import ExchangeFault
from connectors.exchange_client import ExchangeClient, Submitted
from demo.documents import Document, notice_tree, sample
from demo.names import CITY_OFFICE, PERMIT_OFFICE
from demo.scene_notice import copies
from demo.stage import Stage
from hub.hub import open_store, read_settings
from hub.signing import signature
from hub.store.refusals import list_refusals


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that somebody tries to hand in, and the code by which it must be refused."""

    said: Phrase
    raw: bytes
    code: str


async def play(stage: Stage, notice: Document, accepted: Submitted) -> None:
    """Try every way in, look into the record of refusals, and hand in the notice again; `accepted` is its receipt."""
    stage.screen.scene("三、不应进入的，均被拒收", "3. What must not get in is refused")
    attempts = list(_attempts(stage, notice))
    async with stage.office(CITY_OFFICE.code) as office:
        for attempt in attempts:
            await _try(stage, office, attempt, notice)
        _check_record(stage, attempts)
        await _replay(stage, office, notice, accepted)


def _attempts(stage: Stage, notice: Document) -> Iterator[Attempt]:
    own, other = stage.city.signer(CITY_OFFICE.code), stage.city.signer(PERMIT_OFFICE.code)
    at = stage.clock()
    yield Attempt(Phrase("篡改一个字节", "one byte changed"), _other_number(notice.raw), "signature.invalid")
    unsigned = etree.tostring(notice_tree(at, message_id="unsigned"), encoding="utf-8")
    yield Attempt(Phrase("没有签名", "no signature"), unsigned, "signature.missing")
    broken = notice_tree(at, message_id="wrong-schema", payload=_without_title(sample("notice.xml")))
    yield Attempt(Phrase("不符合公文模式", "against the schema"), signature.sign(broken, own), "payload.invalid")
    foreign = signature.sign(notice_tree(at, message_id="foreign"), other)
    yield Attempt(Phrase("由其他单位签名", "signed by another department"), foreign, "rights.sender")
    other_content = signature.sign(notice_tree(at, payload=_other_number(sample("notice.xml"))), own)
    yield Attempt(Phrase("同一标识、内容不同", "the same id with other content"), other_content, "message.conflict")


def _other_number(raw: bytes) -> bytes:
    """The same with one digit of the document number changed."""
    return raw.replace(b"<od:sequence>12<", b"<od:sequence>13<", 1)


def _without_title(raw: bytes) -> bytes:
    root: Any = etree.fromstring(raw)
    root.remove(root.find("{*}title"))
    return bytes(etree.tostring(root))


async def _try(stage: Stage, office: ExchangeClient, attempt: Attempt, notice: Document) -> None:
    code, sentence = "", Phrase("竟被接收", "it was accepted")
    try:
        await office.submit(attempt.raw, notice.beside, "binary")
    except ExchangeFault as fault:
        code, sentence = fault.code, Phrase(fault.zh, fault.en)
    said = attempt.said
    stage.screen.say(f"{said.zh}：[{code}] {sentence.zh}", f"{said.en}: [{code}] {sentence.en}")
    stage.screen.check(f"{said.zh}，被拒收", f"{said.en}: refused", attempt.code, code)


def _check_record(stage: Stage, attempts: list[Attempt]) -> None:
    """Every refusal stands in the ledger."""
    store = open_store(stage.city.folder, read_settings(stage.city.folder), "demo")
    try:
        with store.reading() as connection:
            kept = [refusal.code for refusal in list_refusals(connection)]
    finally:
        store.close()
    stage.screen.say(f"{len(kept)} 次拒收均已记账", f"{len(kept)} refusals are on record")
    stage.screen.check("拒收均已记账", "all are on record", sorted(a.code for a in attempts), sorted(kept))


async def _replay(stage: Stage, office: ExchangeClient, notice: Document, accepted: Submitted) -> None:
    """Hand the very same bytes in again: the same receipt, and nobody gets it twice."""
    again = await office.submit(notice.raw, notice.beside, "binary")
    found = await copies(stage, notice.message_id)
    twice = [code for code, handed in found.items() if sum(one.times for one in handed) != 1]
    stage.screen.say(
        f"原样重发：得到同一戳记；向 {len(found)} 家系统核对，收到两次的 {len(twice)} 家",
        f"the same bytes again: the same stamp; of {len(found)} systems asked, {len(twice)} have it twice",
    )
    stage.screen.check("被认出是重发", "it is told from a new one", True, again.replayed)
    stage.screen.check("戳记与首次相同", "the stamp is the first one", accepted.stamp, again.stamp)
    stage.screen.check("没有单位收到两次", "nobody has it twice", [], twice)
