"""Large attachments: uploaded in parts, bound to a message, handed out by link; cut, altered, foreign, hostile ones."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from connectors.attachments.client import AttachmentClient, Digested, digest_file
from connectors.attachments.door import AttachmentDoor
from connectors.attachments.stream import AttachmentStream
from connectors.department_client import ExchangeFault
from connectors.exchange_client import ExchangeClient, Fetched
from connectors.front_door import front_door
from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.serving.http_server import HANG_UP
from connectors.soap.sender import SoapSender
from hub import mailbox, proof
from hub.attachments import download, sweep
from hub.attachments import upload as upload_verb
from hub.audit.audit import Standard, audit
from hub.dispatch import Dispatcher
from hub.errors import Refused, Unavailable
from hub.message import Attachment, DeliveryState, Hop
from hub.proof import Request
from hub.retention.purge import purge
from hub.retention.retention import rules_of
from hub.settings.listen import Listen
from hub.settings.settings import Keeping, Limits, Uploading
from hub.signing import signature
from hub.store import sweeping, uploads
from hub.store.content.content import open_content
from hub.store.operate import Order
from hub.trust.certificate import thumbprint
from tests.serving import UNPREPARED, Heard, Now, ask, serving
from tests.test_content import KEY, SECRET, s3
from tests.test_evidence import exported, files_of, zipped
from tests.test_mailbox import confirm, fetch, request
from tests.town import CENTURIES, ROUTING, START, Town, authority, found_town, reopened, signer_of

ROOT = Path(__file__).parent.parent
SERVE = f"""
import sys
from pathlib import Path
from connectors.serving.server import run_hub
{UNPREPARED}
run_hub(Path(sys.argv[1]), ready=lambda address: print(address, flush=True))
"""
__all__ = ["s3"]
PART = 1000
LIMITS = Uploading(part_bytes=PART, most_bytes=1_000_000, department_bytes=50_000)
WHOLE = bytes(range(256)) * 14  # 3584 bytes, four parts
NEXT = iter(range(1, 10_000))


@pytest.fixture(scope="module")
def serving_door() -> Iterator[tuple[str, Now]]:
    """One attachment door on a socket; the hub behind it is whichever a test puts in."""
    current = Now()
    with serving(Starlette(routes=AttachmentDoor(current).routes)) as address:
        yield address, current


@pytest.fixture
def address(serving_door: tuple[str, Now], town: Town) -> str:
    found, current = serving_door
    host, port = found.removeprefix("http://").split(":")
    town.settle(listen=Listen(host, int(port)), upload=LIMITS)
    current.value = town.served
    return f"{found}/attachments/v1"


@pytest.fixture
def app(town: Town) -> Starlette:
    town.settle(upload=LIMITS)
    return Starlette(routes=AttachmentDoor(lambda: town.hub).routes)


def known(content: bytes) -> Digested:
    return Digested(hashlib.sha256(content).hexdigest(), len(content))


def line(content: bytes, id: str = "a1") -> Attachment:
    return Attachment(id, "全套图纸.zip", "application/zip", len(content), known(content).digest)


def client(town: Town, address: str, department: str = "a") -> AttachmentClient:
    return AttachmentClient(
        address,
        signer_of(department)[0],
        department,
        clock=town.clock,
        seconds=30,
        nonce=lambda: f"upload-nonce-{next(NEXT):010d}",
    )


def file_of(folder: Path, content: bytes = WHOLE) -> Path:
    path = folder / f"file-{next(NEXT)}"
    path.write_bytes(content)
    return path


def upload(town: Town, address: str, content: bytes = WHOLE, department: str = "a") -> None:
    client(town, address, department).upload(file_of(town.folder, content), known(content))


def call(app: Starlette, method: str, path: str, body: bytes | list[bytes] = b"", **headers: str) -> Heard:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(app, body, method=method, path=f"/attachments/v1{path}", headers=named)


def told(heard: Heard) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(heard.body)
    return found


def begin(town: Town, app: Starlette, content: bytes = WHOLE, department: str = "a", **fields: Any) -> Heard:
    whole = known(content)
    asked = {"digest": whole.digest, "size": whole.size, **fields}
    return call(app, "POST", "/uploads", request("uploadRequest", department, town.clock(), **asked))


def header(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def put(app: Starlette, token: str, number: int, content: bytes, **headers: str) -> Heard:
    given = {"content_digest": header(content), **headers}
    return call(app, "PUT", f"/uploads/{token}/parts/{number}", content, **given)


def put_all(app: Starlette, token: str, content: bytes = WHOLE) -> None:
    for number, start in enumerate(range(0, len(content), PART), start=1):
        assert put(app, token, number, content[start : start + PART]).status == 204


def blobs(town: Town) -> set[str]:
    return {blob.digest for blob in town.hub.content.blobs()}


# --- the road


def test_an_uploaded_attachment_travels_by_link_and_arrives_byte_for_byte(town: Town, address: str) -> None:
    upload(town, address)
    town.register(lambda registry: with_profile(registry, "b", inline_most=100))
    town.send("a", "b", attachments=[line(WHOLE)])
    town.deliver()
    [handed] = town.connector.handed
    assert handed.attachments == ()
    [link] = handed.references
    assert (link.id, link.digest, link.size) == ("a1", known(WHOLE).digest, len(WHOLE))
    target = town.folder / "got"
    client(town, address, "b").download(link.href, known(WHOLE), target)
    assert target.read_bytes() == WHOLE
    town.check()


def with_profile(registry: Any, code: str, **changes: Any) -> Any:
    url = {"url": changes.pop("url")} if "url" in changes else {}
    endpoints = [
        replace(e, **url, profile=replace(e.profile, **changes)) if e.code == code else e for e in registry.endpoints
    ]
    return replace(registry, endpoints=tuple(endpoints))


def test_a_small_uploaded_attachment_goes_along_with_the_message(town: Town, address: str) -> None:
    upload(town, address)
    town.send("a", "b", attachments=[line(WHOLE)])
    town.deliver()
    [handed] = town.connector.handed
    assert handed.attachments == (("a1", WHOLE),)
    assert handed.references == ()


def test_a_wrong_part_that_was_replaced_while_it_was_judged_costs_nothing(
    town: Town, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A department that heard nothing for long sends the part again, completes, and sends its message."""
    put_all(app, token := told(begin(town, app))["upload"])
    assert put(app, token, 2, bytes(PART)).status == 204
    sound = upload_verb._digest_of

    def slowly(content: Any, parts: list[uploads.Part]) -> str:
        monkeypatch.setattr(upload_verb, "_digest_of", sound)
        found = sound(content, parts)
        assert put(app, token, 2, WHOLE[PART : 2 * PART]).status == 204
        assert told(call(app, "POST", f"/uploads/{token}/complete"))["complete"]
        town.send("a", "b", attachments=[line(WHOLE)])
        return found

    monkeypatch.setattr(upload_verb, "_digest_of", slowly)
    assert told(call(app, "POST", f"/uploads/{token}/complete"))["code"] == "upload.mismatch"
    town.deliver()
    [handed] = town.connector.handed
    assert handed.attachments == (("a1", WHOLE),)
    town.check()


