#!/usr/bin/env python3
"""Checks an evidence file of a hub, offline, and says sentence by sentence what it proves and what it does not.

    python3 verify_evidence.py FILE --log-key KEY --anchor ROOT.pem [--witness KEY] [--lang en]

Needs Python 3.11 and `cryptography`, nothing of the hub: it is written after docs/evidence-format.md and
docs/ledger-format.md. It believes the keys you give, not those in the file. Exit code: 0 all is right; 1 something is
wrong; 2 the file cannot be read; 3 nothing is wrong, but for want of a given key one from the file itself was used.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

DS, EXC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256, ECDSA_SHA256 = (f"http://www.w3.org/2001/04/xmldsig-more#{name}-sha256" for name in ("rsa", "ecdsa"))
MIME, SEAL, MOST_BYTES, MOST_FILES, DEEPEST = "mimetype", "META-INF/seal.xml", 2**31, 100_000, 200
MARKS = {"ok": "[ok]", "wrong": "[XX]", "open": "[??]"}
FIELDS = "ledger node sequence time_us kind sender message_id source target document evidence rules signer detail previous"
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)
PROFILE = re.compile(  # of each element of a signature: name, how many elements inside, attributes; NUL is not in XML
    rf"Signature 3\0SignedInfo 3\0CanonicalizationMethod 0 Algorithm={EXC}\0SignatureMethod 0 Algorithm=([^\0]+)\0"
    rf"Reference 3 URI=\0Transforms 2\0Transform 0 Algorithm={DS}enveloped-signature\0Transform (?:0 Algorithm={EXC}|"
    rf"1 Algorithm={EXC}\0{{{EXC}}}InclusiveNamespaces 0 PrefixList=([^\0]*))\0DigestMethod 0 Algorithm="
    r"http://www.w3.org/2001/04/xmlenc#sha256\0DigestValue 0\0SignatureValue 0\0KeyInfo 1\0X509Data [1-5]"
    r"(?:\0X509Certificate 0){1,5}"
)


class Wrong(Exception):
    """Something is not as it is said to be: a sentence in Chinese and one in English."""


@dataclass
class Report:
    """What was found: (state, Chinese, English), state one of `MARKS`. `enclosed`: a key was taken from the file."""

    enclosed: bool
    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, state: str, zh: str, en: str) -> None:
        self.lines.append((state, zh, en))

    def run(self, check: Callable[..., Any], *given: Any) -> Any:
        """What a check gives, or None after saying what is wrong."""
        try:
            return check(*given)
        except Wrong as wrong:
            self.say("wrong", *wrong.args)
        except UNREADABLE as error:
            self.say("wrong", f"内容无法读取：{type(error).__name__}", f"unreadable content: {type(error).__name__}")
        return None

    @property
    def code(self) -> int:
        return 1 if any(state == "wrong" for state, _, _ in self.lines) else 3 if self.enclosed else 0


def need(right: object, zh: str, en: str) -> None:
    if not right:
        raise Wrong(zh, en)


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


# XML: parsed by expat, which keeps prefixes as written; exclusive C14N 1.0 without comments; the signature profile


class Node:
    """An element: its name and attributes as written, the namespaces in scope, and texts and elements inside."""

    def __init__(self, name: str, attributes: dict[str, str], outer: dict[str, str]) -> None:
        bound = {k[6:]: v for k, v in attributes.items() if k == "xmlns" or k.startswith("xmlns:")}
        self.name, self.scope = name, {**outer, **bound} if bound else outer
        self.attributes = {k: v for k, v in attributes.items() if k != "xmlns" and not k.startswith("xmlns:")}
        self.children: list[Node | str] = []

    @property
    def tag(self) -> tuple[str, str]:
        prefix, _, local = self.name.rpartition(":")
        return self.scope.get(prefix, ""), local

    @property
    def elements(self) -> list[Node]:
        return [child for child in self.children if isinstance(child, Node)]

    @property
    def text(self) -> str:
        return "".join(child for child in self.children if isinstance(child, str)).strip()

    def all(self) -> Iterator[Node]:
        yield self
        for child in self.elements:
            yield from child.all()

    def get(self, name: str) -> Node | None:
        """The first child of this name, in the namespace of this element."""
        return next((child for child in self.elements if child.tag == (self.tag[0], name)), None)

    def value(self, name: str) -> str:
        return child.text if (child := self.get(name)) else ""


def parse(raw: bytes) -> Node:
    """The root of a document without DOCTYPE, comment and instruction."""
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", raw)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raw = raw.decode("utf-16").encode()
    elif declared and declared[1].lower() != b"utf-8":
        raw = raw.decode(declared[1].decode()).encode()
    stack = [top := Node("", {}, {"xml": "http://www.w3.org/XML/1998/namespace"})]

    def start(name: str, attributes: dict[str, str]) -> None:
        need(len(stack) < DEEPEST, "XML 嵌套过深", "XML is nested too deeply")
        stack[-1].children.append(node := Node(name, attributes, stack[-1].scope))
        stack.append(node)

    def refuse(*_: object) -> None:
        raise Wrong("XML 含有 DOCTYPE、注释或处理指令", "XML with a DOCTYPE, comment or instruction")

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: stack.pop()
    parser.CharacterDataHandler = lambda text: stack[-1].children.append(text)
    parser.StartDoctypeDeclHandler = parser.CommentHandler = parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(raw, True)
    except expat.ExpatError:
        raise Wrong("XML 格式错误", "XML is not well-formed") from None
    return top.elements[0]


def canonical(node: Node, prefixes: Sequence[str] = (), leave_out: Node | None = None) -> bytes:
    """The canonical form of an element, without one element in it; `prefixes` are those of InclusiveNamespaces."""
    out: list[str] = []
    _write(node, {}, prefixes, leave_out, out)
    return "".join(out).encode()


def _write(node: Node, known: dict[str, str], prefixes: Sequence[str], leave_out: Node | None, out: list[str]) -> None:
    names = (node.name, *(name for name in node.attributes if ":" in name))
    used = {name.rpartition(":")[0] for name in names} | {p for p in prefixes if p in node.scope}
    fresh = {p: node.scope.get(p, "") for p in sorted(used - {"xml"}) if known.get(p, "") != node.scope.get(p, "")}
    out += ["<", node.name, *(f' xmlns{":" * bool(p)}{p}="{_escaped(uri, True)}"' for p, uri in fresh.items())]
    places = {}
    for name, value in node.attributes.items():
        prefix, _, local = name.rpartition(":")
        places[node.scope.get(prefix, "") if prefix else "", local] = f' {name}="{_escaped(value, True)}"'
    out += [*(places[place] for place in sorted(places)), ">"]
    for child in node.children:
        if isinstance(child, str):
            out.append(_escaped(child, False))
        elif child is not leave_out:
            _write(child, {**known, **fresh}, prefixes, leave_out, out)
    out += ["</", node.name, ">"]


def _escaped(text: str, attribute: bool) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#xD;")
    if not attribute:
        return text.replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("\t", "&#x9;").replace("\n", "&#xA;")


def opened(raw: bytes) -> tuple[Node, x509.Certificate]:
    """A signed document's root and the certificate whose key signed it, by the profile of the format document."""
    off = ("没有符合规范的 XML 签名", "no XML signature of the profile")
    root = parse(raw)
    need(root.elements and root.elements[-1].tag == (DS, "Signature"), *off)
    signature = root.elements[-1]
    parts = list(signature.all())
    need(sum(e.tag[0] == DS for e in root.all()) == sum(e.tag[0] == DS for e in parts), *off)
    shape = PROFILE.fullmatch("\0".join(
        " ".join([e.tag[1] if e.tag[0] == DS else f"{{{e.tag[0]}}}{e.tag[1]}", str(len(e.elements)),
                  *(f"{name}={value}" for name, value in e.attributes.items())]) for e in parts))  # fmt: skip
    need(shape and not any(e.text for e in parts if e.elements), *off)
    method, prefixes = (shape[1], (shape[2] or "").split()) if shape else ("", [])
    need(method in (RSA_SHA256, ECDSA_SHA256) and set(prefixes) <= set(root.scope), *off)
    values = {e.tag[1]: base64.b64decode("".join(e.text.split()), validate=True) for e in reversed(parts)}
    certificate, value = x509.load_der_x509_certificate(values["X509Certificate"]), values["SignatureValue"]
    if method == ECDSA_SHA256:
        need(len(value) == 64, *off)
        value = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    verified = verifies(certificate.public_key(), value, canonical(parts[1]), rsa if method == RSA_SHA256 else ec)
    need(verified, "XML 签名验证未通过", "the XML signature does not verify")
    same = sha256(canonical(root, prefixes, signature)) == values["DigestValue"]
    need(same, "文件与其 XML 签名不符", "the document is not what its XML signature signed")
    return root, certificate


