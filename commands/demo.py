"""`hub demo`: the main job from end to end in a made-up city, with real processes, and every claim checked."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from commands.frame.command import ExitCode, Phrase, Session, option, single

if TYPE_CHECKING:
    from demo.people import City
    from demo.screen import Screen


@single(
    "demo",
    zh="从头到尾演示一遍：建一座虚构的城市，各单位收发公文与办件，逐项核对；有一项不符时退出码为 8",
    en="Show the main job from end to end: a made-up city whose departments exchange documents and cases; exit code 8 "
    "if a single claim proves false",
    examples=("hub demo --data demo-data", "hub demo --data demo-data --fresh --departments 20 --lang zh"),
)
@option("--departments", "count", zh="收件单位数", en="receiving departments", type=click.IntRange(6, 140), default=140)
@option("--fresh", zh="先删除上次演示留下的目录", en="remove first what an earlier demo left", is_flag=True)
def command(session: Session, count: int, fresh: bool) -> ExitCode:
    """Play it. Errors: Misconfigured install.not-empty, demo.*"""
    from demo.play import clear, play
    from demo.screen import Screen

    screen = Screen(session)
    if fresh:
        clear(session.folder)
    city = play(session.folder, count, screen, session.clock)
    _tell(session, screen, city)
    return ExitCode.OK if screen.all_true else ExitCode.CHECK_FAILED


def _tell(session: Session, screen: Screen, city: City) -> None:
    if session.json:
        claims = [{"claim": c.said, "true": c.true, "expected": c.expected, "got": c.got} for c in screen.claims]
        session.write_json({"true": screen.all_true, "seconds": round(screen.seconds, 3), "folder": session.folder,
                            "claims": claims})  # fmt: skip
        return
    session.line("")
    session.line(session.phrase("可以接着试：", "To try next:"))
    for words, said in _next(session, city):
        session.line(f"  {words}    # {said.by(session.lang)}")


def _next(session: Session, city: City) -> list[tuple[str, Phrase]]:
    from demo.documents import DOCUMENT_NUMBER, NOTICE_ID
    from demo.names import CITY_OFFICE
    from demo.scene_ledger import COPY

    hub = f"hub --data {shlex.quote(str(session.folder))}"
    copy = f"hub --data {shlex.quote(str(session.folder / COPY))}"
    absent, port = city.cast.absent, city.ports.absent
    return [
        (f"{hub} msg find '{DOCUMENT_NUMBER}'", Phrase("按发文字号查找", "find it by its document number")),
        (f"{hub} msg trace {CITY_OFFICE.code}/{NOTICE_ID}", Phrase("追踪通知", "trace the notice")),
        (f"{copy} ledger verify", Phrase("被改动的副本", "the copy that was tampered with")),
        (f"{hub} serve", Phrase("再次运行交换中心", "run this hub again")),
        (f"{hub} mock dept {absent} --port {port} --sign-for", Phrase("恢复仍在等待的单位", "bring up the last one")),
    ]
