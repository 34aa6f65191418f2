"""Lets the documents of old messages go by the rules of retention, and says so in the ledger.

Three steps: plan counts what would go; purge does it in short transactions, so that a serving hub writes in between; a
hold keeps a message, a case or a document number from any rule. Each transaction leaves one entry for each rule, whose
evidence names every message with the digests of its documents. An interrupted purge has done whole transactions, and
goes on where it stopped when it is run again. A month of which all may go is one transaction, where the database has it
in a partition of its own: that is emptied, and what else is stored meanwhile does not wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection

from hub.administration.administered import Deed, Facts
from hub.errors import Refused, Unavailable
from hub.month import Month
from hub.retention.retention import Rule, is_over, rule_for, shortest
from hub.store import purging, whole_month
from hub.store.administer import record
from hub.store.kept import month_of_message
from hub.store.operate import Order
from hub.store.partitions import Partition
from hub.store.purging import Candidate, Hold, Removed
from hub.store.store import Store
from hub.store.transaction import Transaction

BATCH = 200
"""Messages purged in one transaction."""


@dataclass(slots=True)
class Planned:
    """What would go by one rule of one month (of the end of the last delivery); bytes before what stays as shared."""

    rule: Rule
    month: str
    oldest: datetime
    newest: datetime
    messages: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Purged:
    """What went: messages, documents and their bytes; `shared` documents stay because something else needs them."""

    messages: int = 0
    documents: int = 0
    bytes: int = 0
    shared: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            self.messages + other.messages,
            self.documents + other.documents,
            self.bytes + other.bytes,
            self.shared + other.shared,
        )


def plan(store: Store, rules: Sequence[Rule], at: datetime) -> list[Planned]:
    """What `purge` would let go now, by rule and month; changes nothing."""
    found: dict[tuple[int, str], Planned] = {}
    with store.reading() as connection:
        for rule, one in _over(connection, rules, at):
            month = f"{one.ended:%Y-%m}"
            line = found.setdefault((rule.number, month), Planned(rule, month, one.ended, one.ended))
            line.oldest, line.newest = min(line.oldest, one.ended), max(line.newest, one.ended)
            line.messages, line.bytes = line.messages + 1, line.bytes + one.size
    return [found[key] for key in sorted(found)]


def _over(connection: Connection, rules: Sequence[Rule], at: datetime) -> Iterator[tuple[Rule, Candidate]]:
    after, least = 0, shortest(rules)
    while least is not None:
        some, after = purging.read_candidates(connection, at - least, after)
        yield from _fitting(rules, some, at)
        if not after:
            return


def _fitting(rules: Sequence[Rule], some: Sequence[Candidate], at: datetime) -> Iterator[tuple[Rule, Candidate]]:
    for one in some:
        rule = rule_for(rules, one.type, one.classification)
        if rule is not None and is_over(rule, one.ended, at):
            yield rule, one


def purge(
    store: Store, rules: Sequence[Rule], order: Order, at: datetime, step: Callable[[int], None] = lambda n: None
) -> Purged:
    """Let go what the rules say as of `at`; `step` is told how many messages went.

    Errors: Misconfigured store.forbidden where the database's role may not delete documents.
    """
    done, after, least = _purge_months(store, rules, order, at, step), 0, shortest(rules)
    while least is not None:
        with store.reading() as connection:
            some, after = purging.read_candidates(connection, at - least, after)
        rows = [one.row for _, one in _fitting(rules, some, at)]
        for batch in _batches(rows):
            with store.transaction() as transaction:
                purging.hold_still(transaction)
                went = _purge_batch(transaction, rules, batch, order, at)
            done += went
            step(went.messages)
        if not after:
            break
    return done


def _batches(rows: Sequence[int]) -> Iterator[list[int]]:
    """Row ids, which are in order, in pieces that are no larger than a batch and of one month each."""
    for _, group in groupby(rows, month_of_message):
        month = list(group)
        yield from (month[i : i + BATCH] for i in range(0, len(month), BATCH))


def _purge_months(
    store: Store, rules: Sequence[Rule], order: Order, at: datetime, step: Callable[[int], None]
) -> Purged:
    """Let go the months of which all may go, each at once where the database has it in a partition of its own."""
    done = Purged()
    with store.reading() as connection:
        found = whole_month.ended(connection, at)
        due = [(one, one.month) for one in found if one.month and _all_due(connection, one.month, rules, at)]
    for partition, month in due:
        try:
            with store.transaction() as transaction:
                went = _purge_month(transaction, partition, month, rules, order, at)
        except (_NotWhole, Unavailable) as error:  # then row by row, as far as it goes
            if isinstance(error, Unavailable) and error.code != "store.busy":
                raise
            continue
        done += went
        step(went.messages)
    return done


class _NotWhole(Exception):
    """Not all messages of a month can go now."""


def _all_due(connection: Connection, month: Month, rules: Sequence[Rule], at: datetime) -> bool:
    """Whether there is anything of a month that may go, and nothing that may not."""
    some = []
    for some in whole_month.unpurged(connection, month):
        if len(list(_fitting(rules, purging.candidates(connection, some), at))) < len(some):
            return False
    return bool(some)


def _purge_month(
    transaction: Transaction, partition: Partition, month: Month, rules: Sequence[Rule], order: Order, at: datetime
) -> Purged:
    """Record that all of a month goes, in as many entries as otherwise, and empty its partition. Errors: _NotWhole."""
    connection, done = transaction.connection, Purged()
    if not whole_month.hold_still(connection, partition):
        raise _NotWhole
    for some in whole_month.unpurged(connection, month):
        for batch in _batches(some):
            went = _purge_batch(transaction, rules, batch, order, at, by_row=False)
            if went.messages < len(batch):
                raise _NotWhole
            transaction.flush()
            done += went
    whole_month.empty(connection, partition)
    return done


def _purge_batch(
    transaction: Transaction,
    rules: Sequence[Rule],
    rows: Sequence[int],
    order: Order,
    at: datetime,
    *,
    by_row: bool = True,
) -> Purged:
    free = purging.lock_candidates(transaction, rows)
    # What is missing already is for an audit to find; a purge would cover it.
    damaged = purging.incomplete(transaction.connection, [one.row for one in free])
    found = list(_fitting(rules, [one for one in free if one.row not in damaged], at))
    done = Purged()
    for rule in sorted({rule for rule, _ in found}, key=lambda rule: rule.number):
        done += _purge_by(transaction, rule, [one for by, one in found if by == rule], order, at, by_row=by_row)
    return done


def _purge_by(
    transaction: Transaction, rule: Rule, some: Sequence[Candidate], order: Order, at: datetime, *, by_row: bool
) -> Purged:
    rows = [one.row for one in some]
    kept = purging.read_documents(transaction.connection, rows)
    removed = purging.weigh(transaction.connection, rows, (d for named in kept.values() for d in named.values()))
    before = {f"message {one.name}": kept[one.row] for one in some}
    act = record(transaction, order, at, Deed.RETENTION_PURGED, before, facts_of(rule, len(some), removed))
    if by_row:
        purging.remove(transaction, rows, removed.gone)
    purging.mark(transaction, rows, act, at)
    return Purged(len(some), len(removed.gone), sum(removed.gone.values()), len(removed.shared))


def facts_of(rule: Rule, messages: int, removed: Removed) -> Facts:
    """What an act says of a purge: its counts, the digest over the list of what went, and what stays as shared.

    The list is the hex digests in ascending order, each with a newline.
    """
    counts = {
        "messages": str(messages),
        "documents": str(len(removed.gone)),
        "bytes": str(sum(removed.gone.values())),
        "sha256": hashlib.sha256("".join(f"{d}\n" for d in sorted(removed.gone)).encode()).hexdigest(),
    }
    stays: Mapping[str, Mapping[str, str]] = {f"document {d}": {"kept": "shared"} for d in sorted(removed.shared)}
    return {f"rule {rule.name}": counts, **stays}


def hold(store: Store, kind: str, name: str, order: Order, at: datetime) -> int:
    """Keep a `message` (SENDER/ID), `case` or `document` number from every rule; says for how many it comes too late.

    Errors: Refused retention.held.
    """
    held = Hold(kind, name, order.reason, order.by, at)
    with store.transaction() as transaction:
        if not purging.add_hold(transaction, held):
            raise Refused("retention.held", got=name)
        record(transaction, order, at, Deed.RETENTION_HELD, {}, {f"hold {kind} {name}": {"reason": order.reason}})
        return purging.count_gone(transaction.connection, kind, name)


def release(store: Store, kind: str, name: str, order: Order, at: datetime) -> None:
    """End a hold. Errors: Refused retention.not-held."""
    with store.transaction() as transaction:
        ended = purging.take_hold(transaction, kind, name)
        if ended is None:
            raise Refused("retention.not-held", got=name)
        facts = {f"hold {kind} {name}": {"reason": ended.reason}}
        record(transaction, order, at, Deed.RETENTION_RELEASED, facts, {})
