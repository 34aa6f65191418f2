"""Certificates for tests over TLS. OpenSSL goes by the machine's clock and the hub by the town's, so they suit both."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hub.trust.ca import DemoCa, Issued
from hub.trust.certificate import EnrolledCertificate
from tests.town import CENTURIES, START, Town, authority


@cache
def machine(*hosts: str) -> Issued:
    """A TLS certificate, for a server or a client, of the town's authority."""
    return authority().issue_tls(hosts, START - timedelta(days=1), CENTURIES)


@cache
def client(department: str) -> Issued:
    """A certificate by which a department shows who it is on a connection."""
    return authority().issue(f"{department} 系统", department, START - timedelta(days=1), CENTURIES)


@cache
def stranger() -> DemoCa:
    """An authority that nobody believes."""
    return DemoCa.create("陌生机构", START - timedelta(days=30), years=CENTURIES // 365)


def expired() -> Issued:
    """A TLS certificate whose days are over for every clock."""
    return authority().issue_tls(["127.0.0.1"], datetime(2020, 1, 1, tzinfo=UTC), 30)


def put(folder: Path, name: str, issued: Issued) -> tuple[Path, Path]:
    """Write certificate and key as PEM files."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(issued.certificate_pem)
    key.write_bytes(issued.key_pem)
    return certificate, key


def put_ca(folder: Path, ca: DemoCa | None = None) -> Path:
    """Write an authority's certificate; the town's unless told otherwise."""
    path = folder / ("stranger.pem" if ca else "ca.pem")
    path.write_bytes((ca or authority()).certificate_pem)
    return path


def caller(folder: Path, issued: Issued | None = None, ca: DemoCa | None = None) -> ssl.SSLContext:
    """How a client connects that believes the authority, showing its certificate if it has one."""
    context = ssl.create_default_context(cafile=put_ca(folder, ca))
    if issued is not None:
        context.load_cert_chain(*put(folder, "caller", issued))
    return context


def enrol(town: Town, departments: Iterable[str]) -> None:
    """Let the town know the certificates of `client`, besides those that sign."""
    added = [EnrolledCertificate(code, client(code).der) for code in departments]
    town.register(lambda registry: replace(registry, certificates=(*registry.certificates, *added)))
