"""Acting as a department from the command line: its key, its certificate, the hub's address, and calls over SOAP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from commands.frame.command import Session, option
from commands.frame.files import FILE

if TYPE_CHECKING:
    from connectors.exchange_client import ExchangeClient
    from hub.signing.signer import FileSigner

T = TypeVar("T")
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

url_option = option(
    "--url", zh="交换中心的服务地址（默认取 hub.yaml）", en="the hub's service address (default: by hub.yaml)"
)
_key = option(
    "--key",
    zh="私钥（默认 数据目录/departments/单位代码.key）",
    en="key (default DATA/departments/DEPT.key)",
    type=FILE,
)
_certificate = option(
    "--cert", zh="证书（默认与私钥同名的 .crt）", en="certificate (default: the key's name, .crt)", type=FILE
)


def key_options(function: _Decorated) -> _Decorated:
    """The options of a command that signs as a department: --key, --cert, --url."""
    return _key(_certificate(url_option(function)))


@dataclass(frozen=True, slots=True)
class Side:
    """One department, ready to sign and to call a hub."""

    department: str
    signer: FileSigner

    def call(self, url: str, work: Callable[[ExchangeClient], Coroutine[Any, Any, T]]) -> T:
        """Run `work` with an open client. Errors: ExchangeFault (a Refused) in the hub's words, Unavailable."""
        return call(url, work, self.department, self.signer)


def side_of(session: Session, department: str, key: Path | None, cert: Path | None) -> Side:
    """The department with its key. Errors: Misconfigured key.*"""
    from hub.signing.signer import FileSigner

    key = key or session.folder / "departments" / f"{department}.key"
    return Side(department, FileSigner.load(key, cert or key.with_suffix(".crt")))


def hub_url(session: Session, url: str | None, path: str = "") -> str:
    """The address of a service: as given, or of the hub in the data directory, the exchange service by default."""
    if url:
        return url
    from connectors.front_door import PATH
    from hub.hub import read_settings

    return read_settings(session.folder).public_url + (path or PATH)


def call(
    url: str,
    work: Callable[[ExchangeClient], Coroutine[Any, Any, T]],
    department: str = "",
    signer: FileSigner | None = None,
) -> T:
    """Run `work` with a client that is closed afterwards. Submitting needs no signer: the envelope has its own."""
    from connectors.exchange_client import ExchangeClient

    async def run() -> T:
        async with ExchangeClient(url, cast("FileSigner", signer), department) as client:
            return await work(client)

    return asyncio.run(run())
