"""`hub witness`: the supervision authority's own watch over a hub's ledger. Needs the hub's URL and public key only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.command import ExitCode, Phrase, Session, column, noun, option
from commands.frame.files import FOLDER
from commands.witness_restored import command as restored

if TYPE_CHECKING:
    from connectors.witness_client import WitnessClient
    from hub.witness.folder import WitnessFolder
    from hub.witness.look import Outcome

STATUS = (
    column("name", "见证方", "WITNESS"),
    column("log", "账本", "LOG"),
    column("hub", "交换中心", "HUB"),
    column("size", "已见证账目数", "ENTRIES"),
    column("root", "根哈希", "ROOT"),
    column("at", "见证时间", "SEEN"),
    column("key", "公开密钥", "KEY"),
    column("logKeys", "账本现行密钥", "LOG KEYS"),
    column("keyChanges", "已跟随的换钥次数", "KEY CHANGES"),
    column("alarms", "未处理的警报", "ALARMS"),
)

command = noun(
    "witness",
    zh="监督机关对账本的见证：只需交换中心的公开密钥和地址，保存最后的检查点，账本分叉、回退、改写即报警。",
    en="The supervision authority's watch over a ledger: needs the hub's public key and URL only, keeps the last "
    "checkpoint, and raises an alarm if the ledger forks, is rolled back or is rewritten.",
)
_folder = option("--folder", zh="见证目录", en="the witness's folder", type=FOLDER, default=Path("hub-witness"))


@command.verb(
    "invite",
    zh="（在交换中心运行）显示见证方需要的地址和公开密钥",
    en="(At the hub) show the URL and the public keys that a witness needs",
    examples=("hub witness invite",),
)
def invite(session: Session) -> None:
    """Show the command that the authority types."""
    from commands.frame.opened import opened_hub
    from hub.ledger.sequence import checkpoint_signers

    with opened_hub(session) as hub:
        keys = [signer.key.text() for signer in checkpoint_signers(hub, session.folder)]
        url = hub.settings.public_url
    words = " ".join(f"--key '{key}'" for key in keys)
    line = f"hub witness init --hub {url} {words} --name NAME"
    session.done(Phrase(line, line), hub=url, keys=keys)


@command.verb(
    "init",
    zh="建立见证目录，生成见证密钥；随后请交换中心将显示的公开密钥写入 ledger.witnesses",
    en="Make a witness's folder with a key of its own; the hub then puts the public key shown into ledger.witnesses",
    examples=(
        "hub witness init --hub https://exchange.example.gov --name supervision.example/w1 --key 'NAME+ID+BASE64'",
    ),
)
@option("--hub", "url", zh="交换中心的地址", en="the hub's address", required=True)
@option("--name", zh="见证方名称，不含空格和加号", en="the witness's name, without spaces or +", required=True)
@option(
    "--key",
    "keys",
    zh="账本的公开密钥，可重复",
    en="a verifier key of the log, repeatable",
    multiple=True,
    required=True,
)
@option(
    "--interval", zh="查看间隔（秒）", en="seconds between two looks", type=click.FloatRange(0.1, 86400), default=10.0
)
@option("--ca", zh="核验 TLS 证书的 CA 文件（PEM）", en="CA file for the hub's TLS certificate (PEM)", default="")
@_folder
def init(session: Session, url: str, name: str, keys: tuple[str, ...], interval: float, ca: str, folder: Path) -> None:
    """Make a folder. Errors: Misconfigured witness.exists, note.key, witness.setting."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from hub.tree.key import NoteKey
    from hub.witness.folder import WitnessFolder
    from hub.witness.settings import WitnessSettings

    authority = str(Path(ca).resolve()) if ca else ""
    settings = WitnessSettings(url, name, tuple(NoteKey.read(key) for key in keys), interval, authority)
    made = WitnessFolder.create(folder, settings, Ed25519PrivateKey.generate(), session.clock())
    key = made.signer.key.text()
    session.done(Phrase(f"见证方公开密钥：{key}", f"the witness's public key: {key}"), key=key, log=settings.origin)


@command.verb(
    "once",
    zh="查看一次：核验、留存、副署；报警时退出码为 8",
    en="Look once: verify, keep, cosign; exit code 8 on an alarm",
    examples=("hub witness once", "hub -o json witness once --folder /srv/witness"),
)
@_folder
def once(session: Session, folder: Path) -> ExitCode:
    """Look once. Errors: Unavailable or Undelivered witness.*, Misconfigured witness.*"""
    from hub.witness.look import look

    with _alone(folder) as (opened, client):
        outcome = asyncio.run(look(opened, client, session.clock))
        waiting = len(opened.unsettled())
    _tell(session, outcome, waiting)
    return ExitCode.CHECK_FAILED if waiting else ExitCode.OK


