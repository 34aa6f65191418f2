"""The witness as the supervision authority runs it: commands, HTTP, and a hub that may be anything."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

import cli
from commands.frame.exits import ExitCode
from connectors.ledger_door import ledger_door
from connectors.serving.server import serve_hub
from connectors.witness_client import WitnessClient
from hub.administration.install import Plan, install
from hub.errors import HubError, Misconfigured
from hub.hub import open_hub
from hub.ledger.sequence import checkpoint_signers
from hub.message import Hop
from hub.settings.settings import Sequencing
from hub.store.store import Store
from hub.tree.key import NoteKey
from hub.witness.folder import WitnessFolder
from hub.witness.look import watch
from hub.witness.settings import WitnessSettings
from tests.serving import Now, serving
from tests.tlsing import machine, put, put_ca, stranger
from tests.town import Town
from tests.witnessing import NAME, PRIVATE, grow, other_town, town_key


class Hubs:
    """A web server whose hub can be exchanged: a town's ledger, or one answer to everything."""

    def __init__(self) -> None:
        self.town = Now()
        self.answers: dict[str, Response] = {}
        real = Starlette(routes=ledger_door(self.town))

        async def anything(request: Request) -> Response:
            for part, answer in self.answers.items():
                if part in request.url.path:
                    return answer
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response()

        self.app = Starlette(
            routes=[Route("/other/{rest:path}", anything, methods=["GET", "POST"]), Mount("/", app=real)]
        )


@pytest.fixture(scope="module")
def hubs() -> Hubs:
    return Hubs()


@pytest.fixture(scope="module")
def url(hubs: Hubs) -> Iterator[str]:
    with serving(hubs.app) as address:
        yield address


class Authority:
    """Types `hub witness ...`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def type(self, verb: str, *words: str, code: ExitCode = ExitCode.OK, lang: str = "en") -> Result:
        done = CliRunner().invoke(cli.cli, ["--lang", lang, "witness", verb, "--folder", str(self.folder), *words])
        assert done.exit_code == code, done.output
        return done

    def answer(self, verb: str, *words: str, code: ExitCode = ExitCode.OK) -> Any:
        return json.loads(self.type(verb, *words, "-o", "json", code=code).stdout)

    def error(self, verb: str, code: ExitCode) -> str:
        done = self.type(verb, "-o", "json", code=code)
        return str(json.loads(done.stderr)["error"]["code"])


@pytest.fixture
def authority(town: Town, hubs: Hubs, url: str, tmp_path: Path) -> Authority:
    """Made from the hub's URL and key alone, and known to the hub."""
    made = Authority(tmp_path / "watch")
    facts = made.answer("init", "--hub", url, "--key", town_key().text(), "--name", NAME)
    town.settle(ledger=Sequencing(witnesses=facts["key"]))
    hubs.town.value = town.hub
    assert facts["log"] == "hub/ledger/town"
    return made


def test_the_authority_looks_and_its_cosignature_stands_in_what_the_hub_serves(
    town: Town, authority: Authority, url: str
) -> None:
    grow(town, 3)
    facts = authority.answer("once")
    assert facts == {"verdict": "grown", "size": 3, "cosigned": True, "unsettled": 0}
    with urlopen(f"{url}/ledger/v1/checkpoint/witnessed") as served:
        assert f"\u2014 {NAME} " in served.read().decode()
    assert authority.answer("once")["verdict"] == "same"
    status = authority.answer("status")
    assert (status["size"], status["alarms"], status["name"]) == (3, [], NAME)


