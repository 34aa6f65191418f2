"""`hub msg trace` and `hub msg tail`: watch one message, or everything, on its way."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TYPE_CHECKING

import click

from commands.frame.command import Phrase, Session, argument, option, single

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from commands.trace_view import Reply
    from hub.ledger.ledger import Entry
    from hub.store.store import Store
    from hub.store.trace import StoredMessage, Traced

PAUSE = 0.5
"""Seconds between two looks at the database."""

PURGED = "purged"
"""What a receipt says whose envelope a rule of retention let go."""

Key = tuple[str, int]


@single(
    "trace",
    zh="追踪一件报文：每个环节、每个收件单位、每份回执",
    en="Trace one message: every hop, every recipient, every receipt",
    examples=(
        "hub msg trace OFFICE/m-1",
        "hub msg trace '云府〔2026〕3号'",
        "hub msg trace m-1 -f",
        "hub -o json msg trace m-1",
    ),
)
@argument(
    "id",
    zh="报文标识、发送方/报文标识、办件编号或发文字号",
    en="message id, SENDER/ID, case number or document number",
)
@option(
    "-f", "--follow", zh="持续显示，直到各收件单位均有结果", en="go on until every delivery has ended", is_flag=True
)
def trace(session: Session, id: str, follow: bool) -> None:
    """Trace one message. Errors: Refused message.unknown, Misconfigured message.ambiguous."""
    from commands.frame.opened import opened_store
    from commands.frame.pick import purged_at
    from commands.trace_view import hops, standing, view

    with opened_store(session) as store:
        traced, replies = _read(store, id)
        if not follow or session.json:
            if follow:
                traced, replies = _follow(store, id, traced, lambda now, new: None)
            with store.reading() as connection:
                purged = purged_at(connection, traced.message)
            view(session, traced, replies, purged)
            return
        from commands.trace_view import head

        head(session, traced)
        hops(session, traced, traced.hops)
        traced, replies = _follow(store, id, traced, lambda now, new: hops(session, now, new, titles=False))
        standing(session, traced, replies)


def _follow(
    store: Store, id: str, traced: Traced, show: Callable[[Traced, list[Entry]], None]
) -> tuple[Traced, list[Reply]]:
    """Look again and again, and show what is new, until no delivery is open."""
    from commands.trace_view import settled

    seen = _keys(traced.hops)
    while True:
        now, replies = _read(store, id)
        new = [entry for entry in now.hops if (entry.node, entry.sequence) not in seen]
        seen |= _keys(tuple(new))
        if new:
            show(now, new)
        if settled(now):
            return now, replies
        sleep(PAUSE)


def _keys(entries: tuple[Entry, ...]) -> set[Key]:
    return {(entry.node, entry.sequence) for entry in entries}


def _read(store: Store, id: str) -> tuple[Traced, list[Reply]]:
    from commands.frame.pick import read_traced
    from commands.trace_view import Reply

    with store.reading() as connection:
        traced = read_traced(connection, id)
        return traced, [Reply(reply, _says(connection, reply)) for reply in traced.replies]


def _says(connection: Connection, reply: StoredMessage) -> str:
    """The kind of a receipt, out of its signed payload; empty for any other message."""
    if not reply.type.startswith("receipt-"):
        return ""
    from commands.frame.pick import paper, purged_at
    from hub.envelope import payload_of
    from hub.parser import parse

    if purged_at(connection, reply) is not None:
        return PURGED
    return str(payload_of(parse(paper(connection, reply))).findtext("{*}kind") or "")


@single(
    "tail",
    zh="显示账本最近的账目，可持续显示",
    en="Show the ledger's latest entries, and go on as it grows",
    examples=("hub msg tail", "hub msg tail -f"),
)
@option("-f", "--follow", zh="持续显示，按 Ctrl-C 结束", en="go on until Ctrl-C", is_flag=True)
@option("--most", zh="先显示最近多少条", en="begin with so many", type=click.IntRange(0, 10_000), default=20)
def tail(session: Session, follow: bool, most: int) -> None:
    """Show entries as they come; with -f and JSON one object a line."""
    from commands.frame.opened import opened_store
    from hub.store.chain_holdings import heads, some_entries

    with opened_store(session) as store:
        with store.reading() as connection:
            found = [stored.entry for stored in some_entries(connection, most=most)] if most else []
            seen = {head.entry.node: head.entry.sequence for head in heads(connection)}
        if not follow:
            _show_all(session, found)
            return
        for entry in found:
            _show_one(session, entry)
        while True:
            for entry in _newer(store, seen):
                _show_one(session, entry)
            sleep(PAUSE)


def _newer(store: Store, seen: dict[str, int]) -> list[Entry]:
    """The entries beyond `seen`, which is moved on."""
    from hub.store.entries import entries_after

    with store.reading() as connection:
        found = entries_after(connection, seen)
    for entry in found:
        seen[entry.node] = max(seen.get(entry.node, 0), entry.sequence)
    return found


def _show_all(session: Session, found: list[Entry]) -> None:
    from commands.ledger import ENTRIES, entry_row

    rows = [entry_row(entry, session) for entry in found]
    session.table(ENTRIES, rows, empty=Phrase("账本为空", "the ledger is empty"))


def _show_one(session: Session, entry: Entry) -> None:
    from commands.frame.words import HOPS, detail_of
    from commands.ledger import ENTRIES, entry_row
    from hub.ledger.ledger import from_microseconds

    if session.json:
        row = entry_row(entry, session)
        session.write_json(dict(zip((column.key for column in ENTRIES), row, strict=True)))
        return
    at = from_microseconds(entry.time_us).astimezone()
    said = HOPS[entry.kind].by(session.lang)
    message = f"{entry.sender}/{entry.message_id}" if entry.message_id else ""
    way = f"{entry.source or '-'} → {entry.target or '-'}"
    detail = detail_of(entry.detail).by(session.lang) if entry.detail else ""
    parts = (f"{at:%H:%M:%S}", f"{entry.node}/{entry.sequence}", said, way, message, detail)
    session.line("  ".join(part for part in parts if part))
