#!/usr/bin/env python3
"""Checks an evidence file of a hub, offline, and says sentence by sentence what it proves and what it does not.

    python3 verify_evidence.py FILE --log-key KEY --anchor ROOT.pem [--witness KEY] [--lang en]

Needs Python 3.11, `cryptography` and nothing of the hub: it is written after docs/evidence-format.md and
docs/ledger-format.md. It believes the keys that you give, not those in the file. Exit code: 0 all of it is right; 1 some
of it is wrong; 2 it cannot be read; 3 nothing is wrong, but keys were taken from the file itself, because none were given.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

DS, EXC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"
XML, SHA256 = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
MIME, INDEX, SEAL = "mimetype", "META-INF/ASiCManifest.xml", "META-INF/signature.p7s"
MOST_BYTES, MOST_FILES, DEEPEST = 2**31, 100_000, 200
MARKS = {"ok": "[ok]", "wrong": "[XX]", "open": "[??]"}
FIELDS = "ledger node sequence time_us kind sender message_id source target document evidence rules signer detail previous"
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, x509.UnsupportedGeneralNameType)


class Wrong(Exception):
    """Something is not as it is said to be: a sentence in Chinese and one in English."""


@dataclass
class Report:
    """What was found: (state, Chinese, English), state one of `MARKS`. `enclosed`: keys were taken from the file."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)
    enclosed: bool = False

    def say(self, state: str, zh: str, en: str) -> None:
        self.lines.append((state, zh, en))

    def run(self, check: Callable[..., Any], *given: Any) -> Any:
        """What a check gives, or None after saying what is wrong."""
        try:
            return check(*given)
        except Wrong as wrong:
            self.say("wrong", *wrong.args)
        except UNREADABLE as error:
            self.say("wrong", f"内容无法读取（{type(error).__name__}）", f"unreadable content ({type(error).__name__})")
        return None

    @property
    def code(self) -> int:
        return 1 if any(state == "wrong" for state, _, _ in self.lines) else 3 if self.enclosed else 0


def need(right: bool, zh: str, en: str) -> None:
    if not right:
        raise Wrong(zh, en)


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


# XML: parsed by expat, which keeps prefixes as written; exclusive C14N 1.0 without comments


class Node:
    """An element: its name and attributes as written, the namespaces in scope, and texts and elements inside."""

    __slots__ = ("attributes", "children", "name", "scope")

    def __init__(self, name: str, attributes: dict[str, str], outer: dict[str, str]) -> None:
        bound = {k[6:]: v for k, v in attributes.items() if k == "xmlns" or k.startswith("xmlns:")}
        self.name, self.scope = name, {**outer, **bound} if bound else outer
        self.attributes = {k: v for k, v in attributes.items() if k != "xmlns" and not k.startswith("xmlns:")}
        self.children: list[Node | str] = []

    @property
    def tag(self) -> str:
        prefix, _, local = self.name.rpartition(":")
        return f"{{{self.scope.get(prefix, '')}}}{local}"

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

    def get(self, *path: str) -> Node | None:
        """The element below, by local names; all in the namespace of this one."""
        found: Node | None = self
        for name in path:
            wanted = f"{self.tag.rpartition('}')[0]}}}{name}"
            found = next((e for e in found.elements if e.tag == wanted), None) if found is not None else None
        return found

    def value(self, *path: str) -> str:
        found = self.get(*path)
        return found.text if found is not None else ""


def parse(raw: bytes) -> Node:
    """The root of a document without DOCTYPE, comment and instruction."""
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", raw)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raw = raw.decode("utf-16").encode()
    elif declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raw = raw.decode(declared[1].decode()).encode()
    top = Node("", {}, {"xml": XML})
    stack = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        need(len(stack) < DEEPEST, "XML 嵌套过深", "XML is nested too deeply")
        node = Node(name, attributes, stack[-1].scope)
        stack[-1].children.append(node)
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
    out.append("<" + node.name)
    out += [f' xmlns{":" * bool(p)}{p}="{_escaped(uri, True)}"' for p, uri in fresh.items()]
    places = {}
    for name, value in node.attributes.items():
        prefix, _, local = name.rpartition(":")
        places[node.scope.get(prefix, "") if prefix else "", local] = f' {name}="{_escaped(value, True)}"'
    out += [places[place] for place in sorted(places)] + [">"]
    for child in node.children:
        if isinstance(child, str):
            out.append(_escaped(child, False))
        elif child is not leave_out:
            _write(child, {**known, **fresh}, prefixes, leave_out, out)
    out.append(f"</{node.name}>")


