"""Acting as a department from the command line: its key, its certificate, the hub's address, and calls over SOAP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import click

from commands.frame.command import Session, option
from commands.frame.files import FILE

if TYPE_CHECKING:
    from connectors.exchange_client import ExchangeClient
    from hub.signing.signer import FileSigner

T = TypeVar("T")
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

_URL = option(
    "--url",
    zh="交换中心的地址（默认取 hub.yaml；也可用环境变量 HUB_URL）",
    en="the hub's address (default: by hub.yaml; or HUB_URL in the environment)",
    envvar="HUB_URL",
)
_TLS = (
    option(
        "--tls-ca",
        zh="HTTPS：信任的根证书（默认为本机所信任的；HUB_TLS_CA）",
        en="https: authorities to believe (default: this machine's; HUB_TLS_CA)",
        type=FILE,
        envvar="HUB_TLS_CA",
    ),
    option(
        "--tls-cert",
        zh="HTTPS：出示的客户端证书（HUB_TLS_CERT）",
        en="https: client certificate to show (HUB_TLS_CERT)",
        type=FILE,
        envvar="HUB_TLS_CERT",
    ),
    option(
        "--tls-key",
        zh="HTTPS：客户端证书的私钥（默认在证书文件内；HUB_TLS_KEY）",
        en="https: key of that certificate (default: in the same file; HUB_TLS_KEY)",
        type=FILE,
        envvar="HUB_TLS_KEY",
    ),
)
_KEYS = (
    option("--cert", zh="证书（默认与私钥同名的 .crt）", en="certificate (default: the key's name, .crt)", type=FILE),
    option(
        "--key",
        zh="私钥（默认 数据目录/departments/单位代码.key）",
        en="key (default DATA/departments/DEPT.key)",
        type=FILE,
    ),
)


@dataclass(frozen=True, slots=True)
class Https:
    """What https goes by, as the options say; no file is read before it is asked for."""

    ca: Path | None
    certificate: Path | None
    key: Path | None

    def context(self) -> ssl.SSLContext | None:
        """None for the machine's own authorities and no certificate.

        Errors: click.MissingParameter if there is a key alone; Misconfigured tls.*
        """
        from connectors.tls import client_context

        if self.key and not self.certificate:
            raise click.MissingParameter(param_hint="--tls-cert", param_type="option")
        named = {"--tls-ca": self.ca, "--tls-cert": self.certificate, "--tls-key": self.key or self.certificate}
        return client_context(*((name, path) if path else None for name, path in named.items()))


@dataclass(frozen=True, slots=True)
class Reach:
    """How to reach a hub, as the options say; nothing of it is read before it is asked for."""

    session: Session
    url: str | None
    https: Https
    key: Path | None = None
    cert: Path | None = None

    def address(self, path: str = "") -> str:
        """The address of a service, by default the exchange service, of the hub given or of the data directory.

        The hub is given by its own address or by that of its exchange service; any other path is a gateway's, and goes
        as it is.
        """
        from connectors.front_door import PATH
        from hub.hub import read_settings

        if not self.url:
            return read_settings(self.session.folder).public_url + (path or PATH)
        given = self.url.rstrip("/")
        hub = given.removesuffix(PATH)
        return self.url if urlsplit(hub).path and hub == given else hub + (path or PATH)

    def side(self, department: str) -> Side:
        """The department with its key. Errors: Misconfigured key.*, tls.*"""
        key = self.key or self.session.folder / "departments" / f"{department}.key"
        return Side(department, signer_in(key, self.cert or key.with_suffix(".crt")), self.https.context())


def signer_in(key: Path, certificate: Path) -> FileSigner:
    """What a department signs with. Errors: Misconfigured key.*, with how to make a key if there is none."""
    from hub.errors import Misconfigured
    from hub.signing.signer import FileSigner

    if not key.exists():
        raise Misconfigured("key.absent", where=key.name, operator=str(key))
    return FileSigner.load(key, certificate)


@dataclass(frozen=True, slots=True)
class Side:
    """One department, ready to sign and to call a hub."""

    department: str
    signer: FileSigner
    tls: ssl.SSLContext | None

    def call(self, url: str, work: Callable[[ExchangeClient], Coroutine[Any, Any, T]]) -> T:
        """Run `work` with an open client. Errors: ExchangeFault (a Refused) in the hub's words, Unavailable."""
        return call(url, work, self.tls, self.department, self.signer)


def by_https(function: _Decorated) -> _Decorated:
    """For a command that calls by https: --tls-ca, --tls-cert and --tls-key, which it gets as `https`."""

    @wraps(function)
    def run(session: Session, tls_ca: Path | None, tls_cert: Path | None, tls_key: Path | None, **rest: Any) -> Any:
        return function(session, https=Https(tls_ca, tls_cert, tls_key), **rest)

    for given in reversed(_TLS):
        run = given(run)
    return cast("_Decorated", run)


def reaching(function: _Decorated) -> _Decorated:
    """For a command that calls a hub: --url and --tls-*, which it gets as `reach`."""

    @wraps(function)
    def run(session: Session, url: str | None, https: Https, **rest: Any) -> Any:
        keys = {name: rest.pop(name) for name in ("key", "cert") if name in rest}
        return function(session, reach=Reach(session, url, https, **keys), **rest)

    return cast("_Decorated", _URL(by_https(run)))


def signing(function: _Decorated) -> _Decorated:
    """For a command that signs as a department: also --key and --cert."""
    run = reaching(function)
    for given in reversed(_KEYS):
        run = given(run)
    return run


def call(
    url: str,
    work: Callable[[ExchangeClient], Coroutine[Any, Any, T]],
    tls: ssl.SSLContext | None,
    department: str = "",
    signer: FileSigner | None = None,
) -> T:
    """Run `work` with a client that is closed afterwards. Submitting needs no signer: the envelope has its own."""
    from connectors.exchange_client import ExchangeClient

    async def run() -> T:
        async with ExchangeClient(url, cast("FileSigner", signer), department, tls=tls) as client:
            return await work(client)

    return asyncio.run(run())
