"""`hub group`: named sets of departments, addressed as `group:NAME`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from commands.frame.change import change, change_after_asking, read
from commands.frame.command import Phrase, Session, argument, column, noun, option, why_option
from commands.frame.values import WORDS

if TYPE_CHECKING:
    from hub.registry.registry import Registry

command = noun("group", zh="单位组，可作为收文地址 group:组名。", en="Groups of departments; group:NAME is an address.")
name_argument = argument("name", zh="组名", en="group name")


@command.verb("add", zh="建立一个组", en="Make a group", examples=("hub group add districts FUTIAN,LUOHU,NANSHAN",))
@name_argument
@argument("codes", zh="成员代码，逗号分隔", en="members, with commas", type=WORDS, default=())
@why_option
def add(session: Session, name: str, codes: tuple[str, ...]) -> None:
    """Make a group."""
    from hub.registry.edit import added
    from hub.registry.registry import Group

    change(session, lambda registry: added(registry, Group(name, codes)))


@command.verb("list", zh="列出各组", en="List groups", examples=("hub group list",))
def list_groups(session: Session) -> None:
    """List groups with the number of members."""
    columns = (column("name", "组名", "NAME"), column("members", "成员数", "MEMBERS"))
    rows = [(g.name, len(g.members)) for g in read(session).groups]
    session.table(columns, rows, empty=Phrase("没有单位组", "no groups"))


@command.verb(
    "members",
    zh="列出成员；--add、--drop 增减成员",
    en="List the members, or change them with --add and --drop",
    examples=("hub group members supervision", "hub group members supervision --add AUDIT,JIANCHA --drop OLD"),
)
@name_argument
@option("--add", "joining", zh="加入的单位", en="departments to add", type=WORDS, default=())
@option("--drop", "leaving", zh="移出的单位", en="departments to take out", type=WORDS, default=())
@why_option
def members(session: Session, name: str, joining: tuple[str, ...], leaving: tuple[str, ...]) -> None:
    """List or change the members."""
    from hub.registry.edit import group_of

    if joining or leaving:
        change(session, _with_members(name, joining, leaving))
        return
    registry = read(session)
    names = {d.code: d.name for d in registry.departments}
    rows = [(code, names.get(code, "")) for code in group_of(registry, name).members]
    columns = (column("code", "代码", "CODE"), column("name", "名称", "NAME"))
    session.table(columns, rows, empty=Phrase("该组没有成员", "the group is empty"))


@command.verb(
    "remove",
    zh="删除一个组及以它为主体的权限；单位本身不受影响",
    en="Remove a group and the rights that name it; the departments stay",
    examples=("hub group remove districts",),
)
@name_argument
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
@why_option
def remove(session: Session, name: str, yes: bool) -> None:
    """Remove a group after showing what goes with it."""
    from hub.registry.edit import without_group

    change_after_asking(session, lambda registry: without_group(registry, name), yes)


def _with_members(name: str, joining: tuple[str, ...], leaving: tuple[str, ...]) -> Callable[[Registry], Registry]:
    from hub.errors import Misconfigured
    from hub.registry.edit import changed, group_of
    from hub.registry.registry import Group

    def edit(registry: Registry) -> Registry:
        group = group_of(registry, name)
        strangers = [code for code in leaving if code not in group.members]
        if strangers:
            raise Misconfigured("registry.absent", got=f"{name}/{strangers[0]}")
        kept = dict.fromkeys((*group.members, *joining))
        return changed(registry, Group(group.name, tuple(code for code in kept if code not in leaving)))

    return edit