def test_what_goes_along_is_bounded_in_all(town: Town, address: str) -> None:
    other = WHOLE[::-1]
    upload(town, address)
    upload(town, address, other)
    town.register(lambda registry: with_profile(registry, "b", inline_most=len(WHOLE) + 100))
    town.send("a", "b", attachments=[line(WHOLE), line(other, "a2")])
    town.deliver()
    [handed] = town.connector.handed
    assert [id for id, _ in handed.attachments] == ["a1"]
    assert [one.id for one in handed.references] == ["a2"]


def test_a_mailbox_gives_links_too(town: Town, address: str) -> None:
    upload(town, address)
    town.register(lambda registry: with_profile(registry, "m", inline_most=0))
    town.send("a", "m", attachments=[line(WHOLE)])
    [got] = fetch(town)
    [link] = got.consignment.references
    client(town, address, "m").download(link.href, known(WHOLE), town.folder / "got")
    assert confirm(town, [got]) == 1


def test_sender_and_recipients_may_ask_for_a_link_and_nobody_else(town: Town, address: str) -> None:
    upload(town, address)
    town.send("a", "b", attachments=[line(WHOLE)])
    for department in ("a", "b"):
        asking = client(town, address, department)
        asking.download(asking.link(known(WHOLE).digest), known(WHOLE), town.folder / f"got-{department}")
    with pytest.raises(ExchangeFault) as foreign:
        client(town, address, "c").link(known(WHOLE).digest)
    with pytest.raises(ExchangeFault) as absent:
        client(town, address, "c").link("0" * 64)
    assert foreign.value.code == absent.value.code == "attachment.unknown"
    assert foreign.value.sentence() == absent.value.sentence()


