"""Scene 4: the trace of one delivery, in the view of `hub msg trace`."""

from __future__ import annotations

from dataclasses import replace

from commands.frame.pick import paper
from commands.trace_view import Reply, view
from demo.documents import Document
from demo.names import CITY_OFFICE
from demo.stage import Stage
from hub.envelope import payload_of
from hub.hub import open_store, read_settings
from hub.message import Hop
from hub.parser import parse
from hub.store.trace import Traced, read_message


def play(stage: Stage, notice: Document) -> None:
    """Show what the notice went through on its way to the department that had been down."""
    code = stage.city.cast.returning
    name = stage.city.name(code)
    stage.screen.scene(f"四、追踪一次投递：{name}", f"4. The trace of one delivery: {name}")
    traced, replies = _read(stage, notice, code)
    if not stage.screen.session.json:
        view(stage.screen.session, traced, replies)
    kinds = [hop.kind for hop in traced.hops]
    expected = [Hop.ACCEPTED, Hop.ATTEMPT_FAILED, Hop.DELIVERED]
    stage.screen.check("接收、投递未成功、送达均有账目", "accepted, failed, delivered: all on record", expected,
                       list(dict.fromkeys(kinds)))  # fmt: skip
    said = [reply.says for reply in replies]
    stage.screen.check("签收回执可查", "its receipt is found", ["signedFor"], said)


def _read(stage: Stage, notice: Document, code: str) -> tuple[Traced, list[Reply]]:
    """The notice's trace, cut down to one recipient."""
    store = open_store(stage.city.folder, read_settings(stage.city.folder), "demo")
    try:
        with store.reading() as connection:
            found = read_message(connection, CITY_OFFICE.code, notice.message_id)
            assert found is not None  # scene 1 has seen it accepted
            replies = tuple(reply for reply in found.replies if reply.sender == code)
            says = [payload_of(parse(paper(connection, r))).findtext("{*}kind") for r in replies]
    finally:
        store.close()
    traced = replace(
        found,
        deliveries=tuple(copy for copy in found.deliveries if copy.recipient == code),
        hops=tuple(hop for hop in found.hops if hop.target == code or hop.kind is Hop.ACCEPTED),
        replies=replies,
    )
    return traced, [Reply(reply, str(kind or "")) for reply, kind in zip(replies, says, strict=True)]
