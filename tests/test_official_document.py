"""What an official document must have besides its schema."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import etree

from hub.accept import check_payload
from hub.errors import Refused
from hub.message import Header, Recipient, Role
from hub.schema.sample import sample
from hub.schema.schema import Schemas

SCHEMAS = Schemas.builtin()
OD = "urn:hub:official-document:v1"


def document(kind: str, direction: str = "", signer: str = "", printed: int = 0) -> etree._Element:
    made = sample(SCHEMAS, "official-document-1")
    made.find(f"{{{OD}}}documentKind").text = kind
    parts = f"<x xmlns='{OD}'>"
    parts += f"<direction>{direction}</direction>" if direction else ""
    parts += "</x>"
    for position, part in enumerate(etree.fromstring(parts), 1):
        made.insert(position, part)
    title = made.find(f"{{{OD}}}title")
    if signer:
        title.addprevious(etree.fromstring(f"<signer xmlns='{OD}'>{signer}</signer>"))
    if printed:
        lines = "<mainRecipient>市政府</mainRecipient>" * printed
        title.addnext(etree.fromstring(f"<mainRecipients xmlns='{OD}'>{lines}</mainRecipients>"))
    return made


def header(*main: str, copies: tuple[str, ...] = ()) -> Header:
    recipients = (*(Recipient(a, Role.MAIN) for a in main), *(Recipient(a, Role.COPY) for a in copies))
    return Header("m-1", "official-document-1", "a", recipients, datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("words", "printed", "to"),
    [
        (("notice",), 0, ["b", "c"]),
        (("notice", "downward"), 3, ["group:bureaus"]),
        (("report", "", "王一"), 0, ["b", "c"]),
        (("opinion", "upward", "王一"), 0, ["b"]),
        (("request", "", "王一"), 1, ["b"]),
    ],
)
def test_what_the_rules_allow(words: tuple[str, ...], printed: int, to: list[str]) -> None:
    check_payload(header(*to), document(*words, printed=printed), SCHEMAS)


def test_copies_of_a_request_may_be_many() -> None:
    check_payload(header("b", copies=("c", "d")), document("request", signer="王一"), SCHEMAS)


@pytest.mark.parametrize(
    ("kind", "direction"), [("request", ""), ("report", ""), ("report", "downward"), ("letter", "upward")]
)
def test_an_upward_document_without_signer_is_refused(kind: str, direction: str) -> None:
    with pytest.raises(Refused, match=r"payload\.signer"):
        check_payload(header("b"), document(kind, direction), SCHEMAS)


@pytest.mark.parametrize(
    ("to", "printed"), [(["b", "c"], 0), (["group:bureaus"], 1), (["b"], 2)], ids=["addressed", "a-group", "printed"]
)
def test_a_request_to_several_is_refused(to: list[str], printed: int) -> None:
    with pytest.raises(Refused, match=r"payload\.one-recipient"):
        check_payload(header(*to), document("request", signer="王一", printed=printed), SCHEMAS)