def _escaped(text: str, attribute: bool) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#xD;")
    if not attribute:
        return text.replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("\t", "&#x9;").replace("\n", "&#xA;")


def opened(raw: bytes) -> tuple[Node, x509.Certificate]:
    """A signed document's root and the certificate whose key signed it, by the profile of the format document."""
    root = parse(raw)
    off = ("没有符合规范的 XML 签名", "no XML signature of the profile")
    need(bool(root.elements) and root.elements[-1].tag == f"{{{DS}}}Signature", *off)
    signature = root.elements[-1]
    parts = list(signature.all())
    need(sum(f"{{{DS}}}" in e.tag for e in root.all()) == sum(f"{{{DS}}}" in e.tag for e in parts), *off)
    listed = [e for e in parts if e.tag == f"{{{EXC}}}InclusiveNamespaces"]
    prefixes = tuple(listed[0].attributes.get("PrefixList", "").split()) if listed else ()
    method = parts[3].attributes.get("Algorithm", "") if len(parts) > 3 else ""
    need([(e.tag, len(e.elements), e.attributes) for e in parts] == _profile(method, listed, parts), *off)
    need(method in (RSA_SHA256, ECDSA_SHA256) and set(prefixes) <= set(root.scope), *off)
    need(all(len(e.attributes) == 1 for e in listed) and not any(e.text for e in parts if e.elements), *off)
    values = {e.tag.rpartition("}")[2]: base64.b64decode("".join(e.text.split()), validate=True) for e in reversed(parts)}
    certificate = x509.load_der_x509_certificate(values["X509Certificate"])
    signed_info, value = canonical(parts[1]), values["SignatureValue"]
    if method == ECDSA_SHA256:
        need(len(value) == 64, *off)
        value = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    verified = verifies(certificate.public_key(), value, signed_info, ec if method == ECDSA_SHA256 else rsa)
    need(verified, "XML 签名验证未通过", "the XML signature does not verify")
    right = sha256(canonical(root, prefixes, signature)) == values["DigestValue"]
    need(right, "文件与其 XML 签名不符", "the document is not what its XML signature signed")
    return root, certificate


def _profile(method: str, listed: list[Node], parts: list[Node]) -> list[tuple[str, int, dict[str, str]]]:
    """All elements of a signature: name, number of elements inside, attributes."""
    count = sum(e.tag == f"{{{DS}}}X509Certificate" for e in parts)
    exclusive, inclusive = {"Algorithm": EXC}, [(f"{{{EXC}}}InclusiveNamespaces", 0, e.attributes) for e in listed]
    rows: list[tuple[str, int, dict[str, str]]] = [
        ("Signature", 3, {}), ("SignedInfo", 3, {}), ("CanonicalizationMethod", 0, exclusive),
        ("SignatureMethod", 0, {"Algorithm": method}), ("Reference", 3, {"URI": ""}), ("Transforms", 2, {}),
        ("Transform", 0, {"Algorithm": DS + "enveloped-signature"}), ("Transform", len(listed), exclusive),
        ("DigestMethod", 0, {"Algorithm": SHA256}), ("DigestValue", 0, {}), ("SignatureValue", 0, {}),
        ("KeyInfo", 1, {}), ("X509Data", count, {}), *[("X509Certificate", 0, {})] * count,
    ]  # fmt: skip
    named = [(f"{{{DS}}}{name}", inside, attributes) for name, inside, attributes in rows]
    return [*named[:8], *inclusive[:1], *named[8:]]