def verifies(key: object, value: bytes, text: bytes, kind: object) -> bool:
    """Whether a signature verifies; `kind` is `ec` (P-256, value in DER) or `rsa` (2048 bits or more)."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) and kind is ec:
            key.verify(value, text, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048 and kind is rsa:
            key.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


# The container, and certificates


def read_container(raw: bytes) -> dict[str, bytes]:
    """The files by name, `mimetype` first."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as container:
            members = container.infolist()
            small = len(members) <= MOST_FILES and sum(m.file_size for m in members) <= MOST_BYTES
            need(small and len({m.filename for m in members}) == len(members), "文件过多、过大或重名", "too much, or twice")
            files = {member.filename: container.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, *UNREADABLE):
        raise Wrong("不是完好的 ZIP 文件", "not an intact ZIP file") from None
    stored = members and members[0].filename == MIME and members[0].compress_type == zipfile.ZIP_STORED
    need(stored and files[MIME] == b"application/vnd.etsi.asic-e+zip", "不是 ASiC-E 证据文件", "not an ASiC-E container")
    return files


def check_seal(files: Mapping[str, bytes]) -> tuple[Node, x509.Certificate]:
    """The seal, and who signed it: it names exactly the files that are there, as they are."""
    seal, certificate = opened(files[SEAL])
    rows = seal.get("files")
    listed = {row.attributes["name"]: row.attributes["sha256"] for row in rows.elements} if rows else {}
    found = {name: sha256(content).hex() for name, content in files.items() if name != SEAL}
    for name in sorted(listed.keys() | found.keys()):
        zh, en = ("被改动", "was altered") if name in listed else ("不在封装清单中", "is not in the sealed list")
        zh, en = (zh, en) if name in found else ("缺失", "is missing")
        need(listed.get(name) == found.get(name), f"文件 {name} {zh}", f"the file {name} {en}")
    return seal, certificate