def test_one_upload_serves_several_messages_and_the_same_again_is_complete_at_once(town: Town, address: str) -> None:
    upload(town, address)
    steps: list[int] = []
    client(town, address).upload(file_of(town.folder), known(WHOLE), steps.append)
    assert steps == [len(WHOLE)]
    for _ in range(2):
        town.send("a", "b", attachments=[line(WHOLE)])
    town.deliver()
    assert [one.attachments for one in town.connector.handed] == [(("a1", WHOLE),)] * 2


def test_the_same_message_again_gets_its_receipt(town: Town, address: str) -> None:
    upload(town, address)
    raw = town.signed("a", "b", attachments=[line(WHOLE)])
    assert not town.submit(raw).replayed
    assert town.submit(raw).replayed


def test_over_soap_the_links_come_with_the_message_in_every_form(town: Town, address: str) -> None:
    upload(town, address)
    for form, soap in (("xml", "1.1"), ("text", "1.2"), ("binary", "1.1")):
        department = PretendDepartment("b", signer_of("b")[0], clock=town.clock)
        with serving(pretend_departments([department])) as place:
            url = f"{place}/dept/b/delivery/v1"
            profile = {"inline_most": 0, "form": form, "soap": soap}
            town.register(lambda r, url=url, profile=profile: with_profile(r, "b", url=url, **profile))
            receipt = town.send("a", "b", attachments=[line(WHOLE)])
            town.run(deliver_all(town))
        assert town.states("a", receipt.message_id) == {"b": DeliveryState.DELIVERED}
        [message] = department.summary()["messages"]
        assert message["attachments"] == {"a1": known(WHOLE).digest}


async def deliver_all(town: Town) -> None:
    sender = SoapSender()
    try:
        await Dispatcher(lambda: town.hub, sender).drain()
    finally:
        await sender.close()


def test_over_soap_a_mailbox_gives_links_in_every_form(town: Town, address: str) -> None:
    upload(town, address)
    town.register(lambda registry: with_profile(registry, "m", inline_most=0))
    app = Starlette(routes=front_door(lambda: town.hub, lambda endpoints: None).routes)
    with serving(app) as place:
        for form in ("xml", "text", "binary"):
            town.send("a", "m", attachments=[line(WHOLE)])
            [got] = town.run(fetch_over_soap(town, f"{place}/exchange/v1", form))
            [link] = got.links
            assert (link.id, link.size, link.digest) == ("a1", len(WHOLE), known(WHOLE).digest)
            assert client(town, address, "m").digest_link(link.href) == known(WHOLE)


async def fetch_over_soap(town: Town, url: str, form: str) -> list[Fetched]:
    async with ExchangeClient(url, signer_of("m")[0], "m", clock=town.clock) as asking:
        return await asking.fetch(form=form)


# --- what is refused