def test_a_roll_back_is_an_alarm_with_an_exit_code_until_it_is_settled(
    town: Town, authority: Authority, hubs: Hubs, tmp_path: Path
) -> None:
    grow(town, 3)
    authority.type("once")
    other = other_town(town, tmp_path / "yesterday", 2)
    hubs.town.value = other.hub
    facts = authority.answer("once", code=ExitCode.CHECK_FAILED)
    assert (facts["code"], facts["unsettled"]) == ("witness.rollback", 1)
    assert "offered.note" in {path.name for path in Path(facts["evidence"]).iterdir()}
    assert "警报" in authority.type("once", code=ExitCode.CHECK_FAILED, lang="zh").stdout
    hubs.town.value = town.hub
    other.close()
    assert "not cosigned" in authority.type("once", code=ExitCode.CHECK_FAILED).stdout
    assert len(authority.answer("status", code=ExitCode.CHECK_FAILED)["alarms"]) == 1
    assert len(authority.answer("settle", "--why", "恢复演练")["settled"]) == 1
    assert authority.answer("status")["alarms"] == []
    authority.type("once")


def test_a_hub_that_does_not_know_the_witness_says_so(town: Town, authority: Authority, hubs: Hubs) -> None:
    town.settle(ledger=Sequencing())
    hubs.town.value = town.hub
    grow(town, 1)
    done = authority.type("once", code=ExitCode.UNDELIVERED)
    assert "note.unknown-key" in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_folder_one_process(authority: Authority) -> None:
    with WitnessFolder.open(authority.folder).alone():
        assert authority.error("once", ExitCode.MISCONFIGURED) == "witness.running"
        authority.type("status")


def test_mistakes_are_one_clear_line(tmp_path: Path, authority: Authority) -> None:
    nowhere = Authority(tmp_path / "nowhere")
    assert nowhere.error("once", ExitCode.MISCONFIGURED) == "witness.absent"
    again = ("init", "--hub", "http://x", "--key", town_key().text(), "--name", "n")
    assert "witness.exists" in authority.type(*again, code=ExitCode.MISCONFIGURED).stderr
    wrong = ("init", "--hub", "http://x", "--key", "nonsense", "--name", "n")
    assert "note.key" in nowhere.type(*wrong, code=ExitCode.MISCONFIGURED).stderr
    assert not nowhere.folder.exists()


def test_the_hubs_side_shows_what_a_witness_needs(tmp_path: Path) -> None:
    install(tmp_path / "data", Plan("CENTER", public_url="https://exchange.example"), datetime.now(UTC))
    words = ["--data", str(tmp_path / "data"), "-o", "json", "witness", "invite"]
    facts = json.loads(CliRunner().invoke(cli.cli, words).stdout)
    assert facts["hub"] == "https://exchange.example"
    assert next(NoteKey.read(text).name for text in facts["keys"]).startswith("CENTER/ledger/")


# --- a hub that answers anything


def hostile(hubs: Hubs, url: str, call: str, **answers: Response) -> str:
    hubs.answers = dict(answers)
    client = WitnessClient(f"{url}/other", seconds=0.3 if not answers else 60)
    calls: dict[str, Any] = {
        "latest": client.latest,
        "consistency": lambda: client.consistency(3, 9),
        "hand_in": lambda: client.hand_in(b"note"),
    }
    with pytest.raises(HubError) as caught:
        asyncio.run(calls[call]())
    for secret in ("Traceback", "aiohttp", "127.0.0.1"):
        assert secret not in caught.value.sentence()
    return caught.value.code


@pytest.mark.parametrize("call", ["latest", "consistency", "hand_in"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (PlainTextResponse("x" * 70_000), "witness.answer"),
        (Response(b"x", headers={"Content-Encoding": "gzip"}), "witness.answer"),
        (RedirectResponse("http://127.0.0.1:1/"), "witness.refused"),
        (JSONResponse({"code": "tree.damaged"}, 500), "witness.refused"),
        (JSONResponse(["code"], 404), "witness.refused"),
        (PlainTextResponse("[" * 60_000, 404), "witness.refused"),
        (JSONResponse({"code": "../../etc\x1b[2J"}, 403), "witness.refused"),
        (JSONResponse({"code": "store.busy"}, 503), "witness.unreachable"),
        (PlainTextResponse("", 502), "witness.unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.status_code),
)
def test_an_answer_of_any_kind_is_an_error_of_ours(
    hubs: Hubs, url: str, call: str, answer: Response, code: str
) -> None:
    assert hostile(hubs, url, call, ledger=answer) == code


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("[" * 60_000),
        PlainTextResponse("{"),
        JSONResponse([]),
        JSONResponse({}),
        JSONResponse({"proof": "ab"}),
        JSONResponse({"proof": [1]}),
        JSONResponse({"proof": ["ab"]}),
        JSONResponse({"proof": [" " * 64]}),
        JSONResponse({"proof": ["AB" * 32]}),
        JSONResponse({"proof": ["ab" * 32] * 129}),
        Response(b"\xff\xfe"),
    ],
)
def test_a_proof_of_the_wrong_shape_is_no_proof(hubs: Hubs, url: str, answer: Response) -> None:
    assert hostile(hubs, url, "consistency", ledger=answer) == "witness.answer"


