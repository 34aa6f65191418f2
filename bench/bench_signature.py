"""CPU time of step 1 and step 3 for one message: parse, verify and sign, beside the C calls they cannot do without.

Run: python -m bench.bench_signature
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from lxml import etree

from hub.parser import parse
from hub.signing.signature import sign, verify
from tests.keys import key_pair, signer

SIZES = {"2 KB": 2, "8 KB": 70, "64 KB": 660, "1 MB": 10_700}
FIELD = "<od:field>关于印发办法的通知，请遵照执行。关于印发办法的通知</od:field>"
PLAIN = etree.XMLParser(encoding="utf-8", resolve_entities=False, huge_tree=True, collect_ids=False)


def envelope(fields: int) -> bytes:
    """An unsigned envelope with that many fields of 96 bytes."""
    return (
        '<env:envelope xmlns:env="urn:hub:envelope:v1" version="1"><env:header><env:messageId>M-1</env:messageId>'
        "<env:sender>BJ-FGW</env:sender></env:header><env:payload>"
        f'<od:document xmlns:od="urn:hub:official-document:v1">{FIELD * fields}</od:document>'
        "</env:payload></env:envelope>"
    ).encode()


def microseconds(work: Callable[[], Any], seconds: float = 0.25) -> float:
    """CPU time of one call: the least of many short rounds, because other work on the machine only ever adds."""
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.thread_time()
        for _ in range(10):
            work()
        least = min(least, (time.thread_time() - started) / 10)
    return least * 1e6


def floor(raw: bytes, kind: str) -> Callable[[], object]:
    """What verification costs at least: libxml2's parse and C14N, one SHA-256, OpenSSL's verification."""
    key, _ = key_pair(kind)
    scheme = (padding.PKCS1v15(), hashes.SHA256()) if kind == "rsa2048" else (ec.ECDSA(hashes.SHA256()),)
    value, public = key.sign(b"x", *scheme), key.public_key()

    def work() -> None:
        root = etree.fromstring(raw, PLAIN)
        hashlib.sha256(etree.tostring(root, method="c14n", exclusive=True)).digest()
        public.verify(value, b"x", *scheme)

    return work


def figures(fields: int, kind: str) -> str:
    """The rest of the line of a size and a key."""
    tree = parse(envelope(fields))
    raw = sign(tree, signer(kind))
    parsed = microseconds(lambda: parse(raw))
    verified = microseconds(lambda: verify(parse(raw)))
    least = microseconds(floor(raw, kind))
    signed = microseconds(lambda: sign(tree, signer(kind)))
    return f"{parsed:10.0f}{verified:10.0f}{least:10.0f}{verified / least:8.2f}{signed:10.0f}   {len(raw)} bytes"


def main() -> None:
    """Print one line per size and key."""
    print(f"{'':16}{'parse':>10}{'+ verify':>10}{'floor':>10}{'ratio':>8}{'sign':>10}   us")
    for size, fields in SIZES.items():
        for kind in ("p256", "rsa2048"):
            print(f"{size:6}{kind:10}{figures(fields, kind)}")


if __name__ == "__main__":
    main()