def test_what_was_not_uploaded_whole_is_missing(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    assert put(app, token, 1, WHOLE[:PART]).status == 204
    with pytest.raises(Refused, match=r"attachment\.missing"):
        town.send("a", "b", attachments=[line(WHOLE)])
    town.check()


def test_another_departments_upload_is_of_no_use(town: Town, app: Starlette) -> None:
    put_all(app, token := told(begin(town, app))["upload"])
    call(app, "POST", f"/uploads/{token}/complete")
    with pytest.raises(Refused, match=r"attachment\.missing"):
        town.send("c", "b", attachments=[line(WHOLE)])
    told_c = told(begin(town, app, department="c"))
    assert not told_c["complete"]  # and does not even say that the hub has it
    assert told_c["missing"] == [1, 2, 3, 4]


def test_a_size_that_is_not_the_uploads_does_not_match(town: Town, app: Starlette) -> None:
    put_all(app, token := told(begin(town, app))["upload"])
    assert told(call(app, "POST", f"/uploads/{token}/complete"))["complete"]
    with pytest.raises(Refused, match=r"attachment\.missing"):
        town.send("a", "b", attachments=[replace(line(WHOLE), size=len(WHOLE) + 1)])


def test_a_part_with_another_digest_is_not_kept(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    heard = put(app, token, 1, WHOLE[:PART], content_digest=header(b"other"))
    assert (heard.status, told(heard)["code"]) == (400, "upload.altered")
    assert told(call(app, "GET", f"/uploads/{token}"))["missing"] == [1, 2, 3, 4]
    assert blobs(town) == set()


def test_a_whole_with_another_digest_is_dropped(town: Town, app: Starlette) -> None:
    wrong: dict[str, Any] = {"digest": known(b"other").digest}
    token = told(begin(town, app, **wrong))["upload"]
    put_all(app, token)
    heard = call(app, "POST", f"/uploads/{token}/complete")
    assert (heard.status, told(heard)["code"]) == (409, "upload.mismatch")
    assert told(begin(town, app, **wrong))["missing"] == [1, 2, 3, 4]


def test_a_part_sent_anew_replaces_the_one_before(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    assert put(app, token, 1, bytes(PART)).status == 204
    put_all(app, token)
    assert told(call(app, "POST", f"/uploads/{token}/complete"))["complete"]


def test_completing_too_early_names_what_is_missing(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    put(app, token, 3, WHOLE[2 * PART : 3 * PART])
    heard = call(app, "POST", f"/uploads/{token}/complete")
    assert (heard.status, told(heard)["code"], told(heard)["got"]) == (409, "upload.incomplete", "1, 2, 4")


@pytest.mark.parametrize(
    ("number", "content", "headers", "code"),
    [
        ("1", WHOLE[: PART - 1], {}, "upload.part"),
        ("1", WHOLE[: PART + 1], {}, "http.too-large"),
        ("1", WHOLE[:PART], {"content_length": "1000000000000"}, "http.too-large"),
        ("1", WHOLE[:PART], {"content_length": "-1"}, "http.too-large"),
        ("1", WHOLE[:PART], {"content_digest": ""}, "upload.header"),
        ("1", WHOLE[:PART], {"content_digest": "sha-512=:AAAA:"}, "upload.header"),
        ("1", WHOLE[:PART], {"content_digest": f"sha-256=:{'A' * 43}!:"}, "upload.header"),
        ("0", WHOLE[:PART], {}, "upload.part"),
        ("5", WHOLE[:PART], {}, "upload.part"),
        ("999999999999999999999", WHOLE[:PART], {}, "upload.part"),
    ],
)
def test_hostile_parts(
    town: Town, app: Starlette, number: str, content: bytes, headers: dict[str, str], code: str
) -> None:
    token = told(begin(town, app))["upload"]
    given = {"content_digest": header(content), **headers}
    heard = call(app, "PUT", f"/uploads/{token}/parts/{number}", content, **given)
    assert told(heard)["code"] == code
    assert blobs(town) == set()


def test_a_body_without_a_length_is_bounded_too(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    given = {"content_digest": header(WHOLE[:PART])}
    heard = call(app, "PUT", f"/uploads/{token}/parts/1", [bytes(600), bytes(600), bytes(10**6)], **given)
    assert heard.status == 413
    assert call(app, "PUT", f"/uploads/{token}/parts/1", [WHOLE[:500], WHOLE[500:PART]], **given).status == 204


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size": 1_000_001}, "upload.too-large"),
        ({"size": 10**12}, "upload.too-large"),
        ({"size": 60_000}, "upload.quota"),
        ({"size": 0}, "proof.invalid"),
        ({"digest": "xyz"}, "proof.invalid"),
    ],
)
def test_hostile_requests(town: Town, app: Starlette, fields: dict[str, Any], code: str) -> None:
    assert told(begin(town, app, **fields))["code"] == code
    assert [entry.detail for entry in town.hops(Hop.REFUSED)] == [code]


def test_what_no_message_refers_to_is_bounded_per_department(town: Town, app: Starlette) -> None:
    begin(town, app, size=30_000)
    assert told(begin(town, app, digest="1" * 64, size=30_000))["code"] == "upload.quota"
    assert begin(town, app, department="b", digest="1" * 64, size=30_000).status == 201


def test_a_request_counts_once_and_only_from_its_signer(town: Town, app: Starlette) -> None:
    asked: dict[str, Any] = {"digest": known(WHOLE).digest, "size": len(WHOLE)}
    raw = request("uploadRequest", "a", town.clock(), **asked)
    assert call(app, "POST", "/uploads", raw).status == 201
    assert told(call(app, "POST", "/uploads", raw))["code"] == "request.replayed"
    stolen = request("uploadRequest", "a", town.clock(), by="b", **asked)
    assert told(call(app, "POST", "/uploads", stolen))["code"] == "rights.sender"
    other = request("downloadRequest", "a", town.clock(), digest=known(WHOLE).digest)
    assert told(call(app, "POST", "/uploads", other))["code"] == "request.kind"


def test_tokens_lapse_and_are_not_guessed(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    assert len(token) >= 43
    assert call(app, "GET", f"/uploads/{token[:-1]}").status == 404
    town.clock.turn(days=8)
    assert told(call(app, "GET", f"/uploads/{token}"))["code"] == "upload.unknown"
    assert put(app, token, 1, WHOLE[:PART]).status == 404


def test_a_link_lapses_and_opens_nothing_else(town: Town, app: Starlette) -> None:
    path = linked(town, app)
    assert call(app, "GET", path).body == WHOLE
    digest, _, ticket = path.removeprefix("/").partition("?ticket=")
    assert call(app, "GET", f"/{'0' * 64}?ticket={ticket}").status == 404
    assert call(app, "GET", f"/{digest}?ticket={ticket}x").status == 404
    assert call(app, "GET", f"/{digest}").status == 404
    town.clock.turn(days=2)
    assert call(app, "GET", path).status == 404


def linked(town: Town, app: Starlette, content: bytes = WHOLE) -> str:
    """The path of a link to an attachment of a message from `a` to `b`."""
    token = told(begin(town, app, content))["upload"]
    put_all(app, token, content)
    assert call(app, "POST", f"/uploads/{token}/complete").status == 200
    town.send("a", "b", attachments=[line(content)])
    raw = request("downloadRequest", "b", town.clock(), digest=known(content).digest)
    href: str = told(call(app, "POST", "/downloads", raw))["href"]
    return href.partition("/attachments/v1")[2]


# --- breaks, ranges, damage


def test_an_upload_goes_on_after_a_connection_broke_in_the_middle_of_a_part(town: Town, address: str) -> None:
    host, port = address.removeprefix("http://").partition("/")[0].split(":")
    asked = request("uploadRequest", "a", town.clock(), digest=known(WHOLE).digest, size=len(WHOLE))
    app = Starlette(routes=AttachmentDoor(lambda: town.hub).routes)
    token = told(call(app, "POST", "/uploads", asked))["upload"]
    put(app, token, 2, WHOLE[PART : 2 * PART])
    with socket.create_connection((host, int(port))) as broken:
        head = f"PUT /attachments/v1/uploads/{token}/parts/1 HTTP/1.1\r\nHost: hub\r\nContent-Length: {PART}\r\n"
        broken.sendall(f"{head}Content-Digest: {header(WHOLE[:PART])}\r\n\r\n".encode() + WHOLE[:400])
    assert told(call(app, "GET", f"/uploads/{token}"))["missing"] == [1, 3, 4]
    steps: list[int] = []
    client(town, address).upload(file_of(town.folder), known(WHOLE), steps.append)
    assert steps == [PART, PART, PART, len(WHOLE) - 3 * PART]  # what was there, and the three that were missing
    town.send("a", "b", attachments=[line(WHOLE)])


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=999-1000", 999, 1000),
        ("bytes=1000-", 1000, 3583),
        ("bytes=500-99999999", 500, 3583),
        ("bytes=-84", 3500, 3583),
        ("bytes=-99999", 0, 3583),
        ("bytes=1000-2999", 1000, 2999),
    ],
)
def test_a_range_is_given_as_asked(town: Town, app: Starlette, asked: str, first: int, last: int) -> None:
    heard = call(app, "GET", linked(town, app), range=asked)
    assert heard.status == 206
    assert heard.headers["content-range"] == f"bytes {first}-{last}/3584"
    assert heard.body == WHOLE[first : last + 1]


def test_what_is_no_single_range_gets_the_whole_and_what_lies_beyond_gets_416(town: Town, app: Starlette) -> None:
    path = linked(town, app)
    for asked in ("bytes=0-1,5-6", "bytes=5-2", "items=0-1", "bytes=x-", "bytes=-"):
        heard = call(app, "GET", path, range=asked)
        assert (heard.status, heard.body) == (200, WHOLE)
    assert call(app, "GET", path, range="bytes=0-1", if_range='"other"').status == 200
    for asked in ("bytes=3584-", "bytes=-0"):
        heard = call(app, "GET", path, range=asked)
        assert (heard.status, heard.headers["content-range"]) == (416, "bytes */3584")
    head = call(app, "HEAD", path)
    assert (head.status, head.headers["content-length"], head.body) == (200, "3584", b"")


def test_a_download_goes_on_where_it_stopped(town: Town, address: str) -> None:
    upload(town, address)
    town.send("a", "b", attachments=[line(WHOLE)])
    asking, target, steps = client(town, address, "b"), town.folder / "got", list[int]()
    (town.folder / "got.part").write_bytes(WHOLE[:1500])
    asking.download(asking.link(known(WHOLE).digest), known(WHOLE), target, steps.append)
    assert target.read_bytes() == WHOLE
    assert steps[0] == 1500
    assert not (town.folder / "got.part").exists()


def test_a_download_that_is_not_as_signed_is_not_kept(town: Town, address: str) -> None:
    upload(town, address)
    town.send("a", "b", attachments=[line(WHOLE)])
    asking = client(town, address, "b")
    (town.folder / "got.part").write_bytes(bytes(1500))
    with pytest.raises(Refused, match=r"delivery\.altered"):
        asking.download(asking.link(known(WHOLE).digest), known(WHOLE), town.folder / "got")
    assert not list(town.folder.glob("got*"))


def spoil(town: Town, number: int) -> None:
    """Alter the blob of a part."""
    digest = hashlib.sha256(WHOLE[(number - 1) * PART : number * PART]).hexdigest()
    path = town.folder / "content" / digest[:2] / digest[2:]
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))


