"""The front door, called directly: what it answers to right calls, wrong calls and trouble of its own."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from lxml import etree
from starlette.types import ASGIApp

from connectors import exchange_operations
from connectors.front_door import front_door
from connectors.soap import door
from connectors.soap import writer as write
from connectors.soap.soap import EXCHANGE, SOAP_11, body_limit
from hub import envelope, proof
from hub.errors import Unavailable
from hub.message import DeliveryState, Hop
from hub.parser import parse
from hub.proof import Confirmed, Request
from hub.settings.listen import Listen
from hub.settings.settings import Limits
from hub.signing import signature
from tests.serving import SOAP_12, XML, Heard, ask, soap
from tests.town import Town, signer_of

Q = "{urn:hub:exchange:v1}"


@dataclass
class House:
    """A town with its front door."""

    town: Town
    app: ASGIApp
    woken: list[str] = field(default_factory=list)

    def call(self, operation: str, *fields: bytes, version: str = "") -> Heard:
        message = write.message(SOAP_11, write.wrapper(EXCHANGE, operation, fields))
        return ask(self.app, message.replace(SOAP_11.namespace.encode(), (version or SOAP_11.namespace).encode()))

    def request(self, kind: str, department: str, **fields: object) -> bytes:
        nonce = f"nonce-{len(self.town.hops()):020d}"
        made = Request(kind, department, self.town.clock(), nonce, **fields)  # type: ignore[arg-type]
        return write.holder("request", signature.sign(proof.request_tree(made), signer_of(department)[0]))

    def refusals(self) -> list[str]:
        return [entry.detail for entry in self.town.hops(Hop.REFUSED)]


@pytest.fixture
def house(town: Town) -> House:
    woken: list[str] = []
    return House(town, front_door(lambda: town.hub, woken.extend), woken)


FORMS = {"Submit": "xml", "SubmitText": "text", "SubmitBinary": "binary"}


def document_in(element: Any, form: str) -> bytes:
    """The document that an answer holds, read without our own reader."""
    if form == "xml":
        return bytes(etree.tostring(element[0]))
    return base64.b64decode(element.text) if form == "binary" else str(element.text).encode()


@pytest.mark.parametrize("operation", FORMS)
def test_a_signed_document_is_accepted_in_each_form(house: House, operation: str) -> None:
    raw = house.town.signed("a", ["b", "c"], message_id="m-1")
    heard = house.call(operation, write.DOCUMENT_WRITERS[FORMS[operation]]("document", raw))
    assert (heard.status, heard.text("messageId"), heard.text("replayed")) == (200, "m-1", "false")
    assert heard.headers["content-type"] == "text/xml; charset=utf-8"
    assert heard.tree[0][0].tag == f"{Q}{operation}Response"
    stamp = heard.tree.find(f".//{Q}stamp")
    proven = signature.verify(parse(document_in(stamp, FORMS[operation])))
    assert proof.read_stamp(proven.root).digest == heard.text("digest")
    assert house.woken == ["b", "c"]
    assert house.town.deliver() == 2


def test_bytes_are_stored_as_they_came(house: House) -> None:
    raw = house.town.signed("a", "b")
    heard = house.call("SubmitBinary", write.binary("document", raw))
    house.town.deliver()
    assert [c.envelope for c in house.town.connector.handed] == [raw]
    assert heard.text("digest") == house.town.connector.handed[0].digest


def test_the_same_call_again_gets_the_same_stamp(house: House) -> None:
    raw = house.town.signed("a", "b")
    first, second = (house.call("Submit", write.holder("document", raw)) for _ in range(2))
    assert (first.text("replayed"), second.text("replayed")) == ("false", "true")
    assert first.text("entryHash") == second.text("entryHash")
    assert first.text("acceptedAt") == second.text("acceptedAt")


def test_attachments_beside_the_envelope_are_taken(house: House) -> None:
    line = envelope.attachment("scan", "扫描件.pdf", "application/pdf", b"%PDF-", inline=False)
    raw = house.town.signed("a", "b", attachments=[line])
    heard = house.call("Submit", write.holder("document", raw), write.attachments([("scan", b"%PDF-")]))
    assert heard.status == 200
    house.town.deliver()
    assert house.town.connector.handed[0].attachments == (("scan", b"%PDF-"),)
    missing = house.town.signed("a", "b", attachments=[line])
    assert house.call("Submit", write.holder("document", missing)).code == "attachment.missing"


def test_a_call_in_soap_12_is_answered_in_soap_12(house: House) -> None:
    raw = house.town.signed("a", "b")
    heard = house.call("Submit", write.holder("document", raw), version=SOAP_12)
    assert heard.headers["content-type"] == "application/soap+xml; charset=utf-8"
    assert heard.tree.tag == f"{{{SOAP_12}}}Envelope"
    refused = house.call("Submit", write.holder("document", b"<a/>"), version=SOAP_12)
    assert refused.code == "envelope.invalid"
    assert refused.tree.findtext(".//{*}Code/{*}Value") == "soap:Sender"
    assert len(refused.tree.findall(".//{*}Reason/{*}Text")) == 2


@pytest.mark.parametrize("form", ["xml", "text", "binary"])
def test_a_department_fetches_and_confirms(house: House, form: str) -> None:
    line = envelope.attachment("x", "x.txt", "text/plain", b"abc", inline=False)
    raw = house.town.signed("a", "m", attachments=[line], message_id="m-1")
    house.town.submit(raw, {"x": b"abc"})
    heard = house.call("Fetch", house.request("fetchRequest", "m", max=5), write.text("form", form))
    assert (heard.status, heard.text("more"), heard.text("messageId")) == (200, "false", "m-1")
    got = heard.tree.find(f".//{Q}envelope{'' if form == 'xml' else form.title()}")
    signature.verify(parse(document_in(got, form)))
    assert form == "xml" or document_in(got, form) == raw
    assert base64.b64decode(heard.text("content")) == b"abc"
    item = Confirmed(int(heard.text("deliveryId")), "m-1", "a", heard.text("digest"))
    confirmed = house.call("Confirm", house.request("confirmRequest", "m", items=(item,)))
    assert confirmed.text("confirmed") == "1"
    assert house.town.states("a", "m-1") == {"m": DeliveryState.DELIVERED}


def test_a_fetch_that_fills_its_number_says_that_more_may_wait(house: House) -> None:
    for _ in range(3):
        house.town.send("a", "m")
    assert house.call("Fetch", house.request("fetchRequest", "m", max=2)).text("more") == "true"
    assert house.call("Fetch", house.request("fetchRequest", "m", max=2)).text("more") == "false"


def test_an_answer_to_fetch_stays_within_the_size_limit(house: House) -> None:
    for _ in range(3):
        house.town.send("a", "m")
    size = len(house.town.signed("a", "m"))
    house.town.settle(limits=Limits(max_bytes=2 * size + size // 2))
    heard = house.call("Fetch", house.request("fetchRequest", "m", max=10))
    assert len(heard.tree.findall(f".//{Q}item")) == 2
    assert heard.text("more") == "true"


def test_a_sender_asks_what_became_of_its_message(house: House) -> None:
    house.town.send("a", ["b", "m"], message_id="m-1")
    house.town.deliver()
    heard = house.call("Status", house.request("statusRequest", "a", message_id="m-1"))
    states = {e.findtext(f"{Q}department"): e.findtext(f"{Q}state") for e in heard.tree.iter(f"{Q}recipient")}
    assert states == {"b": "delivered", "m": "waiting"}
    assert house.call("Status", house.request("statusRequest", "b", message_id="m-1")).code == "message.unknown"


def test_what_may_only_be_asked_with_proof_is_refused_without_and_put_on_record(house: House) -> None:
    unsigned = proof.request_tree(Request("fetchRequest", "m", house.town.clock(), "n" * 20, max=1))
    heard = house.call("Fetch", write.holder("request", etree.tostring(unsigned)))
    assert heard.code == "signature.missing"
    used = house.request("fetchRequest", "m", max=1)
    assert house.call("Fetch", used).status == 200
    assert house.call("Fetch", used).code == "request.replayed"
    assert len(house.refusals()) == 2


def test_a_refused_document_is_a_client_fault_with_one_entry(house: House) -> None:
    raw = house.town.signed("a", "b", by="c")
    heard = house.call("Submit", write.holder("document", raw))
    assert (heard.status, heard.code) == (500, "rights.sender")
    assert heard.text("faultcode") == "soap:Client"
    assert heard.text("zh") in heard.text("faultstring")
    assert house.refusals() == ["rights.sender"]
    assert house.woken == []


SUBMIT = b'<h:Submit xmlns:h="urn:hub:exchange:v1"><h:document>%b</h:document></h:Submit>'
HOSTILE = {
    "nothing": (b"", "soap.empty"),
    "junk": (b"\x00\x01\x02", "xml.malformed"),
    "html": (b"<html><body/></html>", "soap.version"),
    "doctype": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + soap(SUBMIT % b"&x;"), "xml.doctype"),
    "entity bomb": (b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><a>&b;</a>', "xml.doctype"),
    "two bodies": (soap(SUBMIT % b"<a/>").replace(b"</s:Body>", b"</s:Body><s:Body/>"), "soap.body"),
    "unknown mustUnderstand": (
        soap(SUBMIT % b"<a/>", b'<x:y xmlns:x="urn:x" s:mustUnderstand="1"/>'),
        "soap.must-understand",
    ),
    "unknown operation": (soap(b'<h:Shutdown xmlns:h="urn:hub:exchange:v1"/>'), "soap.operation"),
    "response as call": (soap(b'<h:SubmitResponse xmlns:h="urn:hub:exchange:v1"/>'), "soap.operation"),
    "wrong namespace": (soap(b'<h:Submit xmlns:h="http://tempuri.org/"/>'), "soap.operation"),
    "array of 10^9": (
        soap(
            b'<h:SubmitBinary xmlns:h="urn:hub:exchange:v1" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/">'
            b'<h:document>PGEvPg==</h:document><h:attachments e:arrayType="x[1000000000]"/></h:SubmitBinary>'
        ),
        "envelope.invalid",
    ),
    "no document": (soap(b'<h:Submit xmlns:h="urn:hub:exchange:v1"/>'), "soap.parameter"),
    "unsigned": (soap(SUBMIT % b'<e:envelope xmlns:e="urn:hub:envelope:v1"/>'), "signature.missing"),
    "deep": (soap(SUBMIT % (b"<a>" * 500 + b"</a>" * 500)), "xml.too-deep"),
    "script text": (
        soap(b'<h:Submit xmlns:h="urn:hub:exchange:v1"><h:script>alert(1)</h:script></h:Submit>'),
        "soap.parameter",
    ),
    "fault as call": (soap(b"<s:Fault/>"), "soap.operation"),
    "xop to http": (
        soap(SUBMIT % b'<a><x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="http://10.0.0.1/"/></a>'),
        "mime.reference",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_call_gets_a_fault_and_leaves_one_refusal(house: House, name: str) -> None:
    body, code = HOSTILE[name]
    heard = ask(house.app, body)
    assert (heard.status, heard.code) == (500, code)
    assert heard.headers["content-type"] == "text/xml; charset=utf-8"
    assert house.refusals() == [code]
    assert len(house.town.hops()) == 1


def test_mustunderstand_has_a_faultcode_of_its_own(house: House) -> None:
    assert ask(house.app, HOSTILE["unknown mustUnderstand"][0]).text("faultcode") == "soap:MustUnderstand"


@pytest.mark.parametrize(
    "headers",
    [{"soapaction": '"urn:hub:exchange:v1/Confirm"'}, {"soapaction": '""'}, {"soapaction": "urn:x"}, {}],
)
def test_the_body_decides_whatever_soapaction_says(house: House, headers: dict[str, str]) -> None:
    body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Submit", [write.holder("document", house.town.signed())]))
    assert ask(house.app, body, headers=headers).text("replayed") == "false"


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/xml; charset=gbk"]
)
def test_a_wrong_content_type_does_not_matter(house: House, content_type: str) -> None:
    body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Submit", [write.holder("document", house.town.signed())]))
    assert ask(house.app, body, content_type).status == 200
    assert ask(house.app, b"hello", content_type).code == "xml.malformed"


def test_addressing_cannot_send_the_answer_elsewhere(house: House) -> None:
    header = (
        b'<w:ReplyTo xmlns:w="http://www.w3.org/2005/08/addressing"><w:Address>http://10.0.0.1/</w:Address></w:ReplyTo>'
    )
    heard = ask(house.app, soap(SUBMIT % house.town.signed(), header))
    assert heard.status == 200
    assert b"10.0.0.1" not in heard.body


# --- HTTP


def test_an_oversize_body_is_refused_before_and_while_it_is_read(house: House) -> None:
    house.town.settle(limits=Limits(max_bytes=1_000))
    most = body_limit(1_000)
    assert ask(house.app, b"x", headers={"content-length": str(most + 1)}).code == "http.too-large"
    assert ask(house.app, b"x", headers={"content-length": "9" * 30}).status == 413
    chunked = ask(house.app, (b"x" * 1_000 for _ in range(most)))
    assert (chunked.status, chunked.code) == (413, "http.too-large")
    assert chunked.headers["connection"] == "close"


def test_a_body_as_large_as_allowed_passes_the_door(house: House) -> None:
    house.town.settle(limits=Limits(max_bytes=9_000))
    document = b"<a>" + b"x" * 8_990 + b"</a>"
    for operation, form in FORMS.items():
        assert house.call(operation, write.DOCUMENT_WRITERS[form]("document", document)).code == "envelope.invalid"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity"])
def test_a_compressed_body_is_refused(house: House, coding: str) -> None:
    heard = ask(house.app, b"\x1f\x8b", headers={"content-encoding": coding})
    assert (heard.status, heard.code) == (415, "http.coded")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "OPTIONS"])
def test_only_post_calls(house: House, method: str) -> None:
    heard = ask(house.app, method=method)
    assert (heard.status, heard.code, heard.headers["allow"]) == (405, "http.method", "GET, POST")


def test_a_body_that_never_ends_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.0)
    heard = ask(house.app, [b"<", b"a"])
    assert (heard.status, heard.code) == (408, "http.slow")


def test_too_many_calls_at_once_are_sent_away_with_a_time_to_come_back(house: House) -> None:
    house.town.settle(limits=Limits(concurrent=0))
    heard = ask(house.app, soap(b""))
    assert (heard.status, heard.code, heard.headers["retry-after"]) == (503, "http.busy", "30")
    assert heard.text("faultcode") == "soap:Server"
    assert house.refusals() == []


def test_a_hub_that_cannot_store_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(work: object) -> None:
        raise Unavailable("store.full", operator="/srv/secret.db: ENOSPC")

    monkeypatch.setattr(house.town.hub.writer, "run", full)
    for body in (b"junk", soap(SUBMIT % house.town.signed())):
        heard = ask(house.app, body)
        assert (heard.status, heard.code, heard.headers["retry-after"]) == (503, "store.full", "30")


def test_an_error_of_ours_stays_inside(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("/srv/hub/hub.py")

    monkeypatch.setattr(exchange_operations, "read", broken)
    heard = ask(house.app, soap(b""))
    assert (heard.status, heard.code) == (500, "hub.internal")
    assert "KeyError" in caplog.text


def test_a_caller_who_leaves_is_only_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(house.app, []).status == 400
    assert [record.fields["code"] for record in caplog.records] == ["http.disconnected"]  # type: ignore[attr-defined]
    assert house.refusals() == []


# --- what else the door says


@pytest.mark.parametrize(
    ("query", "soap_12"), [("wsdl", False), ("WSDL", False), ("singlewsdl", False), ("wsdl12", True)]
)
def test_the_wsdl_announces_the_configured_address(house: House, query: str, soap_12: bool) -> None:
    house.town.settle(listen=Listen(public_url="https://hub.example.gov.cn/a&b/"))
    heard = ask(house.app, method="GET", path=f"/exchange/v1?{query}", headers={"host": "evil.example"})
    assert heard.tree.find(".//{*}address").get("location") == "https://hub.example.gov.cn/a&b/exchange/v1"
    assert (b"schemas.xmlsoap.org/wsdl/soap12/" in heard.body) is soap_12
    assert heard.headers["content-type"] == XML


def test_health_names_hub_and_ledger(house: House) -> None:
    heard = ask(house.app, method="GET", path="/healthz")
    assert heard.status == 200
    assert b'"ledger":"town"' in heard.body
    assert b'"hub":"hub"' in heard.body


def test_each_call_leaves_one_line_without_its_content(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hub.accept")
    house.call("Submit", write.holder("document", house.town.signed("a", "b", message_id="m-1")))
    ask(house.app, b"<a>secret")
    fields = [record.fields for record in caplog.records]  # type: ignore[attr-defined]
    assert [record.getMessage() for record in caplog.records] == ["Submit", "call"]
    assert (fields[0]["sender"], fields[0]["message"], fields[0]["code"]) == ("a", "m-1", "")
    assert fields[1]["code"].startswith("xml.")
    assert all(len(f["correlation"]) == 16 for f in fields)
    assert "secret" not in str(fields)


def test_a_changed_hub_is_used_by_the_next_call(house: House) -> None:
    hub = house.town.hub
    house.town.hub = replace(hub, settings=replace(hub.settings, limits=Limits(concurrent=0)))
    assert ask(house.app, soap(b"")).code == "http.busy"
    house.town.hub = hub
    assert ask(house.app, soap(b"")).code == "soap.body"
