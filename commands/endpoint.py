"""`hub endpoint`: where departments get their messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from commands.endpoint_profile import PROFILE, profile_options, with_given
from commands.frame.change import change, change_after_asking, read
from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option
from commands.frame.exits import ExitCode
from commands.frame.waiting import queues_of, warn_of_waiting

if TYPE_CHECKING:
    from hub.directory import Endpoint
    from hub.store.queues import Queue

COLUMNS = (
    column("code", "代码", "CODE"),
    column("department", "单位", "DEPARTMENT"),
    column("kind", "方式", "KIND"),
    column("paused", "已暂停", "PAUSED"),
    column("waiting", "待投递", "WAITING"),
    column("held", "暂存", "HELD"),
    column("dead", "失败", "DEAD"),
    column("oldest", "最早一份", "OLDEST"),
    column("url", "地址", "URL"),
)
_KINDS = {"push": Phrase("推送", "push"), "mailbox": Phrase("信箱", "mailbox")}

command = noun(
    "endpoint",
    zh="接收端点：推送到单位的 SOAP 服务，或放入信箱由单位收取。",
    en="Endpoints: pushed to a department's SOAP service, or kept in a mailbox until it fetches.",
)
code_argument = argument("code", zh="端点代码；与单位代码相同者为其默认端点", en="endpoint code")


@command.verb(
    "add",
    zh="登记端点：--push 推送到地址，或 --mailbox 使用信箱",
    en="Add an endpoint: --push to an address, or --mailbox",
    examples=(
        "hub endpoint add WATER --push http://10.1.2.3:8080/delivery/v1",
        "hub endpoint add WATER-OA --dept WATER --mailbox",
        "hub endpoint add TAX --push https://oa.tax.example/hub --soap 1.2 --unsigned-answer --timeout 60s",
    ),
)
@code_argument
@option("--dept", zh="所属单位（默认与端点代码相同）", en="its department (default: the same code)", default="")
@option("--push", "url", zh="推送地址", en="address to push to", metavar="URL")
@option("--mailbox", zh="使用信箱", en="keep messages until they are fetched", is_flag=True)
@profile_options
@why_option
def add(session: Session, code: str, dept: str, url: str | None, mailbox: bool, **given: Any) -> None:
    """Add an endpoint."""
    from hub.directory import Endpoint, Kind, Profile
    from hub.registry.edit import added

    if (url is None) != mailbox:
        raise click.BadParameter("--push URL | --mailbox", param_hint="--push / --mailbox")
    kind = Kind.MAILBOX if mailbox else Kind.PUSH
    endpoint = Endpoint(code, dept or code, kind, url or "", profile=with_given(Profile(), given))
    change(session, lambda registry: added(registry, endpoint))


@command.verb(
    "list",
    zh="列出端点及各自的待投递数",
    en="List endpoints with what waits at each",
    examples=("hub endpoint list", "hub endpoint list --dept WATER", "hub endpoint list --waiting"),
)
@option("--dept", zh="只列出此单位的", en="only this department's", default="")
@option("--waiting", "busy", zh="只列出有积压、失败或已暂停的", en="only those paused or with a queue", is_flag=True)
def list_endpoints(session: Session, dept: str, busy: bool) -> None:
    """List endpoints with their queues."""
    queues = queues_of(session)
    rows = [
        _row(session, e, queues.get(e.code))
        for e in read(session).endpoints
        if dept in ("", e.department) and (not busy or e.paused or e.code in queues)
    ]
    session.table(COLUMNS, rows, empty=Phrase("没有端点", "no endpoints"))


@command.verb("show", zh="显示一个端点", en="Show an endpoint", examples=("hub endpoint show WATER",))
@code_argument
def show(session: Session, code: str) -> None:
    """Show an endpoint with its profile and its queue."""
    from hub.registry.edit import endpoint_of

    endpoint = endpoint_of(read(session), code)
    profile = [getattr(endpoint.profile, c.key) for c in PROFILE]
    session.record(COLUMNS + PROFILE, [*_row(session, endpoint, queues_of(session).get(code)), *profile])


@command.verb(
    "ping",
    zh="向端点发一个无害的请求，看它是否应答",
    en="Ask an endpoint something harmless and tell its answer",
    examples=("hub endpoint ping WATER",),
)
@code_argument
def ping(session: Session, code: str) -> None:
    """Call Ping of an endpoint's delivery service."""
    import asyncio
    from time import perf_counter

    from hub.directory import Kind
    from hub.registry.edit import endpoint_of

    endpoint = endpoint_of(read(session), code)
    if endpoint.kind is Kind.MAILBOX:
        session.done(Phrase(f"{code} 是信箱，无需连接", f"{code} is a mailbox, there is nothing to reach"), code=code)
        return
    start = perf_counter()
    answer = asyncio.run(_ping(session, endpoint))
    took = round(perf_counter() - start, 3)
    session.done(
        Phrase(f"{code} 已应答（{took:g} 秒）：{answer}", f"{code} answered in {took:g} s: {answer}"),
        code=code,
        answer=answer,
        seconds=took,
    )


