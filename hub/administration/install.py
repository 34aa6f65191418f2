"""Makes a new installation: a data directory with settings, routing, database, keys and, if wanted, a demo CA.

Promises: the folder is complete or as it was before; a folder with anything in it is not touched. The hub itself is
the first department, because its notices are ordinary messages that it signs.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hub.administration.administered import NODE, Deed, Facts
from hub.administration.in_force import file_facts, read_files
from hub.codes import make_uscc
from hub.directory import SUPERVISION, Department, Right
from hub.errors import Misconfigured
from hub.hub import database_url, open_store
from hub.registry.diff import facts
from hub.registry.registry import Group, Registry, check_registry
from hub.settings.file import load_settings
from hub.settings.settings import FILE, Settings
from hub.settings.text import settings_text
from hub.signing.signer import FileSigner
from hub.store.administer import record
from hub.store.engine import has_password
from hub.store.operate import Order
from hub.store.partitions import make_ahead
from hub.store.registry import add_anchor, write_registry
from hub.store.store import Store
from hub.trust.ca import CRL_FILE, DemoCa
from hub.trust.certificate import EnrolledCertificate, split_certificates
from hub.trust.chain import Authorities
from hub.trust.crl import read_crl
from hub.trust.crl_folder import crl_path, put_crl
from hub.trust.trust import Trust
from hub.whole import whole_folder, write_private

CA_FOLDER = "ca"
DEPARTMENTS_FOLDER = "departments"
LONG = timedelta(days=365)
_PARTIAL = ".hub-install-"


@dataclass(frozen=True, slots=True)
class Identity:
    """The hub's own key with its certificate (and chain) and the authorities to trust, each PEM."""

    key: bytes = field(repr=False)
    certificate: bytes
    anchors: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What to install. No `identity`: a demo CA is made and issues it. No `uscc`: a placeholder of right form.

    No `database`: SQLite in the folder. A URL of PostgreSQL names an empty database, and may hold a password.
    """

    hub: str = "hub"
    name: str = "公文交换中心"
    division: str = "110000"
    uscc: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    identity: Identity | None = None
    database: str = field(default="", repr=False)

    def department(self) -> Department:
        """The hub as a department of its own registry. Errors: Misconfigured registry.*."""
        uscc = self.uscc or make_uscc(f"11{self.division[:6]}00000000")
        return Department(self.hub, self.name, uscc, self.division)


def install(folder: Path, plan: Plan, at: datetime, by: str = "", why: str = "") -> None:
    """Make a data directory at `folder`, which must be absent or empty; `by` and `why` stand in its first entry.

    Errors: Misconfigured install.*, registry.*, settings.*, key.*, certificate.*; OSError.
    """
    with whole_folder(folder, _PARTIAL) as partial:
        settings = _write_settings(partial, plan)
        for name in ("keys", DEPARTMENTS_FOLDER):
            (partial / name).mkdir(mode=0o700)
        (partial / settings.trust.crl_folder).mkdir()
        ca = DemoCa.create(f"演示 CA {plan.name}", at) if plan.identity is None else None
        identity = plan.identity or _issued(ca, plan, at)
        _write_identity(partial, settings, identity)
        if ca is not None:
            _keep_ca(partial, settings, ca, at)
        with _new_store(partial, settings, plan, at) as store:
            files = file_facts(read_files(partial, settings))
            _register(store, plan, identity, files, Order(plan.hub, by, why), at)


@contextmanager
def _new_store(folder: Path, settings: Settings, plan: Plan, at: datetime) -> Iterator[Store]:
    """A database with our tables, open; after an error the tables are gone again, wherever they were."""
    url = database_url(folder, settings)
    Store.create(url, hub_id=plan.hub, ledger_id=secrets.token_hex(16))
    try:
        make_ahead(url, at)
        store = open_store(folder, settings, NODE)
        try:
            yield store
        finally:
            store.close()
    except BaseException:
        Store.discard(url)
        raise


def default_routing() -> str:
    """The routing.yaml that comes with the program. Errors: Misconfigured install.no-routing."""
    source = Path(__file__).parent.parent.parent / "routing.yaml"
    for path in (source, Path(sys.prefix) / "share" / "hub" / "routing.yaml"):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise Misconfigured("install.no-routing", operator=str(source))


def _write_settings(folder: Path, plan: Plan) -> Settings:
    text = settings_text(plan.hub, plan.name, plan.host, plan.port, plan.public_url, plan.database)
    settings = load_settings(text)
    if has_password(plan.database):
        write_private(folder / FILE, text.encode())
    else:
        (folder / FILE).write_text(text, encoding="utf-8")
    (folder / settings.routing).write_text(default_routing(), encoding="utf-8")
    return settings


def _issued(ca: DemoCa | None, plan: Plan, at: datetime) -> Identity:
    assert ca is not None  # made whenever the plan brings no identity
    issued = ca.issue(plan.name, plan.hub, at - timedelta(minutes=5), days=5 * 365)
    return Identity(issued.key_pem, issued.certificate_pem, ca.certificate_pem)


def _write_identity(folder: Path, settings: Settings, identity: Identity) -> None:
    FileSigner.from_pem(identity.key, identity.certificate)
    write_private(folder / settings.key, identity.key)
    (folder / settings.certificate).write_bytes(identity.certificate)


def _register(store: Store, plan: Plan, identity: Identity, files: Facts, order: Order, at: datetime) -> None:
    """Write the first registry: the hub itself with its certificate, and what it has to be allowed."""
    authorities = Authorities(split_certificates(identity.anchors))
    trust = Trust.build([member.der for member in authorities.members], ())
    own = trust.check_new(split_certificates(identity.certificate)[0], at)
    start = Registry.of(
        departments=[plan.department()],
        groups=[Group(SUPERVISION, ())],
        rights=[Right(plan.hub, "*", "notice-1"), Right("*", "*", "receipt-1")],
        certificates=[EnrolledCertificate(plan.hub, own.der)],
    )
    check_registry(start)
    with store.transaction() as transaction:
        for member in authorities.members:
            add_anchor(transaction.connection, member.subject[:200], member.der)
        write_registry(transaction.connection, Registry(), start)
        trusted = {f"authority {item.thumbprint}": {"subject": item.subject[:200]} for item in authorities.members}
        record(transaction, order, at, Deed.INSTALLED, {}, {**trusted, **files, **facts(start)})


def _keep_ca(folder: Path, settings: Settings, ca: DemoCa, at: datetime) -> None:
    home = folder / CA_FOLDER
    home.mkdir(mode=0o700)
    ca.save(home, at, at + LONG)
    raw = (home / CRL_FILE).read_bytes()
    put_crl(crl_path(folder / settings.trust.crl_folder, read_crl(raw, Authorities(ca.anchors))), raw)
