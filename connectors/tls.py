"""TLS at both edges: what the hub shows and whom it believes.

Promises: TLS 1.2 or newer; files that cannot work are met before anything is served; files that change are read again,
and connections from before end. A broken certificate or key leaves those before it in use. Authorities that are taken
away count no longer, and while theirs is a file that cannot be read, nobody is believed. Host names of endpoints are
always checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from connectors.changing_context import ChangingContext
from hub.errors import Misconfigured
from hub.settings.settings import Settings

SOON = timedelta(days=30)
REFRESH_SECONDS = 1.0
State = tuple[int, int, int]
ABSENT: State = (0, 0, 0)

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}

log = logging.getLogger("hub.tls")


@dataclass(frozen=True, slots=True)
class Files:
    """The PEM files of one edge: each is the setting that names it, and its path; None if it is not set."""

    ca: tuple[str, Path] | None
    certificate: tuple[str, Path] | None
    key: tuple[str, Path] | None

    @classmethod
    def named(cls, folder: Path, **settings: tuple[str, str]) -> Files:
        """From settings and their values, which are relative to `folder`."""
        placed = {kind: (name, folder / value) if value else None for kind, (name, value) in settings.items()}
        return cls(**placed)

    def state(self) -> tuple[State, State, State]:
        """What changes when a file does: of authorities, certificate and key."""
        ca, certificate, key = (_state(one[1]) if one else ABSENT for one in (self.ca, self.certificate, self.key))
        return ca, certificate, key

    def load_into(self, context: ssl.SSLContext) -> None:
        """Read the files. Errors: Misconfigured tls.*; then `context` may have taken a part of them."""
        if self.ca is not None:
            where, path = self.ca
            try:
                context.load_verify_locations(cafile=path)
            except (OSError, ValueError) as error:
                raise Misconfigured("tls.unreadable", where=where, operator=f"{path}: {error}") from None
        if self.certificate is not None and self.key is not None:
            _read(*self.certificate)
            _read(*self.key)
            _load_pair(context, self.certificate, self.key)

    def expiring(self, at: datetime) -> Iterator[Misconfigured]:
        """Complain of certificates that have expired or soon will. A key in the same file is passed over.

        Errors: Misconfigured tls.unreadable.
        """
        for where, path in (one for one in (self.certificate, self.ca) if one):
            try:
                held = x509.load_pem_x509_certificates(_read(where, path))
            except ValueError as error:
                raise Misconfigured("tls.unreadable", where=where, operator=f"{path}: {error}") from None
            for until in (one.not_valid_after_utc for one in held):
                if until - at < SOON:
                    yield Misconfigured("tls.expiring", where=where, got=until.isoformat(), operator=str(path))


class Edge:
    """One context with the files that it was made of."""

    def __init__(self, files: Files, purpose: ssl.Purpose, verify: ssl.VerifyMode) -> None:
        self._files = files
        self._purpose = purpose
        self._verify = verify
        self._seen = files.state()
        self._believed = self._seen[0]
        self.wrong: Misconfigured | None = None
        """Why the files as they are now are not in use: tls.distrusting if nobody is believed meanwhile."""
        self.context = ChangingContext(self.made(files))

    def refresh(self) -> bool:
        """Read files that changed; say whether there were any.

        Errors: Misconfigured tls.*; then what was read before stays, but for authorities that changed: those count no
        longer.
        """
        state = self._files.state()
        if state == self._seen:
            return False
        self._seen = state
        try:
            made = self.made(self._files)
        except Misconfigured as wrong:
            self.wrong = self._judged(wrong, state[0])
            if self.wrong.code == "tls.distrusting":
                self.context.change_to(self._distrusting())
            raise self.wrong from None
        self.wrong, self._believed = None, state[0]
        self.context.change_to(made)
        return True

    def expiring(self, at: datetime) -> Iterator[Misconfigured]:
        """As of its files."""
        return self._files.expiring(at)

    def made(self, files: Files) -> ssl.SSLContext:
        """A context with these files. Errors: Misconfigured tls.*"""
        # Without authorities of its own an outgoing edge believes those of the machine.
        if self._purpose is ssl.Purpose.SERVER_AUTH and self._files.ca is None:
            context = ssl.create_default_context(self._purpose)
        else:
            server = self._purpose is ssl.Purpose.CLIENT_AUTH
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = self._verify
        context.set_alpn_protocols(["http/1.1"])
        files.load_into(context)
        return context

    def _judged(self, wrong: Misconfigured, authorities: State) -> Misconfigured:
        """The same trouble, or that nobody is believed: if authorities changed, those before may have been taken away.

        Once nobody is believed, that lasts until everything can be read.
        """
        already = self.wrong is not None and self.wrong.code == "tls.distrusting"
        if self._files.ca is None or (authorities == self._believed and not already):
            return wrong
        return Misconfigured("tls.distrusting", where=self._files.ca[0], operator=f"{wrong.where}: {wrong.operator}")

    def _distrusting(self) -> ssl.SSLContext:
        """A context that believes nobody; it shows its certificate if it can, for callers who need not show one."""
        with contextlib.suppress(Misconfigured):
            return self.made(replace(self._files, ca=None))
        return self.made(Files(None, None, None))


class TlsEdges:
    """Both edges of one process; an edge is None if nothing is set for it."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Errors: Misconfigured tls.*"""
        self.incoming = _incoming(folder, settings)
        self.outgoing = _outgoing(folder, settings)

    @property
    def wrong(self) -> tuple[tuple[str, str], ...]:
        """Of files that changed and are not in use: the code, and the setting that names the file."""
        return tuple((edge.wrong.code, edge.wrong.where) for edge in self._edges if edge.wrong is not None)

    @property
    def _edges(self) -> tuple[Edge, ...]:
        return tuple(edge for edge in (self.incoming, self.outgoing) if edge is not None)

    def expiring(self, at: datetime) -> list[Misconfigured]:
        """What should be renewed."""
        return [wrong for edge in self._edges for wrong in edge.expiring(at)]

    def warn(self, at: datetime) -> None:
        """Log what should be renewed."""
        try:
            for wrong in self.expiring(at):
                fields = {"code": wrong.code, "where": wrong.where, "until": wrong.got}
                log.warning("expiring", extra={"fields": fields})
        except Misconfigured as wrong:
            log.error("expiring", extra={"fields": {"code": wrong.code, "operator": wrong.operator}})

    def refresh(self, at: datetime) -> None:
        """Read what changed, and log it; what is broken is logged."""
        for edge in self._edges:
            try:
                if edge.refresh():
                    log.info("refreshed")
                    self.warn(at)
            except Misconfigured as wrong:
                fields = {"code": wrong.code, "where": wrong.where, "operator": wrong.operator}
                log.error("refresh", extra={"fields": fields})

    async def watch(self, clock: Callable[[], datetime]) -> None:
        """Say what should be renewed, then look every second whether a file changed, until it is cancelled."""
        self.warn(clock())
        while self._edges:
            await asyncio.sleep(REFRESH_SECONDS)
            self.refresh(clock())


