"""The inquiry service on a real socket: zeep with the WSDL that is served, our own client, and hostile callers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import zeep
from lxml import etree
from starlette.applications import Starlette
from zeep.transports import Transport

import cli
from connectors.department_client import ExchangeFault
from connectors.inquiry.client import InquiryClient
from connectors.inquiry.inquiry import MOST_BYTES, inquiry_door
from connectors.inquiry.names import NAMESPACE, PATH
from connectors.soap import writer as write
from connectors.soap.soap import SOAP_11
from hub import inquire, labels, proof
from hub.directory import Right
from hub.errors import Refused, Unavailable
from hub.message import DeliveryState, Hop
from hub.parser import parse
from hub.proof import Request
from hub.registry.registry import Registry
from hub.settings.listen import Listen
from hub.settings.settings import Limits
from hub.signing import signature
from hub.store import inquiry as store
from hub.store.refusals import list_refusals
from schemas import FOLDER
from tests.serving import SOAP_12, Heard, Now, ask, serving, soap
from tests.town import Town, signer_of, undelivered

T = TypeVar("T")
XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
OPERATIONS = ["MessageStatus", "MessageTrace", "FindByDocumentNumber", "FindByCaseNumber", "Directory"]
EXAMPLES = Path(cli.__file__).parent / "examples"
NUMBER = "粤水函〔2026〕12号"
CASE = etree.parse(EXAMPLES / "case-01-application.xml").findtext("{*}caseNumber")
NONCES = count()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Now, Any]]:
    """One inquiry door on a socket, and as an application to call directly."""
    current = Now()
    app = Starlette(routes=[inquiry_door(current).route])
    with serving(app) as address:
        yield address, current, app


@pytest.fixture
def address(served: tuple[str, Now, Any], town: Town) -> str:
    host, port = served[0].removeprefix("http://").split(":")
    town.settle(listen=Listen(host, int(port)))
    served[1].value = town.served
    return served[0] + PATH


@pytest.fixture
def app(served: tuple[str, Now, Any], address: str) -> Any:
    return served[2]


def zeep_client(address: str, query: str = "wsdl") -> Any:
    settings = zeep.Settings(forbid_external=True, forbid_dtd=True, strict=True)
    return zeep.Client(f"{address}?{query}", settings=settings, transport=Transport(timeout=30, operation_timeout=30))


def proven(town: Town, department: str, operation: str, by: str = "", **arguments: str) -> bytes:
    """The signed request for one question."""
    given = tuple(arguments.items())
    nonce = f"nonce-{next(NONCES):020d}"
    made = Request("inquiryRequest", department, town.clock(), nonce, operation=operation, arguments=given)
    return signature.sign(proof.request_tree(made), signer_of(by or department)[0])


def asked(client: Any, town: Town, department: str, operation: str, **arguments: str) -> Any:
    return client.service[operation](**arguments, proof=proven(town, department, operation, **arguments))


def call(operation: str, proof: bytes, **arguments: str) -> bytes:
    fields = (*(write.text(name, value) for name, value in arguments.items()), write.binary("proof", proof))
    return write.message(SOAP_11, write.wrapper(NAMESPACE, operation, fields))


def talk(address: str, town: Town, work: Callable[[InquiryClient], Coroutine[Any, Any, T]], department: str = "a") -> T:
    async def run() -> T:
        async with InquiryClient(address, signer_of(department)[0], department, clock=town.clock) as client:
            return await work(client)

    return asyncio.run(run())


def send_case(town: Town, *steps: str, sender: str = "a", to: str = "b") -> None:
    for number, name in enumerate(steps, 1):
        payload = etree.parse(EXAMPLES / f"{name}.xml").getroot()
        message_id = f"case-{number}-{sender}"
        town.send(sender, to, message_id=message_id, type="approval-status-1", payload=payload, case_number=CASE)


# --- zeep


@pytest.mark.parametrize("query", ["wsdl", "wsdl12", "singlewsdl"])
def test_zeep_asks_every_question(address: str, town: Town, query: str) -> None:
    client = zeep_client(address, query)
    town.connector.trouble["c"] = undelivered()
    town.send("a", ["b", "c"], message_id="m-1", document_number=NUMBER)
    send_case(town, "case-01-application")
    town.deliver()

    status = asked(client, town, "a", "MessageStatus", messageId="m-1")
    assert (status.sender, status.messageId, status.more) == ("a", "m-1", False)
    told = [(r.department, r.role, r.state, r.stateZh, r.attempts, r.cause) for r in status.recipients.recipient]
    assert told == [
        ("b", "main", "delivered", "已送达", 1, None),
        ("c", "main", "waiting", "待投递", 1, "delivery.unreachable"),
    ]
    assert status.recipients.recipient[0].at.utcoffset() is not None
    assert "端点" in status.recipients.recipient[1].causeZh

    trace = asked(client, town, "a", "MessageTrace", messageId="m-1", sender="a")
    assert [(h.kind, h.zh, h.target) for h in trace.hops.hop][-1] == ("attemptFailed", "投递未成功", "c")
    assert {h.zh for h in trace.hops.hop} == {"接收", "送达", "投递未成功"}

    found = asked(client, town, "b", "FindByDocumentNumber", documentNumber="粤水函[2026]12号")
    assert [(m.sender, m.messageId, m.documentNumber) for m in found.messages.message] == [("a", "m-1", NUMBER)]

    case = asked(client, town, "b", "FindByCaseNumber", caseNumber=CASE)
    assert (case.status.step, case.status.zh, case.status.department) == ("application", "申办", "a")
    assert [m.messageId for m in case.messages.message] == ["case-1-a"]

    directory = asked(client, town, "a", "Directory", type="official-document-1")
    assert [d.code for d in directory.departments.department] == ["b", "c", "d", "hub", "m", "s"]
    assert directory.departments.department[0].name == "测试单位2"
    assert directory.departments.department[0].types.type == ["*"]


def test_zeep_hears_a_declared_fault_in_both_languages(address: str, town: Town) -> None:
    client = zeep_client(address)
    with pytest.raises(zeep.exceptions.Fault) as caught:
        asked(client, town, "a", "MessageStatus", messageId="nothing")
    fault = client.get_element(f"{{{NAMESPACE}}}HubFault").parse(caught.value.detail[0], client.wsdl.types)
    assert caught.value.code == "soap:Client"
    assert (fault.code, len(fault.correlationId)) == ("message.unknown", 16)
    assert "没有找到该报文" in fault.zh
    assert "no such message" in fault.en


# --- who may see what


def fault_of(app: Any, town: Town, operation: str, proof: bytes, **arguments: str) -> Heard:
    heard = ask(app, call(operation, proof, **arguments), path=PATH)
    assert heard.status == 500
    return heard


def test_foreign_and_unknown_are_told_alike(app: Any, town: Town) -> None:
    town.send("a", "b", message_id="m-1", document_number=NUMBER)
    send_case(town, "case-01-application")
    answers = []
    for message_id in ("m-1", "m-2"):
        given = {"messageId": message_id, "sender": "a"}
        heard = fault_of(app, town, "MessageStatus", proven(town, "d", "MessageStatus", **given), **given)
        answers.append((heard.code, heard.text("zh").replace(message_id, ""), sorted(heard.headers)))
    assert answers[0] == answers[1]
    for operation, known, unknown in (
        ("FindByDocumentNumber", {"documentNumber": NUMBER}, {"documentNumber": "粤水函〔2026〕13号"}),
        ("FindByCaseNumber", {"caseNumber": CASE}, {"caseNumber": "X-1"}),
    ):
        bodies = [
            ask(app, call(operation, proven(town, "d", operation, **given), **given), path=PATH).body
            for given in (known, unknown)
        ]
        assert bodies[0] == bodies[1]
        assert b"false" in bodies[0]


def seen(town: Town, asker: str, message_id: str) -> list[str]:
    """The recipients of a's message whose copies the asker sees."""
    return [copy.recipient for copy in inquire.copies(town.hub, asker, message_id, "a").page.lines]


