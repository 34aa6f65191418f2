"""Re-derives all that the database says from the bytes it keeps, and names what does not agree.

Shares with the writer only the hash rules (`hub.ledger.ledger`) and the readers of signed documents; believes nothing
that the database says of itself. Found: any change to a ledger entry, a document, a message, the outcome of a delivery
or its evidence, the record of an administrator's act, and any link between them that is missing; with a `LogStandard`
also all that `hub.audit.tree` finds. Not to be found from inside: entries cut off at the end together with all that
they record, and everything rewritten with the hub's own key; the words beside a refusal; the fields of the outbox that
`hub.audit.delivery` names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from hub.administration.administered import NODE, read_act
from hub.audit.chain import flaws
from hub.audit.documents import document_portions
from hub.audit.finding import Finding
from hub.audit.layout import check_layout
from hub.audit.links import link_portions
from hub.audit.log import LogStandard
from hub.audit.message import Standard
from hub.audit.messages import MessagePortion, message_portions
from hub.audit.portion import chain_portions
from hub.audit.purges import check_purges
from hub.audit.registry import check_registry
from hub.audit.report import Count, Looked, Report, Row, Seen, Told
from hub.audit.sharing import WORTH_IT, WORTH_IT_DEEP, Portion, Share, jobs_for, looked, sharing
from hub.audit.tree import check_tree, log_standard_of
from hub.errors import Misconfigured
from hub.ledger.ledger import Stored
from hub.message import Hop
from hub.registry.diff import facts
from hub.settings.settings import Settings
from hub.store import chain_holdings, holdings
from hub.store.plain_rows import as_stored
from hub.store.registry import read_anchors, read_registry, read_schemas
from hub.store.store import Store
from hub.store.whole_month import look_at_all
from hub.trust.certificate import split_certificates, thumbprint

Look = Callable[[Sequence[Portion[Looked]]], Iterator[Finding]]
"""Has portions looked at and gives what is wrong in them."""

__all__ = [
    "Finding",
    "LogStandard",
    "Report",
    "Row",
    "Standard",
    "audit",
    "audit_message",
    "log_standard",
    "own_certificates",
    "report",
    "standard_of",
]


def standard_of(folder: Path, settings: Settings, store: Store) -> Standard:
    """What to measure an installation by. The hub's certificates are read from files, not from the database on trial.

    Every certificate beside the hub's own counts, so that stamps from before a change of key can still be proven.
    Errors: Misconfigured key.unreadable, certificate.unreadable.
    """
    ders = own_certificates(folder, settings)
    return Standard(settings.hub, store.ledger_id, frozenset(map(thumbprint, ders)))


def log_standard(folder: Path, settings: Settings, store: Store, kept: Mapping[str, bytes]) -> LogStandard:
    """What to measure an installation's tree by, with checkpoints that were kept elsewhere; keys as in `standard_of`.

    Errors: Misconfigured key.unreadable, certificate.unreadable, note.*
    """
    return log_standard_of(folder, settings, store, own_certificates(folder, settings), kept)


def own_certificates(folder: Path, settings: Settings) -> list[bytes]:
    """The hub's certificate (DER) and, after it, those of the files beside it: the ones it had before.

    Errors: Misconfigured key.unreadable, certificate.unreadable.
    """
    place = folder / settings.certificate
    try:
        files = [place, *sorted({*place.parent.glob(f"*{place.suffix}")} - {place})]
        return [der for file in files for der in split_certificates(file.read_bytes())[:1]]
    except OSError as error:
        raise Misconfigured("key.unreadable", operator=str(error)) from None


def report(
    store: Store,
    standard: Standard,
    log: LogStandard | None = None,
    *,
    deep: bool = True,
    keep: int = 100,
    seen: Seen | None = None,
    jobs: int = 0,
) -> Report:
    """Audit as `audit` does and count; only the first `keep` findings are kept."""
    rows: Counter[Row] = Counter()
    kept: list[Finding] = []
    wrong = 0

    def note(row: Row, number: int) -> None:
        rows[row] += number
        if seen is not None:
            seen(row, number)

    for finding in audit(store, standard, note, log, deep=deep, jobs=jobs):
        wrong += 1
        if wrong <= keep:
            kept.append(finding)
    return Report(dict(rows), wrong, tuple(kept))


def audit(
    store: Store,
    standard: Standard,
    seen: Seen = lambda row, number: None,
    log: LogStandard | None = None,
    *,
    deep: bool = True,
    jobs: int = 0,
) -> Iterator[Finding]:
    """Yield everything that is wrong in one view of the database: chains first, each from its first entry on.

    With `log` also the tree; without `deep` only chains and tree, not what they record. `jobs` processes share
    the work; 0 leaves the number open. What is found does not depend on it.
    """
    try:
        with store.reading() as connection, as_stored(connection):
            look_at_all(connection)
            jobs = jobs or jobs_for(connection, WORTH_IT_DEEP if deep else WORTH_IT)
            with sharing(store, connection, jobs) as shares:
                in_order = True
                for finding in _check_chains(connection, shares, seen):
                    in_order = False
                    yield finding
                if log is not None:
                    yield from check_tree(connection, log, seen, shares)
                if deep:
                    look = partial(looked, shares, seen)
                    yield from _check_deep(connection, standard, look, in_order=in_order)
    except Misconfigured as error:  # a damaged file, wherever it shows
        yield Finding("audit.database", got=error.operator[:200] or error.code)


def _check_deep(connection: Connection, standard: Standard, look: Look, *, in_order: bool) -> Iterator[Finding]:
    yield from check_layout(connection)
    yield from look(link_portions(connection, standard.ledger, in_order=in_order))
    for node, sequence in chain_holdings.reasons_alone(connection):
        yield Finding("audit.refusal", "refusals", node=node, sequence=sequence)
    yield from _check_registry(connection)
    yield from look(document_portions(connection))
    yield from check_purges(connection)
    yield from look(message_portions(connection, standard))
    yield from _check_strays(connection)
    for words in holdings.integrity(connection):
        yield Finding("audit.database", got=words[:200])


def _check_chains(connection: Connection, shares: Sequence[Share], seen: Seen) -> Iterator[Finding]:
    """A quick look that only answers whether all is well; if not, a slow one that names entry and field."""
    told = Told(partial(seen, Row.ENTRY))
    if not any(_in_order(connection, share, told.anew()) for share in shares):
        yield from flaws(_noted(chain_holdings.chains(connection), told.anew()))


def _in_order(connection: Connection, share: Share, tell: Count) -> bool:
    portions = chain_portions(connection)
    if portions is None:
        return False
    for portion, answer in zip(portions, share(portions), strict=False):
        if not answer:
            return False
        tell(portion.rows)
    return True


def _noted(stored: Iterator[Stored], tell: Count) -> Iterator[Stored]:
    for one in stored:
        tell(1)
        yield one


def _check_registry(connection: Connection) -> Iterator[Finding]:
    """The registry is what its entries made it; an act that cannot be read was found with its entry."""
    acts = []
    for digest in chain_holdings.evidence_of(connection, NODE, Hop.ADMIN):
        with suppress(ValueError):
            acts.append(read_act(holdings.content(connection, digest) or b""))
    try:
        present = dict(facts(read_registry(connection)))
        present |= {f"authority {thumbprint(der)}": {"subject": name} for _, name, der in read_anchors(connection)}
        present |= {f"schema {package.token}": package.digests() for package in read_schemas(connection)}
    except (TypeError, ValueError, AttributeError, StopIteration) as error:
        yield Finding("audit.registry", got=type(error).__name__)
        return
    yield from check_registry(acts, present)


def _check_strays(connection: Connection) -> Iterator[Finding]:
    """Rows that belong to no message, and keys of messages that are not theirs."""
    deliveries, attachments = holdings.orphans(connection)
    for table, number in (("deliveries", deliveries), ("message_attachments", attachments)):
        if number:
            yield Finding("audit.orphan", table, "message", "0", str(number))
    if astray := holdings.keys_astray(connection):
        yield Finding("audit.message-key", "message_keys", "", "0", str(astray))


def audit_message(store: Store, standard: Standard, row: int) -> Iterator[Finding]:
    """Yield what is wrong with one message, its copies and its attachments; `row` is its row id."""
    with store.reading() as connection, as_stored(connection):
        yield from MessagePortion(row - 1, row, standard).look(connection).findings
