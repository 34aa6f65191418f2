"""`hub trust`: the authorities whose certificates count, and their revocation lists."""

from __future__ import annotations

from pathlib import Path

from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option
from commands.frame.files import FILE, read_file
from commands.frame.order import order_of

COLUMNS = (
    column("thumbprint", "SHA-256 指纹", "THUMBPRINT"),
    column("subject", "主体", "SUBJECT"),
    column("issuer", "签发者", "ISSUER"),
    column("notAfter", "失效", "UNTIL"),
)
CRL_COLUMNS = (
    column("file", "文件", "FILE"),
    column("issuer", "签发者", "ISSUER"),
    column("thisUpdate", "签发时间", "ISSUED"),
    column("nextUpdate", "下次更新", "NEXT UPDATE"),
    column("revoked", "吊销数", "REVOKED"),
)

command = noun(
    "trust",
    zh="信任的发证机构（根证书与中间证书）及其吊销列表。",
    en="Trusted authorities, roots and intermediates, and their revocation lists.",
)
crl = command.noun("crl", zh="吊销列表", en="revocation lists")


@command.verb("add", zh="信任发证机构", en="Trust an authority", examples=("hub trust add root-ca.crt",))
@argument("file", zh="CA 证书文件，PEM 或 DER，可含多张", en="CA certificates, PEM or DER", type=FILE)
@why_option
def add(session: Session, file: Path) -> None:
    """Trust every authority in a file."""
    from commands.frame.opened import opened_store
    from hub.administration.edit import trust_authorities

    with opened_store(session) as store:
        order = order_of(store.hub_id, session.why)
        results = trust_authorities(store, read_file(file), order, session.clock())
    if session.json:
        session.write_json([{"subject": subject, "added": new} for subject, new in results])
    for subject, new in results if not session.json else ():
        said = Phrase(f"已信任 {subject}", f"trusted {subject}") if new else None
        session.line((said or Phrase(f"此前已信任 {subject}", f"trusted before: {subject}")).by(session.lang))


@command.verb("list", zh="列出信任的发证机构", en="List trusted authorities", examples=("hub trust list",))
def list_authorities(session: Session) -> None:
    """List trusted authorities."""
    from hub.trust.certificate import read_certificate

    known = [read_certificate(der) for _, _, der in _anchors(session)]
    rows = [(c.thumbprint if session.json else c.thumbprint[:16], c.subject, c.issuer, c.not_after) for c in known]
    session.table(COLUMNS, rows, empty=Phrase("尚未信任任何发证机构", "no authority is trusted"))


@command.verb(
    "remove",
    zh="不再信任某发证机构",
    en="Trust an authority no longer",
    examples=("hub trust remove 3f9a0c12",),
)
@argument("thumbprint", zh="指纹，或其前 8 位以上", en="thumbprint, or 8 or more of its first digits")
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def remove(session: Session, thumbprint: str, yes: bool) -> None:
    """Trust an authority no longer, after asking."""
    from commands.frame.opened import crl_folder, opened_store
    from hub.administration.edit import distrust_authority
    from hub.trust.crl_folder import crl_files

    mark, name = _chosen(session, thumbprint.lower())
    if not yes:
        session.confirm(Phrase(f"不再信任 {name} 吗？", f"Trust {name} no longer?"))
    lists = [path.read_bytes() for path in crl_files(crl_folder(session))]
    with opened_store(session) as store:
        order = order_of(store.hub_id, session.why)
        departments = distrust_authority(store, mark, lists, order, session.clock())
    said = Phrase(f"已不再信任 {name}", f"{name} is no longer trusted")
    session.done(said, subject=name, thumbprint=mark, departments=departments)
    if departments:
        codes = ", ".join(departments)
        session.note(Phrase(f"以下单位的证书因此失效：{codes}", f"certificates of these no longer count: {codes}"))


@crl.verb(
    "add",
    zh="装入吊销列表，替换同一机构的旧列表",
    en="Bring in a revocation list in the place of its authority's older one",
    examples=("hub trust crl add ca.crl",),
)
@argument("file", zh="吊销列表文件，PEM 或 DER", en="revocation list, PEM or DER", type=FILE)
@why_option
def add_crl(session: Session, file: Path) -> None:
    """Bring in a revocation list."""
    from commands.frame.opened import crl_folder, opened_store
    from hub.administration.edit import keep_crl

    with opened_store(session) as store:
        order = order_of(store.hub_id, session.why)
        kept = keep_crl(store, crl_folder(session), read_file(file), order, session.clock())
    count, due = len(kept.revoked), f"{kept.next_update:%Y-%m-%d}"
    session.done(
        Phrase(
            f"已装入 {kept.issuer_name} 的吊销列表，共 {count} 项，下次更新 {due}",
            f"took the list of {kept.issuer_name}: {count} revoked, next update {due}",
        ),
        issuer=kept.issuer_name,
        revoked=len(kept.revoked),
        nextUpdate=kept.next_update,
    )


@crl.verb("list", zh="列出吊销列表", en="List revocation lists", examples=("hub trust crl list",))
def list_crls(session: Session) -> None:
    """List revocation lists."""
    from commands.frame.opened import crl_folder
    from hub.trust.chain import Authorities
    from hub.trust.crl import read_crl
    from hub.trust.crl_folder import crl_files

    authorities = Authorities(der for _, _, der in _anchors(session))
    rows = []
    for path in crl_files(crl_folder(session)):
        known = read_crl(path.read_bytes(), authorities)
        rows.append((path.name, known.issuer_name, known.this_update, known.next_update, len(known.revoked)))
    session.table(CRL_COLUMNS, rows, empty=Phrase("没有吊销列表", "no revocation lists"))


def _anchors(session: Session) -> list[tuple[str, str, bytes]]:
    from commands.frame.opened import opened_store
    from hub.store.registry import read_anchors

    with opened_store(session) as store, store.reading() as connection:
        return read_anchors(connection)


def _chosen(session: Session, mark: str) -> tuple[str, str]:
    """The one authority whose thumbprint begins so. Errors: Misconfigured trust.absent, registry.ambiguous."""
    from hub.errors import Misconfigured

    found = [(known, name) for known, name, _ in _anchors(session) if len(mark) >= 8 and known.startswith(mark)]
    if len(found) != 1:
        raise Misconfigured("registry.ambiguous" if found else "trust.absent", got=mark[:80])
    return found[0]
