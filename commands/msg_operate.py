"""`hub msg resend` and `hub msg release`: an operator's word about deliveries. Each leaves an entry in the ledger."""

from __future__ import annotations

from commands.frame.command import Phrase, Session, argument, option, single
from commands.frame.order import order_of
from commands.frame.values import WORDS

reason_option = option(
    "--reason", "--why", zh="理由，记入账本所附的凭据", en="why; kept as evidence of the entry", default=""
)


@single(
    "resend",
    zh="向指定收件单位重新投递",
    en="Deliver a message to a recipient once more",
    examples=("hub msg resend OFFICE/m-1 --to WATER --reason 端点已修复", "hub msg resend m-1 --to WATER --again"),
)
@argument("id", zh="报文标识，或 发送方/报文标识", en="message id, or SENDER/ID")
@option("--to", zh="收件单位，以逗号分隔", en="recipients, with commas", type=WORDS, required=True)
@option("--again", zh="已送达的也再次投递", en="also if it was delivered already", is_flag=True)
@reason_option
def resend(session: Session, id: str, to: tuple[str, ...], again: bool, reason: str) -> None:
    """Resend to some recipients, all or none. Errors: Refused message.unknown, delivery.*"""
    from commands.frame.opened import opened_store, rules_of
    from commands.frame.pick import pick
    from hub.store import operate

    with opened_store(session) as store:
        rules, at = rules_of(session, store), session.clock()
        order = order_of(store.hub_id, reason)
        with store.transaction() as transaction:
            message = pick(transaction.connection, id)
            for recipient in to:
                operate.resend(
                    transaction,
                    message.sender,
                    message.message_id,
                    recipient,
                    rules.directory,
                    order,
                    at,
                    again=again,
                )
    said = Phrase(f"已安排向 {'、'.join(to)} 重新投递", f"it will be delivered to {', '.join(to)} again")
    session.done(said, sender=message.sender, messageId=message.message_id, resent=to)


@single(
    "release",
    zh="放行被暂存的报文",
    en="Let a held message go",
    examples=("hub msg release OFFICE/m-1", "hub msg release m-1 --to WATER --reason 已核准"),
)
@argument("id", zh="报文标识，或 发送方/报文标识", en="message id, or SENDER/ID")
@option("--to", zh="只放行给此收件单位", en="only to this recipient", default="")
@reason_option
def release(session: Session, id: str, to: str, reason: str) -> None:
    """Release what is held. Errors: Refused message.unknown, delivery.state."""
    from commands.frame.opened import opened_store
    from commands.frame.pick import pick
    from hub.store import operate

    with opened_store(session) as store, store.transaction() as transaction:
        message = pick(transaction.connection, id)
        order = order_of(store.hub_id, reason)
        number = operate.release_held(
            transaction, message.sender, message.message_id, order, session.clock(), recipient=to
        )
    said = Phrase(f"已放行，{number} 个收件单位", f"released to {number} recipients")
    session.done(said, sender=message.sender, messageId=message.message_id, released=number)
