"""`hub schema`: the payload schemas, the hub's own and those that administrators register."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from commands.frame.command import ExitCode, Phrase, Session, argument, column, noun, option, why_option
from commands.frame.files import FILE, FOLDER, read_file
from commands.frame.order import order_of

if TYPE_CHECKING:
    from hub.schema.schema import Schemas


class _Finding(Protocol):
    """A finding of any lint, as far as it is shown here."""

    @property
    def code(self) -> str: ...

    def sentence(self, lang: str = "en") -> str: ...


COLUMNS = (
    column("token", "报文类型", "TYPE"),
    column("namespace", "命名空间", "NAMESPACE"),
    column("builtin", "系统自带", "BUILT IN"),
    column("roots", "根元素", "ROOT ELEMENTS"),
)
ROOT_COLUMNS = (
    column("name", "根元素", "ROOT ELEMENT"),
    column("zh", "中文名称", "CHINESE LABEL"),
    column("en", "说明", "MEANING"),
)
FINDING_COLUMNS = (
    column("level", "级别", "LEVEL"),
    column("where", "位置", "WHERE"),
    column("code", "代码", "CODE"),
    column("message", "说明", "MESSAGE"),
)

command = noun(
    "schema",
    zh="报文模式（XSD）：信封中的类型即“名称-版本”，各版本可并存。",
    en="Schemas (XSD) of payloads: an envelope's type is NAME-VERSION, versions stand side by side.",
)
token_argument = argument("token", zh="报文类型，如 receipt-1", en="type, like receipt-1")


@command.verb(
    "add",
    zh="登记一个模式：目录中的全部 XSD，先行检查",
    en="Register a schema: all XSD files of a folder, linted first",
    examples=("hub schema add examples/permit-form", "hub schema add ./forms --name permit-form --version 2"),
)
@argument("folder", zh="存放 XSD 的目录", en="folder of XSD files", type=FOLDER)
@option("--name", zh="名称（默认取目录名）", en="name (default: the folder's)")
@option("--version", zh="版本（默认取目录名末尾，否则为 1）", en="version (default: the folder name's end, else 1)")
@option("--entry", zh="入口文件（默认为未被其他文件引用者）", en="entry file (default: the one no other refers to)")
@why_option
def add(session: Session, folder: Path, name: str | None, version: str | None, entry: str | None) -> ExitCode:
    """Register a schema unless its lint finds an error."""
    from commands.frame.opened import opened_store
    from hub.administration.edit import register_schema
    from hub.schema.package import SchemaPackage

    package = SchemaPackage.from_folder(folder.absolute(), name, version, entry)
    with opened_store(session) as store:
        order = order_of(store.hub_id, session.why)
        findings = register_schema(store, package, order, session.clock())
    wrong = any(finding.error for finding in findings)
    if session.json:
        session.write_json({"token": package.token, "registered": not wrong, "findings": _facts(findings)})
    else:
        show_findings(session, [(_level(f.error), f.where, f) for f in findings])
        session.line(_registered(package.token, wrong).by(session.lang))
    return ExitCode.CHECK_FAILED if wrong else ExitCode.OK


def _registered(token: str, wrong: bool) -> Phrase:
    if wrong:
        return Phrase(f"没有登记 {token}：请先改正以上错误", f"{token} is not registered: mend the errors above first")
    return Phrase(f"已登记 {token}", f"registered {token}")


@command.verb("list", zh="列出全部模式", en="List schemas", examples=("hub schema list",))
def list_schemas(session: Session) -> None:
    """List schemas."""
    known = _schemas(session)
    rows = []
    for token in known.tokens():
        found = known.describe(token)
        roots = [root.name for root in found.roots]
        rows.append((token, found.namespace, found.builtin, roots if session.json else _few(roots)))
    session.table(COLUMNS, rows)


@command.verb("show", zh="显示模式的根元素与文件", en="Show a schema", examples=("hub schema show approval-status-1",))
@token_argument
def show(session: Session, token: str) -> None:
    """Show a schema with its root elements."""
    found = _schemas(session).describe(token)
    roots = [(root.name, root.zh, root.en) for root in found.roots]
    files = column("files", "文件", "FILES")
    head = (*COLUMNS[:3], files)
    if session.json:
        facts = {"token": token, "namespace": found.namespace, "builtin": found.builtin, "files": found.files}
        session.write_json({**facts, "roots": [dict(zip(("name", "zh", "en"), r, strict=True)) for r in roots]})
        return
    session.record(head, (token, found.namespace, found.builtin, found.files))
    session.line("")
    session.table(ROOT_COLUMNS, roots)


@command.verb(
    "validate",
    zh="按模式检查一份正文或信封",
    en="Check a payload, or an envelope with it, against a schema",
    examples=("hub schema validate official-document-1 examples/notice.xml",),
)
@token_argument
@argument("file", zh="XML 文件", en="XML file", type=FILE)
def validate(session: Session, token: str, file: Path) -> None:
    """Check a document; what is wrong is told as the hub would tell the sender."""
    from hub import envelope
    from hub.parser import ParseLimits, parse

    known = _schemas(session)
    known.describe(token)
    root = parse(read_file(file), ParseLimits())
    if root.tag == f"{{{envelope.NAMESPACE}}}envelope":
        known.check_envelope(root)
        root = envelope.payload_of(root)
    known.check_payload(token, root)
    session.done(Phrase(f"符合 {token}", f"valid by {token}"), token=token, valid=True)


@command.verb(
    "sample",
    zh="生成一份最简的有效正文",
    en="Write a minimal valid payload",
    examples=("hub schema sample receipt-1", "hub schema sample approval-status-1 --root completion"),
)
@token_argument
@option("--root", zh="根元素（默认第一个）", en="root element (default: the first)")
def sample(session: Session, token: str, root: str | None) -> None:
    """Write a minimal valid payload as XML, whatever the form of the output."""
    from lxml import etree

    from hub.schema.sample import sample as made

    element: Any = made(_schemas(session), token, root)
    etree.indent(element)
    session.text(etree.tostring(element, encoding="unicode") + "\n")


@command.verb("remove", zh="删除登记的模式", en="Remove a registered schema", examples=("hub schema remove permit-1",))
@token_argument
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def remove(session: Session, token: str, yes: bool) -> None:
    """Remove a registered schema after asking."""
    from commands.frame.opened import opened_store
    from hub.administration.edit import forget_schema

    if not yes:
        session.confirm(
            Phrase(f"删除 {token} 后，此类报文将被拒收。继续吗？", f"Messages of type {token} will be refused. Go on?")
        )
    with opened_store(session) as store:
        forget_schema(store, token, order_of(store.hub_id, session.why), session.clock())
    session.done(Phrase(f"已删除 {token}", f"removed {token}"), token=token)


def known_tokens(session: Session) -> Sequence[str]:
    """Every type that an envelope may name now."""
    return _schemas(session).tokens()


def show_findings(session: Session, findings: Iterable[tuple[Phrase, str, _Finding]]) -> None:
    """A table of (level, place, finding)."""
    session.table(FINDING_COLUMNS, [(level, where, f.code, f.sentence(session.lang)) for level, where, f in findings])


def _schemas(session: Session) -> Schemas:
    from commands.frame.opened import opened_store
    from hub.schema.schema import Schemas
    from hub.store.registry import read_schemas

    with opened_store(session) as store, store.reading() as connection:
        return Schemas.builtin().with_registered(read_schemas(connection))


def _level(error: bool) -> Phrase:
    return Phrase("错误", "error") if error else Phrase("提醒", "warning")


def _facts(findings: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {"level": "error" if f.error else "warning", "where": f.where, "code": f.code, "got": f.got,
         "zh": f.sentence("zh"), "en": f.sentence("en")}
        for f in findings
    ]  # fmt: skip


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
