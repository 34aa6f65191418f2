"""The demo from curtain to curtain: found the city, start its processes, play the scenes, sum up.

Promises: every process has ended when `play` returns or raises, SIGTERM and SIGHUP included; whatever was claimed is in
`screen.claims`; the data directory is left as `hub serve` opens it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from demo import scene_ledger, scene_notice, scene_permit, scene_refused, scene_trace
from demo.documents import notice
from demo.names import CITY, CITY_OFFICE
from demo.people import City, Ports, found_city
from demo.processes import Berth, Child, Children, until_answering
from demo.screen import Screen
from demo.stage import Stage
from hub.errors import Misconfigured
from hub.hub import open_hub

MARK = ".made-by-hub-demo"
SLOW_SECONDS = ("1", "1.5")
_RECEIVERS = "receivers"


def clear(folder: Path) -> None:
    """Remove what an earlier demo left; a folder with anything else in it stays. Errors: Misconfigured demo.foreign."""
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise Misconfigured("demo.foreign", operator=str(folder))
        # Moved first: should removing stop half-way, no half of a data directory stands in its place.
        doomed = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
        folder.rename(doomed)
        shutil.rmtree(doomed)


def play(folder: Path, count: int, screen: Screen, clock: Callable[[], datetime]) -> City:
    """Play everything in `folder` (absent or empty) with `count` receivers. Errors: HubError; OSError."""
    berths = {name: Berth() for name in ("hub", _RECEIVERS, "returning", "absent")}
    folder = folder.absolute()
    with Children(folder, berths) as children:
        city = _found(folder, count, berths, screen, clock())
        stage = Stage(city, children, screen, clock)
        try:
            run(_play(stage))
            _check_left(stage)
        except Exception:
            _tell_logs(screen, children)
            raise
        if not screen.all_true:
            _tell_logs(screen, children)
    _sum_up(stage)
    return city


def _found(folder: Path, count: int, berths: dict[str, Berth], screen: Screen, at: datetime) -> City:
    port = {name: berth.port for name, berth in berths.items()}
    city = found_city(folder, count, Ports(port["hub"], port[_RECEIVERS], port["returning"], port["absent"]), at)
    (folder / MARK).touch()
    number = len(city.departments)
    screen.line(
        screen.session.phrase(
            f"{CITY}：{number} 个单位已登记，各有密钥与证书，用时 {screen.seconds:.1f} 秒；数据目录 {folder}",
            f"{CITY}: {number} departments registered, each with key and certificate, in {screen.seconds:.1f} s; "
            f"data directory {folder}",
        )
    )
    return city


async def _play(stage: Stage) -> None:
    with ended_by_signals():
        hub, _ = await _start(stage)
        document = notice(stage.city.signer(CITY_OFFICE.code), stage.clock())
        accepted = await scene_notice.play(stage, document)
        await scene_permit.play(stage)
        await scene_refused.play(stage, document, accepted)
        scene_trace.play(stage, document)
        scene_ledger.play(stage)
        stopped = await asyncio.to_thread(hub.stop)
        stage.screen.check("交换中心正常停止", "the hub stopped in order", 0, stopped)


async def _start(stage: Stage) -> tuple[Child, Child]:
    """Start the hub and the departments whose systems run; the others' ports stay closed."""
    cast, children = stage.city.cast, stage.children
    faults = {code: f"slow:{seconds}" for code, seconds in zip(cast.slow, SLOW_SECONDS, strict=False)}
    hub, receivers = children.serve(), children.receive(_RECEIVERS, cast.prompt, faults)
    await until_answering(hub, f"{stage.city.hub_url}/healthz")
    await until_answering(receivers, f"http://127.0.0.1:{stage.city.ports.prompt}/dept/{cast.usual[0]}/received")
    stage.screen.line(
        stage.screen.session.phrase(
            f"已启动：交换中心（进程 {hub.process.pid}，{stage.city.hub_url}）、"
            f"{len(cast.prompt)} 家收文系统（进程 {receivers.process.pid}）",
            f"started: the hub (process {hub.process.pid}, {stage.city.hub_url}), {len(cast.prompt)} receiving systems "
            f"(process {receivers.process.pid})",
        )
    )
    return hub, receivers


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; being cancelled by a signal is told as Ctrl-C is."""
    try:
        asyncio.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does, so that no process outlives it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # we are inside a coroutine
    numbers = (signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _check_left(stage: Stage) -> None:
    """Open what is left behind as `hub serve` would."""
    hub = open_hub(stage.city.folder)
    try:
        known = len(hub.rules.directory.departments)
    finally:
        hub.close()
    # The hub is a department of its own registry.
    stage.screen.check("数据目录可再次打开", "the data directory opens again", len(stage.city.departments) + 1, known)


def _tell_logs(screen: Screen, children: Children) -> None:
    for name, lines in children.tails():
        screen.line(f"--- {name}")
        for line in lines:
            screen.line(f"    {line}")


def _sum_up(stage: Stage) -> None:
    screen = stage.screen
    true, total = sum(claim.true for claim in screen.claims), len(screen.claims)
    screen.scene(
        f"共核对 {total} 项，{true} 项属实，全程 {screen.seconds:.1f} 秒。",
        f"{total} claims checked, {true} of them true, {screen.seconds:.1f} s in all.",
    )