def test_a_recipient_sees_its_own_copy_only(town: Town) -> None:
    town.send("a", ["b", "c"], message_id="m-1")
    town.deliver()
    assert seen(town, "b", "m-1") == ["b"]
    hops = inquire.hops(town.hub, "b", "m-1", "a").page.lines
    assert [(hop.kind, hop.target) for hop in hops if hop.kind is not Hop.ACCEPTED] == [(Hop.DELIVERED, "b")]


def test_supervision_sees_the_whole_of_what_a_rule_copied_to_it_and_nothing_else(town: Town) -> None:
    payload = etree.parse(EXAMPLES / "case-01-application.xml").getroot()
    town.send("a", ["b", "c"], message_id="by-rule", type="approval-status-1", payload=payload)
    assert set(seen(town, "s", "by-rule")) == {"b", "c", "s"}
    for message_id, options in (("by-name", {"copy": ["s"]}), ("by-group", {"copy": ["group:supervision"]})):
        town.send("a", "b", message_id=message_id, **options)
        assert seen(town, "s", message_id) == ["s"]
    town.send("a", "b", message_id="none")
    with pytest.raises(Refused, match=r"message\.unknown"):
        seen(town, "s", "none")


@pytest.mark.parametrize("ask", [inquire.copies, inquire.hops])
def test_no_more_is_read_than_the_page_that_is_asked_for(
    town: Town, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., inquire.Seen[Any]]
) -> None:
    monkeypatch.setattr(inquire, "PAGE", 2)
    town.send("a", ["b", "c", "d"], message_id="m-1")
    town.deliver()
    whole = town.trace("a", "m-1")
    lines = whole.deliveries if ask is inquire.copies else whole.hops
    read: list[Any] = []
    for name in ("delivery_of", "entry_of"):
        monkeypatch.setattr(store, name, noting(getattr(store, name), read))
    for page in range(3):
        found = ask(town.hub, "a", "m-1", page=page).page
        assert (found.lines, found.more) == (lines[2 * page : 2 * page + 2], len(lines) > 2 * page + 2)
        assert len(read) == len(lines[2 * page : 2 * page + 3])
        read.clear()


