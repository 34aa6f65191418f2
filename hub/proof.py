"""The signed documents of proof-1: stamp, acknowledgement, and the requests by which departments prove who asks.

Builds them and reads their fields. Signing is `hub.signing.signature`, allowed shapes are `hub.schema.schema`; a tree
read here must have passed both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from hub.errors import Refused
from hub.message import Acknowledgement, ProvenBy
from hub.recipients import Recipients

NAMESPACE = "urn:hub:proof:v1"
_Q = "{" + NAMESPACE + "}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """The hub's countersignature of one accepted message: the sender's receipt, and every recipient's proof."""

    hub: str
    sender: str
    message_id: str
    digest: str
    node: str
    sequence: int
    entry_hash: str
    time: datetime
    recipients: Recipients


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One delivery that a mailbox owner confirms to have."""

    delivery_id: int
    message_id: str
    sender: str
    digest: str


@dataclass(frozen=True, slots=True)
class Request:
    """A department's own question, proven; `kind` is the name of its element, such as fetchRequest.

    `operation` and `arguments` (name and value) are an inquiryRequest's: it stands for that question and no other.
    `digest` and `size` name the attachment that an uploadRequest or a downloadRequest is about.
    """

    kind: str
    department: str
    time: datetime
    nonce: str
    max: int = 0
    items: tuple[Confirmed, ...] = ()
    message_id: str = ""
    sender: str = ""
    operation: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    size: int = 0


def write_time(at: datetime) -> str:
    """An xs:dateTime in UTC with microseconds, ending in Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def read_time(text: str) -> datetime:
    """The aware UTC datetime of an xs:dateTime with zone. Errors: Refused envelope.time."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("envelope.time", got=text[:40]) from None


def _element(name: str, fields: Iterable[tuple[str, str]]) -> Any:
    root = etree.Element(_Q + name, nsmap={"prf": NAMESPACE})
    for tag, text in fields:
        etree.SubElement(root, _Q + tag).text = text
    return root


_STAMP = (
    f'<prf:stamp xmlns:prf="{NAMESPACE}"><prf:hub>%s</prf:hub><prf:sender>%s</prf:sender>'
    "<prf:messageId>%s</prf:messageId><prf:digest>%s</prf:digest><prf:node>%s</prf:node>"
    "<prf:sequence>%d</prf:sequence><prf:entryHash>%s</prf:entryHash><prf:time>%s</prf:time>"
    "%s</prf:stamp>"
)


def stamp_document(stamp: Stamp) -> bytes:
    """The unsigned prf:stamp in canonical form, for `signature.sign_canonical`; each message needs one, so no tree."""
    values = (
        _escaped(stamp.hub),
        _escaped(stamp.sender),
        _escaped(stamp.message_id),
        stamp.digest,
        _escaped(stamp.node),
        stamp.sequence,
        stamp.entry_hash,
        write_time(stamp.time),
        _stated(stamp.recipients),
    )
    return (_STAMP % values).encode()


def _stated(recipients: Recipients) -> str:
    if recipients.digest:
        count = f"<prf:recipientCount>{recipients.count}</prf:recipientCount>"
        return f"{count}<prf:recipientsDigest>{recipients.digest}</prf:recipientsDigest>"
    named = "".join(f"<prf:recipient>{_escaped(code)}</prf:recipient>" for code in recipients.named)
    return f"<prf:recipients>{named}</prf:recipients>"


def _escaped(text: str) -> str:
    """Text as canonical XML writes it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def read_stamp(root: Any) -> Stamp:
    """The fields of a prf:stamp."""
    field = _fields(root)
    return Stamp(
        hub=field["hub"],
        sender=field["sender"],
        message_id=field["messageId"],
        digest=field["digest"],
        node=field["node"],
        sequence=int(field["sequence"]),
        entry_hash=field["entryHash"],
        time=read_time(field["time"]),
        recipients=_read_stated(root, field),
    )


def _read_stated(root: Any, field: dict[str, str]) -> Recipients:
    if "recipientsDigest" in field:
        return Recipients(int(field["recipientCount"]), digest=field["recipientsDigest"])
    return Recipients.by_name(e.text for e in root.find(_Q + "recipients"))


def acknowledgement_tree(message_id: str, sender: str, digest: str, recipient: str, at: datetime) -> Any:
    """The unsigned prf:acknowledgement by which a recipient says that it has a message."""
    return _element(
        "acknowledgement",
        (
            ("messageId", message_id),
            ("sender", sender),
            ("digest", digest),
            ("recipient", recipient),
            ("time", write_time(at)),
        ),
    )


def read_acknowledgement(root: Any, raw: bytes, thumbprint: str) -> Acknowledgement:
    """The fields of a prf:acknowledgement; an empty `thumbprint` means that it carried no signature."""
    field = _fields(root)
    return Acknowledgement(
        message_id=field["messageId"],
        sender=field["sender"],
        recipient=field["recipient"],
        digest=field["digest"],
        raw=raw,
        thumbprint=thumbprint,
        proven_by=ProvenBy.SIGNATURE if thumbprint else ProvenBy.NOTHING,
    )


def request_tree(request: Request) -> Any:
    """The unsigned request element of the given kind."""
    fields = [("department", request.department), ("time", write_time(request.time)), ("nonce", request.nonce)]
    if request.kind == "fetchRequest":
        fields.append(("max", str(request.max)))
    if request.kind == "statusRequest":
        fields.append(("messageId", request.message_id))
        if request.sender:
            fields.append(("sender", request.sender))
    if request.kind == "inquiryRequest":
        fields.append(("operation", request.operation))
    if request.kind in ("uploadRequest", "downloadRequest"):
        fields.append(("digest", request.digest))
    if request.kind == "uploadRequest":
        fields.append(("size", str(request.size)))
    root = _element(request.kind, fields)
    if request.kind == "confirmRequest":
        _add_items(root, request.items)
    if request.kind == "inquiryRequest":
        arguments = etree.SubElement(root, _Q + "arguments")
        arguments.extend(_element("argument", (("name", n), ("value", v))) for n, v in request.arguments)
    return root


def _add_items(root: Any, confirmed: Iterable[Confirmed]) -> None:
    items = etree.SubElement(root, _Q + "items")
    for item in confirmed:
        fields = (
            ("deliveryId", str(item.delivery_id)),
            ("messageId", item.message_id),
            ("sender", item.sender),
            ("digest", item.digest),
        )
        items.append(_element("item", fields))


def read_request(root: Any) -> Request:
    """The fields of a request of any kind."""
    field = _fields(root)
    items = root.find(_Q + "items")
    arguments = root.find(_Q + "arguments")
    return Request(
        kind=etree.QName(root).localname,
        department=field["department"],
        time=read_time(field["time"]),
        nonce=field["nonce"],
        max=int(field.get("max") or 1),
        items=tuple(_read_item(e) for e in items) if items is not None else (),
        message_id=field.get("messageId", ""),
        sender=field.get("sender", ""),
        operation=field.get("operation", ""),
        arguments=tuple((e[0].text, e[1].text or "") for e in arguments) if arguments is not None else (),
        digest=field.get("digest", ""),
        size=int(field.get("size") or 0),
    )


def _read_item(element: Any) -> Confirmed:
    field = _fields(element)
    return Confirmed(int(field["deliveryId"]), field["messageId"], field["sender"], field["digest"])


def _fields(root: Any) -> dict[str, str]:
    return {e.tag[len(_Q) :]: (e.text or "").strip() for e in root if e.tag.startswith(_Q)}
