"""`hub ledger key`: the keys that sign checkpoints and the certificates that sign stamps; how the keys are changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from commands.frame.command import Noun, Phrase, Session, column, option, why_option
from commands.frame.files import FILE, read_file
from commands.frame.order import order_of

if TYPE_CHECKING:
    from hub.ledger.rekey import Tenure

COLUMNS = (
    column("use", "用途", "USE"),
    column("state", "状态", "STATE"),
    column("key", "公开密钥或证书指纹", "PUBLIC KEY OR THUMBPRINT"),
    column("sinceSize", "启用时账目数", "SINCE ENTRY"),
    column("since", "启用", "SINCE"),
    column("until", "停用", "UNTIL"),
)
_USES = {"checkpoint": Phrase("检查点", "checkpoints"), "stamp": Phrase("回执签名", "stamps")}
_STATES = {"current": Phrase("现行", "current"), "retired": Phrase("已停用", "retired")}

command = Noun("key", Phrase("账本的签名密钥：查看、更换。", "The keys that sign the ledger: show them, change them."))


@command.verb(
    "show",
    zh="列出签署检查点的密钥和签署回执的证书，包括已停用的",
    en="List the keys that sign checkpoints and the certificates that sign stamps, retired ones too",
    examples=("hub ledger key show", "hub -o json ledger key show"),
)
def show(session: Session) -> None:
    """List keys. Errors: Misconfigured note.*, key.*, tree.damaged."""
    from commands.frame.opened import opened_hub
    from hub.ledger.rekey import tenures
    from hub.ledger.sequence import checkpoint_signers

    with opened_hub(session) as hub:
        signers = checkpoint_signers(hub, session.folder)
        rows = [_tenure(session, one) for one in tenures(hub, [signer.key for signer in signers])]
        rows += _stamps(session)
    session.table(COLUMNS, rows, upright=True)


def _tenure(session: Session, one: Tenure) -> tuple[object, ...]:
    from hub.ledger.ledger import from_microseconds

    size = one.since.size if one.since else 0
    since = from_microseconds(one.since.at_us) if one.since else ""
    until = from_microseconds(one.until.at_us) if one.until else ""
    state = "retired" if one.until else "current"
    return _said(session, "checkpoint", state, one.key.text(), size, since, until)


def _stamps(session: Session) -> Iterator[tuple[object, ...]]:
    from hub.audit.audit import own_certificates
    from hub.hub import read_settings
    from hub.trust.certificate import read_certificate

    for place, der in enumerate(own_certificates(session.folder, read_settings(session.folder))):
        read = read_certificate(der)
        state = "retired" if place else "current"
        yield _said(session, "stamp", state, read.thumbprint, "", read.not_before, read.not_after)


def _said(session: Session, use: str, state: str, *values: object) -> tuple[object, ...]:
    if session.json:
        return (use, state, *values)
    return (_USES[use].by(session.lang), _STATES[state].by(session.lang), *values)


@command.verb(
    "change",
    zh="更换签署检查点的密钥：新旧密钥共同签署换钥记录和下一个检查点，此后只认新密钥；须随后修改 hub.yaml 并重启",
    en="Change the key that signs checkpoints: old and new sign the change and the next checkpoint, and from then on "
    "only the new one counts; hub.yaml has to be changed and the hub restarted afterwards",
    examples=(
        "hub ledger key change --key keys/ledger-2027.key --reason 年度更换",
        "hub ledger key change --key keys/hub-2027.key --cert keys/hub-2027.crt --reason 证书更换",
    ),
)
@option(
    "--key", zh="新私钥（PEM）：Ed25519，或连同证书的 P-256", en="the new private key (PEM)", type=FILE, required=True
)
@option("--cert", zh="P-256 密钥的证书（PEM），将成为本中心证书", en="its certificate, for a P-256 key", type=FILE)
@why_option
def change(session: Session, key: Path, cert: Path | None) -> None:
    """Change the keys. Errors: Refused tree.no-checkpoint; Misconfigured tree.key, tree.same-key, note.signer, key.*"""
    from commands.frame.opened import opened_hub
    from hub.ledger.rekey import change_keys, signers_with
    from hub.ledger.sequence import checkpoint_signers

    with opened_hub(session) as hub:
        old = checkpoint_signers(hub, session.folder)
        new = signers_with(hub, session.folder, read_file(key), read_file(cert) if cert else b"")
        made = change_keys(hub, old, new, order_of(hub.id, session.why))
    lines = _settings(session.folder, key, cert)
    session.done(
        Phrase(
            f"已在第 {made.size} 条账目处换钥。请在 hub.yaml 中写入 {lines} 并重启 hub serve；此前不再签署检查点",
            f"changed at entry {made.size}. Write {lines} into hub.yaml and restart hub serve; "
            "until then no checkpoint is signed",
        ),
        size=made.size,
        keys=[one.text() for one in made.new],
        retired=[one.text() for one in made.old if one not in made.new],
        settings=lines,
    )


def _settings(folder: Path, key: Path, cert: Path | None) -> str:
    """What hub.yaml has to say from now on."""
    names = {"ledger.key": key} if cert is None else {"key": key, "certificate": cert}
    return ", ".join(f"{name}: {_within(folder, path)}" for name, path in names.items())


def _within(folder: Path, path: Path) -> str:
    whole, home = path.resolve(), folder.resolve()
    return whole.relative_to(home).as_posix() if whole.is_relative_to(home) else str(whole)