def noting(made: Callable[[Any], Any], read: list[Any]) -> Callable[[Any], Any]:
    """The same, with a note of every row that it was given."""

    def of(row: Any) -> Any:
        read.append(row)
        return made(row)

    return of


def test_a_case_is_told_in_order_with_the_status_of_its_latest_step(town: Town) -> None:
    send_case(town, "case-01-application", "case-10-completion", "case-04-acceptance")
    case = inquire.by_case_number(town.hub, "a", CASE)
    assert [m.message_id for m in case.messages.lines] == ["case-1-a", "case-2-a", "case-3-a"]
    assert case.status is not None
    assert (case.status.step, case.status.message_id) == ("completion", "case-2-a")
    assert case.status.state
    send_case(town, "case-11-collection", sender="c", to="d")
    assert inquire.by_case_number(town.hub, "b", CASE).status == case.status
    assert inquire.by_case_number(town.hub, "d", CASE).messages.lines[0].sender == "c"


def test_of_two_steps_at_one_time_the_later_step_counts(town: Town) -> None:
    for number, name in enumerate(("case-10-completion", "case-04-acceptance"), 1):
        payload = etree.parse(EXAMPLES / f"{name}.xml").getroot()
        payload.find("{*}businessTime").text = "2026-03-01T09:00:00+08:00"
        town.send(message_id=f"m-{number}", type="approval-status-1", payload=payload, case_number=CASE)
    status = inquire.by_case_number(town.hub, "a", CASE).status
    assert status is not None
    assert status.step == "completion"


@pytest.mark.parametrize(
    "written",
    ["粤水函〔2026〕12号", "粤水函[2026]12号", "粤水函（2026）12号", "粤水函【2026】第12号", "粤水函(2026) 012 号"],
)
def test_a_document_number_is_found_in_any_brackets(town: Town, written: str) -> None:
    town.send(message_id="m-1", document_number=NUMBER)
    assert [m.message_id for m in inquire.by_document_number(town.hub, "b", written).lines] == ["m-1"]


def test_the_directory_tells_whom_one_may_write_to_and_what(town: Town) -> None:
    rights = (Right("a", "b", "official-document-1"), Right("*", "group:supervision", "receipt-*"), Right("c", "d"))
    town.register(lambda before: replace_rights(before, rights))
    told = inquire.reachable(town.hub, "a").lines
    assert [(one.department.code, one.types) for one in told] == [
        ("b", ("official-document-1",)),
        ("s", ("receipt-*",)),
    ]
    assert [one.department.code for one in inquire.reachable(town.hub, "a", "receipt-1").lines] == ["s"]
    assert [one.department.code for one in inquire.reachable(town.hub, "c").lines] == ["d", "s"]


def replace_rights(before: Registry, rights: tuple[Right, ...]) -> Registry:
    return replace(before, rights=frozenset(rights) if isinstance(before.rights, frozenset) else rights)


def test_every_hop_state_and_case_step_has_its_words() -> None:
    assert set(labels.HOPS) == set(Hop)
    assert set(labels.STATES) == set(DeliveryState)
    schema = etree.parse(FOLDER / "approval-status-1.xsd")
    assert set(labels.CASE_STEPS) == {one.get("name") for one in schema.getroot().findall(XS + "element")}


