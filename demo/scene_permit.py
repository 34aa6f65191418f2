"""Scene 2: a permit case from application to collection, sent by an old SOAP client; supervision sees every step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from commands.frame.command import Phrase, column
from connectors.exchange_client import Fetched
from connectors.front_door import PATH
from demo.documents import Document, case_documents
from demo.names import CITY_OFFICE, PERMIT_OFFICE, SUPERVISION
from demo.stage import Stage, collect
from hub.envelope import payload_of
from hub.message import Role
from hub.parser import parse
from hub.signing import signature

STEPS = {
    "application": Phrase("申办", "application"),
    "correctionNotice": Phrase("补正告知", "correction asked for"),
    "correctionReceipt": Phrase("补正受理", "correction received"),
    "acceptance": Phrase("受理", "acceptance"),
    "approvalStep": Phrase("审批环节", "approval step"),
    "specialProcedure": Phrase("特别程序申请", "special procedure"),
    "specialProcedureResult": Phrase("特别程序结果", "special procedure ended"),
    "completion": Phrase("办结", "completion"),
    "collection": Phrase("领取登记", "collection"),
}
_TRAIL = (
    column("time", "业务时间", "TIME"),
    column("step", "环节", "STEP"),
    column("who", "经办", "BY"),
    column("words", "说明", "SAYS"),
)
_WHO = ("applicantName", "officerName", "approverName", "licenceIssuer", "collectorName")
_WORDS = ("opinion", "specialResult", "reason", "resultDescription", "serviceItemName", "acceptanceReceiptNumber")


async def play(stage: Stage) -> None:
    """Send the case's messages, and read them again where the supervision authority gets its copies."""
    screen, city = stage.screen, stage.city
    documents = case_documents(city.signer(PERMIT_OFFICE.code), stage.clock())
    screen.scene(
        f"二、一件行政许可从申办到领取：{len(documents)} 份办件状态，老式 SOAP 客户端发送，监督机关同步收到",
        f"2. A permit case from application to collection: {len(documents)} messages of an old SOAP client, "
        "each copied to supervision",
    )
    began = time.perf_counter()
    digests = await asyncio.to_thread(_submit_all, city.hub_url + PATH, documents)
    took = time.perf_counter() - began
    screen.say(
        f"客户端读取交换中心的 WSDL，逐份调用 SubmitText，接收 {len(digests)} 份，共 {took:.2f} 秒",
        f"the client loads the hub's WSDL and calls SubmitText: {len(digests)} accepted, {took:.2f} s in all",
    )
    sent = [document.digest for document in documents]
    screen.check("每份均按原样接收", "each was accepted as it was sent", sent, digests)
    async with stage.office(SUPERVISION.code) as supervision:
        copies = await collect(supervision, len(documents))
    async with stage.office(CITY_OFFICE.code) as office:
        mains = await collect(office, len(documents))
    screen.check("监督机关按次序收到抄送", "supervision has the copies in order", sent, [c.digest for c in copies])
    screen.check("均为抄送", "they are copies", {Role.COPY}, {copy.role for copy in copies})
    screen.check("市政府办公室按次序收到主送", "the city office has its own in order", sent, [m.digest for m in mains])
    _show_trail(stage, copies)


def _submit_all(address: str, documents: Sequence[Document]) -> list[str]:
    """Do as a department's old system would: read the WSDL, then call what it describes; return the digests told."""
    import zeep

    soap: Any = zeep  # it has no types
    transport = soap.Transport(timeout=60, operation_timeout=60)
    transport.session.trust_env = False
    settings = soap.Settings(forbid_external=True, forbid_dtd=True, forbid_entities=True)
    with transport.session:
        client = soap.Client(f"{address}?wsdl", transport=transport, settings=settings)
        return [str(client.service.SubmitText(document=one.raw.decode()).digest) for one in documents]


def _show_trail(stage: Stage, copies: Sequence[Fetched]) -> None:
    """The case as the supervision authority reads it out of the signed documents."""
    proven = [signature.verify(parse(copy.envelope)) for copy in copies]
    payloads = [payload_of(one.root) for one in proven]
    numbers = {payload.findtext("{*}caseNumber") for payload in payloads}
    names = [_local(payload) for payload in payloads]
    stage.screen.say(
        f"监督机关所见办件 {'、'.join(sorted(map(str, numbers)))}：",
        f"the case {', '.join(sorted(map(str, numbers)))} as supervision sees it:",
    )
    stage.screen.table(_TRAIL, [_row(payload) for payload in payloads])
    marks = {one.thumbprint for one in proven}
    stage.screen.check(
        "均由审批部门签名", "all signed by the permit office", {stage.city.mark(PERMIT_OFFICE.code)}, marks
    )
    stage.screen.check("同属一件", "all belong to one case", 1, len(numbers))
    stage.screen.check("自申办起，至领取止", "from application to collection", ["application", "collection"],
                       [*names[:1], *names[-1:]])  # fmt: skip
    turns = {"correctionNotice", "correctionReceipt", "specialProcedure", "specialProcedureResult", "completion"}
    stage.screen.check("含补正、特别程序与办结", "with correction, special procedure and completion", turns,
                       turns & set(names))  # fmt: skip


def _row(payload: Any) -> tuple[object, ...]:
    at = str(payload.findtext("{*}businessTime") or "")[:16].replace("T", " ")
    step = STEPS.get(_local(payload), _local(payload))
    stage_name = payload.findtext("{*}stageName")
    if stage_name and isinstance(step, Phrase):
        step = Phrase(f"{step.zh}（{stage_name}）", f"{step.en} ({stage_name})")
    return at, step, _first(payload, _WHO), _first(payload, _WORDS)


def _first(payload: Any, names: Sequence[str]) -> str:
    return next((text for name in names if (text := payload.findtext(f"{{*}}{name}"))), "")


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
