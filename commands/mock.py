"""`hub mock dept`: pretend departments over real SOAP, with faults to choose, for trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.department.side import Reach, reaching, signer_in
from commands.frame.command import Phrase, Session, argument, noun, option
from commands.frame.files import FOLDER

if TYPE_CHECKING:
    from connectors.pretend.department import PretendDepartment
    from connectors.pretend.fault import PretendFault
    from hub.signing.signer import FileSigner

command = noun("mock", zh="模拟单位系统，供试验用。", en="Pretend departments, for trials.")


@command.verb(
    "dept",
    zh="模拟一个或多个单位的接收系统，直到收到停止信号（Ctrl-C）",
    en="Play the receiving systems of departments until told to stop (Ctrl-C)",
    examples=(
        "hub mock dept WATER PARKS --port 9001",
        "hub mock dept WATER --port 9001 --sign-for",
        "hub mock dept WATER PARKS --port 9001 --fault PARKS=flaky:3",
    ),
)
@argument("codes", zh="单位代码", en="department codes", nargs=-1, required=True)
@option("--host", zh="监听地址", en="address to listen on", default="127.0.0.1")
@option("--port", zh="监听端口", en="port", type=click.IntRange(0, 65535), default=9001)
@option("--key-dir", zh="各单位私钥与证书所在目录", en="folder of their keys and certificates", type=FOLDER)
@option("--fault", "faults", zh="故障：代码=故障，或对全部单位", en="fault: CODE=FAULT, or for all", multiple=True)
@option("--sign-for", zh="自动回送签收回执", en="send a receipt (签收) for each document", is_flag=True)
@reaching
def dept(
    session: Session,
    codes: tuple[str, ...],
    host: str,
    port: int,
    key_dir: Path | None,
    faults: tuple[str, ...],
    sign_for: bool,
    reach: Reach,
) -> None:
    """Serve pretend departments. Errors: Misconfigured key.*, mock.fault, listen.*"""
    from connectors.pretend.department import pretend_departments
    from connectors.serving.logs import set_up_logs
    from connectors.serving.server import serve

    folder = key_dir or session.folder / "departments"
    signers = {code: signer_in(folder / f"{code}.key", folder / f"{code}.crt") for code in codes}
    chosen = _faults(faults, codes)
    departments = [_pretend(code, signers, chosen, reach if sign_for else None) for code in codes]
    set_up_logs()
    serve(pretend_departments(departments), host, port, ready=lambda base: _ready(session, base, codes))


def _faults(texts: tuple[str, ...], codes: tuple[str, ...]) -> dict[str, PretendFault]:
    """The fault of each department; a later one wins. Errors: Misconfigured mock.fault; click.BadParameter."""
    from connectors.pretend.fault import parse_fault

    chosen: dict[str, PretendFault] = {}
    for text in texts:
        code, equals, name = text.rpartition("=")
        if equals and code not in codes:
            raise click.BadParameter(code, param_hint="--fault")
        chosen.update(dict.fromkeys([code] if equals else codes, parse_fault(name)))
    return chosen


def _pretend(
    code: str, signers: dict[str, FileSigner], faults: dict[str, PretendFault], reach: Reach | None
) -> PretendDepartment:
    """One of them; with `reach` it signs for what it gets. Errors: Misconfigured tls.*, settings.*"""
    from connectors.exchange_client import ExchangeClient
    from connectors.pretend.department import PretendDepartment
    from connectors.pretend.fault import NO_FAULT

    return PretendDepartment(
        code=code,
        signer=signers[code],
        fault=faults.get(code, NO_FAULT),
        stranger=next((signer for other, signer in signers.items() if other != code), None),
        exchange=ExchangeClient(reach.address(), signers[code], code, tls=reach.https.context()) if reach else None,
    )


def _ready(session: Session, base: str, codes: tuple[str, ...]) -> None:
    for code in codes:
        address = f"{base}/dept/{code}/delivery/v1"
        session.note(Phrase(f"{code} 已就绪：{address}", f"{code} listens at {address}"))
    command_line = f"hub endpoint add {codes[0]} --push {base}/dept/{codes[0]}/delivery/v1"
    session.note(Phrase(f"登记端点：{command_line}", f"register it with: {command_line}"))
