"""What `deploy/` holds: units that systemd takes, commands that exist, settings that load, nginx with mTLS in front.

Containers are not started here: of the compose file the words, files and names are checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import cli
from connectors.department_client import ExchangeFault
from connectors.exchange_client import ExchangeClient
from connectors.front_door import PATH, front_door
from hub.errors import Unavailable
from hub.message import Hop
from hub.settings.file import load_settings
from hub.settings.listen import Listen, Tls
from hub.settings.settings import Settings
from hub.trust.certificate import thumbprint
from tests.berth import Berth
from tests.serving import Now, serving
from tests.test_docs import check_command
from tests.tlsing import caller, client, enrol, machine, put, put_ca, stranger
from tests.town import CENTURIES, START, Town

DEPLOY = Path(cli.__file__).parent / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("hub*.*"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
CONF = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
SERVICE_KEYS = {
    *("image", "build", "restart", "stop_grace_period", "environment", "secrets", "volumes", "networks", "depends_on"),
    *("read_only", "tmpfs", "cap_drop", "security_opt", "healthcheck", "command", "entrypoint", "shm_size", "user"),
    "ports",
}
"""Those of the compose specification that our file uses; a misspelt one is none of them."""


# systemd


def commands_of(unit: Path) -> list[str]:
    """The hub commands that a unit runs, with its options as its own `Environment` has them."""
    text = unit.read_text(encoding="utf-8")
    given = dict(re.findall(r'"?(HUB_\w+_OPTIONS)=([^"\n]*)"?$', text, re.MULTILINE))
    lines = re.findall(r"^ExecStart=/opt/hub/bin/hub (.+)$", text, re.MULTILINE)
    return [re.sub(r"\$(\w+)", lambda match: given.get(match[1], ""), line).replace("%i", "front-1") for line in lines]


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_units_run_commands_that_exist(unit: Path) -> None:
    found = commands_of(unit)
    assert bool(found) == (unit.stem != "hub-failed@")
    for line in found:
        check_command(line)


def test_the_example_of_a_node_gives_options_that_exist() -> None:
    text = (DEPLOY / "systemd" / "hub-example.env").read_text(encoding="utf-8")
    lines = re.findall(r"^(?:# )?HUB_OPTIONS=(.+)$", text, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        check_command(f"serve {line}")


def test_systemd_takes_the_units_and_finds_them_shut(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: the units are not verified")
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/hub/bin/hub", sys.executable)
        (tmp_path / unit.name.replace("@", "@x")).write_text(text, encoding="utf-8")
    services = sorted(str(path) for path in tmp_path.iterdir() if path.suffix in (".service", ".timer"))
    environment = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"}
    verified = run([analyze, "verify", "--man=no", *services], env=environment)
    ours = [line for line in verified.stderr.splitlines() if "hub" in line]
    assert (verified.returncode, ours) == (0, [])
    shut = [path for path in services if path.endswith(".service") and "failed" not in path]
    checked = run([analyze, "security", "--offline=yes", "--threshold=20", *shut], env=environment)
    assert checked.returncode == 0, checked.stdout[-2000:]


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# containers


def test_the_compose_file_uses_words_of_the_specification() -> None:
    assert set(COMPOSE) == {"name", "x-hub", "services", "networks", "volumes", "secrets"}
    for name, service in COMPOSE["services"].items():
        assert set(service) <= SERVICE_KEYS, name
    health = [service["healthcheck"] for service in COMPOSE["services"].values() if "healthcheck" in service]
    assert {key for one in health for key in one} <= {"test", "interval", "timeout", "retries", "start_period"}


def test_the_compose_file_names_what_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", ())) <= set(COMPOSE["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            made_by_hand = {"./tls"}
            assert source in {*COMPOSE["volumes"], *made_by_hand} or (DEPLOY / source).is_file(), volume
    build = COMPOSE["x-hub"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_the_compose_file_runs_commands_that_exist() -> None:
    hubs = [service for name, service in COMPOSE["services"].items() if name.startswith("hub-")]
    nodes = [service["command"][service["command"].index("--node") + 1] for service in hubs]
    assert (len(hubs), len(set(nodes))) == (3, 3)
    for service in hubs:
        check_command(shlex.join(service["command"]))
        check_command(service["healthcheck"]["test"][1].partition(";")[0].removeprefix("hub "))


def test_the_settings_of_the_cluster_load_and_fit_the_compose_file() -> None:
    settings = load_settings((DEPLOY / "hub.yaml").read_text(encoding="utf-8"))
    address = COMPOSE["services"]["nginx"]["networks"]["inside"]["ipv4_address"]
    assert settings.listen.trusts(address)
    assert settings.listen.trusted_proxies == address
    assert f"proxy_set_header {settings.listen.forwarded_certificate} $ssl_client_escaped_cert;" in CONF
    assert set(re.findall(r"@?(db\d):5432", settings.database)) == {"db1", "db2"}
    servers = re.findall(r"server (\S+):(\d+) ", CONF)
    assert servers == [(name, str(settings.listen.port)) for name in COMPOSE["services"] if name.startswith("hub-")]
    assert f":{settings.metrics.port};" in COMPOSE["x-hub"]["healthcheck"]["test"][-1]


def test_the_container_file_copies_what_is_there() -> None:
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    wanted = [line[1:] for line in ignored if line.startswith("!")]
    assert [name for name in wanted if not (DEPLOY.parent / name).exists()] == []
    packages = {path.parent.name for path in DEPLOY.parent.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages <= set(wanted)
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert [name for name in re.findall(r"constraints/\S+", text) if not (DEPLOY.parent / name).is_file()] == []
    last = re.findall(r"^CMD \[(.+)\]$", text, re.MULTILINE)[-1]
    check_command(" ".join(re.findall(r'"([^"]+)"', last)))


@pytest.mark.parametrize("script", sorted((DEPLOY / "compose").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_right_shell(script: Path) -> None:
    done = run(["bash", "-n", str(script)])
    assert (done.returncode, done.stderr) == (0, "")


# nginx


def adapted(conf: str, folder: Path, port: int, hub: str, monitoring: str) -> str:
    """Our nginx.conf with this machine's files and ports; every line that is changed has to be there."""
    changes = {
        r"pid /run/nginx.pid;": f"pid {folder}/nginx.pid;",
        r"access_log /dev/stdout calls;": f"access_log {folder}/access.log calls;",
        r"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        r"/etc/nginx/tls/": f"{folder}/tls/",
        r"(\s+server hub-[abc]:8080 [^;]+;)+": f"\n        server {hub};",
        r"worker_processes auto;": "worker_processes 1;",
        r"allow 127.0.0.1;": f"allow {monitoring};",
        r"http \{": "http {\n"
        + "".join(
            f"    {kind}_temp_path {folder}/temp-{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
    }
    for pattern, to in changes.items():
        conf, times = re.subn(pattern, to, conf)
        assert times, pattern
    return conf


@contextlib.contextmanager
def fronted(folder: Path, hub: str, monitoring: str = "127.0.0.1") -> Iterator[str]:
    """nginx with our configuration before a hub at `hub` (host:port); yields its address.

    `monitoring`: from where `/readyz` may be asked.
    """
    if NGINX is None:
        pytest.skip("nginx is not installed (make deploy-tools): deploy/nginx.conf is not tested")
    (folder / "tls").mkdir(parents=True)
    certificate, key = put(folder / "tls", "exchange", machine("127.0.0.1", "localhost"))
    assert (certificate.name, key.name) == ("exchange.crt", "exchange.key")
    put_ca(folder / "tls").rename(folder / "tls" / "departments-ca.pem")
    conf = folder / "nginx.conf"
    told = [NGINX, "-p", str(folder), "-c", str(conf), "-e", str(folder / "error.log")]
    with Berth() as berth:
        conf.write_text(adapted(CONF, folder, berth.port, hub, monitoring), encoding="utf-8")
        tested = run([*told, "-t"])
        assert (tested.returncode, "test is successful" in tested.stderr) == (0, True), tested.stderr
        with subprocess.Popen([*told, "-g", "daemon off;"], stderr=subprocess.DEVNULL) as started:
            try:
                wait_for(berth.port)
                yield f"https://127.0.0.1:{berth.port}"
            finally:
                started.terminate()


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until, "nginx does not listen"
            time.sleep(0.01)
        else:
            return


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Now]]:
    """nginx in front of a hub that speaks plain HTTP on loopback."""
    current = Now()
    with (
        serving(front_door(current, lambda endpoints: None)) as hub,
        fronted(tmp_path_factory.mktemp("nginx"), hub.removeprefix("http://")) as address,
    ):
        yield address, current