# --- proof of who asks


def test_a_proof_serves_for_its_own_question_only_and_once(app: Any, town: Town) -> None:
    town.send("a", "b", message_id="m-1")
    town.send("a", "b", message_id="m-2")
    made = proven(town, "a", "MessageStatus", messageId="m-1")
    for operation, arguments in (
        ("MessageStatus", {"messageId": "m-2"}),
        ("MessageStatus", {"messageId": "m-1", "sender": "a"}),
        ("MessageStatus", {"messageId": "m-1", "page": "1"}),
        ("MessageTrace", {"messageId": "m-1"}),
    ):
        assert fault_of(app, town, operation, made, **arguments).code == "request.other-question"
    assert ask(app, call("MessageStatus", made, messageId="m-1"), path=PATH).status == 200
    assert fault_of(app, town, "MessageStatus", made, messageId="m-1").code == "request.replayed"
    assert [entry.detail for entry in town.hops(Hop.REFUSED)] == ["request.other-question"] * 4 + ["request.replayed"]


def test_only_the_departments_own_fresh_inquiry_request_is_a_proof(app: Any, town: Town) -> None:
    def code(raw: bytes) -> str:
        return fault_of(app, town, "MessageStatus", raw, messageId="m-1").code

    assert code(proven(town, "a", "MessageStatus", by="b", messageId="m-1")) == "rights.sender"
    other = Request("statusRequest", "a", town.clock(), "n" * 20, message_id="m-1")
    assert code(signature.sign(proof.request_tree(other), signer_of("a")[0])) == "request.kind"
    late = proven(town, "a", "MessageStatus", messageId="m-1")
    town.clock.turn(minutes=6)
    assert code(late) == "request.window"
    assert code(proven(town, "a", "MessageStatus", messageId="m-1").replace(b"m-1", b"m-2")) == "signature.invalid"
    assert code(b"junk") == "xml.malformed"


# --- hostile callers


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + soap(b"<x>&a;</x>"), "xml.doctype"),
        (b'<!DOCTYPE x [<!ENTITY a "1234567890"><!ENTITY b "&a;&a;&a;">]>' + soap(b"<x>&b;</x>"), "xml.doctype"),
        (soap(b"<!-- -->"), "xml.comment"),
        (soap(b"<?x y?>"), "xml.instruction"),
        (soap(b"<x>" * 30 + b"</x>" * 30), "xml.too-deep"),
        (soap(b"<x>" + b"<y/>" * 600 + b"</x>"), "xml.too-many"),
        (b"", "soap.empty"),
        (b"junk", "xml.malformed"),
        (soap(b'<h:Shutdown xmlns:h="urn:hub:inquiry:v1"/>'), "soap.operation"),
        (soap(b'<h:MessageStatus xmlns:h="urn:hub:exchange:v1"/>'), "soap.operation"),
        (soap(b'<h:MessageStatus xmlns:h="urn:hub:inquiry:v1"/>'), "soap.parameter"),
        (soap(b'<h:Directory xmlns:h="urn:hub:inquiry:v1"><proof>%%%</proof></h:Directory>'), "xml.malformed"),
        (soap(b'<h:Directory xmlns:h="urn:hub:inquiry:v1"><page>-1</page><proof/></h:Directory>'), "soap.parameter"),
        (soap(b'<h:Directory xmlns:h="urn:hub:inquiry:v1"><proof><a/></proof></h:Directory>'), "soap.parameter"),
        (soap(b'<h:Directory xmlns:h="urn:hub:inquiry:v1" a="b"><proof/></h:Directory>'), "soap.parameter"),
        (soap(b'<h:Directory xmlns:h="urn:hub:inquiry:v1"><proof/></h:Directory>'), "xml.malformed"),
        (
            soap(
                b'<h:Directory xmlns:h="urn:hub:inquiry:v1"><proof/></h:Directory>',
                b'<w:Security xmlns:w="urn:w" s:mustUnderstand="1"/>',
            ),
            "soap.must-understand",
        ),
    ],
)
def test_trouble_is_a_fault_with_a_code_and_on_record(app: Any, town: Town, body: bytes, code: str) -> None:
    heard = ask(app, body, path=PATH)
    assert (heard.status, heard.code) == (500, code)
    assert heard.tree.find(".//{*}HubFault").tag == f"{{{NAMESPACE}}}HubFault"
    assert [entry.detail for entry in town.hops(Hop.REFUSED)] == [code]


