"""`hub cert`: the certificates by which departments are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commands.frame.change import change, change_after_asking, read
from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option
from commands.frame.files import FILE, read_file
from commands.frame.order import order_of

if TYPE_CHECKING:
    from hub.trust.certificate import EnrolledCertificate
    from hub.trust.trust import Trust

COLUMNS = (
    column("department", "单位", "DEPARTMENT"),
    column("thumbprint", "SHA-256 指纹", "THUMBPRINT"),
    column("notBefore", "生效", "FROM"),
    column("notAfter", "失效", "UNTIL"),
    column("enabled", "启用", "ENABLED"),
    column("state", "现状", "STATE"),
    column("subject", "主体", "SUBJECT"),
)
MORE = (
    column("issuer", "签发者", "ISSUER"),
    column("serial", "序列号", "SERIAL"),
    column("key", "密钥", "KEY"),
)
VALID = Phrase("有效", "valid")
SHORT = 16

command = noun(
    "cert",
    zh="单位证书：同一单位可登记多张有效期交叠的证书，以便更换。",
    en="Enrolled certificates; a department may have several that overlap, so that it can change over.",
)
mark_argument = argument("thumbprint", zh="指纹，或其前 8 位以上", en="thumbprint, or 8 or more of its first digits")


@command.verb(
    "add",
    zh="为单位登记证书（检查有效期、用途、密钥、签发机构和吊销情况）",
    en="Enrol a certificate for a department; dates, usage, key, issuer and revocation are checked",
    examples=("hub cert add WATER water.crt",),
)
@argument("dept", zh="单位代码", en="department code")
@argument("file", zh="证书文件，PEM 或 DER", en="certificate file, PEM or DER", type=FILE)
@why_option
def add(session: Session, dept: str, file: Path) -> None:
    """Enrol a certificate."""
    from commands.frame.opened import opened_store, rules_of
    from hub.administration.edit import enrol
    from hub.trust.certificate import read_certificate

    with opened_store(session) as store:
        order, trust = order_of(store.hub_id, session.why), rules_of(session, store).trust
        line = enrol(store, dept, read_file(file), trust, order, session.clock())
    known = read_certificate(line.der)
    mark = known.thumbprint[:SHORT]
    session.done(
        Phrase(
            f"已为 {dept} 登记证书 {mark}（{known.subject}），有效期至 {known.not_after:%Y-%m-%d}",
            f"enrolled {mark} ({known.subject}) for {dept}, valid until {known.not_after:%Y-%m-%d}",
        ),
        department=dept,
        thumbprint=known.thumbprint,
        notAfter=known.not_after,
    )


@command.verb(
    "list",
    zh="列出已登记的证书及其现状",
    en="List enrolled certificates and whether each counts now",
    examples=("hub cert list", "hub cert list --dept WATER"),
)
@option("--dept", zh="只列出此单位的", en="only this department's", default="")
def list_certificates(session: Session, dept: str) -> None:
    """List enrolled certificates."""
    trust = _trust(session)
    rows = [_row(session, line, trust) for line in read(session).certificates if dept in ("", line.department)]
    session.table(COLUMNS, rows, empty=Phrase("没有登记证书", "no certificates"))


@command.verb("show", zh="显示一张证书", en="Show a certificate", examples=("hub cert show 3f9a0c12",))
@mark_argument
def show(session: Session, thumbprint: str) -> None:
    """Show a certificate."""
    from hub.registry.edit import certificate_of
    from hub.trust.certificate import read_certificate

    line = certificate_of(read(session), thumbprint)
    known = read_certificate(line.der)
    row = _row(session, line, _trust(session))
    row[1] = known.thumbprint
    session.record(COLUMNS + MORE, [*row, known.issuer, f"{known.serial:x}", known.key])


@command.verb("disable", zh="停用证书", en="Disable a certificate", examples=("hub cert disable 3f9a0c12",))
@mark_argument
@why_option
def disable(session: Session, thumbprint: str) -> None:
    """Disable a certificate."""
    _switch(session, thumbprint, False)


@command.verb("enable", zh="重新启用证书", en="Enable a certificate again", examples=("hub cert enable 3f9a0c12",))
@mark_argument
@why_option
def enable(session: Session, thumbprint: str) -> None:
    """Enable a certificate."""
    _switch(session, thumbprint, True)


@command.verb("remove", zh="删除证书登记", en="Remove an enrolment", examples=("hub cert remove 3f9a0c12",))
@mark_argument
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def remove(session: Session, thumbprint: str, yes: bool) -> None:
    """Remove an enrolment after asking."""
    from hub.registry.edit import certificate_of, removed

    change_after_asking(session, lambda registry: removed(registry, certificate_of(registry, thumbprint)), yes)


def _switch(session: Session, mark: str, enabled: bool) -> None:
    from hub.registry.edit import certificate_of, changed

    change(
        session,
        lambda registry: changed(registry, replace(certificate_of(registry, mark), enabled=enabled)),
    )


def _trust(session: Session) -> Trust:
    from commands.frame.opened import opened_store, rules_of

    with opened_store(session) as store:
        return rules_of(session, store).trust


def _row(session: Session, line: EnrolledCertificate, trust: Trust) -> list[object]:
    from hub.trust.certificate import read_certificate

    known = read_certificate(line.der)
    mark = known.thumbprint if session.json else known.thumbprint[:SHORT]
    state = state_of(line, trust, session.clock())
    shown = state if session.json else _STATES.get(state, state)
    return [line.department, mark, known.not_before, known.not_after, line.enabled, shown, known.subject]


def state_of(line: EnrolledCertificate, trust: Trust, at: datetime) -> str:
    """`valid`, or the code of the error that a message signed with it would meet now."""
    from hub.errors import Refused

    try:
        trust.identify(line.der, at)
    except Refused as wrong:
        return wrong.code
    return "valid"


_STATES = {
    "valid": VALID,
    "certificate.disabled": Phrase("已停用", "disabled"),
    "certificate.not-yet-valid": Phrase("尚未生效", "not yet valid"),
    "certificate.expired": Phrase("已过期", "expired"),
    "certificate.revoked": Phrase("已吊销", "revoked"),
    "certificate.untrusted": Phrase("签发机构不受信任", "issuer not trusted"),
    "certificate.crl-stale": Phrase("吊销列表过期", "revocation list out of date"),
}