@pytest.fixture
def town_behind(town: Town, before: tuple[str, Now]) -> Town:
    """A town whose hub believes what this nginx says of its callers, as deploy/hub.yaml sets it."""
    enrol(town, ["a", "m"])
    given: Settings = load_settings((DEPLOY / "hub.yaml").read_text(encoding="utf-8"))
    town.settle(listen=replace(given.listen, trusted_proxies="127.0.0.1"))
    assert town.hub.settings.listen == replace(
        Listen(), host="0.0.0.0", public_url=given.listen.public_url, tls=Tls(proof=True),
        forwarded_certificate="X-Client-Cert", trusted_proxies="127.0.0.1",
    )  # fmt: skip
    before[1].value = town.served
    return town


def fetched(town: Town, address: str, folder: Path, **shown: Any) -> list[Any]:
    """What `m` fetches through nginx without signing, showing this certificate."""

    async def once() -> list[Any]:
        tls = caller(folder, **shown)
        try:
            async with ExchangeClient(address + PATH, None, "m", tls=tls, clock=town.clock) as made:
                return await made.fetch()
        finally:
            await nothing_open()

    return asyncio.run(once())


async def nothing_open() -> None:
    """Wait for the ends of TLS connections: nginx closes its side, which takes the client a few turns of its loop."""
    watched = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        while len(watched) > 1:  # the loop's own pipe
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)


