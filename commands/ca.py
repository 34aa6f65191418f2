"""`hub ca`: the demo certificate authority in the data directory. For trials, not for real traffic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from commands.frame.command import Phrase, Session, argument, noun, option, why_option
from commands.frame.files import FILE, FOLDER, read_file, write_new
from commands.frame.order import order_of

if TYPE_CHECKING:
    from hub.trust.ca import DemoCa

command = noun(
    "ca",
    zh="演示用发证机构，仅供试用；正式运行请使用持证电子认证机构的证书。",
    en="A demo certificate authority, for trials only; for real traffic use a licensed one.",
)


@command.verb("init", zh="建立演示 CA 并信任它", en="Make a demo CA and trust it", examples=("hub ca init",))
@option("--name", zh="名称", en="its name", default="演示 CA")
@why_option
def init(session: Session, name: str) -> None:
    """Make a demo CA, trust it and bring in its first revocation list."""
    from commands.frame.opened import opened_store
    from hub.administration.edit import trust_authorities
    from hub.errors import Misconfigured
    from hub.trust.ca import DemoCa

    if _home(session).exists():
        raise Misconfigured("ca.exists", operator=str(_home(session)))
    ca = DemoCa.create(name, session.clock())
    with opened_store(session) as store:
        _home(session).mkdir(mode=0o700)
        order = order_of(store.hub_id, session.why)
        trust_authorities(store, ca.certificate_pem, order, session.clock())
    _publish(session, ca)
    session.done(Phrase(f"已建立演示 CA“{name}”并信任它", f"made the demo CA '{name}' and trust it"), name=name)


@command.verb(
    "issue",
    zh="为单位生成私钥并签发证书，随即登记该证书",
    en="Make a key for a department, issue its certificate and enrol it",
    examples=("hub ca issue WATER", "hub ca issue WATER --out ./keys --days 365 --key rsa2048 --no-enrol"),
)
@argument("dept", zh="单位代码", en="department code")
@option("--out", zh="存放目录（默认 数据目录/departments）", en="folder (default DATA/departments)", type=FOLDER)
@option("--days", zh="有效天数", en="days it is valid", type=click.IntRange(1, 3650), default=730)
@option("--key", "kind", zh="密钥种类", en="kind of key", type=click.Choice(("p256", "rsa2048")), default="p256")
@option("--enrol/--no-enrol", zh="是否同时登记", en="whether to enrol it too", default=True)
@why_option
def issue(
    session: Session, dept: str, out: Path | None, days: int, kind: Literal["p256", "rsa2048"], enrol: bool
) -> None:
    """Issue a certificate; the key goes into a file that only its owner can read."""
    from commands.frame.change import read
    from hub.registry.edit import department_of

    department = department_of(read(session), dept)
    folder = out or session.folder / "departments"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_path, certificate_path = folder / f"{dept}.key", folder / f"{dept}.crt"
    issued = _ca(session).issue(department.name, dept, session.clock(), days, kind)
    with _together(key_path, certificate_path):
        write_new(key_path, issued.key_pem, private=True)
        write_new(certificate_path, issued.certificate_pem)
        if enrol:
            _enrol(session, dept, issued.certificate_pem)
    session.done(
        Phrase(f"已签发：{key_path}、{certificate_path}", f"issued: {key_path}, {certificate_path}"),
        department=dept,
        key=key_path,
        certificate=certificate_path,
        enrolled=enrol,
    )


@command.verb(
    "revoke",
    zh="吊销证书，并更新吊销列表",
    en="Revoke a certificate and renew the revocation list",
    examples=("hub ca revoke 3f9a0c12", "hub ca revoke --file water.crt"),
)
@argument("thumbprint", zh="已登记证书的指纹，或其前 8 位以上", en="thumbprint of an enrolled one", required=False)
@option("--file", zh="证书文件", en="certificate file", type=FILE)
@why_option
def revoke(session: Session, thumbprint: str | None, file: Path | None) -> None:
    """Revoke a certificate."""
    from commands.frame.change import read
    from hub.registry.edit import certificate_of
    from hub.trust.certificate import read_certificate, split_certificates

    if (thumbprint is None) == (file is None):
        raise click.BadParameter("THUMBPRINT | --file FILE", param_hint="THUMBPRINT / --file")
    if file is not None:
        der = split_certificates(read_file(file))[0]
    else:
        der = certificate_of(read(session), thumbprint or "").der
    known = read_certificate(der)
    _publish(session, _ca(session).revoke(der, session.clock()))
    session.done(
        Phrase(f"已吊销 {known.subject}", f"revoked {known.subject}"),
        subject=known.subject,
        thumbprint=known.thumbprint,
    )


@command.verb(
    "crl",
    zh="重新签发吊销列表",
    en="Issue the revocation list anew",
    examples=("hub ca crl", "hub ca crl --days 30"),
)
@option("--days", zh="多少天后须再次更新", en="days until the next is due", type=click.IntRange(1, 3650), default=365)
@why_option
def renew(session: Session, days: int) -> None:
    """Issue the revocation list anew."""
    ca = _ca(session)
    _publish(session, ca, days)
    session.done(
        Phrase(f"吊销列表已更新，共 {len(ca.revoked)} 项", f"the list is renewed, {len(ca.revoked)} revoked"),
        revoked=len(ca.revoked),
    )


@contextmanager
def _together(*paths: Path) -> Iterator[None]:
    """Keep files that are about to be written only if all that follows goes well too.

    Errors: Misconfigured file.exists.
    """
    from hub.errors import Misconfigured

    for path in paths:
        if path.exists():
            raise Misconfigured("file.exists", where=path.name, operator=str(path))
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _home(session: Session) -> Path:
    return session.folder / "ca"


def _ca(session: Session) -> DemoCa:
    from hub.errors import Misconfigured
    from hub.trust.ca import DemoCa

    if not _home(session).is_dir():
        raise Misconfigured("ca.absent", operator=str(_home(session)))
    return DemoCa.load(_home(session))


def _publish(session: Session, ca: DemoCa, days: int = 365) -> None:
    """Save the CA with a fresh list, and give the list to the hub."""
    from datetime import timedelta

    from commands.frame.opened import crl_folder, opened_store
    from hub.administration.edit import keep_crl
    from hub.trust.ca import CRL_FILE

    at = session.clock()
    ca.save(_home(session), at, at + timedelta(days=days))
    with opened_store(session) as store:
        order = order_of(store.hub_id, session.why)
        keep_crl(store, crl_folder(session), (_home(session) / CRL_FILE).read_bytes(), order, at)


def _enrol(session: Session, dept: str, pem: bytes) -> None:
    from commands.frame.opened import opened_store, rules_of
    from hub.administration.edit import enrol

    with opened_store(session) as store:
        order, trust = order_of(store.hub_id, session.why), rules_of(session, store).trust
        enrol(store, dept, pem, trust, order, session.clock())