def verifies(key: Any, value: bytes, text: bytes, kind: Any = None) -> bool:
    """Whether a signature (of ECDSA in DER) verifies; `kind` is ec or rsa if it must be of that kind."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) and kind is not rsa:
            key.verify(value, text, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048 and kind is not ec:
            key.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


# The container: a ZIP whose files are listed with their digests, and the seal over the list


def read_container(raw: bytes) -> dict[str, bytes]:
    """The files by name, `mimetype` first."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as container:
            members = container.infolist()
            small = len(members) <= MOST_FILES and sum(m.file_size for m in members) <= MOST_BYTES
            need(small, "文件过多或过大", "too many or too large files")
            need(len({m.filename for m in members}) == len(members), "有重名文件", "two files of one name")
            files = {member.filename: container.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, *UNREADABLE):
        raise Wrong("不是完好的 ZIP 文件", "not an intact ZIP file") from None
    stored = bool(members) and members[0].filename == MIME and members[0].compress_type == zipfile.ZIP_STORED
    right = stored and files[MIME] == b"application/vnd.etsi.asic-e+zip"
    need(right, "不是 ASiC-E 证据文件", "not an ASiC-E container")
    return files


def check_list(files: dict[str, bytes]) -> None:
    """The list names exactly the files that are there, as they are."""
    listed = {}
    for row in parse(files[INDEX]).elements:
        if row.tag.endswith("}DataObjectReference"):
            digest = next(e.text for e in row.elements if e.tag == f"{{{DS}}}DigestValue")
            listed[row.attributes["URI"]] = base64.b64decode(digest)
    found = {name: sha256(content) for name, content in files.items() if name not in (MIME, INDEX, SEAL)}
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) != found.get(name):
            zh, en = ("被改动", "was altered") if name in listed and name in found else ("缺失", "is missing")
            zh, en = (zh, en) if name in listed else ("不在清单中", "is not in the list")
            raise Wrong(f"文件 {name} {zh}", f"the file {name} {en}")


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1)
    return bytes([tag]) + (size if len(body) < 128 else bytes([128 + len(size)]) + size) + body


def _last(octets: bytes) -> bytes:
    """The content of the last value inside these values."""
    content = b""
    while octets:
        start, size = 2, octets[1]
        if size >= 128:
            start, size = size - 126, int.from_bytes(octets[2 : size - 126])
        content, octets = octets[start : start + size], octets[start + size :]
    return content


