"""The bundle that the verbs are given: everything one installation knows, frozen.

`Rules` is what decisions are made by, without a database in reach; `Hub` adds the store, the key and the clock.
A change of the registry or of routing makes a new `Hub`; whoever serves swaps it between two messages.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.directory import Directory
from hub.errors import Misconfigured
from hub.parser import ParseLimits
from hub.routing.routing import Routing
from hub.schema.schema import Schemas
from hub.settings.file import load_settings
from hub.settings.settings import FILE, Settings
from hub.signing.signer import FileSigner, Signer
from hub.store.content.content import ContentStore, open_content
from hub.store.content.later import Later, nowhere
from hub.store.registry import read_registry, read_schemas, read_trusted, registry_version
from hub.store.store import Store
from hub.store.writer import Writer
from hub.trust.crl_folder import crl_files
from hub.trust.trust import Trust


def utc_now() -> datetime:
    """The wall clock, read here and nowhere else."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides about a message. `source` tells which state of registry and files it was read from."""

    settings: Settings
    trust: Trust
    schemas: Schemas
    routing: Routing
    directory: Directory
    parse_limits: ParseLimits
    source: str = ""

    @property
    def version(self) -> str:
        """Which schemas and routing decided, for the ledger."""
        return f"{self.schemas.version}/{self.routing.version}"


@dataclass(frozen=True, slots=True)
class Hub:
    """One installation, open. `chance` gives floats in [0, 1) for jitter; `content` holds large attachments."""

    settings: Settings
    store: Store
    writer: Writer
    signer: Signer
    rules: Rules
    clock: Callable[[], datetime] = utc_now
    chance: Callable[[], float] = random.random
    content: ContentStore = field(default_factory=lambda: Later(nowhere))

    @property
    def id(self) -> str:
        """The hub's own address; it is also a department, so that its notices are ordinary messages."""
        return self.settings.hub

    def close(self) -> None:
        """Finish waiting writes and close the database."""
        self.writer.close()
        self.store.close()


def read_settings(folder: Path) -> Settings:
    """The settings of a data directory. Errors: Misconfigured settings.*, config.*."""
    return load_settings(_read_text(folder / FILE, "settings.absent"))


def database_url(folder: Path, settings: Settings) -> str:
    """The database's URL; a relative SQLite path lies in the data directory."""
    prefix = "sqlite:///"
    path = settings.database[len(prefix) :]
    if settings.database.startswith(prefix) and not path.startswith("/"):
        return f"{prefix}{(folder / path).resolve()}"
    return settings.database


def database_file(folder: Path, settings: Settings) -> Path | None:
    """The SQLite file that the settings name; None for a database on a server."""
    place = database_url(folder, settings).removeprefix("sqlite:///")
    return Path(place) if settings.database.startswith("sqlite:///") else None


def open_store(folder: Path, settings: Settings, node: str = "", *, patient: bool = True) -> Store:
    """The database that the settings name; `node` is the chain that the caller will write.

    With `patient` a statement may take its time, as an audit's does. Errors: Misconfigured store.*, Unavailable store.*
    """
    pool = replace(settings.database_pool, statement_timeout=0) if patient else settings.database_pool
    return Store.open(database_url(folder, settings), node or settings.node, hub_id=settings.hub, pool=pool)


def open_hub(
    folder: Path, *, clock: Callable[[], datetime] = utc_now, node: str = "", settings: Settings | None = None
) -> Hub:
    """Open the installation in a data directory; `settings`: others than those in its `hub.yaml`.

    Errors: Misconfigured of whatever part is not right; Unavailable store.*
    """
    settings = settings or read_settings(folder)
    signer = FileSigner.load(folder / settings.key, folder / settings.certificate)
    store = open_store(folder, settings, node, patient=False)
    try:
        rules = read_rules(folder, settings, store)
    except BaseException:
        store.close()
        raise
    return Hub(settings, store, Writer(store), signer, rules, clock, content=open_content_later(folder, settings))


def open_content_later(folder: Path, settings: Settings) -> ContentStore:
    """Where large attachments lie; it is opened when it is first needed."""
    return Later(lambda: open_content(settings.content.place, folder))


def read_rules(folder: Path, settings: Settings, store: Store) -> Rules:
    """Registry, certificates, schemas and routing as they stand now. Errors: Misconfigured."""
    source = _source(folder, settings, store)
    with store.reading() as connection:
        registry = read_registry(connection)
        packages = read_schemas(connection)
        anchors, enrolled = read_trusted(connection)
    return Rules(
        settings=settings,
        trust=Trust.build(
            anchors=anchors,
            enrolled=enrolled,
            crls=[path.read_bytes() for path in crl_files(folder / settings.trust.crl_folder)],
            crl_grace=timedelta(seconds=settings.trust.crl_grace),
            require_crl=settings.trust.require_crl,
        ),
        schemas=Schemas.builtin().with_registered(packages),
        routing=Routing.load(_read_text(folder / settings.routing, "settings.unreadable")),
        directory=registry.directory(),
        parse_limits=ParseLimits(max_bytes=settings.limits.max_bytes),
        source=source,
    )


def refresh(hub: Hub, folder: Path) -> Hub:
    """The hub with its rules as they stand now; the same object if nothing changed since they were read."""
    if _source(folder, hub.settings, hub.store) == hub.rules.source:
        return hub
    return replace(hub, rules=read_rules(folder, hub.settings, hub.store))


def _source(folder: Path, settings: Settings, store: Store) -> str:
    with store.reading() as connection:
        version = registry_version(connection)
    files = [folder / settings.routing, *crl_files(folder / settings.trust.crl_folder)]
    return " ".join([version, *(f"{p.name}:{p.stat().st_mtime_ns}" for p in files if p.exists())])


def _read_text(path: Path, absent: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Misconfigured(absent, operator=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("settings.unreadable", where=path.name, operator=str(error)) from None