@command.verb(
    "inspect",
    zh="读取单位系统的 WSDL，看交换中心能否向它投递",
    en="Read the WSDL of a department's system: can the hub deliver to it?",
    examples=(
        "hub endpoint inspect water-delivery.wsdl",
        "hub -o json endpoint inspect http://10.1.2.3:8080/delivery/v1?wsdl",
    ),
)
@argument("source", zh="WSDL 文件或其地址", en="file or address of a WSDL", metavar="FILE|URL")
def inspect(session: Session, source: str) -> ExitCode:
    """Tell what a WSDL offers, and how to register it. Ends as a failure if no port can be delivered to."""
    from commands.endpoint_wsdl import looked_at, tell

    return tell(session, looked_at(session, source))


@command.verb(
    "pause",
    zh="暂停投递：新报文照常接收并排队",
    en="Pause delivery: messages are still taken and wait",
    examples=("hub endpoint pause WATER",),
)
@code_argument
@why_option
def pause(session: Session, code: str) -> None:
    """Pause an endpoint."""
    _change(session, code, lambda endpoint: replace(endpoint, paused=True))


@command.verb("resume", zh="恢复投递", en="Resume delivery", examples=("hub endpoint resume WATER",))
@code_argument
@why_option
def resume(session: Session, code: str) -> None:
    """Resume an endpoint."""
    _change(session, code, lambda endpoint: replace(endpoint, paused=False))


@command.verb(
    "set",
    zh="修改端点，只改所给的项",
    en="Change an endpoint; what is not given stays",
    examples=("hub endpoint set WATER --push http://10.1.2.4:8080/delivery/v1 --timeout 60s",),
)
@code_argument
@option("--push", "url", zh="改为推送到此地址", en="push to this address", metavar="URL")
@option("--mailbox", zh="改为信箱", en="make it a mailbox", is_flag=True)
@profile_options
@why_option
def set_fields(session: Session, code: str, url: str | None, mailbox: bool, **given: Any) -> None:
    """Change an endpoint."""
    from hub.directory import Kind

    if url is not None and mailbox:
        raise click.BadParameter("--push URL | --mailbox", param_hint="--push / --mailbox")

    def edit(endpoint: Endpoint) -> Endpoint:
        if mailbox:
            endpoint = replace(endpoint, kind=Kind.MAILBOX, url="")
        if url is not None:
            endpoint = replace(endpoint, kind=Kind.PUSH, url=url)
        return replace(endpoint, profile=with_given(endpoint.profile, given))

    _change(session, code, edit)


@command.verb("remove", zh="删除端点", en="Remove an endpoint", examples=("hub endpoint remove WATER-OA",))
@code_argument
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def remove(session: Session, code: str, yes: bool) -> None:
    """Remove an endpoint after asking."""
    from hub.registry.edit import endpoint_of, removed

    warn_of_waiting(session, [code])
    change_after_asking(session, lambda registry: removed(registry, endpoint_of(registry, code)), yes)


async def _ping(session: Session, endpoint: Endpoint) -> str:
    from connectors.soap.sender import SoapSender
    from connectors.tls import TlsEdges, context_of
    from hub.hub import read_settings

    sender = SoapSender(context_of(TlsEdges(session.folder, read_settings(session.folder)).outgoing))
    try:
        return await sender.ping(endpoint)
    finally:
        await sender.close()


def _change(session: Session, code: str, edit: Callable[[Endpoint], Endpoint]) -> None:
    from hub.registry.edit import changed, endpoint_of

    change(session, lambda registry: changed(registry, edit(endpoint_of(registry, code))))


def _row(session: Session, endpoint: Endpoint, queue: Queue | None) -> list[object]:
    from hub.store.queues import Queue

    queue = queue or Queue()
    kind = endpoint.kind if session.json else _KINDS[endpoint.kind.value]
    standing = (endpoint.paused, queue.waiting, queue.held, queue.dead, queue.oldest)
    return [endpoint.code, endpoint.department, kind, *standing, endpoint.url]