def test_an_altered_first_part_is_told_and_an_altered_later_part_cuts_the_answer(town: Town, address: str) -> None:
    upload(town, address)
    town.send("a", "b", attachments=[line(WHOLE)])
    asking = client(town, address, "b")
    link = asking.link(known(WHOLE).digest)
    spoil(town, 3)
    with pytest.raises(Unavailable, match=r"exchange\."):
        asking.download(link, known(WHOLE), town.folder / "got")
    assert (town.folder / "got.part").read_bytes() == WHOLE[: 2 * PART]
    app = Starlette(routes=AttachmentDoor(lambda: town.hub).routes)
    heard = call(app, "GET", link.partition("/attachments/v1")[2], range="bytes=2500-")
    assert (heard.status, told(heard)["code"]) == (503, "content.altered")


def test_a_message_whose_attachment_is_altered_is_not_delivered(town: Town, address: str) -> None:
    upload(town, address)
    receipt = town.send("a", "b", attachments=[line(WHOLE)])
    spoil(town, 1)
    town.deliver()
    assert town.connector.handed == []
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.WAITING}
    [entry] = town.hops(Hop.ATTEMPT_FAILED)
    assert entry.detail == "delivery.attachment"


def test_a_busy_hub_sheds_what_would_be_too_much(town: Town, app: Starlette) -> None:
    token = told(begin(town, app))["upload"]
    town.settle(limits=Limits(concurrent=0))
    heard = put(app, token, 1, WHOLE[:PART])
    assert (heard.status, told(heard)["code"]) == (503, "http.busy")


