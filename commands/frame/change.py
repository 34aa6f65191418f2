"""What the registry's nouns have in common: read it, change it, tell what is different now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from commands.frame.command import Phrase, Session
from commands.frame.order import order_of

if TYPE_CHECKING:
    from hub.registry.diff import Change
    from hub.registry.registry import Registry


def read(session: Session) -> Registry:
    """The registry as stored."""
    from commands.frame.opened import opened_store
    from hub.store.registry import read_registry

    with opened_store(session) as store, store.reading() as connection:
        return read_registry(connection)


def change(session: Session, edit: Callable[[Registry], Registry]) -> None:
    """Change the registry and tell every difference, or that there is none."""
    from commands.frame.opened import opened_store
    from hub.administration.edit import edit_registry

    with opened_store(session) as store:
        tell(session, edit_registry(store, edit, order_of(store.hub_id, session.why), session.clock()))


def change_after_asking(session: Session, edit: Callable[[Registry], Registry], yes: bool) -> None:
    """Show what would be different, ask, then change it if nobody else did meanwhile.

    Errors: click.Abort; Misconfigured registry.moved.
    """
    from commands.frame.opened import opened_store
    from hub.administration.edit import replace_registry
    from hub.registry.diff import diff
    from hub.store.registry import read_registry

    with opened_store(session) as store:
        with store.reading() as connection:
            before = read_registry(connection)
        after = edit(before)
        if not yes:
            for item in diff(before, after):
                session.note(Phrase(item.line("zh"), item.line("en")))
            session.confirm(Phrase("确定执行以上更改吗？", "Make these changes?"))
        order = order_of(store.hub_id, session.why)
        tell(session, replace_registry(store, before, after, order, session.clock()))


def tell(session: Session, changes: Sequence[Change]) -> None:
    """Tell what was changed. JSON: an object with the list."""
    if session.json:
        session.write_json({"changes": [as_fact(item) for item in changes]})
    for item in changes if not session.json else ():
        session.line(item.line(session.lang))
    if not changes:
        session.note(Phrase("没有变化", "nothing to change"))


def as_fact(item: Change) -> dict[str, str]:
    """One difference, for programs."""
    return {
        "verb": item.verb,
        "noun": item.noun,
        "code": item.code,
        "field": item.field,
        "before": item.before,
        "after": item.after,
    }
