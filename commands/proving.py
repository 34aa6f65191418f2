"""Checks one envelope step by step as the hub would, and tells each step in words. Stores nothing, sends nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from commands.frame.phrase import Phrase
from commands.frame.words import CLASSIFICATIONS, size_of
from hub import envelope
from hub.accept import check_header, check_payload, route
from hub.attachments.attachments import check_attachments
from hub.errors import Refused
from hub.hub import Rules
from hub.message import Proven
from hub.parser import parse
from hub.signing import signature

STEPS = (
    ("1", Phrase("解析", "parse")),
    ("2", Phrase("信封模式", "envelope schema")),
    ("3", Phrase("数字签名", "signature")),
    ("3", Phrase("签名证书", "certificate")),
    ("3", Phrase("发送方", "sender")),
    ("4", Phrase("载荷模式", "payload schema")),
    ("4", Phrase("附件", "attachments")),
    ("5", Phrase("时间与密级", "times and classification")),
    ("5", Phrase("权限与路由", "rights and routing")),
)
"""The steps of `hub.accept.examine` by their numbers in ARCHITECTURE.md, told apart more finely."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `fact` is what it established, or `error` why it failed."""

    number: str
    said: Phrase
    fact: Phrase | None = None
    error: Refused | None = None


def prove(raw: bytes, rules: Rules, at: datetime, beside: Mapping[str, bytes] | None = None) -> Iterator[Step]:
    """Yield each step as of the time `at`, up to the first that fails; without `beside`, other attachments pass."""
    facts = _facts(raw, rules, at, beside)
    for number, said in STEPS:
        try:
            yield Step(number, said, fact=next(facts))
        except Refused as error:
            yield Step(number, said, error=error)
            return


def _facts(raw: bytes, rules: Rules, at: datetime, beside: Mapping[str, bytes] | None) -> Iterator[Phrase]:
    """What each step establishes, in the order of `STEPS`. Errors: Refused by the step that fails."""
    root = parse(raw, rules.parse_limits)
    yield _both(size_of(len(raw)))
    rules.schemas.check_envelope(root)
    yield _both("envelope-1")
    signed = signature.verify(root)
    digest = hashlib.sha256(raw).hexdigest()
    yield _both(f"{signed.algorithm}, SHA-256 {digest}")
    signer = rules.trust.identify(signed.certificate, at)
    yield Phrase(
        f"{signer.thumbprint[:16]}…，登记于 {signer.department}，有效期至 {signer.not_after:%Y-%m-%d}",
        f"{signer.thumbprint[:16]}…, enrolled for {signer.department}, valid until {signer.not_after:%Y-%m-%d}",
    )
    found = envelope.read(signed.root)
    header = found.header
    if header.sender != signer.department:
        raise Refused("rights.sender", got=header.sender)
    yield _both(header.sender)
    payload = envelope.payload_of(signed.root)
    check_payload(header, payload, rules.schemas)
    yield _both(header.type)
    if beside is not None:
        check_attachments(found.attachments, beside)
    yield _attached(len(found.attachments), beside is not None)
    check_header(header, rules, at)
    created, level = f"{header.created.astimezone():%Y-%m-%d %H:%M:%S}", CLASSIFICATIONS[header.classification]
    yield Phrase(f"{created}，密级：{level.zh}", f"{created}, {level.en}")
    decision = route(signed.root, Proven(found, raw, digest, payload, signer), rules)
    yield _both(", ".join(target.department for target in decision.targets[:20]) or "-")


def _attached(number: int, checked: bool) -> Phrase:
    if not number:
        return Phrase("无附件", "none")
    if checked:
        return Phrase(f"{number} 个，与清单一致", f"{number}, as in the manifest")
    return Phrase(f"{number} 个，未核对随附内容", f"{number}; those beside the envelope were not given")


def _both(text: str) -> Phrase:
    return Phrase(text, text)