@dataclass(frozen=True)
class Trust:
    """Anchors that you gave, or else those of the file; issuers and revocation lists from the file."""

    anchors: Sequence[x509.Certificate]
    issuers: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList]

    def check(self, certificate: x509.Certificate, at: datetime) -> None:
        """The certificate was valid then: dates, chain to an anchor, not revoked by an enclosed list."""
        link, name = certificate, shown(certificate)
        for _ in range(6):
            inside = link.not_valid_before_utc <= at <= link.not_valid_after_utc
            need(inside, f"证书 {name} 当时不在有效期内", f"the certificate {name} was not valid at that time")
            if link in self.anchors:
                return
            issuer = next((i for i in (*self.anchors, *self.issuers) if _issued(link, i)), None)
            need(issuer, f"证书 {name} 不由所信任的机构签发", f"the certificate {name} does not lead to a trusted authority")
            for crl in self.crls if issuer else ():
                entry = crl.get_revoked_certificate_by_serial_number(link.serial_number)
                if entry and entry.revocation_date_utc <= at and crl.is_signature_valid(issuer.public_key()):
                    raise Wrong(f"证书 {name} 当时已被吊销", f"the certificate {name} was revoked at that time")
            link = issuer
        raise Wrong(f"证书 {name} 的签发链过长", f"the chain of the certificate {name} is too long")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def shown(certificate: x509.Certificate) -> str:
    return f"{certificate.subject.rfc4514_string()} ({thumbprint(certificate)[:16]})"


def thumbprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


# The ledger (docs/ledger-format.md)


def read_key(text: str) -> tuple[tuple[str, bytes], bytes]:
    """((name, key id), type and public key) of a verifier key."""
    name, identity, coded = text.split("+", 2)
    octets = base64.b64decode(coded, validate=True)
    named = octets[1:] if octets[0] == 2 else name.encode() + b"\n" + octets
    need(sha256(named)[:4].hex() == identity, f"密钥 {name} 的编号不符", f"the id of the key {name} does not fit it")
    return (name, sha256(named)[:4]), octets


def signers_of(note: bytes, keys: Iterable[str]) -> list[tuple[str, int, int]]:
    """(name, type, time of a cosignature or 0) of each of these keys that signed a note. Another's line is no matter."""
    text, _, lines = note.decode().rpartition("\n\n")
    known, found = dict(read_key(key) for key in keys), []
    for line in lines.splitlines():
        name, _, coded = line.removeprefix("\u2014 ").partition(" ")
        value, signed, seconds = base64.b64decode(coded, validate=True), f"{text}\n".encode(), 0
        if key := known.get((name, value[:4])):
            value = value[4:]
            if key[0] == 4:
                seconds, value = int.from_bytes(value[:8]), value[8:]
                signed = f"cosignature/v1\ntime {seconds}\n".encode() + signed
            right = _verified(key, value, signed)
            need(right, f"检查点上 {name} 的签名验证未通过", f"the signature of {name} on the checkpoint does not verify")
            found.append((name, key[0], seconds))
    return found


def _verified(key: bytes, value: bytes, signed: bytes) -> bool:
    try:
        if key[0] == 2:
            return verifies(load_der_public_key(key[1:]), value, signed, ec)
        ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(value, signed)
    except InvalidSignature:
        return False
    return key[0] in (1, 4)


def read_entry(form: bytes) -> dict[str, Any]:
    """The fields of an entry's form, and its hash."""
    entry: dict[str, Any] = {"hash": sha256(b"\0" + form)}
    place = 4
    for name in FIELDS.split():
        size = int.from_bytes(form[place : place + 4])
        value, place = form[place + 4 : place + 4 + size], place + 4 + size
        raw = name in ("document", "evidence", "previous")
        entry[name] = value if raw else int.from_bytes(value) if name in ("sequence", "time_us") else value.decode()
    need(form[:4] == b"HLE1" and place == len(form), "不是完整的账目", "not a whole ledger entry")
    return entry


def included(leaf: bytes, index: int, size: int, proof: Iterable[bytes], root: bytes) -> bool:
    """Section 5 of the ledger's format."""
    place, last, computed = index, size - 1, leaf
    for other in proof:
        if not last:
            return False
        left = place & 1 or place == last
        computed = sha256(b"\1" + (other + computed if left else computed + other))
        while left and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return 0 <= index < size and not last and computed == root