def test_no_secret_of_ours_stands_in_an_answer(town: Town, app: Starlette, tmp_path: Path) -> None:
    token = told(begin(town, app))["upload"]
    (tmp_path / "content").write_bytes(b"")  # a file where the folder should be
    heard = put(app, token, 1, WHOLE[:PART])
    assert heard.status == 503
    assert str(tmp_path).encode() not in heard.body


def test_a_file_is_digested_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    assert digest_file(path) == known(WHOLE)


def test_requests_are_read_as_they_were_written(town: Town) -> None:
    made = Request("uploadRequest", "a", town.clock(), "n" * 16, max=1, digest="0" * 64, size=7)
    raw = signature.sign(proof.request_tree(made), signer_of("a")[0])
    found, _ = mailbox.examine(raw, "uploadRequest", town.hub.rules, town.clock())
    assert found == made


# --- what nobody needs any more


def sweep_all(town: Town, days: float = 30, **options: Any) -> sweep.Swept:
    return sweep.sweep(town.hub.store, town.hub.content, datetime.now(UTC) + timedelta(days=days), **options)


def test_a_sweep_takes_what_no_message_needs_and_nothing_else(town: Town, address: str) -> None:
    other = WHOLE[::-1]
    upload(town, address)
    upload(town, address, other)
    town.send("a", "b", attachments=[line(WHOLE)])
    before = blobs(town)
    went = sweep_all(town)
    assert (went.uploads, went.blobs) == (1, len(before - needed()))
    assert blobs(town) == needed()
    assert sweep_all(town) == sweep.Swept()
    town.deliver()
    assert town.connector.handed[0].attachments == (("a1", WHOLE),)


