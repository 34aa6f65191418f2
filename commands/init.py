"""`hub init`: make a new installation."""

from __future__ import annotations

from pathlib import Path

import click

from commands.frame.command import Phrase, Session, option, single, why_option
from commands.frame.files import FILE, read_file
from commands.frame.order import whoever


@single(
    "init",
    zh="建立数据目录：设置、路由规则、数据库、密钥，并可附带一个演示用发证机构。目录须不存在或为空。",
    en="Make a data directory: settings, routing, database, keys and, if wanted, a demo certificate authority. "
    "The folder must be absent or empty.",
    examples=(
        "hub init",
        "hub --data /srv/hub init --hub CENTER --name 市公文交换中心 --division 440300",
        "hub --data /srv/hub init --hub CENTER --ca none --key hub.key --cert hub.crt --anchor root.crt",
        "hub --data /srv/hub init --database postgresql+psycopg://hub@db.example/hub",
    ),
)
@option("--hub", zh="交换中心的地址，即其单位代码", en="the hub's address, its department code", default="hub")
@option("--name", zh="名称", en="its name", default="公文交换中心")
@option("--division", zh="行政区划代码", en="administrative division code", default="110000")
@option(
    "--uscc",
    zh="统一社会信用代码（默认生成占位代码）",
    en="unified social credit code (default: a placeholder)",
    default="",
)
@option(
    "--ca",
    zh="demo：建立演示 CA 并签发本中心证书；none：使用自备证书",
    en="demo: make a demo CA that issues the hub's certificate; none: bring your own",
    type=click.Choice(("demo", "none")),
    default="demo",
)
@option("--key", zh="本中心的私钥（PEM）", en="the hub's private key (PEM)", type=FILE)
@option("--cert", zh="本中心的证书（PEM，可附证书链）", en="its certificate (PEM, chain may follow)", type=FILE)
@option("--anchor", zh="信任的根证书和中间证书（PEM）", en="authorities to trust (PEM)", type=FILE, multiple=True)
@option("--host", zh="监听地址", en="address to listen on", default="127.0.0.1")
@option("--port", zh="监听端口", en="port to listen on", type=click.IntRange(1, 65535), default=8080)
@option("--public-url", zh="单位看到的地址", en="the address that departments see", default="", metavar="URL")
@option(
    "--database",
    zh="数据库地址，须为空库（默认为数据目录中的 SQLite 文件）",
    en="address of an empty database (default: an SQLite file in the data directory)",
    default="",
    metavar="URL",
)
@why_option
def command(
    session: Session,
    hub: str,
    name: str,
    division: str,
    uscc: str,
    ca: str,
    key: Path | None,
    cert: Path | None,
    anchor: tuple[Path, ...],
    host: str,
    port: int,
    public_url: str,
    database: str,
) -> None:
    """Install and say what to do next."""
    from hub.administration.install import Identity, Plan, install
    from hub.errors import Misconfigured

    given = [option for option in (key, cert, *anchor) if option]
    if (ca == "none") != bool(given) or (given and not (key and cert and anchor)):
        raise Misconfigured("install.no-key", expected="--ca none --key --cert --anchor")
    identity = None
    if key and cert:
        identity = Identity(read_file(key), read_file(cert), b"\n".join(read_file(path) for path in anchor))
    plan = Plan(hub, name, division, uscc, host, port, public_url, identity, database)
    install(session.folder, plan, session.clock(), whoever(), session.why)
    session.done(
        Phrase(f"已在 {session.folder} 建立交换中心 {hub}", f"hub {hub} is installed in {session.folder}"),
        hub=hub,
        folder=session.folder,
    )
    where = "" if str(session.folder) == "hub-data" else f" --data {session.folder}"
    session.note(Phrase(f"下一步：hub{where} doctor，hub{where} dept add …，hub{where} serve",
                        f"next: hub{where} doctor, hub{where} dept add ..., hub{where} serve"))  # fmt: skip
