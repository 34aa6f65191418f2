"""How fast one large attachment goes into and out of a serving hub, and how much memory the hub takes for it.

The hub is a process of its own; its resident set is read while the bytes pass. Run: python -m bench.bench_large
[MEGABYTES] [PLACE], where PLACE is as in `content.place`, such as s3://KEY:SECRET@HOST:PORT/BUCKET?secure=false.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from lxml import etree
from starlette.applications import Starlette

from bench.material import HUB, NOW, found_hub, keys
from connectors.attachments.client import AttachmentClient, Digested, digest_file
from connectors.attachments.door import AttachmentDoor
from connectors.front_door import front_door
from connectors.serving.http_server import address_of, bind
from hub import envelope
from hub.hub import open_content_later
from hub.message import Attachment, Header, Recipient
from hub.settings.listen import Listen
from hub.signing import signature

MEGABYTES = 1024
_LOOKS = 0.02


@dataclass(frozen=True, slots=True)
class Figures:
    """One way: megabytes a second, and by how many megabytes the process was above its rest at most."""

    rate: float
    above: float


def resident(process: int) -> float:
    """A process's resident set in megabytes."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


@contextlib.contextmanager
def watching(process: int) -> Iterator[list[float]]:
    """Look at a process's memory all the time; the list gets what was seen."""
    seen, stop = [resident(process)], threading.Event()

    def look() -> None:
        while not stop.wait(_LOOKS):
            seen.append(resident(process))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def serve(folder: str, place: str, told: multiprocessing.Queue[str]) -> None:
    """A hub with both doors, until it is killed."""
    hub = found_hub(Path(folder), {"d0": "http://127.0.0.1:9/d0"})
    bound = bind("127.0.0.1", 0)
    settings = replace(hub.settings, listen=Listen(*bound.getsockname()[:2]))
    settings = replace(settings, content=replace(settings.content, place=place))
    content = open_content_later(Path(folder), settings)
    hub = replace(hub, settings=settings, rules=replace(hub.rules, settings=settings), content=content)
    front = front_door(lambda: hub, lambda endpoints: None)
    app = Starlette(routes=[*front.routes, *AttachmentDoor(lambda: hub).routes])
    told.put(address_of(bound))
    server = uvicorn.Server(uvicorn.Config(app, loop="uvloop", http="httptools", log_config=None))
    asyncio.run(server.serve(sockets=[bound]))


def measured(process: int, size: int, work: object) -> Figures:
    """Run `work` and watch the process."""
    rest = resident(process)
    with watching(process) as seen:
        began = time.perf_counter()
        work()  # type: ignore[operator]
        took = time.perf_counter() - began
    return Figures(round(size / took / 2**20, 1), round(max(seen) - rest, 1))


def made(path: Path, megabytes: int) -> Digested:
    """A file of random bytes, so that no two parts are alike."""
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(2**20))
    return digest_file(path)


def submit(address: str, known: Digested) -> None:
    """Hand in the message that lists the attachment."""
    from connectors.exchange_client import ExchangeClient

    payload = etree.fromstring((Path(__file__).parent.parent / "examples" / "notice.xml").read_bytes())
    header = Header("large-1", "official-document-1", "sender", (Recipient("d0"),), NOW)
    line = Attachment("a1", "large.bin", "application/octet-stream", known.size, known.digest)
    raw = signature.sign(envelope.build(header, payload, [line]), keys("sender").signer)

    async def run() -> None:
        async with ExchangeClient(f"{address}/exchange/v1", keys("sender").signer, "sender") as client:
            await client.submit(raw)

    asyncio.run(run())


def main() -> None:
    """Measure both ways and print one line."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    place = sys.argv[2] if len(sys.argv) > 2 else "content"
    for code in (HUB, "sender", "d0"):
        keys(code)  # made before the other process is, so that both have them
    forked = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        told: multiprocessing.Queue[str] = forked.Queue()
        process = forked.Process(target=serve, args=(folder, place, told))
        process.start()
        try:
            address = told.get(timeout=60)
            assert process.pid is not None  # it runs
            print(json.dumps(report(process.pid, address, Path(folder), megabytes)))
        finally:
            process.kill()
            process.join()


def report(process: int, address: str, folder: Path, megabytes: int) -> dict[str, float]:
    """The figures of one run."""
    known = made(folder / "large", megabytes)
    sender = AttachmentClient(f"{address}/attachments/v1", keys("sender").signer, "sender")
    warm = made(folder / "small", 1)
    sender.upload(folder / "small", warm)  # what is loaded at the first call is no part of the measure
    incoming = measured(process, known.size, lambda: sender.upload(folder / "large", known))
    submit(address, known)
    recipient = AttachmentClient(f"{address}/attachments/v1", keys("d0").signer, "d0")
    link = recipient.link(known.digest)
    outgoing = measured(process, known.size, lambda: check(recipient, link, known))
    return {
        "megabytes": megabytes,
        "rest_mb": round(resident(process), 1),
        "in_mb_s": incoming.rate,
        "in_above_mb": incoming.above,
        "out_mb_s": outgoing.rate,
        "out_above_mb": outgoing.above,
    }


def check(recipient: AttachmentClient, link: str, known: Digested) -> None:
    """Download and compare, keeping nothing."""
    if recipient.digest_link(link) != known:
        raise RuntimeError(f"{HUB} gave other bytes")


if __name__ == "__main__":
    main()