def needed() -> set[str]:
    return {hashlib.sha256(WHOLE[i : i + PART]).hexdigest() for i in range(0, len(WHOLE), PART)}


def test_a_plan_counts_and_takes_nothing(town: Town, address: str) -> None:
    upload(town, address)
    town.hub.content.put(known(b"stray").digest, b"stray")
    at = datetime.now(UTC) + timedelta(days=30)
    assert sweep.plan(town.hub.store, town.hub.content, at) == sweep.Swept(1, 1, 5)
    assert len(blobs(town)) == 5


def test_what_is_young_or_under_way_stays(town: Town, app: Starlette) -> None:
    put(app, told(begin(town, app))["upload"], 1, WHOLE[:PART])
    town.hub.content.put(known(b"stray").digest, b"stray")
    assert sweep.sweep(town.hub.store, town.hub.content, town.clock()) == sweep.Swept()
    later = town.clock() + timedelta(days=6)
    with town.hub.store.reading() as connection:
        assert sweeping.lapsed(connection, later) == []


def test_a_part_that_comes_while_its_blob_is_judged_is_not_lost(town: Town, app: Starlette) -> None:
    """The row stands before the blob: a blob that was there before, unneeded, is needed from then on."""
    content = WHOLE[:PART]
    town.hub.content.put(known(content).digest, content)
    token = told(begin(town, app))["upload"]
    part = uploads.Part(1, known(content).digest, PART)
    town.run(town.hub.writer.run(lambda t: upload_verb._expect(t, token, part, town.clock())))
    sweep.sweep(town.hub.store, town.hub.content, town.clock(), timedelta(days=-10_000))
    assert blobs(town) == {known(content).digest}


def test_purged_messages_let_their_uploads_go(town: Town, address: str) -> None:
    upload(town, address)
    receipt = town.send("a", "b", attachments=[line(WHOLE)])
    town.deliver()
    rules = rules_of((Keeping("1d"),))
    town.clock.turn(days=10)
    order = Order("hub", "root", "test")
    assert purge(town.hub.store, rules, order, town.clock()).messages == 1
    assert sweep_all(town).uploads == 1
    assert blobs(town) == set()
    with pytest.raises(ExchangeFault):
        client(town, address, "b").link(known(WHOLE).digest)
    assert town.states("a", receipt.message_id) == {"b": DeliveryState.DELIVERED}


def test_a_check_finds_what_is_missing_or_altered(town: Town, address: str) -> None:
    upload(town, address)
    parts = sweep.parts_of(town.hub.store)
    assert list(sweep.check(town.hub.store, town.hub.content, parts)) == []
    spoil(town, 2)
    town.hub.content.delete(hashlib.sha256(WHOLE[:PART]).hexdigest())
    found = {one.code for one in sweep.check(town.hub.store, town.hub.content, parts)}
    assert found == {"content.altered", "content.missing"}


def test_an_audit_knows_uploaded_attachments_and_misses_lost_rows(town: Town, address: str) -> None:
    upload(town, address)
    town.send("a", "b", attachments=[line(WHOLE)])
    town.deliver()
    standard = Standard("hub", town.hub.store.ledger_id, frozenset({thumbprint(signer_of("hub")[1])}))
    assert list(audit(town.hub.store, standard)) == []
    with town.hub.store.transaction() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM upload_parts WHERE number = 2")
    assert [finding.code for finding in audit(town.hub.store, standard)] == ["audit.document-missing"]