def check_seal(files: dict[str, bytes], exported: datetime) -> x509.Certificate:
    """The certificate that sealed the list: the seal is built again from its parts and must be the same octets."""
    seal, value = files[SEAL], files[SEAL]
    for _ in range(6):  # ContentInfo, [0], SignedData, signerInfos, SignerInfo, signature
        value = _last(value)
    certificate = x509.load_der_x509_certificate(files["certificates/seal.der"])
    oid = {"data": "2a864886f70d010701", "signed": "2a864886f70d010702", "type": "2a864886f70d010903",
           "digest": "2a864886f70d010904", "time": "2a864886f70d010905", "cert": "2a864886f70d010910022f",
           "sha256": "608648016503040201", "ecdsa": "2a8648ce3d040302", "rsa": "2a864886f70d010101"}  # fmt: skip
    names = {name: der(6, bytes.fromhex(octets)) for name, octets in oid.items()}
    raw, hashed = certificate.public_bytes(Encoding.DER), der(0x30, names["sha256"])
    attributes = [
        der(0x30, names["type"], der(0x31, names["data"])),
        der(0x30, names["time"], der(0x31, der(0x17, exported.strftime("%y%m%d%H%M%SZ").encode()))),
        der(0x30, names["digest"], der(0x31, der(4, sha256(files[INDEX])))),
        der(0x30, names["cert"], der(0x31, der(0x30, der(0x30, der(0x30, der(4, sha256(raw))))))),
    ]
    kind = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    method = der(0x30, names["rsa"], der(5)) if kind else der(0x30, names["ecdsa"])
    number = certificate.serial_number.to_bytes(certificate.serial_number.bit_length() // 8 + 1)
    whose = der(0x30, certificate.issuer.public_bytes(), der(2, number))
    inside = b"".join(sorted(attributes))
    signer = der(0x30, der(2, b"\x01"), whose, hashed, der(0xA0, inside), method, der(4, value))
    parts = (der(2, b"\x01"), der(0x31, hashed), der(0x30, names["data"]), der(0xA0, raw), der(0x31, signer))
    whole = der(0x30, names["signed"], der(0xA0, der(0x30, *parts)))
    right = whole == seal and verifies(certificate.public_key(), value, der(0x31, inside))
    need(right, "封装签名验证未通过：清单被改动", "the seal does not verify: the list was altered")
    return certificate


@dataclass(frozen=True)
class Trust:
    """Anchors that you gave, or those of the file; issuers and revocation lists from the file."""

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
            if issuer is None:
                break
            for crl in (c for c in self.crls if c.issuer == issuer.subject and c.is_signature_valid(issuer.public_key())):  # type: ignore[arg-type]
                entry = crl.get_revoked_certificate_by_serial_number(link.serial_number)
                good = entry is None or entry.revocation_date_utc > at
                need(good, f"证书 {name} 当时已被吊销", f"the certificate {name} was revoked at that time")
            link = issuer
        raise Wrong(f"证书 {name} 不由所信任的机构签发", f"the certificate {name} does not lead to a trusted authority")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return bool(issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def shown(certificate: x509.Certificate) -> str:
    return f"{certificate.subject.rfc4514_string()} ({thumbprint(certificate)[:16]})"


def thumbprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


# The ledger: notes, entries, proofs (docs/ledger-format.md)


def read_key(text: str) -> tuple[tuple[str, bytes], bytes]:
    """((name, key id), type and public key) of a verifier key."""
    name, identity, coded = text.split("+", 2)
    octets = base64.b64decode(coded, validate=True)
    named = octets[1:] if octets[0] == 2 else name.encode() + b"\n" + octets
    need(sha256(named)[:4].hex() == identity, f"密钥 {name} 的编号不符", f"the id of the key {name} does not fit it")
    return (name, sha256(named)[:4]), octets


def signers_of(note: bytes, keys: Iterable[str]) -> list[tuple[str, bytes, int]]:
    """(name, type and public key, time of a cosignature or 0) of each of these keys that signed a note."""
    text, _, lines = note.decode().rpartition("\n\n")
    known, found, octets = dict(map(read_key, keys)), [], (text + "\n").encode()
    for line in lines.splitlines():
        name, _, coded = line.removeprefix("\u2014 ").partition(" ")
        value = base64.b64decode(coded, validate=True)
        if (key := known.get((name, value[:4]))) is None:
            continue
        kind, seconds, signed, value = key[0], 0, octets, value[4:]
        if kind == 4:
            seconds, value = int.from_bytes(value[:8]), value[8:]
            signed = f"cosignature/v1\ntime {seconds}\n".encode() + octets
        try:
            if kind == 2:
                right = verifies(load_der_public_key(key[1:]), value, signed, ec)
            else:
                ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(value, signed)
                right = True
        except InvalidSignature:
            right = False
        need(right, f"检查点上 {name} 的签名验证未通过", f"the signature of {name} on the checkpoint does not verify")
        found.append((name, key, seconds))
    return found


def read_entry(form: bytes) -> dict[str, Any]:
    """The fields of an entry's form, and its hash."""
    entry: dict[str, Any] = {"hash": sha256(b"\0" + form)}
    need(form[:4] == b"HLE1", "不是账目", "not a ledger entry")
    place = 4
    for name in FIELDS.split():
        size = int.from_bytes(form[place : place + 4])
        value = form[place + 4 : place + 4 + size]
        need(len(value) == size, "账目残缺", "an entry is cut short")
        place += 4 + size
        raw = name in ("document", "evidence", "previous")
        entry[name] = value if raw else int.from_bytes(value) if name in ("sequence", "time_us") else value.decode()
    need(place == len(form), "账目之后另有内容", "octets after an entry")
    return entry


def included(leaf: bytes, index: int, size: int, proof: Iterable[bytes], root: bytes) -> bool:
    """Section 5 of the ledger's format."""
    place, last, computed = index, size - 1, leaf
    for other in proof:
        if not last:
            return False
        if place & 1 or place == last:
            computed = sha256(b"\1" + other + computed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            computed = sha256(b"\1" + computed + other)
        place, last = place >> 1, last >> 1
    return 0 <= index < size and not last and computed == root
