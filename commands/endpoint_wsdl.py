"""What `hub endpoint inspect` tells of a department's own WSDL: which ports a hub can deliver to, and why not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from commands.frame.command import Phrase, Session, column
from commands.frame.exits import ExitCode
from commands.frame.files import read_file

if TYPE_CHECKING:
    from connectors.soap.department_wsdl import Difference, Port

COLUMNS = (
    column("service", "服务", "SERVICE"),
    column("port", "端口", "PORT"),
    column("soap", "SOAP 版本", "SOAP"),
    column("address", "地址", "URL"),
    column("forms", "可用报文形式", "USABLE FORMS"),
    column("ping", "可测连通", "PING"),
)
_WHAT = {
    "type": Phrase("类型", "type"),
    "element": Phrase("元素", "element"),
    "action": Phrase("soapAction ", "soapAction"),
    "style": Phrase("样式", "style"),
}
MOST_BYTES = 4 * 1024 * 1024
SECONDS = 30.0


def looked_at(session: Session, source: str) -> tuple[Port, ...]:
    """The SOAP ports of a WSDL, from a file or an address.

    Errors: Misconfigured wsdl.*; Undelivered delivery.unreachable, delivery.timeout, delivery.answer.
    """
    from connectors.soap.department_wsdl import read_wsdl

    if urlsplit(source).scheme in ("http", "https"):
        return read_wsdl(asyncio.run(_fetched(session, source)), source)
    path = Path(source).resolve()
    return read_wsdl(read_file(path), str(path), path.parent)


async def _fetched(session: Session, url: str) -> bytes:
    from connectors.plain_http import Ask, fetch
    from connectors.soap.client import CallFailed
    from connectors.tls import TlsEdges, context_of
    from hub.errors import Misconfigured, Undelivered
    from hub.hub import read_settings

    tls = context_of(TlsEdges(session.folder, read_settings(session.folder)).outgoing) if url[4] == "s" else None
    try:
        answer = await fetch(Ask(url, seconds=SECONDS, most=MOST_BYTES, tls=tls))
    except CallFailed as failed:
        raise Undelivered(f"delivery.{failed.cause}", operator=failed.words) from None
    if not answer.good:
        raise Misconfigured("wsdl.unreadable", got=f"HTTP {answer.status}", where=url)
    return answer.body


def tell(session: Session, ports: Sequence[Port]) -> ExitCode:
    """Show ports, what each differs in, and how to register the first that can be delivered to."""
    if session.json:
        session.write_json([_as_json(port) for port in ports])
    else:
        rows = [(p.service, p.name, p.soap, p.address, " ".join(p.forms), p.ping) for p in ports]
        session.table(COLUMNS, rows, empty=Phrase("其中没有 SOAP 端口", "there is no SOAP port in it"))
        for port in ports:
            for one in port.differences:
                session.line(f"  {port.name}: {told(one).by(session.lang)}")
    best = next((port for port in ports if port.forms), None)
    if best is None:
        session.note(
            Phrase(
                "交换中心无法向其投递：三种投递操作中至少须有一种与 delivery-1.wsdl 一致",
                "the hub cannot deliver to it: one of the three operations must be as in delivery-1.wsdl",
            )
        )
        return ExitCode.CHECK_FAILED
    words = f"hub endpoint add CODE --push {best.address} --soap {best.soap} --form {best.forms[0]}"
    session.note(Phrase(f"可以登记：{words}", f"register it with: {words}"))
    return ExitCode.OK


def told(one: Difference) -> Phrase:
    """One difference in words."""
    place = one.place
    if one.kind in _WHAT:
        what, found = _WHAT[one.kind], one.found or "-"
        zh = f"{place} 的{what.zh}为 {found}，应为 {one.wanted}"
        return Phrase(zh, f"the {what.en} of {place} is {found}, not {one.wanted}")
    return {
        "absent": Phrase(f"缺少 {place}", f"{place} is absent"),
        "extra": Phrase(f"{place} 为必填，但交换中心不发送", f"{place} is required there, and a hub does not send it"),
        "order": Phrase(f"{place} 的字段顺序不同", f"the fields of {place} are in another order"),
    }[one.kind]


def _as_json(port: Port) -> dict[str, object]:
    return {
        "service": port.service,
        "port": port.name,
        "soap": port.soap,
        "address": port.address,
        "forms": list(port.forms),
        "ping": port.ping,
        "differences": [
            {"kind": d.kind, "place": d.place, "found": d.found, "wanted": d.wanted} for d in port.differences
        ],
    }
