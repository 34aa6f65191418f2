"""`hub serve`: run the hub until a signal."""

from __future__ import annotations

import click

from commands.frame.command import Phrase, Session, option, single


@single(
    "serve",
    zh="运行交换中心，直到收到停止信号（Ctrl-C）",
    en="Run the hub until it is told to stop (Ctrl-C)",
    examples=("hub serve", "hub serve --host 0.0.0.0 --port 8443", "hub serve --check"),
)
@option("--host", zh="监听地址（默认取 hub.yaml）", en="address to listen on (default: by hub.yaml)", default="")
@option(
    "--port",
    zh="监听端口（默认取 hub.yaml）",
    en="port (default: by hub.yaml)",
    type=click.IntRange(0, 65535),
    default=None,
)
@option("--check", zh="只检查能否启动，不实际运行", en="only check that it could start", is_flag=True)
def command(session: Session, host: str, port: int | None, check: bool) -> None:
    """Serve, or check that nothing stands in the way. Errors: Misconfigured listen.*, key.*, settings.*, store.*"""
    from connectors.logs import set_up_logs
    from connectors.server import run_hub
    from hub.hub import read_settings

    if check:
        _check(session, host, port)
        return
    set_up_logs(read_settings(session.folder).log)
    run_hub(session.folder, host, port, ready=lambda address: _ready(session, address))


def _check(session: Session, host: str, port: int | None) -> None:
    from contextlib import closing

    from commands.opened import opened_hub
    from connectors.http_server import bind

    with opened_hub(session) as hub:
        listen = hub.settings.listen
        with closing(bind(host or listen.host, listen.port if port is None else port)):
            number = len(hub.rules.directory.departments)
    said = Phrase(f"可以启动：{hub.id}，{number} 个单位", f"{hub.id} can start, with {number} departments")
    session.done(said, hub=hub.id, departments=number, rules=hub.rules.version)


def _ready(session: Session, address: str) -> None:
    from connectors.front_door import PATH

    zh = f"交换中心已启动：{address}{PATH}（接口说明 {address}{PATH}?wsdl，按 Ctrl-C 停止）"
    en = f"the hub listens at {address}{PATH} (WSDL: {address}{PATH}?wsdl, stop with Ctrl-C)"
    session.note(Phrase(zh, en))