@command.verb(
    "run",
    zh="持续见证，直到收到停止信号（Ctrl-C）；报警写入日志和证据目录",
    en="Watch until told to stop (Ctrl-C); alarms go to the log and the evidence folder",
    examples=("hub witness run --folder /srv/witness",),
)
@_folder
def run(session: Session, folder: Path) -> ExitCode:
    """Watch until a signal; exit code CHECK_FAILED if an alarm is unsettled then."""
    from connectors.serving.http_server import stop_on_signals
    from connectors.serving.logs import set_up_logs
    from hub.witness.look import watch

    async def until_signal(opened: WitnessFolder, client: WitnessClient) -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await watch(opened, client, session.clock, stop)

    set_up_logs()
    with _alone(folder) as (opened, client):
        asyncio.run(until_signal(opened, client))
        return ExitCode.CHECK_FAILED if opened.unsettled() else ExitCode.OK


@command.verb(
    "status",
    zh="显示最后见证的检查点和未处理的警报；有警报时退出码为 8",
    en="Show the last checkpoint seen and the unsettled alarms; exit code 8 if there are any",
    examples=("hub witness status", "hub -o json witness status"),
)
@_folder
def status(session: Session, folder: Path) -> ExitCode:
    """Show what is kept. Errors: Misconfigured witness.absent, witness.damaged."""
    from hub.witness.folder import WitnessFolder

    opened = WitnessFolder.open(folder)
    kept, at = opened.kept()
    alarms = [home.name for home in opened.unsettled()]
    known = opened.settings
    key = opened.signer.key.text()
    keys, changes = [one.text() for one in opened.log_keys()], len(opened.changes())
    log_keys = keys if session.json else " ".join(keys)  # each is a line of its own in a terminal, to be copied
    shown = (known.name, known.origin, known.hub, kept.size, kept.root.hex(), at, key, log_keys, changes, alarms)
    session.record(STATUS, shown)
    return ExitCode.CHECK_FAILED if alarms else ExitCode.OK


@command.verb(
    "settle",
    zh="查明原因后处理警报，证据保留，恢复副署（仍以已留存的检查点为准）",
    en="Settle alarms once their cause is known: evidence stays, cosigning goes on from the checkpoint that was kept",
    examples=("hub witness settle --why '已核实：恢复演练，旧库已撤下'",),
)
@option("--why", zh="原因", en="the reason", required=True)
@_folder
def settle(session: Session, why: str, folder: Path) -> None:
    """Settle every alarm; a witness that runs meanwhile goes on. Errors: Misconfigured witness.absent."""
    from hub.witness.folder import WitnessFolder

    settled = [home.name for home in WitnessFolder.open(folder).settle(why, session.clock())]
    said = Phrase(f"已处理 {len(settled)} 起警报", f"settled {len(settled)} alarms")
    session.done(said, settled=settled, why=why)


command.add_command(restored)


@contextmanager
def _alone(folder: Path) -> Iterator[tuple[WitnessFolder, WitnessClient]]:
    from connectors.witness_client import WitnessClient
    from hub.witness.folder import WitnessFolder

    opened = WitnessFolder.open(folder)
    ca = opened.settings.ca
    client = WitnessClient.of(opened.settings.hub, folder / ca if ca else None)
    with opened.alone():
        yield opened, client


def _tell(session: Session, outcome: Outcome, waiting: int) -> None:
    from hub.catalogue import CATALOGUE

    facts = {"verdict": str(outcome.verdict), "size": outcome.size, "cosigned": outcome.cosigned, "unsettled": waiting}
    if outcome.code:
        text = CATALOGUE[outcome.code]
        said = Phrase(f"警报：{text.zh}；{text.next_zh}", f"ALARM: {text.en}; {text.next_en}")
        session.done(said, **facts, code=outcome.code, evidence=str(outcome.evidence or ""))
    elif outcome.cosigned:
        session.done(Phrase(f"已副署：{outcome.size} 条账目", f"cosigned {outcome.size} entries"), **facts)
    elif waiting:
        said = Phrase(f"未副署：有 {waiting} 起警报未处理", f"not cosigned: {waiting} alarms are unsettled")
        session.done(said, **facts)
    else:
        session.done(Phrase("没有新账目", "nothing new"), **facts)
