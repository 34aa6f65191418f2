"""`hub serve`: run the hub, or a part of its work, until a signal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from commands.frame.command import Phrase, Session, option, single

if TYPE_CHECKING:
    from hub.settings.settings import Settings

MOST_DRAIN = 3600


@single(
    "serve",
    zh="运行交换中心，直到收到停止信号（Ctrl-C；再按一次立即结束）。"
    "任务（--role）：accept 接收报文与信箱请求，deliver 投递，sequence 为账本编号，"
    "supervise 收回失效租约、终结过期报文并申请时间戳",
    en="Run the hub until it is told to stop (Ctrl-C; once more ends it at once). "
    "Roles: accept takes messages and mailbox requests, deliver delivers, sequence grows the ledger's tree, "
    "supervise takes back lapsed leases, ends expired messages and asks for time-stamps",
    examples=(
        "hub serve",
        "hub serve --host 0.0.0.0 --port 8443 --drain-seconds 10",
        "hub serve --role accept --node front-1 --port 8081",
        "hub serve --role deliver,supervise --node back-1 --database postgresql+psycopg://hub@db.example/hub",
        "hub serve --check",
    ),
)
@option("--host", zh="监听地址（默认取 hub.yaml）", en="address to listen on (default: by hub.yaml)", default="")
@option(
    "--port",
    zh="监听端口（默认取 hub.yaml）",
    en="port (default: by hub.yaml)",
    type=click.IntRange(0, 65535),
    default=None,
)
@option(
    "--role",
    "roles",
    zh="本进程承担的任务，以逗号分隔：accept,deliver,sequence,supervise（默认取 hub.yaml，否则为全部）",
    en="what this process does: accept,deliver,sequence,supervise (default: by hub.yaml, else all)",
    default="",
)
@option("--database", zh="数据库地址（默认取 hub.yaml）", en="database address (default: by hub.yaml)", default="")
@option(
    "--node",
    zh="本进程的节点名，同一数据库中不得重复（默认取 hub.yaml）",
    en="node name of this process, one of its own in the database (default: by hub.yaml)",
    default="",
)
@option(
    "--metrics-port",
    zh="监控指标的端口，0 为不提供（默认取 hub.yaml）",
    en="port of /metrics, 0 for none (default: by hub.yaml)",
    type=click.IntRange(0, 65535),
    default=None,
)
@option(
    "--drain-seconds",
    "drain",
    zh="收到停止信号后继续接收的秒数，期间 /readyz 答 503，供负载均衡转走请求",
    en="seconds to go on taking calls after the signal while /readyz says 503, so that a balancer turns away",
    type=click.FloatRange(0, MOST_DRAIN),
    default=0,
)
@option("--check", zh="只检查能否启动，不实际运行", en="only check that it could start", is_flag=True)
def command(
    session: Session,
    host: str,
    port: int | None,
    roles: str,
    database: str,
    node: str,
    metrics_port: int | None,
    drain: float,
    check: bool,
) -> None:
    """Serve, or check that nothing stands in the way.

    Errors: Misconfigured listen.*, key.*, node.taken, settings.*, store.*; Unavailable store.*
    """
    from connectors.serving.logs import set_up_logs
    from connectors.serving.server import run_hub
    from hub.hub import read_settings
    from hub.settings.file import override

    told = read_settings(session.folder)
    settings = override(told, database=database, node=node, roles=roles, metrics_port=metrics_port)
    if check:
        _check(session, settings, host, port)
        return
    set_up_logs(settings.log, form=settings.log_format)
    ready = partial(_ready, session, settings)
    run_hub(session.folder, host, port, settings=settings, drain=drain, ready=ready)


def _check(session: Session, settings: Settings, host: str, port: int | None) -> None:
    from contextlib import closing

    from connectors.serving.http_server import bind
    from connectors.tls import TlsEdges
    from hub.administration.administered import NODE
    from hub.hub import open_hub
    from hub.ledger.sequence import check_signers, checkpoint_signers

    listen = settings.listen
    TlsEdges(session.folder, settings)
    with (
        closing(open_hub(session.folder, clock=session.clock, node=NODE, settings=settings)) as hub,
        closing(bind(host or listen.host, listen.port if port is None else port)),
    ):
        number = len(hub.rules.directory.departments)
        if settings.plays("sequence"):
            with hub.store.reading() as connection:
                check_signers(connection, checkpoint_signers(hub, session.folder))
    said = Phrase(f"可以启动：{hub.id}，{number} 个单位", f"{hub.id} can start, with {number} departments")
    session.done(said, hub=hub.id, departments=number, rules=hub.rules.version)


def _ready(session: Session, settings: Settings, address: str) -> None:
    from connectors.front_door import PATH

    if settings.plays("accept"):
        zh = f"交换中心已启动：{address}{PATH}（接口说明 {address}{PATH}?wsdl，按 Ctrl-C 停止）"
        en = f"the hub listens at {address}{PATH} (WSDL: {address}{PATH}?wsdl, stop with Ctrl-C)"
    else:
        zh = f"进程已启动，任务为 {settings.roles}：{address}/readyz（按 Ctrl-C 停止）"
        en = f"a process for {settings.roles} listens at {address}/readyz (stop with Ctrl-C)"
    session.note(Phrase(zh, en))