def test_a_hub_that_says_nothing_is_given_up_after_its_time(hubs: Hubs, url: str) -> None:
    assert hostile(hubs, url, "latest") == "witness.unreachable"


def test_no_hub_at_all_is_tried_again_later() -> None:
    with pytest.raises(HubError, match=r"witness\.unreachable"):
        asyncio.run(WitnessClient("http://127.0.0.1:1").latest())


def test_a_ca_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(Misconfigured, match=r"witness\.ca"):
            WitnessClient.of("https://x", path)


def test_the_ca_file_is_read_at_each_look(tmp_path: Path) -> None:
    put(tmp_path, "hub", machine("127.0.0.1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "hub.crt", tmp_path / "hub.key")

    async def checkpoint(request: Request) -> Response:
        return Response(b"note")

    with serving(Starlette(routes=[Route("/ledger/v1/checkpoint", checkpoint)]), context) as address:
        client = WitnessClient.of(address, put_ca(tmp_path), seconds=60)
        assert asyncio.run(client.latest()) == b"note"
        (tmp_path / "ca.pem").write_bytes(stranger().certificate_pem)
        with pytest.raises(HubError, match=r"witness\.unreachable"):
            asyncio.run(client.latest())
        (tmp_path / "ca.pem").unlink()
        with pytest.raises(Misconfigured, match=r"witness\.ca"):
            asyncio.run(client.latest())


# --- a whole hub


def test_a_served_hub_is_watched_and_serves_its_witnessed_checkpoint(tmp_path: Path) -> None:
    """A whole installation over a real socket, with the witness that its hub.yaml names running beside it."""
    data = tmp_path / "data"
    install(data, Plan(port=0), datetime.now(UTC))
    hub = open_hub(data)
    keys = tuple(one.key for one in checkpoint_signers(hub, data))
    hub.close()
    settings = WitnessSettings("http://later", NAME, keys)
    folder = WitnessFolder.create(tmp_path / "watch", settings, PRIVATE, datetime.now(UTC))
    written = yaml.safe_load((data / "hub.yaml").read_text(encoding="utf-8"))
    written["ledger"] = {"witnesses": folder.signer.key.text(), "max_unwitnessed": 3600}
    (data / "hub.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    store = Store.open(f"sqlite:///{data / 'hub.db'}")
    with store.transaction() as transaction:
        transaction.append(Hop.REFUSED, datetime.now(UTC), detail="x")
    store.close()
    note = asyncio.run(_watched(data, folder))
    assert f"\u2014 {NAME} " in note
    assert folder.kept()[0].size >= 1


async def _watched(data: Path, folder: WitnessFolder) -> str:
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving_hub = asyncio.create_task(serve_hub(data, stop, ready=address.set_result))
    base = await address
    quick = WitnessFolder(folder.path, WitnessSettings(base, NAME, folder.settings.keys, 0.02), folder.signer)
    watching = asyncio.create_task(watch(quick, WitnessClient(base), lambda: datetime.now(UTC), stop))
    try:
        async with asyncio.timeout(60):
            while not (note := await asyncio.to_thread(_fetch, f"{base}/ledger/v1/checkpoint/witnessed")):
                await asyncio.sleep(0.01)
        return note
    finally:
        stop.set()
        await watching
        await serving_hub


def _fetch(url: str) -> str:
    try:
        with urlopen(url) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        error.close()
        return ""