def client_context(
    ca: tuple[str, Path] | None, certificate: tuple[str, Path] | None, key: tuple[str, Path] | None
) -> ssl.SSLContext | None:
    """What calls go by that show this certificate and believe these authorities; None if nothing is given.

    Each is what names the file, and its path. Errors: Misconfigured tls.*
    """
    if ca is None and certificate is None:
        return None
    return Edge(Files(ca, certificate, key), ssl.Purpose.SERVER_AUTH, ssl.CERT_REQUIRED).context.latest


def context_of(edge: Edge | None) -> ssl.SSLContext | None:
    """The context of an edge, if there is one."""
    return edge.context if edge is not None else None


def _incoming(folder: Path, settings: Settings) -> Edge | None:
    tls = settings.listen.tls
    if not tls.certificate:
        return None
    files = Files.named(
        folder,
        ca=("listen.tls.client_ca", tls.client_ca if tls.client != "none" else ""),
        certificate=("listen.tls.certificate", tls.certificate),
        key=("listen.tls.key", tls.key),
    )
    return Edge(files, ssl.Purpose.CLIENT_AUTH, _VERIFY[tls.client])


def _outgoing(folder: Path, settings: Settings) -> Edge | None:
    delivery = settings.delivery
    if not delivery.tls_ca and not delivery.tls_certificate:
        return None
    files = Files.named(
        folder,
        ca=("delivery.tls_ca", delivery.tls_ca),
        certificate=("delivery.tls_certificate", delivery.tls_certificate),
        key=("delivery.tls_key", delivery.tls_key),
    )
    return Edge(files, ssl.Purpose.SERVER_AUTH, ssl.CERT_REQUIRED)


def _load_pair(context: ssl.SSLContext, certificate: tuple[str, Path], key: tuple[str, Path]) -> None:
    try:
        # With an empty password an encrypted key is an error; without one it would be asked for at the terminal.
        context.load_cert_chain(certificate[1], key[1], password="")
    except ssl.SSLError as error:
        code = "tls.mismatch" if error.reason == "KEY_VALUES_MISMATCH" else "tls.unreadable"
        operator = f"{certificate[1]}, {key[1]}: {error}"
        raise Misconfigured(code, where=f"{certificate[0]}, {key[0]}", operator=operator) from None
    except (OSError, ValueError) as error:
        raise Misconfigured("tls.unreadable", where=key[0], operator=str(error)) from None


def _read(where: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured("tls.unreadable", where=where, operator=str(error)) from None


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return ABSENT
    # The time of change, unlike that of modification, cannot be set, and tells of rights too.
    return (found.st_ctime_ns, found.st_ino, found.st_size)
