"""The pretend department: a right one for zeep and for the hub, and faults by name."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
import zeep
from lxml import etree
from zeep.transports import Transport

from connectors.exchange_client import ExchangeClient
from connectors.front_door import front_door
from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.pretend.fault import NAMES, PretendFault, parse_fault
from connectors.pretend.receipt import signed_for
from connectors.soap.sender import SoapSender
from hub.accept import examine
from hub.dispatch import Dispatcher
from hub.errors import Misconfigured
from hub.parser import parse
from hub.signing import signature
from tests.serving import ask, serving, soap
from tests.test_sender import with_endpoints
from tests.town import START, Town, signer_of


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[str, PretendDepartment]]:
    department = PretendDepartment("b", signer_of("b")[0], clock=lambda: START)
    with serving(pretend_departments([department])) as address:
        yield f"{address}/dept/b", department


@pytest.mark.parametrize("query", ["wsdl", "wsdl12"])
def test_zeep_delivers_in_each_form(receiver: tuple[str, PretendDepartment], town: Town, query: str) -> None:
    address, department = receiver
    settings = zeep.Settings(forbid_external=True, forbid_dtd=True)
    client = zeep.Client(f"{address}/delivery/v1?{query}", settings=settings, transport=Transport(operation_timeout=30))
    raw = town.signed("a", "b", message_id=query)
    fields = {"deliveryId": 1, "sender": "a", "messageId": query, "type": "official-document-1", "role": "main"}
    fields["digest"] = hashlib.sha256(raw).hexdigest()
    envelope, stamp = ({"_value_1": etree.fromstring(raw)} for _ in range(2))
    by_xml = client.service.Deliver(**fields, envelope=envelope, stamp=stamp)
    by_text = client.service.DeliverText(**fields, envelope=raw.decode(), stamp=raw.decode())
    by_bytes = client.service.DeliverBinary(**fields, envelope=raw, stamp=raw)
    assert etree.QName(by_xml._value_1).localname == "acknowledgement"
    signature.verify(parse(by_text.encode()))
    signature.verify(parse(by_bytes))
    assert department.handed["a", query].times == 3
    assert client.service.Ping() == "b OK"


def test_what_it_got_can_be_asked(receiver: tuple[str, PretendDepartment]) -> None:
    with urlopen(f"{receiver[0]}/received") as answer:
        found = json.load(answer)
    assert found["department"] == "b"
    assert found["handed"] == len(found["messages"]) == len(receiver[1].handed)


@pytest.mark.parametrize("path", ["/dept/x/delivery/v1", "/dept/x/received"])
def test_a_department_that_is_not_there_is_not_found(path: str) -> None:
    app = pretend_departments([])
    method = "GET" if path.endswith("received") else "POST"
    assert ask(app, method=method, path=path).status == 404


def test_a_wrong_call_is_a_fault(town: Town) -> None:
    app = pretend_departments([PretendDepartment("b", signer_of("b")[0])])
    numbered = b'<h:Deliver xmlns:h="urn:hub:delivery:v1"><h:deliveryId>\xd9\xa3</h:deliveryId></h:Deliver>'
    for body in (b"", b"junk", b"<a/>", soap(numbered), soap(b'<h:Other xmlns:h="urn:hub:delivery:v1"/>')):
        heard = ask(app, body, path="/dept/b/delivery/v1")
        assert heard.status == 500
        assert heard.tree.find(".//{*}Fault") is not None


def test_a_receipt_is_a_message_that_the_hub_takes(town: Town) -> None:
    raw = town.signed("a", "b", message_id="m-1")
    department = PretendDepartment("b", signer_of("b")[0], clock=town.clock)
    document = town.submit(raw)
    receipt = signed_for(document, "b", "王芳", signer_of("b")[0], town.clock())
    examined = examine(receipt, town.hub.rules, town.clock(), {})
    assert examined.proven.header.in_reply_to == "m-1"
    assert [target.department for target in examined.decision.targets] == ["a"]
    assert department.summary()["handed"] == 0


def test_a_department_signs_for_a_document_once_through_the_hub(town: Town) -> None:
    """The whole round: delivered twice by real SOAP, signed for once, the receipt is a reply to the document."""
    with serving(front_door(lambda: town.served, lambda endpoints: None)) as hub_address:
        exchange = ExchangeClient(f"{hub_address}/exchange/v1", signer_of("b")[0], "b", clock=town.clock)
        fault = parse_fault("lost-answer:1")
        department = PretendDepartment("b", signer_of("b")[0], fault, exchange=exchange, clock=town.clock)
        with serving(pretend_departments([department])) as address:
            town.register(lambda registry: with_endpoints(registry, address))
            town.send("a", "b", message_id="m-1")
            asyncio.run(drain_twice(town))
    assert department.handed["a", "m-1"].times == 2
    replies = town.trace("a", "m-1").replies
    assert [(reply.sender, reply.type) for reply in replies] == [("b", "receipt-1")]


async def drain_twice(town: Town) -> None:
    sender = SoapSender()
    dispatcher = Dispatcher(lambda: town.hub, sender)
    await dispatcher.drain()
    town.clock.turn(minutes=2)
    await dispatcher.drain()
    await sender.close()


def test_every_fault_has_a_name() -> None:
    for name in NAMES:
        word, colon, _ = name.partition(":")
        assert parse_fault(f"{word}:2" if colon else word) == PretendFault(word, 2 if colon else 0)


@pytest.mark.parametrize("text", ["", "loud", "slow", "slow:", "slow:-1", "slow:nan", "slow:inf", "flaky:x", "down:1"])
def test_a_fault_that_does_not_exist_is_told(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"mock\.fault"):
        parse_fault(text)
