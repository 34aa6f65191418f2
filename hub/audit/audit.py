"""Re-derives all that the database says from the bytes it keeps, and names what does not agree.

Shares with the writer only the hash rules (`hub.ledger.ledger`) and the readers of signed documents; believes nothing
that the database says of itself. Found: any change to a ledger entry, a document, a message, the outcome of a delivery
or its evidence, the record of an administrator's act, and any link between them that is missing; with a `LogStandard`
also all that `hub.audit.tree` finds. Not to be found from inside: entries cut off at the end together with all that
they record, and everything rewritten with the hub's own key; the words beside a refusal; the fields of the outbox that
`hub.audit.delivery` names.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection

from hub.administration.administered import NODE, read_act
from hub.audit.act import check_act
from hub.audit.chain import flaws
from hub.audit.delivery import Read, check_deliveries
from hub.audit.evidence import Evidence, keeps_evidence, read_evidence
from hub.audit.finding import Finding, differing
from hub.audit.held import Held
from hub.audit.layout import check_layout
from hub.audit.log import LogStandard
from hub.audit.message import Standard, accepted_entry, check_list, check_message, check_record
from hub.audit.portion import chain_portions
from hub.audit.purged import ReadAct
from hub.audit.purges import act_reader, check_purges, may_miss
from hub.audit.registry import check_registry
from hub.audit.report import Count, Report, Row, Seen, Told
from hub.audit.sharing import Share, jobs_for, sharing
from hub.audit.tree import check_tree, log_standard_of
from hub.errors import Misconfigured
from hub.ledger.ledger import Entry, Stored
from hub.message import Hop
from hub.registry.diff import facts
from hub.schema.schema import Schemas
from hub.settings.settings import Settings
from hub.store import holdings
from hub.store.registry import read_anchors, read_registry, read_schemas
from hub.store.store import Store
from hub.store.sweeping import uploaded
from hub.store.whole_month import look_at_all
from hub.trust.certificate import split_certificates, thumbprint

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

_OF_NO_MESSAGE = frozenset({Hop.REFUSED, Hop.ADMIN})


def standard_of(folder: Path, settings: Settings, store: Store) -> Standard:
    """What to measure an installation by. The hub's certificates are read from files, not from the database on trial.

    Every certificate beside the hub's own counts, so that stamps from before a change of key can still be proven.
    Errors: Misconfigured key.unreadable, certificate.unreadable.
    """
    ders = own_certificates(folder, settings)
    return Standard(settings.hub, store.ledger_id, Schemas.builtin(), frozenset(map(thumbprint, ders)))


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

    With `log` also the tree; without `deep` only chains and tree, not what they record. `jobs` processes look at chains
    and leaves; 0 leaves the number open. What is found does not depend on it.
    """
    try:
        with store.reading() as connection, holdings.as_stored(connection):
            look_at_all(connection)
            with sharing(store, connection, jobs or jobs_for(connection)) as shares:
                yield from _check_chains(connection, shares, seen)
                if log is not None:
                    yield from check_tree(connection, log, seen, shares)
            if deep:
                yield from _check_deep(connection, standard, seen)
    except Misconfigured as error:  # a damaged file, wherever it shows
        yield Finding("audit.database", got=error.operator[:200] or error.code)


def _check_deep(connection: Connection, standard: Standard, seen: Seen) -> Iterator[Finding]:
    yield from check_layout(connection)
    yield from _check_links(connection, standard, seen)
    yield from _check_registry(connection)
    yield from _check_documents(connection, seen)
    yield from check_purges(connection)
    yield from _check_messages(connection, standard, seen)
    for words in holdings.integrity(connection):
        yield Finding("audit.database", got=words[:200])


def _check_chains(connection: Connection, shares: Sequence[Share], seen: Seen) -> Iterator[Finding]:
    """A quick look that only answers whether all is well; if not, a slow one that names entry and field."""
    told = Told(partial(seen, Row.ENTRY))
    if not any(_in_order(connection, share, told.anew()) for share in shares):
        yield from flaws(_noted(holdings.chains(connection), told.anew()))


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
    for digest in holdings.evidence_of(connection, NODE, Hop.ADMIN):
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


def _check_links(connection: Connection, standard: Standard, seen: Seen) -> Iterator[Finding]:
    """Each entry belongs to this ledger, names a message that is there, and its evidence or reasons are kept."""
    for batch in holdings.chain_batches(connection):
        yield from _check_named(connection, batch, standard)
        for node, entries in groupby(batch, key=lambda entry: entry.node):
            yield from _check_reasons(connection, node, list(entries), seen)
    for node, sequence in holdings.reasons_alone(connection):
        yield Finding("audit.refusal", "refusals", node=node, sequence=sequence)


