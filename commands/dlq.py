"""`hub dlq`: dead letters, that is deliveries which were given up, and how to set them going again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.command import Phrase, Session, argument, column, noun, option
from commands.frame.order import order_of
from commands.frame.progress import progress
from commands.frame.words import said_of
from commands.msg_operate import reason_option

if TYPE_CHECKING:
    from hub.store.operate import Resent

GROUPS = (
    column("cause", "原因", "CAUSE"),
    column("said", "说明", "SAID"),
    column("endpoint", "端点", "ENDPOINT"),
    column("recipient", "收件单位", "RECIPIENT"),
    column("count", "数量", "COUNT"),
    column("oldest", "最早", "OLDEST"),
)
LETTERS = (
    column("ended", "停止时间", "GIVEN UP"),
    column("sender", "发送方", "SENDER"),
    column("messageId", "报文标识", "MESSAGE"),
    column("recipient", "收件单位", "RECIPIENT"),
    column("endpoint", "端点", "ENDPOINT"),
    column("attempts", "次数", "TRIES"),
    column("cause", "原因", "CAUSE"),
    column("expires", "有效期至", "EXPIRES"),
)
BATCH = 500
"""Dead letters set going in one transaction: a serving hub writes in between."""

command = noun("dlq", zh="死信：已停止投递的报文。", en="Dead letters: deliveries that were given up.")
_NONE = Phrase("没有死信", "there are no dead letters")


@command.verb("list", zh="按原因和端点汇总", en="Count them by cause and endpoint", examples=("hub dlq list",))
def list_groups(session: Session) -> None:
    """Count dead letters by cause."""
    from commands.frame.opened import opened_store
    from hub.store.trace import dead_letters

    with opened_store(session) as store, store.reading() as connection:
        found = dead_letters(connection)
    rows = [(d.cause, said_of(d.cause), d.endpoint, d.recipient, d.count, d.oldest) for d in found]
    session.table(GROUPS, rows, empty=_NONE)


@command.verb(
    "show",
    zh="列出某一原因或某一端点的死信",
    en="List those of one cause or endpoint",
    examples=("hub dlq show delivery.unreachable", "hub dlq show WATER --most 500"),
)
@argument("of", zh="原因代码或端点代码", en="a cause or an endpoint", required=False)
@option("--most", zh="最多条数", en="at most so many", type=click.IntRange(1, 10_000), default=100)
def show(session: Session, of: str | None, most: int) -> None:
    """List dead letters one by one, oldest first."""
    from commands.frame.opened import opened_store
    from hub.store.operate import list_dead

    with opened_store(session) as store, store.reading() as connection:
        found = list_dead(connection, of or "", most)
    rows = [(d.ended, d.sender, d.message_id, d.recipient, d.endpoint, d.attempts, d.cause, d.expires) for d in found]
    session.table(LETTERS, rows, empty=_NONE)


@command.verb(
    "resend",
    zh="将死信重新投递：按原因、按端点，或全部",
    en="Set dead letters going again: of a cause, of an endpoint, or all",
    examples=(
        "hub dlq resend --endpoint WATER --reason 端点已修复",
        "hub dlq resend --cause delivery.unreachable",
        "hub dlq resend --all --yes",
    ),
)
@option("--cause", zh="只限此原因", en="only of this cause", default="")
@option("--endpoint", zh="只限此端点", en="only of this endpoint", default="")
@option("--all", "every", zh="全部死信", en="all of them", is_flag=True)
@reason_option
@option("--yes", zh="不再询问", en="do not ask", is_flag=True)
def resend(session: Session, cause: str, endpoint: str, every: bool, reason: str, yes: bool) -> None:
    """Resend dead letters; those whose message has expired stay. Errors: click.Abort."""
    from commands.frame.opened import opened_store
    from hub.store.trace import dead_letters

    if every == bool(cause or endpoint):
        raise click.BadParameter("--cause | --endpoint | --all", param_hint="--cause / --endpoint / --all")
    with opened_store(session) as store, store.reading() as connection:
        groups = dead_letters(connection)
    number = sum(g.count for g in groups if cause in ("", g.cause) and endpoint in ("", g.endpoint))
    if not number:
        session.done(_NONE, resent=0, expired=0)
        return
    if not yes:
        session.confirm(Phrase(f"将重新投递 {number} 件，确定吗？", f"Resend {number} dead letters?"))
    done = _resend(session, cause, endpoint, reason, number)
    left = done.expired
    stay_zh = f"；{left} 件已过有效期或正文已清理，未处理" if left else ""
    stay_en = f"; {left} have expired or were purged, and stay" if left else ""
    session.done(
        Phrase(f"已安排重新投递 {done.resent} 件{stay_zh}", f"{done.resent} will be delivered again{stay_en}"),
        resent=done.resent,
        expired=done.expired,
    )


def _resend(session: Session, cause: str, endpoint: str, reason: str, number: int) -> Resent:
    from commands.frame.opened import opened_store, rules_of
    from hub.store.operate import Resent, resend_dead

    resent = expired = 0
    with opened_store(session) as store, progress(session, number, Phrase("重新投递", "resending")) as step:
        directory, order = rules_of(session, store).directory, order_of(store.hub_id, reason)
        after, more = 0, True
        while more:
            with store.transaction() as transaction:
                some, after = resend_dead(
                    transaction,
                    directory,
                    order,
                    session.clock(),
                    cause=cause,
                    endpoint=endpoint,
                    after=after,
                    most=BATCH,
                )
            resent, expired, more = resent + some.resent, expired + some.expired, after > 0
            step(some.resent + some.expired)
    return Resent(resent, expired)
