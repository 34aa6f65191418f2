"""`hub registry`: departments, groups, endpoints, rights and certificates as one YAML file."""

from __future__ import annotations

from pathlib import Path

from commands.frame.change import as_fact, change_after_asking, read
from commands.frame.command import ExitCode, Phrase, Session, argument, noun, option, why_option
from commands.frame.files import FILE, read_text, write_new

command = noun(
    "registry",
    zh="全部登记信息（单位、组、端点、权限、证书）的导出、比较与导入。",
    en="The whole registry (departments, groups, endpoints, rights, certificates) as one file.",
)
file_argument = argument("file", zh="登记文件（YAML）", en="registry file (YAML)", type=FILE)


@command.verb(
    "export",
    zh="导出到文件，或输出到屏幕",
    en="Write the registry to a file, or show it",
    examples=("hub registry export registry.yaml", "hub registry export"),
)
@argument("file", zh="新文件（默认输出到屏幕）", en="new file (default: standard output)", type=FILE, required=False)
def export(session: Session, file: Path | None) -> None:
    """Write the registry as YAML, whatever the form of the output."""
    from hub.registry.file import dump_registry

    text = dump_registry(read(session))
    if file is None or str(file) == "-":
        session.text(text)
        return
    write_new(file, text.encode())
    session.done(Phrase(f"已导出到 {file}", f"written to {file}"), file=file)


@command.verb(
    "diff",
    zh="比较文件与现有登记；有差异时退出码为 8",
    en="Compare a file with the registry; exit code 8 if they differ",
    examples=("hub registry diff registry.yaml",),
)
@file_argument
def diff(session: Session, file: Path) -> ExitCode:
    """Tell what `apply` would change."""
    from hub.registry.diff import diff as compared
    from hub.registry.file import load_registry

    changes = compared(read(session), load_registry(read_text(file), file.name))
    if session.json:
        session.write_json({"changes": [as_fact(item) for item in changes]})
    for item in changes if not session.json else ():
        session.line(item.line(session.lang))
    if not changes:
        session.note(Phrase("没有差异", "no difference"))
    return ExitCode.CHECK_FAILED if changes else ExitCode.OK


@command.verb(
    "apply",
    zh="使登记信息与文件一致：先显示差异并询问。文件中没有的项会被删除",
    en="Make the registry what the file says, after showing the difference; what the file lacks is removed",
    examples=("hub registry apply registry.yaml", "hub registry apply registry.yaml --yes"),
)
@file_argument
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def apply(session: Session, file: Path, yes: bool) -> None:
    """Make the registry what the file says."""
    from hub.registry.file import load_registry

    wanted = load_registry(read_text(file), file.name)
    change_after_asking(session, lambda _: wanted, yes)