def test_through_nginx_a_client_certificate_proves_who_fetches(
    town_behind: Town, before: tuple[str, Now], tmp_path: Path
) -> None:
    town_behind.send("a", "m", message_id="m-1")
    assert [one.message_id for one in fetched(town_behind, before[0], tmp_path, issued=client("m"))] == ["m-1"]
    (entry,) = town_behind.hops(Hop.FETCHED)
    assert (entry.signer, entry.detail) == (thumbprint(client("m").der), "connection")


def test_through_nginx_nobody_is_taken_for_another(town_behind: Town, before: tuple[str, Now], tmp_path: Path) -> None:
    refused = ((client("a"), "rights.sender"), (client("b"), "certificate.unenrolled"), (None, "request.unproven"))
    for shown, code in refused:
        with pytest.raises(ExchangeFault) as caught:
            fetched(town_behind, before[0], tmp_path, issued=shown)
        assert caught.value.code == code
    with pytest.raises(Unavailable, match=r"exchange\.answer"):  # nginx itself turns it away
        fetched(town_behind, before[0], tmp_path, issued=stranger().issue("m", "m", START, CENTURIES))


def test_nginx_takes_the_header_from_nobody(town_behind: Town, before: tuple[str, Now], tmp_path: Path) -> None:
    from urllib.parse import quote

    from lxml import etree

    from connectors.soap import writer as write
    from connectors.soap.soap import EXCHANGE, SOAP_11
    from hub import proof
    from hub.proof import Request

    made = Request("fetchRequest", "m", town_behind.clock(), "n" * 20, max=1)
    document = write.holder("request", etree.tostring(proof.request_tree(made)))
    body = write.message(SOAP_11, write.wrapper(EXCHANGE, "Fetch", [document]))
    host, port = before[0].removeprefix("https://").split(":")
    connection = HTTPSConnection(host, int(port), context=caller(tmp_path))
    spoofed = {"X-Client-Cert": quote(client("m").certificate_pem.decode()), "Content-Type": "text/xml"}
    with contextlib.closing(connection):
        connection.request("POST", PATH, body, spoofed)
        assert b"request.unproven" in connection.getresponse().read()


def status_of(address: str, folder: Path, *paths: str) -> dict[str, int]:
    """What GET of each path is answered, through nginx."""
    host, port = address.removeprefix("https://").split(":")
    connection = HTTPSConnection(host, int(port), context=caller(folder))
    found = {}
    with contextlib.closing(connection):
        for path in paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            found[path] = answer.status
    return found


def test_nginx_publishes_the_services_and_nothing_else(
    town_behind: Town, before: tuple[str, Now], tmp_path: Path
) -> None:
    found = status_of(before[0], tmp_path, f"{PATH}?wsdl", "/healthz", "/metrics", "/", "/readyz/", "/readyzz")
    assert found == {f"{PATH}?wsdl": 200, "/healthz": 404, "/metrics": 404, "/": 404, "/readyz/": 404, "/readyzz": 404}


async def ready(_request: Request) -> Response:
    figures = {"merge_lag_seconds": 0.1}
    return JSONResponse({"hub": "h", "node": "n", "ready": True, "parts": [], "figures": figures})


@pytest.mark.parametrize(
    ("monitoring", "code", "said"),
    [("127.0.0.1", 0, "HUB OK - h/n"), ("192.0.2.7", 3, "HTTP 404")],
)
def test_through_nginx_the_named_monitoring_asks_whether_a_hub_is_ready_and_nobody_else_does(
    monitoring: str, code: int, said: str, tmp_path: Path
) -> None:
    with (
        serving(Starlette(routes=[Route("/readyz", ready)])) as hub,
        fronted(tmp_path, hub.removeprefix("http://"), monitoring) as address,
    ):
        asked = CliRunner().invoke(
            cli.cli, ["--lang", "en", "check", "--url", address, "--tls-ca", str(put_ca(tmp_path))]
        )
    assert (asked.exit_code, said in asked.output) == (code, True), asked.output
