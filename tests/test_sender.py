"""The way out over real SOAP: every form and version arrives byte for byte, every fault of a receiver has its code."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.pretend.fault import parse_fault
from connectors.soap.sender import SoapSender
from hub import envelope, proof
from hub.directory import Endpoint, Kind, Profile
from hub.dispatch import Dispatcher
from hub.errors import Undelivered
from hub.message import Consignment, DeliveryState, Role
from hub.parser import parse
from hub.registry.registry import Registry
from hub.signing import signature
from tests.serving import serving
from tests.town import START, Town, found_town, signer_of

FAULTS = {
    "down": "delivery.unreachable",
    "slow:60": "delivery.timeout",
    "hang": "delivery.timeout",
    "error500": "delivery.fault",
    "flaky:1": "delivery.fault",
    "fault": "delivery.fault",
    "garbage": "delivery.answer",
    "bomb": "delivery.answer",
    "endless": "delivery.too-large",
    "unsigned": "delivery.unsigned",
    "wrong-message": "delivery.other-message",
    "wrong-signer": "delivery.other-signer",
    "lost-answer:1": "delivery.unreachable",
}
CODES = {fault: fault.replace(":", "-") for fault in FAULTS}
LATE = {CODES[fault] for fault, code in FAULTS.items() if code == "delivery.timeout"}
PATIENCE = 60.0
STRANGE = '<?xml version="1.0" encoding="GBK"?>\r\n'


def pretend(code: str, fault: str = "none") -> PretendDepartment:
    stranger = signer_of("a")[0]
    return PretendDepartment(code, signer_of(code)[0], parse_fault(fault), stranger, clock=lambda: START)


@pytest.fixture(scope="module")
def receivers() -> Iterator[tuple[str, dict[str, PretendDepartment]]]:
    """One server with a department for every fault, and `b` that has none; the tests share it."""
    known = {code: pretend(code, fault) for fault, code in CODES.items()} | {"b": pretend("b")}
    with serving(pretend_departments(known.values())) as address:
        yield address, known


def endpoint(address: str, code: str, **profile: object) -> Endpoint:
    url = f"{address}/dept/{code}/delivery/v1"
    return Endpoint(code, code, Kind.PUSH, url, profile=Profile(timeout=PATIENCE, **profile))  # type: ignore[arg-type]


def consignment(raw: bytes, recipient: str = "b", message_id: str = "m-1", **fields: object) -> Consignment:
    return Consignment(
        delivery_id=7,
        recipient=recipient,
        role=Role.COPY,
        sender="a",
        message_id=message_id,
        type="official-document-1",
        digest=hashlib.sha256(raw).hexdigest(),
        envelope=raw,
        stamp=signature.sign(
            proof.request_tree(proof.Request("statusRequest", "b", START, "n" * 16)), signer_of("hub")[0]
        ),
        **fields,  # type: ignore[arg-type]
    )


def deliver(to: Endpoint, sent: Consignment) -> bytes:
    async def once() -> bytes:
        sender = SoapSender()
        try:
            return await sender.deliver(to, sent)
        finally:
            await sender.close()

    return asyncio.run(once())


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("form", ["xml", "text", "binary"])
def test_a_message_arrives_whole_in_each_form_and_version(
    receivers: tuple[str, dict[str, PretendDepartment]], town: Town, form: str, soap: str
) -> None:
    address, known = receivers
    name = f"{form}-{soap}"
    line = envelope.attachment("x", "x.bin", "application/octet-stream", bytes(range(256)), inline=False)
    plain = town.signed("a", "b", message_id=name, attachments=[line]).decode()
    raw = (STRANGE + plain).encode("gb18030")
    sent = consignment(raw, message_id=name, attachments=(("x", bytes(range(256))),))
    answer = deliver(endpoint(address, "b", form=form, soap=soap), sent)
    read = proof.read_acknowledgement(signature.verify(parse(answer)).root, answer, "")
    assert (read.message_id, read.sender, read.digest, read.recipient) == (name, "a", sent.digest, "b")
    got = known["b"].handed["a", name]
    assert (got.delivery_id, got.type, got.role, got.digest) == (7, "official-document-1", "copy", sent.digest)
    assert got.attachments == {"x": bytes(range(256))}
    assert got.stamp == sent.stamp or form == "xml"
    assert form == "xml" or got.envelope == raw
    signature.verify(parse(got.envelope))
    signature.verify(parse(got.stamp))


def test_a_message_delivered_twice_is_handed_on_once(
    receivers: tuple[str, dict[str, PretendDepartment]], town: Town
) -> None:
    address, known = receivers
    sent = consignment(town.signed("a", "b", message_id="twice"), message_id="twice")
    for _ in range(2):
        deliver(endpoint(address, "b"), sent)
    assert known["b"].handed["a", "twice"].times == 2


def test_a_damaged_envelope_is_not_taken(receivers: tuple[str, dict[str, PretendDepartment]], town: Town) -> None:
    address, known = receivers
    raw = town.signed("a", "b", message_id="bad").replace(b">bad<", b">bed<")
    for form in ("xml", "text", "binary"):
        with pytest.raises(Undelivered, match=r"delivery\.fault") as caught:
            deliver(endpoint(address, "b", form=form), consignment(raw, message_id="bad"))
        assert "signature.invalid" in caught.value.operator
    assert ("a", "bad") not in known["b"].handed


def test_ping_says_what_the_endpoint_said(receivers: tuple[str, dict[str, PretendDepartment]]) -> None:
    async def ping(code: str) -> str:
        sender = SoapSender()
        try:
            return await sender.ping(endpoint(receivers[0], code))
        finally:
            await sender.close()

    assert asyncio.run(ping("b")) == "b OK"
    with pytest.raises(Undelivered, match=r"delivery\.fault"):
        asyncio.run(ping("nobody"))


# --- every fault, over the whole way out


def with_endpoints(registry: Registry, address: str) -> Registry:
    return replace(registry, endpoints=tuple(reached(one, address) for one in registry.endpoints))


def reached(one: Endpoint, address: str) -> Endpoint:
    """Waited for shortly where nothing comes in time, and long where something must, on a busy machine too."""
    timeout = 0.5 if one.department in LATE else PATIENCE
    url = f"{address}/dept/{one.department}/delivery/v1"
    return replace(one, url=url, profile=replace(one.profile, timeout=timeout))


def test_each_fault_of_a_receiver_is_met_with_its_code(
    receivers: tuple[str, dict[str, PretendDepartment]], tmp_path: Path
) -> None:
    address, known = receivers
    town = found_town(tmp_path, ["a", "b", *CODES.values()])
    try:
        town.register(lambda registry: with_endpoints(registry, address))
        town.send("a", ["b", *CODES.values()], message_id="m-faults")
        drain(town)
        causes = {d.recipient: d.cause for d in town.trace("a", "m-faults").deliveries}
        assert causes == {"b": ""} | {CODES[fault]: code for fault, code in FAULTS.items()}
        town.clock.turn(minutes=2)
        drain(town)
        states = town.states("a", "m-faults")
        healed = {"b", "flaky-1", "lost-answer-1"}
        assert {code for code, state in states.items() if state is DeliveryState.DELIVERED} == healed
        assert known["lost-answer-1"].handed["a", "m-faults"].times == 2
    finally:
        town.close()


def drain(town: Town) -> None:
    async def once() -> None:
        sender = SoapSender()
        try:
            await Dispatcher(lambda: town.hub, sender).drain()
        finally:
            await sender.close()

    asyncio.run(once())


# --- answers that no pretend department gives


ENVELOPE = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%b</s:Body></s:Envelope>'
RESPONSE = b'<h:%b xmlns:h="urn:hub:delivery:v1">%b</h:%b>'
ANSWERS = {
    "redirect": RedirectResponse("http://127.0.0.1:9/elsewhere"),
    "gzip": Response(b"\x1f\x8b", headers={"content-encoding": "gzip"}, media_type="text/xml"),
    "empty": Response(status_code=202),
    "fault200": Response(ENVELOPE % b"<s:Fault/>"),
    "other-response": Response(ENVELOPE % (RESPONSE % (b"PingResponse", b"", b"PingResponse"))),
    "no-result": Response(ENVELOPE % (RESPONSE % (b"DeliverResponse", b"", b"DeliverResponse"))),
    "no-acknowledgement": Response(
        ENVELOPE % (RESPONSE % (b"DeliverResponse", b"<h:DeliverResult/>", b"DeliverResponse"))
    ),
    "not-there": Response(status_code=404),
}


async def _answer(request: Request) -> Response:
    return ANSWERS[request.path_params["kind"]]


ODD = {
    "redirect": "delivery.fault",
    "gzip": "delivery.answer",
    "empty": "delivery.answer",
    "fault200": "delivery.fault",
    "other-response": "delivery.answer",
    "no-result": "delivery.answer",
    "no-acknowledgement": "delivery.answer",
    "not-there": "delivery.fault",
}


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    with serving(Starlette(routes=[Route("/{kind}", _answer, methods=["POST"])])) as address:
        yield address


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_answer_is_no_delivery(odd: str, kind: str) -> None:
    with pytest.raises(Undelivered) as caught:
        deliver(Endpoint("b", "b", url=f"{odd}/{kind}"), consignment(b"<a/>"))
    assert caught.value.code == ODD[kind]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{free}/", "http://no-such-host.invalid/", "http://[::1", "file:///etc/passwd"]
)
def test_an_address_that_leads_nowhere_is_unreachable(url: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Undelivered) as caught:
            deliver(Endpoint("b", "b", url=url.format(free=held.getsockname()[1])), consignment(b"<a/>"))
    assert caught.value.code == "delivery.unreachable"
    assert "etc" not in caught.value.sentence()


def test_no_proxy_of_the_environment_is_used(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(Undelivered, match=r"delivery\.answer"):
        deliver(Endpoint("b", "b", url=f"{odd}/empty"), consignment(b"<a/>"))
