"""The six operations of exchange-1.wsdl: parameters in, one of the hub's verbs, the response element out.

Promises: nothing is decided here. What cannot even be read as a call is recorded as a refusal like any other.
It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from connectors.soap import writer as write
from connectors.soap.answered import Answered
from connectors.soap.parameters import DOCUMENT_READERS, Parameters, attachments
from connectors.soap.soap import EXCHANGE, Version, read_call, wrapped
from hub import mailbox
from hub.accept import accept, refuse
from hub.errors import Refused
from hub.hub import Hub
from hub.message import Consignment
from hub.parser import ParseLimits
from hub.proof import write_time
from hub.store.trace import StoredDelivery

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call handed in: a document, the attachments beside it, and the form it came or shall go in.

    `certificate` is the connection's (DER), if it may prove who calls.
    """

    document: bytes
    form: str
    beside: dict[str, bytes]
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a known operation."""

    operation: str
    version: Version
    asked: Asked


@dataclass(frozen=True, slots=True)
class Result:
    """The fields inside an operation's result element."""

    fields: tuple[bytes, ...]
    sender: str = ""
    message_id: str = ""
    count: int | None = None
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """How one operation reads its parameters, and what it does with them."""

    read: Callable[[Parameters], Asked]
    run: Callable[[Hub, Asked], Awaitable[Result]]


async def perform(hub: Hub, body: bytes, content_type: str, certificate: bytes = b"") -> Answered:
    """Carry out the call in an HTTP body; `certificate` (DER) is the connection's, if it may prove who calls.

    Errors: Refused, with the refusal on record; Unavailable; Misconfigured.
    """
    try:
        call = read(body, content_type, wrapped(hub.rules.parse_limits))
    except Refused as refusal:
        await _record(hub, body, refusal)
        raise
    result = await OPERATIONS[call.operation].run(hub, replace(call.asked, certificate=certificate))
    fields = [write.element(f"{call.operation}Result", *result.fields)]
    return Answered(
        operation=call.operation,
        content=write.wrapper(EXCHANGE, f"{call.operation}Response", fields),
        version=call.version,
        sender=result.sender,
        message_id=result.message_id,
        count=result.count,
        endpoints=result.endpoints,
    )


def read(body: bytes, content_type: str, limits: ParseLimits) -> Call:
    """What an HTTP body asks for; its tree is gone when this returns. Errors: Refused soap.*, mime.*, xml.*"""
    spoken = read_call(body, content_type, EXCHANGE, limits)
    operation = OPERATIONS.get(spoken.name)
    if operation is None:
        raise Refused("soap.operation", expected=", ".join(OPERATIONS), got=spoken.name[:100])
    return Call(spoken.name, spoken.version, operation.read(Parameters.of(spoken)))


def _read_submitted(form: str, parameters: Parameters) -> Asked:
    return Asked(DOCUMENT_READERS[form](parameters, "document"), form, attachments(parameters))


def _read_request(parameters: Parameters) -> Asked:
    form = parameters.text("form", "") or "xml"
    if form not in write.DOCUMENT_WRITERS:
        raise Refused("soap.parameter", where="form", expected="xml, text, binary", got=form[:40])
    return Asked(parameters.document("request"), form, {})


async def _submit(hub: Hub, asked: Asked) -> Result:
    receipt = await accept(hub, asked.document, asked.beside)
    fields = (
        write.text("messageId", receipt.message_id),
        write.text("digest", receipt.digest),
        write.text("acceptedAt", write_time(receipt.accepted_at)),
        write.text("replayed", "true" if receipt.replayed else "false"),
        write.DOCUMENT_WRITERS[asked.form]("stamp", receipt.stamp),
    )
    return Result(fields, receipt.sender, receipt.message_id, endpoints=receipt.endpoints)


async def _fetch(hub: Hub, asked: Asked) -> Result:
    fetched = await _proven(hub, asked, mailbox.fetch(hub, asked.document, asked.certificate))
    items = [_item(one.consignment, fetched.until, asked.form) for one in fetched.leased]
    department = fetched.leased[0].consignment.recipient if fetched.leased else ""
    fields = (write.text("more", "true" if fetched.more else "false"), write.element("items", *items))
    return Result(fields, department, count=len(items))


def _item(consignment: Consignment, until: datetime, form: str) -> bytes:
    suffix = {"xml": "", "text": "Text", "binary": "Binary"}[form]
    document = write.DOCUMENT_WRITERS[form]
    return write.element(
        "item",
        write.text("deliveryId", str(consignment.delivery_id)),
        write.text("sender", consignment.sender),
        write.text("messageId", consignment.message_id),
        write.text("type", consignment.type),
        write.text("role", consignment.role),
        write.text("digest", consignment.digest),
        write.text("leaseUntil", write_time(until)),
        document(f"envelope{suffix}", consignment.envelope),
        document(f"stamp{suffix}", consignment.stamp),
        write.attachments(consignment.attachments),
        write.links(consignment.references),
    )


async def _confirm(hub: Hub, asked: Asked) -> Result:
    confirmed = await _proven(hub, asked, mailbox.confirm(hub, asked.document, asked.certificate))
    return Result((write.text("confirmed", str(confirmed)),), count=confirmed)


async def _status(hub: Hub, asked: Asked) -> Result:
    traced = await _proven(hub, asked, mailbox.status(hub, asked.document, asked.certificate))
    stored = traced.message
    fields = (
        write.text("messageId", stored.message_id),
        write.text("digest", stored.digest),
        write.text("acceptedAt", write_time(stored.received)),
        write.holder("stamp", stored.stamp),
        write.element("recipients", *(_standing(delivery) for delivery in traced.deliveries)),
    )
    return Result(fields, stored.sender, stored.message_id)


def _standing(delivery: StoredDelivery) -> bytes:
    return write.element(
        "recipient",
        write.text("department", delivery.recipient),
        write.text("role", delivery.role),
        write.text("state", delivery.state),
        write.text("at", write_time(delivery.done_at)) if delivery.done_at else b"",
        write.text("attempts", str(delivery.attempts)),
        write.text("detail", delivery.cause) if delivery.cause else b"",
    )


async def _proven(hub: Hub, asked: Asked, verb: Awaitable[T]) -> T:
    """Await a verb that itself records no refusals."""
    try:
        return await verb
    except Refused as refusal:
        await _record(hub, asked.document, refusal)
        raise


async def _record(hub: Hub, raw: bytes, refusal: Refused) -> None:
    at = hub.clock()
    await hub.writer.run(lambda transaction: refuse(transaction, raw, refusal, at))


OPERATIONS = {
    "Submit": Operation(partial(_read_submitted, "xml"), _submit),
    "SubmitText": Operation(partial(_read_submitted, "text"), _submit),
    "SubmitBinary": Operation(partial(_read_submitted, "binary"), _submit),
    "Fetch": Operation(_read_request, _fetch),
    "Confirm": Operation(_read_request, _confirm),
    "Status": Operation(_read_request, _status),
}
