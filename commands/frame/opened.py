"""Opens what a command works on and closes it again. Imported inside commands only: it pulls in all of `hub`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.frame.session import Session
from hub.administration.administered import NODE
from hub.hub import Hub, Rules, open_hub, open_store, read_rules, read_settings
from hub.store.store import Store


@contextmanager
def opened_store(session: Session) -> Iterator[Store]:
    """The data directory's database, to read or to change. Errors: Misconfigured settings.*, store.*."""
    store = open_store(session.folder, read_settings(session.folder), NODE)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_hub(session: Session) -> Iterator[Hub]:
    """The whole installation with its key, as `hub serve` would open it. Errors: Misconfigured."""
    hub = open_hub(session.folder, clock=session.clock, node=NODE)
    try:
        yield hub
    finally:
        hub.close()


def crl_folder(session: Session) -> Path:
    """The folder of revocation lists that the hub reads. Errors: Misconfigured settings.*"""
    return session.folder / read_settings(session.folder).trust.crl_folder


def rules_of(session: Session, store: Store) -> Rules:
    """Registry, trust, schemas and routing as they stand now, without the hub's key. Errors: Misconfigured."""
    return read_rules(session.folder, read_settings(session.folder), store)
