"""Signed messages of a wanted size, and a hub with its keys in a temporary directory, for measuring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from lxml import etree

from hub import envelope
from hub.codes import make_uscc
from hub.directory import Department, Endpoint, Kind, Profile, Right
from hub.hub import Hub, Rules
from hub.message import Header, Recipient
from hub.parser import ParseLimits
from hub.registry.registry import Group, Registry
from hub.routing.routing import Routing
from hub.schema.schema import Schemas
from hub.settings.settings import Settings
from hub.signing import signature
from hub.signing.signer import FileSigner, Signer
from hub.store.registry import add_anchor, write_registry
from hub.store.store import Store
from hub.store.writer import Writer
from hub.trust.ca import DemoCa
from hub.trust.certificate import EnrolledCertificate
from hub.trust.trust import Trust

HUB = "hub"
NOW = datetime.now(UTC).replace(microsecond=0)
PARAGRAPH = "各单位要切实加强组织领导，明确责任分工，认真抓好贯彻落实。"
ROUTING = "version: 1\nrules:\n  - {name: s, when: {type: approval-status-*}, then: {copy-to: [d0]}}\n"


@dataclass(frozen=True, slots=True)
class Keys:
    """One department's signer and certificate."""

    signer: FileSigner
    der: bytes
    key_pem: bytes
    certificate_pem: bytes


@cache
def authority() -> DemoCa:
    """The CA of all measurements."""
    return DemoCa.create("bench", NOW - timedelta(days=1))


@cache
def keys(code: str) -> Keys:
    """A department's P-256 key."""
    issued = authority().issue(code, code, NOW - timedelta(hours=1))
    signer = FileSigner.from_pem(issued.key_pem, issued.certificate_pem)
    return Keys(signer, issued.der, issued.key_pem, issued.certificate_pem)


def message(
    number: int, kilobytes: int, to: tuple[str, ...] = ("d0",), prefix: str = "m", signer: Signer | None = None
) -> bytes:
    """A signed official document whose envelope is about `kilobytes` long. `signer`: another than ours."""
    od = "{urn:hub:official-document:v1}"
    payload = etree.Element(od + "officialDocument", nsmap={"od": od[1:-1]})
    etree.SubElement(payload, od + "documentKind").text = "notice"
    etree.SubElement(payload, od + "title").text = "关于做好有关工作的通知"
    body = etree.SubElement(payload, od + "body")
    wanted = max(kilobytes * 1024 - 2600, 100)
    while wanted > 0:
        text = PARAGRAPH * max(1, min(8, wanted // len(PARAGRAPH.encode())))
        etree.SubElement(body, od + "paragraph").text = text
        wanted -= len(text.encode()) + 33
    etree.SubElement(payload, od + "documentDate").text = "2026-03-02"
    header = Header(
        message_id=f"{prefix}-{kilobytes}-{number}",
        type="official-document-1",
        sender="sender",
        recipients=tuple(Recipient(code) for code in to),
        created=NOW - timedelta(seconds=1),
    )
    return signature.sign(envelope.build(header, payload), signer or keys("sender").signer)


def registry(receivers: dict[str, str], extra: int = 0) -> Registry:
    """A sender, receivers (all in group `all`) and `extra` more departments, with endpoints and certificates."""
    codes = [HUB, "sender", *receivers]
    filler = [f"x{n}" for n in range(extra)]
    departments = [
        Department(code, code, make_uscc(f"11440300{n:08d}"), "440300") for n, code in enumerate([*codes, *filler])
    ]
    return Registry.of(
        departments=departments,
        groups=[Group("all", tuple(receivers))],
        endpoints=[
            *(Endpoint(code, code, Kind.PUSH, url, profile=Profile(timeout=20)) for code, url in receivers.items()),
            *(Endpoint(code, code, Kind.PUSH, f"http://127.0.0.1:9/{code}") for code in filler),
        ],
        rights=[Right("*", "*")],
        certificates=[EnrolledCertificate(code, keys(code).der) for code in codes],
    )


def found_hub(folder: Path, receivers: dict[str, str]) -> Hub:
    """A hub on a real SQLite file with full fsync."""
    url = f"sqlite:///{folder / 'hub.db'}"
    Store.create(url, hub_id=HUB, ledger_id="bench")
    store = Store.open(url)
    known = registry(receivers)
    with store.transaction() as transaction:
        write_registry(transaction.connection, Registry(), known)
        for der in authority().anchors:
            add_anchor(transaction.connection, "bench", der)
    settings = Settings(hub=HUB)
    trust = Trust.build(authority().anchors, known.certificates)
    rules = Rules(settings, trust, Schemas.builtin(), Routing.load(ROUTING), known.directory(), ParseLimits())
    return Hub(settings, store, Writer(store), keys(HUB).signer, rules)
