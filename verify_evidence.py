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
XML, SHA256 = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
MIME, SEAL = "mimetype", "META-INF/seal.xml"
MOST_BYTES, MOST_FILES, DEEPEST = 2**31, 100_000, 200
MARKS = {"ok": "[ok]", "wrong": "[XX]", "open": "[??]"}
FIELDS = "ledger node sequence time_us kind sender message_id source target document evidence rules signer detail previous"
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, StopIteration)


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


def check_seal(files: dict[str, bytes]) -> tuple[Node, x509.Certificate]:
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


# What it all says


@dataclass(frozen=True)
class Evidence:
    """The container's files, its index, and what it is measured by."""

    files: Mapping[str, bytes]
    index: Mapping[str, Any]
    trust: Trust
    report: Report

    def check_checkpoint(self, keys: Sequence[str], witnesses: Sequence[str]) -> tuple[int, bytes]:
        """Size and root of the tree, signed by the log. Sentences on the log's key and on witnesses."""
        note = self.files["ledger/checkpoint"]
        origin, size, root = note.decode().split("\n")[:3]
        signed = [key for name, key, _ in signers_of(note, keys or self.index["logKeys"]) if name == origin and key[0] != 4]
        need(bool(signed), "检查点没有所给账本密钥的签名", "the given log key has not signed the checkpoint")
        zh, en = f"账本 {origin} 的检查点（共 {int(size)} 条账目）", f"the checkpoint of {origin} over {int(size)} entries"
        self.report.say("ok", f"{zh}由账本密钥签名。", f"The log key signed {en}.")
        for name, _, seconds in signers_of(note, witnesses):
            at = datetime.fromtimestamp(seconds, UTC).isoformat()
            self.report.say("ok", f"见证方 {name} 于 {at} 联署。", f"The witness {name} cosigned it at {at}.")
        return int(size), base64.b64decode(root, validate=True)

    def check_entry(self, row: Mapping[str, Any], size: int, root: bytes) -> dict[str, Any]:
        """An entry that stands in the tree."""
        entry = read_entry(self.files[row["file"]])
        proof = [bytes.fromhex(one) for one in row["proof"]]
        name = entry["name"] = f"{entry['node']}/{entry['sequence']}"
        right = entry["ledger"] == self.index["ledger"] and included(entry["hash"], row["index"], size, proof, root)
        need(right, f"账目 {name} 不在该账本树中", f"the entry {name} is not in this ledger's tree")
        entry["at"] = datetime.fromtimestamp(entry["time_us"] // 1_000_000, UTC)
        zh, en = f"（{entry['kind']} → {entry['target']}，{entry['at']:%F %T}Z）", f"({entry['kind']} to {entry['target']})"
        self.report.say("ok", f"账目 {name}{zh}在账本树中。", f"The entry {name} {en} of {entry['at']:%F %T}Z is in the tree.")
        return entry

    def check_message(self, row: Mapping[str, Any], entries: Sequence[dict[str, Any]]) -> None:
        """Envelope, attachments, stamp and every hop of one message."""
        sender, message, name = row["sender"], row["messageId"], f"{row['sender']}/{row['messageId']}"
        raw = self.files[row["envelope"]]
        root, certificate = opened(raw)
        header = root.get("header")
        need(header is not None and (header.value("sender"), header.value("messageId")) == (sender, message),
             f"信封不是报文 {name}", f"the envelope is not the message {name}")  # fmt: skip
        accepted = [entry for entry in entries if entry["kind"] == "accepted"]
        need(len(accepted) == 1, f"报文 {name} 没有唯一的受理账目", f"{name} does not have one entry of acceptance")
        entry = accepted[0]
        right = (entry["signer"], entry["source"]) == (thumbprint(certificate), sender)
        need(right, f"报文 {name} 的签名证书与账目不符", f"{name} was signed with another certificate than its entry says")
        for hop in entries:
            right = hop["document"] == sha256(raw)
            need(right, f"账目 {hop['name']} 所记不是这份信封", f"the entry {hop['name']} is about other octets")
        self.trust.check(certificate, entry["at"])
        zh, en = f"，与受理账目 {entry['name']} 一致。", f" and is what the entry {entry['name']} says was accepted."
        self.report.say("ok", f"报文 {name} 的信封由证书 {shown(certificate)} 签名{zh}",
                        f"The envelope of {name} was signed with the certificate {shown(certificate)}{en}")  # fmt: skip
        self.report.run(self.check_attachments, row, root)
        self.report.run(self.check_stamp, row, entry)
        for hop in entries:
            if hop["kind"] in ("delivered", "released", "resent"):
                self.report.run(self.check_evidence, hop)

    def check_attachments(self, row: Mapping[str, Any], root: Node) -> None:
        manifest = root.get("attachments")
        for line in manifest.elements if manifest else []:
            id, inline = line.value("id"), line.get("content")
            content = base64.b64decode(inline.text) if inline else self.files.get(row["attachments"].get(id, ""), b"")
            right = (len(content), sha256(content).hex()) == (int(line.value("size")), line.value("sha256").lower())
            need(right, f"附件 {id} 与发送方签名的清单不符", f"the attachment {id} is not what the sender signed")
            what = f"{line.value('name')}, {len(content)} bytes"
            self.report.say("ok", f"附件 {id}（{what}）与签名清单一致。", f"The attachment {id} ({what}) is as signed.")

    def check_stamp(self, row: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        root, certificate = opened(self.files[row["stamp"]])
        names = ("hub", "sender", "messageId", "digest", "node", "sequence", "entryHash")
        wanted = [entry["target"], entry["sender"], entry["message_id"], entry["document"].hex(), entry["node"]]
        right = [root.value(name) for name in names] == [*wanted, str(entry["sequence"]), entry["hash"].hex()]
        need(right, "戳记与受理账目不符", "the stamp is not of this acceptance")
        self.trust.check(certificate, entry["at"])
        zh, en = f"交换中心戳记由证书 {shown(certificate)} 签名", f"The hub's stamp, signed with {shown(certificate)}"
        self.report.say("ok", f"{zh}，与受理账目一致。", f"{en}, is of this very entry.")

    def check_evidence(self, hop: Mapping[str, Any]) -> None:
        raw, where = self.files[f"evidence/{hop['evidence'].hex()}"], f"{hop['name']}（{hop['target']}）"
        need(sha256(raw) == hop["evidence"], f"账目 {where} 的凭证被改动", f"the evidence of {where} was altered")
        if hop["kind"] != "delivered":
            zh, en = "管理员的指令与账目一致", "The administrator's order is as the entry says"
            self.report.say("ok", f"{zh}：{where}。", f"{en}: {where}.")
            return
        if not hop["signer"]:
            zh, en = "接收方未签名：送达仅为交换中心的陈述", "The recipient did not sign: delivery is the hub's word only"
            self.report.say("open", f"{zh}：{where}。", f"{en}: {where}.")
            return
        root, certificate = opened(raw)
        kind = root.tag.rpartition("}")[2]
        items = root.get("items")
        claims = [root] if kind == "acknowledgement" else items.elements if items and kind == "confirmRequest" else []
        said = {(root.value("recipient") or root.value("department"), *map(c.value, ("sender", "messageId", "digest")))
                for c in claims}  # fmt: skip
        wanted = (hop["target"], hop["sender"], hop["message_id"], hop["document"].hex())
        right = wanted in said and thumbprint(certificate) == hop["signer"]
        need(right, f"{where} 的确认所指不是这份信封", f"the acknowledgement of {where} is about something else")
        self.trust.check(certificate, hop["at"])
        zh, en = f"以证书 {shown(certificate)} 签名确认收到该信封", f"signed with {shown(certificate)} that it has the envelope"
        self.report.say("ok", f"{hop['target']} {zh}。", f"{hop['target']} {en}.")


def load_all(load: Callable[[bytes], Any], files: Mapping[str, bytes], folder: str) -> list[Any]:
    return [load(content) for name, content in files.items() if name.startswith(folder)]


def check(raw: bytes, keys: Sequence[str], anchors: Sequence[bytes], witnesses: Sequence[str]) -> Report:
    """Check a container by these keys of the log, authorities (PEM or DER) and witnesses. Errors: Wrong, unreadable."""
    report = Report(enclosed=not keys or not anchors)
    files = read_container(raw)
    index, known = json.loads(files["manifest.json"]), x509.load_der_x509_certificate
    issuers = load_all(known, files, "certificates/")
    given = [x509.load_pem_x509_certificate(a) if a.startswith(b"-----") else known(a) for a in anchors]
    trust = Trust(given or load_all(known, files, "anchors/"), [*issuers, *load_all(known, files, "anchors/")],
                  load_all(x509.load_der_x509_crl, files, "crls/"))  # fmt: skip
    evidence = Evidence(files, index, trust, report)
    if sealed := report.run(check_seal, files):
        at, name = sealed[0].value("time"), shown(sealed[1])
        report.run(trust.check, sealed[1], datetime.fromisoformat(at))
        report.say("ok", f"全部 {len(files)} 个文件齐全未变，于 {at} 由证书 {name} 封装。",
                   f"All {len(files)} files are there as they were sealed at {at} with the certificate {name}.")  # fmt: skip
    tree = report.run(evidence.check_checkpoint, keys, witnesses)
    entries = [e for row in index["entries"] if (e := tree and report.run(evidence.check_entry, row, *tree))]
    for row in index["messages"]:
        report.run(evidence.check_message, row, [e for e in entries if (e["sender"], e["message_id"]) == (row["sender"], row["messageId"])])
    conclude(report, keys, anchors, witnesses)
    return report


def conclude(report: Report, keys: Sequence[str], anchors: Sequence[bytes], witnesses: Sequence[str]) -> None:
    """Say what is not proven, loudest first."""
    if not keys:
        report.say("open", "!! 未给出账本密钥（--log-key），只能用文件自带的密钥：伪造者也能做到。",
                   "!! No --log-key given, only the file's own key was used: a forger could do the same.")  # fmt: skip
    if not anchors:
        report.say("open", "!! 未给出受信任的发证机构（--anchor），只能用文件自带的机构：伪造者也能做到。",
                   "!! No --anchor given, only the file's own authorities were used: a forger could do the same.")  # fmt: skip
    if not witnesses:
        report.say("open", "未给出见证密钥（--witness）：不能排除交换中心另立一本账。",
                   "No --witness given: that the hub shows others another ledger is not excluded.")  # fmt: skip
    report.say("open", "时间出自交换中心的时钟；证书属于哪个单位，以发证机构和交换中心登记为准；时间戳文件未在此核验。",
               "Times are by the hub's clock; whose a certificate is, authority and hub say; time-stamps are not checked.")  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Check a file and say what was found. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    for name in ("--log-key", "--witness"):
        parser.add_argument(name, action="append", default=[], metavar="NAME+ID+BASE64")
    parser.add_argument("--anchor", action="append", default=[], type=Path, metavar="CERTIFICATE")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    given = parser.parse_args(words)
    try:
        anchors = [path.read_bytes() for path in given.anchor]
        report = check(given.file.read_bytes(), given.log_key, anchors, given.witness)
    except (Wrong, OSError, *UNREADABLE) as error:
        said = error.args if isinstance(error, Wrong) else ("无法读取", f"unreadable: {type(error).__name__}")
        sys.stdout.write(f"{said[given.lang == 'en']}\n")
        return 2
    for state, zh, en in report.lines:
        sys.stdout.write(f"{MARKS[state]} {zh if given.lang == 'zh' else en}\n")
    return report.code


if __name__ == "__main__":
    sys.exit(main())