def _check_named(connection: Connection, batch: Sequence[Entry], standard: Standard) -> Iterator[Finding]:
    known = holdings.known_messages(connection, {entry.message_id for entry in batch if entry.message_id})
    evidence = {e.evidence.hex() for e in batch if keeps_evidence(e)}
    kept = holdings.kept(connection, evidence)
    for entry in batch:
        place = (entry.node, entry.sequence)
        if entry.ledger != standard.ledger:
            yield Finding("audit.chain", "", "ledger", standard.ledger, entry.ledger, *place)
        what = f"{entry.sender}/{entry.message_id}"
        if entry.kind not in _OF_NO_MESSAGE and (entry.sender, entry.message_id) not in known:
            yield Finding("audit.entry-message", what, "message_id", "", entry.message_id, *place)
        if keeps_evidence(entry) and entry.evidence.hex() not in kept:
            yield Finding("audit.document-missing", what, "evidence", entry.evidence.hex(), "", *place)
        elif entry.kind == Hop.ADMIN:
            yield from check_act(entry, holdings.content(connection, entry.evidence.hex()) or b"")


def _check_reasons(connection: Connection, node: str, entries: list[Entry], seen: Seen) -> Iterator[Finding]:
    refused = [entry for entry in entries if entry.kind == Hop.REFUSED]
    if not refused:
        return
    rows = holdings.reasons(connection, node, refused[0].sequence, refused[-1].sequence)
    seen(Row.REFUSAL, len(rows))
    for entry in refused:
        row = rows.get(entry.sequence)
        if row is None:
            yield Finding("audit.refusal", "refusals", node=node, sequence=entry.sequence)
            continue
        what = f"{node}/{entry.sequence}"
        yield from differing("audit.refusal", what, {"at_us": entry.time_us, "code": entry.detail}, row)


def _check_documents(connection: Connection, seen: Seen) -> Iterator[Finding]:
    for digest, content in holdings.contents(connection):
        seen(Row.DOCUMENT, 1)
        got = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else type(content).__name__
        if got != digest:
            yield Finding("audit.document", digest, "content", digest, got)


def audit_message(store: Store, standard: Standard, row: int) -> Iterator[Finding]:
    """Yield what is wrong with one message, its copies and its attachments; `row` is its row id."""
    with store.reading() as connection, holdings.as_stored(connection):
        read, acts = _evidence_reader(connection, standard), act_reader(connection)
        for held in holdings.held_messages(connection, row):
            yield from _check_held(connection, held, standard, read, acts)


def _check_messages(connection: Connection, standard: Standard, seen: Seen) -> Iterator[Finding]:
    read, acts = _evidence_reader(connection, standard), act_reader(connection)
    for held in holdings.held_messages(connection):
        yield from _check_held(connection, held, standard, read, acts)
        seen(Row.MESSAGE, 1)
        seen(Row.DELIVERY, len(held.deliveries))
    deliveries, attachments = holdings.orphans(connection)
    for table, number in (("deliveries", deliveries), ("message_attachments", attachments)):
        if number:
            yield Finding("audit.orphan", table, "message", "0", str(number))
    if astray := holdings.keys_astray(connection):
        yield Finding("audit.message-key", "message_keys", "", "0", str(astray))


def _check_held(connection: Connection, held: Held, standard: Standard, read: Read, acts: ReadAct) -> Iterator[Finding]:
    raw = holdings.content(connection, str(held.message["digest"]), held.message["id"])
    beside = {str(row["digest"]) for row in held.beside}
    missing = beside - holdings.kept(connection, beside, held.message["id"])
    if missing:
        missing -= uploaded(connection, held.message["id"])
    purged = may_miss(connection, held, acts) if raw is None or missing else ()
    if raw is None and held.message["digest"] in purged:
        yield from check_record(held, standard)
    else:
        yield from check_message(held, raw, standard)
    yield from check_deliveries(held, read)
    accepted = accepted_entry(held)
    if accepted is not None and accepted.evidence:
        yield from check_list(held, holdings.content(connection, accepted.evidence.hex()))
    for digest in missing.difference(purged):
        yield Finding("audit.document-missing", str(held.message["message_id"]), "attachment", digest)


def _evidence_reader(connection: Connection, standard: Standard) -> Read:
    @lru_cache(maxsize=64)  # one confirmation of a mailbox is the evidence of many deliveries
    def read(digest: str) -> Evidence | None:
        raw = holdings.content(connection, digest)
        return None if raw is None else read_evidence(raw, standard.schemas)

    return read