def test_evidence_holds_small_uploads_and_names_large_ones(
    town: Town, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = b"small enough"
    upload(town, address)
    upload(town, address, small)
    town.send("a", "b", message_id="drawn", attachments=[line(WHOLE), line(small, "a2")])
    town.deliver()
    monkeypatch.setattr("hub.evidence.export.LARGEST_INSIDE", 100)
    told_of = exported(town, "drawn")
    assert told_of.wrong() == []
    outside = [(mark, en) for mark, _, en in told_of.said() if known(WHOLE).digest in en]
    assert [mark for mark, _ in outside] == ["[??]"]
    assert any("a2" in en and "as the sender signed" in en for _, _, en in told_of.said())
    files = files_of(told_of.raw)
    files["manifest.json"] = files["manifest.json"].replace(b'"outside"', b'"inside"')
    assert told_of.wrong(zipped(files))  # then the missing attachment is one


# --- a bucket


def test_the_whole_road_in_a_bucket(town: Town, address: str, s3: tuple[str, Path]) -> None:
    host, kept = s3
    place = f"s3://{KEY}:{SECRET}@{host}/hub/road?secure=false"
    town.hub = replace(town.hub, content=open_content(place, town.folder))
    with serving(Starlette(routes=AttachmentDoor(lambda: town.served).routes)) as found:
        there = f"{found}/attachments/v1"
        upload(town, there)
        assert sum(path.is_file() for path in (kept / "road").rglob("*")) == 4
        town.settle(listen=Listen(*split(found)))
        town.send("a", "b", attachments=[line(WHOLE)])
        asking = client(town, there, "b")
        assert asking.digest_link(asking.link(known(WHOLE).digest)) == known(WHOLE)
    assert sweep_all(town) == sweep.Swept()


def split(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)


# --- a process


def resident(process: int) -> int:
    """A process's resident kilobytes, at their highest."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith("VmHWM:"))


def test_a_process_takes_64_megabytes_in_and_out_without_holding_them(tmp_path: Path) -> None:
    content = b"".join(bytes([n]) * 2**20 for n in range(64))
    path = file_of(tmp_path, content)
    found_town(tmp_path).close()
    issued = authority().issue("hub", "hub", START, CENTURIES)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hub.key").write_bytes(issued.key_pem)
    (tmp_path / "keys" / "hub.crt").write_bytes(issued.certificate_pem)
    (tmp_path / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (tmp_path / "hub.yaml").write_text("hub: hub\nroles: accept\nlisten: {port: 0}\n", encoding="utf-8")
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            assert process.stdout is not None
            there = process.stdout.readline().strip()
            sending = AttachmentClient(f"{there}/attachments/v1", signer_of("a")[0], "a")
            sending.upload(file_of(tmp_path, b"warm"), known(b"warm"))
            rest = resident(process.pid)
            sending.upload(path, known(content))
            town = reopened(tmp_path)
            town.clock.now = datetime.now(UTC)
            town.send("a", "b", attachments=[line(content)])
            town.close()
            receiving = AttachmentClient(f"{there}/attachments/v1", signer_of("b")[0], "b")
            assert receiving.digest_link(receiving.link(known(content).digest)) == known(content)
            assert resident(process.pid) - rest < 48 * 1024
        finally:
            process.kill()


def test_who_takes_nothing_of_a_download_is_cut_off(
    town: Town, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = linked(town, app)
    digest, _, ticket = path.removeprefix("/").partition("?ticket=")
    monkeypatch.setattr("connectors.attachments.stream.STALL_SECONDS", 0.01)
    ended: list[str] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()  # nobody reads

    async def stall() -> None:
        opened = download.open_ticket(town.hub, digest, ticket)
        stream = await AttachmentStream.open(town.hub.content, opened, None, {}, 200)
        stream.ended = lambda: ended.append("left")
        scope = {"type": "http", "extensions": {HANG_UP: {"abort": lambda: ended.append("cut")}}}
        await stream(scope, send, send)  # type: ignore[arg-type]

    town.run(stall())
    assert ended == ["cut", "left"]
