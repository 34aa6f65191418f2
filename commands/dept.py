"""`hub dept`: the departments of the exchange."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from commands.frame.change import change, change_after_asking, read
from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option

if TYPE_CHECKING:
    from hub.directory import Department

LEVELS = ("province", "city", "county", "town")
COLUMNS = (
    column("code", "代码", "CODE"),
    column("name", "名称", "NAME"),
    column("uscc", "统一社会信用代码", "USCC"),
    column("division", "区划", "DIVISION"),
    column("level", "层级", "LEVEL"),
    column("parent", "上级", "PARENT"),
    column("enabled", "启用", "ENABLED"),
)
MORE = (
    column("groups", "所属组", "GROUPS"),
    column("endpoints", "端点", "ENDPOINTS"),
    column("certificates", "证书数", "CERTIFICATES"),
)

command = noun("dept", zh="参加交换的单位。", en="The departments of the exchange.")
code_argument = argument("code", zh="单位代码", en="department code")
LEVEL = click.Choice(LEVELS)


@command.verb(
    "add",
    zh="登记一个单位",
    en="Register a department",
    examples=("hub dept add WATER --name 市水务局 --uscc 11440300MB2C92114E --division 440300",),
)
@code_argument
@option("--name", zh="名称", en="name", required=True)
@option("--uscc", zh="统一社会信用代码（18 位）", en="unified social credit code (18 characters)", required=True)
@option("--division", zh="行政区划代码", en="administrative division code", required=True)
@option("--parent", zh="上级单位代码", en="code of the department above", default="")
@option("--level", zh="层级", en="level", type=LEVEL, default="city")
@why_option
def add(session: Session, code: str, name: str, uscc: str, division: str, parent: str, level: str) -> None:
    """Register a department."""
    from hub.codes import check_division, check_uscc
    from hub.directory import Department
    from hub.registry.edit import added

    department = Department(code, name, check_uscc(uscc), check_division(division), parent, level)
    change(session, lambda registry: added(registry, department))
    others = [one.code for one in read(session).departments if one.uscc == department.uscc and one.code != code]
    if others:
        names = ", ".join(others)
        session.note(Phrase(f"提示：该统一社会信用代码也登记在 {names} 名下，请确认不是重复登记",
                            f"note: {names} is registered with this social credit code, too; see that it is not the "
                            "same department twice"))  # fmt: skip


@command.verb("list", zh="列出单位", en="List departments", examples=("hub dept list", "hub -o json dept list"))
@option("--group", zh="只列出此组的成员", en="only members of this group", default="")
@option("--division", zh="只列出此区划以下的单位", en="only those in this division", default="")
def list_departments(session: Session, group: str, division: str) -> None:
    """List departments."""
    from hub.registry.edit import group_of

    registry = read(session)
    members = set(group_of(registry, group).members) if group else None
    rows = [
        _row(d)
        for d in registry.departments
        if d.division.startswith(division) and (members is None or d.code in members)
    ]
    session.table(COLUMNS, rows, empty=Phrase("没有符合条件的单位", "no departments"))


@command.verb("show", zh="显示一个单位", en="Show a department", examples=("hub dept show WATER",))
@code_argument
def show(session: Session, code: str) -> None:
    """Show a department with what hangs on it."""
    from hub.registry.edit import department_of

    registry = read(session)
    department = department_of(registry, code)
    groups = [g.name for g in registry.groups if code in g.members]
    endpoints = [e.code for e in registry.endpoints if e.department == code]
    certificates = sum(c.department == code for c in registry.certificates)
    session.record(COLUMNS + MORE, [*_row(department), groups, endpoints, certificates])


@command.verb(
    "set",
    zh="修改单位的登记信息，只改所给的项",
    en="Change a department; what is not given stays",
    examples=("hub dept set WATER --name 市水务局（新） --parent CITY",),
)
@code_argument
@option("--name", zh="名称", en="name")
@option("--uscc", zh="统一社会信用代码", en="unified social credit code")
@option("--division", zh="行政区划代码", en="administrative division code")
@option("--parent", zh="上级单位代码，空为无上级", en="code of the department above, empty for none")
@option("--level", zh="层级", en="level", type=LEVEL)
@why_option
def set_fields(session: Session, code: str, **given: str | None) -> None:
    """Change the fields that are given."""
    from hub.codes import check_division, check_uscc

    checks = {"uscc": check_uscc, "division": check_division}
    values = {key: checks.get(key, str)(value) for key, value in given.items() if value is not None}
    _change(session, code, **values)


@command.verb(
    "disable",
    zh="停用单位：不再接收其发文，也不再向其投递新的公文",
    en="Disable a department: nothing is taken from it, nothing new is addressed to it",
    examples=("hub dept disable WATER",),
)
@code_argument
@why_option
def disable(session: Session, code: str) -> None:
    """Disable a department."""
    _change(session, code, enabled=False)


@command.verb("enable", zh="重新启用单位", en="Enable a department again", examples=("hub dept enable WATER",))
@code_argument
@why_option
def enable(session: Session, code: str) -> None:
    """Enable a department."""
    _change(session, code, enabled=True)


@command.verb(
    "remove",
    zh="删除单位及其端点、证书、权限和组成员身份；历史报文和账本不受影响",
    en="Remove a department with its endpoints, certificates, rights and memberships; messages and ledger stay",
    examples=("hub dept remove WATER", "hub dept remove WATER --yes"),
)
@code_argument
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def remove(session: Session, code: str, yes: bool) -> None:
    """Remove a department after showing what goes with it."""
    from commands.frame.waiting import warn_of_waiting
    from hub.registry.edit import without_department

    registry = read(session)
    warn_of_waiting(session, [e.code for e in registry.endpoints if e.department == code])
    change_after_asking(session, lambda before: without_department(before, code), yes)


def _change(session: Session, code: str, **values: Any) -> None:
    from hub.registry.edit import changed, department_of

    change(session, lambda registry: changed(registry, replace(department_of(registry, code), **values)))


def _row(department: Department) -> list[object]:
    return [getattr(department, c.key) for c in COLUMNS]