def test_what_spyne_says_of_a_parameter_is_kept_as_text(app: Any, town: Town) -> None:
    ask(app, soap(b'<h:Directory xmlns:h="urn:hub:inquiry:v1"><page>-1</page><proof/></h:Directory>'), path=PATH)
    with town.hub.store.reading() as connection:
        (kept,) = list_refusals(connection)
    assert (kept.code, kept.place) == ("soap.parameter", "page")
    assert kept.operator.startswith("<string>:")


def test_what_is_too_large_is_not_read(app: Any, town: Town) -> None:
    heard = ask(app, soap(b"x" * (3 * MOST_BYTES)), path=PATH)
    assert (heard.status, heard.code) == (413, "http.too-large")


def test_an_error_of_ours_stays_inside(
    app: Any, town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("/srv/hub/hub.py")

    monkeypatch.setattr(inquire, "reachable", broken)
    heard = ask(app, call("Directory", proven(town, "a", "Directory")), path=PATH)
    assert (heard.status, heard.code) == (500, "hub.internal")
    assert b"srv" not in heard.body
    assert "KeyError" in caplog.text


def test_unqualified_children_gbk_and_soap_12_are_understood(app: Any, town: Town) -> None:
    town.send("a", "b", message_id="m-1", document_number=NUMBER)
    made = base64.b64encode(proven(town, "b", "FindByDocumentNumber", documentNumber=NUMBER))
    fields = f"<documentNumber>{NUMBER}</documentNumber><page/><proof>".encode("gbk") + made + b"</proof>"
    wrapper = b'<h:FindByDocumentNumber xmlns:h="urn:hub:inquiry:v1">%b</h:FindByDocumentNumber>'
    heard = ask(app, soap(wrapper % fields.replace(b"<page/>", b""), version=SOAP_12), path=PATH)
    assert heard.status == 200
    assert heard.tree.tag == f"{{{SOAP_12}}}Envelope"
    assert heard.text("messageId") == "m-1"


def test_a_busy_hub_says_when_to_ask_again(app: Any, town: Town, served: tuple[str, Now, Any]) -> None:
    town.settle(limits=Limits(concurrent=0))
    served[1].value = town.served
    heard = ask(app, call("Directory", b"x"), path=PATH)
    assert (heard.status, heard.code, heard.headers["retry-after"]) == (503, "http.busy", "30")


# --- the WSDL


def wsdl(app: Any, query: str = "wsdl") -> Any:
    heard = ask(app, method="GET", path=f"{PATH}?{query}", headers={"Host": "evil.example"})
    assert b"evil" not in heard.body
    return heard.tree


def test_the_published_wsdl_does_not_change(app: Any, town: Town) -> None:
    """A change needs a new version under a new URI, once this one is released."""
    text = etree.tostring(wsdl(app), method="c14n").decode()
    port = text[text.index('location="') :].partition("/inquiry")[0]
    digest = hashlib.sha256(text.replace(port, "").encode()).hexdigest()
    assert digest == "37823dbb7863885bf3d817e1682b94c2ca452003a7febfb91190e64918dd3239"


@pytest.mark.parametrize(("query", "soap_namespace"), [("wsdl", "soap/"), ("wsdl12", "soap12/")])
def test_the_wsdl_keeps_the_rules_for_old_toolkits(app: Any, town: Town, query: str, soap_namespace: str) -> None:
    root = wsdl(app, query)
    binding = f"{{http://schemas.xmlsoap.org/wsdl/{soap_namespace}}}"
    assert len(root.findall(f".//{WSDL}port")) == 1
    assert root.find(f".//{binding}address").get("location") == town.hub.settings.public_url + PATH
    actions = [one.get("soapAction") for one in root.iter(binding + "operation")]
    assert actions == [f"{NAMESPACE}/{name}" for name in OPERATIONS]
    assert {part.get("name") for part in root.iter(WSDL + "part")} == {"parameters", "fault"}
    assert all(operation.find(WSDL + "fault") is not None for operation in root.iter(WSDL + "operation"))
    names = [root.find(WSDL + kind).get("name") for kind in ("portType", "binding", "service")]
    assert len(set(names)) == 3
    assert not list(root.iter(XS + "import", XS + "choice", XS + "any", XS + "attribute", WSDL + "import"))


def test_every_field_of_the_wsdl_is_typed_and_labelled_in_both_languages(app: Any, town: Town) -> None:
    schema = wsdl(app).find(f".//{XS}schema")
    for wrapper in schema.findall(XS + "element"):
        assert wrapper.find(f"{XS}complexType/{XS}sequence") is not None, wrapper.get("name")
        assert wrapper.get("type") is None
    for field in schema.iterfind(f".//{XS}sequence/{XS}element"):
        assert field.get("nillable") is None
        assert field.get("name").isascii()
        repeated = field.get("maxOccurs") is not None
        assert repeated == str(field.getparent().getparent().get("name")).startswith("ArrayOf")
        words = {
            one.get("{http://www.w3.org/XML/1998/namespace}lang"): one.text for one in field.iter(XS + "documentation")
        }
        if not repeated and not field.get("name").endswith("Result"):
            assert set(words) == {"zh", "en"}, field.get("name")


@pytest.mark.parametrize("page", ["departments.md", "departments.zh-CN.md"])
def test_the_documented_example_is_a_proof_for_the_documented_call(app: Any, town: Town, page: str) -> None:
    text = (EXAMPLES.parent / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```xml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    shown = [etree.fromstring(block) for block in blocks if "inquiry" in block]
    unsigned = next(root for root in shown if root.tag == "{urn:hub:proof:v1}inquiryRequest")
    signed = parse(signature.sign(unsigned, signer_of("a")[0]))
    town.hub.rules.schemas.check_proof(signed)
    request = proof.read_request(signed)
    call = next(e for root in shown for e in root.iter(f"{{{NAMESPACE}}}{request.operation}"))
    assert [(e.tag, e.text) for e in call][:-1] == [(f"{{{NAMESPACE}}}{n}", v) for n, v in request.arguments]
    answer = next(root for root in shown if root.tag == f"{{{NAMESPACE}}}MessageStatusResponse")
    schema = etree.fromstring(etree.tostring(wsdl(app).find(f".//{XS}schema")))
    etree.XMLSchema(schema).assertValid(answer)


# --- our own client


def test_our_client_asks_for_every_page(address: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquire, "PAGE", 2)
    town.send("a", ["b", "c", "d"], message_id="m-1", document_number=NUMBER)
    for number in range(2, 6):
        town.send("a", "b", message_id=f"m-{number}", document_number=NUMBER)
    send_case(town, "case-01-application", "case-04-acceptance", "case-10-completion")
    town.deliver()
    standing = talk(address, town, lambda client: client.status("m-1"))
    assert [(one.department, one.state, one.said.zh) for one in standing] == [
        (code, "delivered", "已送达") for code in "bcd"
    ]
    hops = talk(address, town, lambda client: client.trace("m-1", "a"), "b")
    assert [(hop.kind, hop.said.zh, hop.detail_said.en) for hop in hops] == [
        ("accepted", "接收", ""),
        ("delivered", "送达", "signed"),
    ]
    found = talk(address, town, lambda client: client.by_document_number("粤水函(2026)12号"), "b")
    assert [one.message_id for one in found] == [f"m-{number}" for number in range(1, 6)]
    case = talk(address, town, lambda client: client.by_case_number(CASE), "b")
    assert [one.message_id for one in case.messages] == ["case-1-a", "case-2-a", "case-3-a"]
    assert (case.step, case.said.zh) == ("completion", "办结")
    assert talk(address, town, lambda client: client.by_case_number("none")).messages == ()
    assert [one.code for one in talk(address, town, lambda client: client.directory())] == [
        "b",
        "c",
        "d",
        "hub",
        "m",
        "s",
    ]


def test_our_client_tells_a_refusal_in_the_hubs_words(address: str, town: Town) -> None:
    with pytest.raises(ExchangeFault) as caught:
        talk(address, town, lambda client: client.status("nothing"))
    assert caught.value.code == "message.unknown"
    with pytest.raises(Unavailable, match=r"exchange\.unreachable"):
        talk("http://127.0.0.1:1/", town, lambda client: client.directory())


# --- spyne


def test_spyne_is_imported_only_when_the_service_is_made_and_leaves_nothing_behind() -> None:
    program = """if True:
        import sys, connectors.inquiry.client, connectors.inquiry.inquiry
        assert "spyne" not in sys.modules
        before = list(sys.meta_path)
        from connectors.inquiry.inquiry import inquiry_door, service
        inquiry_door(lambda: None)
        assert "spyne" not in sys.modules
        assert service() is service()
        assert "spyne" in sys.modules and "cgi" not in sys.modules
        assert sys.meta_path == before
    """
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=EXAMPLES.parent)
