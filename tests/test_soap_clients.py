"""Real clients on a real socket: zeep with the WSDL that is served, our own client, and raw HTTP of the rude kind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import zeep
from lxml import etree
from zeep.transports import Transport

from connectors.department_client import ExchangeFault
from connectors.exchange_client import ExchangeClient
from connectors.front_door import front_door
from connectors.serving import http_server
from connectors.soap import writer as write
from connectors.soap.soap import EXCHANGE, SOAP_11
from hub import proof
from hub.errors import Unavailable
from hub.message import DeliveryState
from hub.parser import parse
from hub.proof import Confirmed, Request
from hub.settings.listen import Listen
from hub.settings.settings import Limits
from hub.signing import signature
from tests.serving import Now, serving, soap
from tests.town import Town, signer_of

T = TypeVar("T")


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[str, Now]]:
    """One front door on a socket; the hub behind it is whichever a test puts in."""
    current = Now()
    with serving(front_door(current, lambda endpoints: None)) as address:
        yield address, current


@pytest.fixture
def address(door: tuple[str, Now], town: Town) -> str:
    found, current = door
    host, port = found.removeprefix("http://").split(":")
    town.settle(listen=Listen(host, int(port)))
    current.value = town.served
    return f"{found}/exchange/v1"


# --- zeep


def zeep_client(address: str, query: str = "wsdl") -> Any:
    settings = zeep.Settings(forbid_external=True, forbid_dtd=True, strict=True)
    return zeep.Client(f"{address}?{query}", settings=settings, transport=Transport(timeout=30, operation_timeout=30))


def request(town: Town, kind: str, **fields: Any) -> Any:
    made = Request(kind, "m", town.clock(), f"n-{kind:x>20}", **fields)
    return etree.fromstring(signature.sign(proof.request_tree(made), signer_of("m")[0]))


@pytest.mark.parametrize("query", ["wsdl", "wsdl12"])
def test_zeep_hands_in_all_three_forms_and_fetches_them(address: str, town: Town, query: str) -> None:
    client = zeep_client(address, query)
    raws = [town.signed("a", "m", message_id=f"m-{n}") for n in range(3)]
    got = [
        client.service.Submit(document={"_value_1": etree.fromstring(raws[0])}),
        client.service.SubmitText(document=raws[1].decode()),
        client.service.SubmitBinary(document=raws[2], attachments={"attachment": []}),
    ]
    assert [result.messageId for result in got] == ["m-0", "m-1", "m-2"]
    assert [result.replayed for result in got] == [False] * 3
    signature.verify(parse(got[2].stamp))
    fetched = client.service.Fetch(request={"_value_1": request(town, "fetchRequest", max=10)}, form="binary")
    assert [item.envelopeBinary for item in fetched["items"].item][1:] == raws[1:]
    items = tuple(Confirmed(i.deliveryId, i.messageId, i.sender, i.digest) for i in fetched["items"].item)
    confirm = request(town, "confirmRequest", items=items)
    assert client.service.Confirm(request={"_value_1": confirm}) == 3
    assert town.states("a", "m-0") == {"m": DeliveryState.DELIVERED}


def test_zeep_sees_a_declared_fault(address: str, town: Town) -> None:
    client = zeep_client(address)
    with pytest.raises(zeep.exceptions.Fault) as caught:
        client.service.SubmitText(document=town.signed("a", "b", by="c").decode())
    assert caught.value.code == "soap:Client"
    detail = client.wsdl.types.deserialize(caught.value.detail[0])
    assert detail.code == "rights.sender"
    assert "发送方" in detail.zh


# --- our own client


def talk(
    address: str, town: Town, work: Callable[[ExchangeClient], Coroutine[Any, Any, T]], code: str = "a", **more: Any
) -> T:
    async def once() -> T:
        async with ExchangeClient(address, signer_of(code)[0], code, clock=town.clock, **more) as client:
            return await work(client)

    return asyncio.run(once())


@pytest.mark.parametrize("soap_version", ["1.1", "1.2"])
@pytest.mark.parametrize("form", ["xml", "text", "binary"])
def test_our_client_hands_in_asks_fetches_and_confirms(address: str, town: Town, form: str, soap_version: str) -> None:
    raw = town.signed("a", "m", message_id="m-1")
    submitted = talk(address, town, lambda c: c.submit(raw, form=form), soap=soap_version)
    assert (submitted.message_id, submitted.accepted_at, submitted.replayed) == ("m-1", town.clock(), False)
    signature.verify(parse(submitted.stamp))
    standing = talk(address, town, lambda c: c.status("m-1"), soap=soap_version)
    assert [(r.department, r.role, r.state, r.at) for r in standing.recipients] == [("m", "main", "waiting", None)]
    fetched = talk(address, town, lambda c: c.fetch(5, form), "m", soap=soap_version)
    assert [(f.message_id, f.digest) for f in fetched] == [("m-1", submitted.digest)]
    signature.verify(parse(fetched[0].envelope))
    assert talk(address, town, lambda c: c.confirm(fetched), "m", soap=soap_version) == 1
    assert talk(address, town, lambda c: c.status("m-1")).recipients[0].state == "delivered"


def test_our_client_tells_a_refusal_in_the_hubs_words(address: str, town: Town) -> None:
    with pytest.raises(ExchangeFault) as caught:
        talk(address, town, lambda c: c.status("nothing"))
    assert caught.value.code == "message.unknown"
    assert "没有找到该报文" in caught.value.sentence("zh")
    assert caught.value.facts()["en"] == caught.value.en


def test_our_client_tells_what_passes_from_what_does_not(address: str, town: Town, door: tuple[str, Now]) -> None:
    town.settle(limits=Limits(concurrent=0))
    door[1].value = town.hub
    with pytest.raises(Unavailable, match=r"http\.busy"):
        talk(address, town, lambda c: c.fetch(), "m")
    with pytest.raises(Unavailable, match=r"exchange\.answer"):
        talk(address.replace("exchange", "nothing"), town, lambda c: c.fetch(), "m")
    with pytest.raises(Unavailable, match=r"exchange\.unreachable"):
        talk("http://127.0.0.1:1/", town, lambda c: c.fetch(), "m")


# --- raw HTTP


def raw_http(address: str, *pieces: bytes) -> bytes:
    host, port = address.removeprefix("http://").partition("/")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = io.BytesIO()
        while got := connection.recv(65536):
            answer.write(got)
    return answer.getvalue()


HEAD = b"POST /exchange/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/xml\r\n"


def test_a_chunked_body_after_expect_100_continue_is_read(address: str, town: Town) -> None:
    body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Submit", [write.holder("document", town.signed("a", "b"))]))
    chunks = [b"%x\r\n%b\r\n" % (len(c), c) for c in (body[:7], body[7:])]
    head = HEAD + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw_http(address, head, *chunks, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue")
    assert b"SubmitResponse" in answer


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"Content-Length: -1\r\n\r\n",
        b"bad header\r\n\r\n",
    ],
)
def test_http_that_can_be_read_two_ways_is_refused(address: str, town: Town, head: bytes) -> None:
    answer = raw_http(address, HEAD + head)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 500"))
    assert town.hops() == [] or b"Fault" in answer
    assert b"Traceback" not in answer


def test_a_huge_content_length_is_refused_at_once(address: str, town: Town) -> None:
    answer = raw_http(address, HEAD + b"Content-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"http.too-large" in answer


def test_headers_that_drip_are_cut_off(address: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "HEADER_SECONDS", 0.05)
    try:
        assert raw_http(address, b"POST /exch") == b""
    except ConnectionResetError:
        return


def test_a_connection_on_which_a_body_that_nobody_reads_drips_is_cut_off(
    address: str, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEADER_SECONDS", 2.0)
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n")
        assert connection.recv(1) in (b"H", b"")
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"x")
            while connection.recv(1000):
                pass


def test_two_calls_share_one_connection(address: str, town: Town) -> None:
    call = soap(b'<h:Shutdown xmlns:h="urn:hub:exchange:v1"/>')
    first = HEAD.replace(b"Connection: close\r\n", b"") + b"Content-Length: %d\r\n\r\n" % len(call) + call
    last = HEAD + b"Content-Length: %d\r\n\r\n" % len(call) + call
    assert raw_http(address, first, last).count(b"soap.operation") == 2
