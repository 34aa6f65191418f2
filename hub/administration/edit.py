"""What an administrator changes in a running installation: registry, authorities, revocation lists, schemas.

Promises: a change happens whole or not at all, in one transaction, and never leaves an installation that would not
open again: the result is checked before it is stored, and of two changes at once the second is made to what the first
has left. With it goes a ledger entry: who, what, why, before and after.
A serving hub notices it by the registry's version. It asks nobody and shows nothing; what a change would do,
`hub.registry.diff` tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from hub.administration.administered import Deed, Facts
from hub.errors import Misconfigured
from hub.registry.diff import Change, diff, sides
from hub.registry.edit import added, department_of
from hub.registry.registry import Registry, check_registry
from hub.schema.lint import Finding, lint
from hub.schema.package import SchemaPackage
from hub.schema.schema import Schemas
from hub.store.administer import record
from hub.store.operate import Order
from hub.store.registry import (
    add_anchor,
    add_schema,
    hold_registry,
    read_anchors,
    read_enrolled,
    read_registry,
    read_schemas,
    remove_anchor,
    remove_schema,
    write_registry,
)
from hub.store.store import Store
from hub.trust.certificate import EnrolledCertificate, read_certificate, split_certificates
from hub.trust.chain import Authorities
from hub.trust.crl import RevocationList, read_crl
from hub.trust.crl_folder import crl_path, put_crl
from hub.trust.trust import Trust


def edit_registry(store: Store, change: Callable[[Registry], Registry], order: Order, at: datetime) -> list[Change]:
    """Apply `change` to the stored registry and return what is different now; no difference writes nothing.

    Errors: Misconfigured registry.*, and whatever `change` raises.
    """
    with store.transaction() as transaction:
        hold_registry(transaction.connection)
        before = read_registry(transaction.connection)
        after = change(before)
        changes = diff(before, after)
        if changes:
            check_registry(after)
            _keep_hub(store.hub_id, after)
            write_registry(transaction.connection, before, after)
            record(transaction, order, at, Deed.REGISTRY_CHANGED, *sides(before, after))
        return changes


def replace_registry(store: Store, shown: Registry, after: Registry, order: Order, at: datetime) -> list[Change]:
    """Put `after` in the place of `shown`, the state that somebody has looked at before saying yes.

    Errors: Misconfigured registry.moved if it is another by now, registry.*.
    """

    def change(before: Registry) -> Registry:
        if before != shown:
            raise Misconfigured("registry.moved")
        return after

    return edit_registry(store, change, order, at)


def _keep_hub(hub_id: str, after: Registry) -> None:
    """The hub signs its notices as a department; without that line none of them would leave."""
    own = next((d for d in after.departments if d.code == hub_id), None)
    if own is None or not own.enabled:
        raise Misconfigured("registry.hub-department", got=hub_id)


def enrol(store: Store, department: str, raw: bytes, trust: Trust, order: Order, at: datetime) -> EnrolledCertificate:
    """Enrol the first certificate of a PEM or DER text for a department; more after it are taken for its chain.

    Errors: Misconfigured certificate.*, registry.absent, registry.exists.
    """
    read = trust.check_new(split_certificates(raw)[0], at)
    line = EnrolledCertificate(department, read.der)

    def change(registry: Registry) -> Registry:
        department_of(registry, department)
        return added(registry, line)

    edit_registry(store, change, order, at)
    return line


def trust_authorities(store: Store, raw: bytes, order: Order, at: datetime) -> list[tuple[str, bool]]:
    """Trust every CA certificate in a PEM or DER text; gives each subject and whether it is new.

    Errors: Misconfigured certificate.unreadable, trust.not-authority.
    """
    members = Authorities(split_certificates(raw)).members
    with store.transaction() as transaction:
        hold_registry(transaction.connection)
        known = [(m, add_anchor(transaction.connection, m.subject[:200], m.der)) for m in members]
        added = {_authority(m.thumbprint): {"subject": m.subject[:200]} for m, new in known if new}
        if added:
            record(transaction, order, at, Deed.AUTHORITY_TRUSTED, {}, added)
        return [(m.subject, new) for m, new in known]


def distrust_authority(store: Store, mark: str, crls: Iterable[bytes], order: Order, at: datetime) -> list[str]:
    """Trust an authority no longer; returns the departments whose enrolled certificates it issued.

    Errors: Misconfigured trust.absent; trust.crl-foreign if a list in `crls` would have no signer left.
    """
    with store.transaction() as transaction:
        connection = transaction.connection
        hold_registry(connection)
        name = next((name for known, name, _ in read_anchors(connection) if known == mark), None)
        if name is None:
            raise Misconfigured("trust.absent", got=mark)
        remove_anchor(connection, mark)
        authorities = Authorities(der for _, _, der in read_anchors(connection))
        for crl in crls:
            read_crl(crl, authorities)
        record(transaction, order, at, Deed.AUTHORITY_DISTRUSTED, {_authority(mark): {"subject": name}}, {})
        return _issued_by(name, read_enrolled(connection))


def _authority(mark: str) -> str:
    return f"authority {mark}"


def _issued_by(name: str, enrolled: Iterable[EnrolledCertificate]) -> list[str]:
    return sorted({c.department for c in enrolled if read_certificate(c.der).issuer == name})


def keep_crl(store: Store, folder: Path, raw: bytes, order: Order, at: datetime) -> RevocationList:
    """Put a revocation list into the hub's `folder` of them, in the place of its authority's older one.

    Errors: Misconfigured trust.crl-unreadable, trust.crl-foreign, trust.crl-older.
    """
    with store.transaction() as transaction:
        hold_registry(transaction.connection)
        authorities = Authorities(der for _, _, der in read_anchors(transaction.connection))
        fresh = read_crl(raw, authorities)
        target = crl_path(folder, fresh)
        older = target.read_bytes() if target.exists() else b""
        if older and read_crl(older, authorities).this_update > fresh.this_update:
            raise Misconfigured("trust.crl-older", got=fresh.this_update.isoformat())
        before = _crl_facts(older, authorities) if older else {}
        record(transaction, order, at, Deed.CRL_KEPT, before, _crl_facts(raw, authorities))
        put_crl(target, raw)  # last: a list that cannot be written leaves no entry
    return fresh


def _crl_facts(raw: bytes, authorities: Authorities) -> Facts:
    read = read_crl(raw, authorities)
    values = {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "thisUpdate": read.this_update.isoformat(),
        "revoked": str(len(read.revoked)),
    }
    return {f"crl {read.issuer_name}": values}


def register_schema(store: Store, package: SchemaPackage, order: Order, at: datetime) -> Sequence[Finding]:
    """Register a schema unless its lint finds an error; the findings are returned either way.

    Errors: Misconfigured schema.token-taken.
    """
    with store.transaction() as transaction:
        hold_registry(transaction.connection)
        known = Schemas.builtin().with_registered(read_schemas(transaction.connection))
        if package.token in known.tokens():
            raise Misconfigured("schema.token-taken", got=package.token)
        findings = lint(package, known.owners())
        if not any(finding.error for finding in findings):
            known.with_registered([package])
            add_schema(transaction.connection, package)
            record(transaction, order, at, Deed.SCHEMA_REGISTERED, {}, {_schema(package.token): package.digests()})
        return findings


def forget_schema(store: Store, token: str, order: Order, at: datetime) -> None:
    """Forget a registered schema; messages of its type stay. Errors: Misconfigured schema.builtin, schema.unknown."""
    if token in Schemas.builtin().tokens():
        raise Misconfigured("schema.builtin", got=token)
    with store.transaction() as transaction:
        hold_registry(transaction.connection)
        known = {package.token: package for package in read_schemas(transaction.connection)}
        if not remove_schema(transaction.connection, token):
            raise Misconfigured("schema.unknown", got=token)
        record(transaction, order, at, Deed.SCHEMA_FORGOTTEN, {_schema(token): known[token].digests()}, {})


def _schema(token: str) -> str:
    return f"schema {token}"
