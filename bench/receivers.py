"""Receiving departments in a process of their own, over real SOAP, so that their work is not counted as the hub's."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.material import keys
from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.serving.http_server import address_of, bind, serve_on, stop_on_signals
from hub.signing.signer import FileSigner


@dataclass(frozen=True, slots=True)
class Receiving:
    """The address of each delivery service, and the process that serves them all."""

    addresses: dict[str, str]
    pid: int


@contextlib.contextmanager
def receivers(codes: list[str], folder: Path) -> Iterator[dict[str, str]]:
    """Run the departments `codes`; give the address of each delivery service."""
    with receiving(codes, folder) as running:
        yield running.addresses


@contextlib.contextmanager
def receiving(codes: list[str], folder: Path) -> Iterator[Receiving]:
    """As `receivers`, with the process."""
    for code in codes:
        made = keys(code)
        (folder / f"{code}.key").write_bytes(made.key_pem)
        (folder / f"{code}.crt").write_bytes(made.certificate_pem)
    command = [sys.executable, "-m", "bench.receivers", str(folder), *codes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            yield Receiving({code: f"{address}/dept/{code}/delivery/v1" for code in codes}, process.pid)
        finally:
            process.terminate()


async def _serve(folder: Path, codes: list[str]) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    departments = [
        PretendDepartment(code, FileSigner.load(folder / f"{code}.key", folder / f"{code}.crt")) for code in codes
    ]
    bound = bind("127.0.0.1", 0)
    print(address_of(bound), flush=True)
    await serve_on(bound, pretend_departments(departments), stop)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2:]))
