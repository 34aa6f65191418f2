"""Puts on record what decides and stands in files: the texts of routing.yaml and hub.yaml, before and after.

Promises: whoever wrote a file, its new text is in the ledger soon after a hub goes by it, once however many nodes go by
it; passwords never are. A hub whose ledger does not begin with its installation is not followed, as in an audit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from hub.administration.administered import NODE, Deed, Facts, read_act
from hub.errors import Misconfigured
from hub.message import Hop
from hub.routing.routing import Routing
from hub.settings.settings import FILE, Settings
from hub.settings.text import without_passwords
from hub.store import chain_holdings, holdings
from hub.store.administer import record
from hub.store.operate import Order
from hub.store.store import Store
from hub.whole import replace_whole

_TEXT = "text"


def read_files(folder: Path, settings: Settings, names: Sequence[str] = ()) -> dict[str, str]:
    """The texts of hub.yaml and routing.yaml, or of those named; one that is not there or not text is left out.

    A hub.yaml in which a password stands where no password is looked for is left out too.
    """
    found = {}
    for name in names or (FILE, settings.routing):
        try:
            text = (folder / name).read_text(encoding="utf-8")
            found[name] = without_passwords(text) if name == FILE else text
        except (OSError, UnicodeDecodeError, Misconfigured):
            continue
    return found


def file_facts(texts: Mapping[str, str]) -> Facts:
    """Texts by name as an act holds them."""
    return {_item(name): {_TEXT: text} for name, text in texts.items()}


def unrecorded(connection: Connection, texts: Mapping[str, str]) -> list[str]:
    """Those of these files whose text is not the last on record."""
    known = _recorded(connection)
    return [] if known is None else [name for name, text in texts.items() if known.get(_item(name)) != text]


def put_on_record(store: Store, texts: Mapping[str, str], order: Order, at: datetime) -> list[str]:
    """Record what is not yet, and return the names. Errors: Unavailable store.*"""
    with store.reading() as connection:
        if not unrecorded(connection, texts):
            return []
    own = Store.open(store.address, NODE)
    try:
        with own.transaction() as transaction:
            transaction.hold_chain()  # another node may be at it
            known = _recorded(transaction.connection) or {}
            names = unrecorded(transaction.connection, texts)
            for name in names:
                before = {_item(name): {_TEXT: known[_item(name)]}} if _item(name) in known else {}
                record(transaction, order, at, Deed.FILE_CHANGED, before, file_facts({name: texts[name]}))
            return names
    finally:
        own.close()


def apply_routing(store: Store, place: Path, text: str, order: Order, at: datetime) -> bool:
    """Put a text in the place of a routing.yaml, with an entry; False if it is there already.

    `store` writes the chain of administrators' acts. Errors: Misconfigured routing.*; Unavailable store.*; OSError.
    """
    Routing.load(text)
    before = read_files(place.parent, Settings(store.hub_id), [place.name])
    after = {place.name: text}
    if before == after:
        return False
    with store.transaction() as transaction:
        record(transaction, order, at, Deed.FILE_CHANGED, file_facts(before), file_facts(after))
        replace_whole(place, text.encode())
    return True


def _recorded(connection: Connection) -> dict[str, str] | None:
    """Texts by item as the acts left them; None if the ledger does not begin with an installation."""
    begun = False
    texts: dict[str, str] = {}
    for deed in (Deed.INSTALLED, Deed.FILE_CHANGED):
        for _, digest in chain_holdings.evidence_places(connection, NODE, Hop.ADMIN, deed):
            begun = True
            try:
                act = read_act(holdings.content(connection, digest) or b"")
            except ValueError:
                continue  # an audit tells of it
            texts |= {item: facts[_TEXT] for item, facts in act.after.items() if _TEXT in facts}
    return texts if begun else None


def _item(name: str) -> str:
    return f"file {name}"
