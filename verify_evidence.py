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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.dom import minidom
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

DS, EXC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
KINDS: dict[str, object] = {f"{MORE}rsa-sha256": rsa, f"{MORE}ecdsa-sha256": ec}
XMLNS, TEXTS = "http://www.w3.org/2000/xmlns/", (minidom.Node.TEXT_NODE, minidom.Node.CDATA_SECTION_NODE)
MIME, SEAL, MOST_BYTES, MOST_FILES = "mimetype", "META-INF/seal.xml", 2**31, 100_000
FIELDS = ("ledger", "node", "sequence", "time_us", "kind", "sender", "message_id", "source", "target", "document",
          "evidence", "rules", "signer", "detail", "previous")  # fmt: skip
TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
VALUE = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"})
PROFILE = re.compile(  # of each element of a signature: name, how many elements inside, attributes; NUL is not in XML
    rf"Signature 3\0SignedInfo 3\0CanonicalizationMethod 0 Algorithm={EXC}\0SignatureMethod 0 Algorithm=([^\0]+)\0"
    rf"Reference 3 URI=\0Transforms 2\0Transform 0 Algorithm={DS}enveloped-signature\0Transform (?:0 Algorithm={EXC}|"
    rf"1 Algorithm={EXC}\0{EXC}\|InclusiveNamespaces 0 PrefixList=([^\0]*))\0DigestMethod 0 Algorithm="
    r"http://www.w3.org/2001/04/xmlenc#sha256\0DigestValue 0\0SignatureValue 0\0KeyInfo 1\0X509Data [1-5]"
    r"(?:\0X509Certificate 0){1,5}"
)

class Wrong(Exception):
    """Something is not as it is said to be: a sentence in Chinese and one in English."""

BAD = (Wrong, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)

def told(error: Exception) -> tuple[str, str]:
    """An error of BAD as a sentence in Chinese and one in English; only a `Wrong` has its own."""
    name = type(error).__name__
    return error.args if isinstance(error, Wrong) else (f"内容无法读取：{name}", f"unreadable content: {name}")  # type: ignore[return-value]

def need(right: object, zh: str, en: str) -> None:
    if not right:
        raise Wrong(zh, en)

def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()

# XML, and its signatures

def elements(node: Any) -> list[Any]:
    return [child for child in node.childNodes if child.nodeType == minidom.Node.ELEMENT_NODE]

def find(node: Any, name: str) -> Any:
    """The first child of this name, in the namespace of this element; or None."""
    return next((e for e in elements(node) if (e.namespaceURI, e.localName) == (node.namespaceURI, name)), None)

def value_of(node: Any, name: str = "") -> str:
    """The text of an element, or of its first child of this name; empty if there is none."""
    node = find(node, name) if name else node
    return "".join(child.data for child in node.childNodes if child.nodeType in TEXTS).strip() if node else ""

def parse(raw: bytes) -> Any:
    """The root of a document without DOCTYPE, comment and instruction."""
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", raw)
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if wide else declared[1].decode().lower() if declared else "utf-8"
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        document = minidom.parseString(text)  # noqa: S318 (expat's own guard against entities; no DOCTYPE is let through)
    except expat.ExpatError:
        raise Wrong("XML 格式错误", "XML is not well-formed") from None
    need(len(document.childNodes) == 1, "XML 含有 DOCTYPE 等内容", "XML with a DOCTYPE, comment or instruction")
    return document.documentElement

def bindings(node: Any) -> dict[str, str]:
    """The namespaces in scope, by prefix."""
    if node.nodeType != minidom.Node.ELEMENT_NODE:
        return {}
    own = {a.nodeName[6:]: a.value for a in node.attributes.values() if a.namespaceURI == XMLNS}
    return {**bindings(node.parentNode), **own}

def canonical(node: Any, prefixes: Iterable[str] = (), but: Any = None, scope: Any = None, known: Any = None) -> str:
    """An element in exclusive C14N, without one in it. `prefixes`: InclusiveNamespaces; `known`: those of the parent."""
    attributes, known = list(node.attributes.values()), known or {}
    own = {a.nodeName[6:]: a.value for a in attributes if a.namespaceURI == XMLNS}
    scope = bindings(node) if scope is None else {**scope, **own} if own else scope
    plain = [a for a in attributes if a.namespaceURI != XMLNS]
    plain.sort(key=lambda a: (a.namespaceURI or "", a.localName))
    used = {node.prefix or "", *(a.prefix for a in plain if a.prefix), *(p for p in prefixes if p in scope)} - {"xml"}
    fresh = {p: scope.get(p, "") for p in sorted(used) if known.get(p, "") != scope.get(p, "")}
    written = [f' xmlns{":" * bool(p)}{p}="{uri.translate(VALUE)}"' for p, uri in fresh.items()]
    written += [f' {a.nodeName}="{a.value.translate(VALUE)}"' for a in plain] + [">"]
    for child in node.childNodes:
        if child.nodeType in TEXTS:
            written.append(child.data.translate(TEXT))
        elif child is not but:
            need(child.nodeType == child.ELEMENT_NODE, "XML 含有注释或处理指令", "XML with a comment or instruction")
            written.append(canonical(child, prefixes, but, scope, {**known, **fresh}))
    return f"<{node.nodeName}{''.join(written)}</{node.nodeName}>"

def opened(raw: bytes) -> tuple[Any, x509.Certificate]:
    """A signed document's root and the certificate whose key signed it, by the profile of the format document."""
    off = ("没有符合规范的 XML 签名", "no XML signature of the profile")
    root = parse(raw)
    signature = (elements(root) or [root])[-1]
    parts = [signature, *signature.getElementsByTagName("*")]
    alone = len(root.getElementsByTagNameNS(DS, "*")) == sum(e.namespaceURI == DS for e in parts)
    need(alone and (signature.namespaceURI, signature.localName) == (DS, "Signature"), *off)
    rows = ([f"{e.namespaceURI}|{e.localName}".removeprefix(f"{DS}|"), str(len(elements(e))),
             *(f"{a.nodeName}={a.value}" for a in e.attributes.values() if a.namespaceURI != XMLNS)]
            for e in parts)  # fmt: skip
    shape = PROFILE.fullmatch("\0".join(" ".join(row) for row in rows))
    need(shape and not any(value_of(e) for e in parts if elements(e)), *off)
    kind, prefixes = (KINDS.get(shape[1]), (shape[2] or "").split()) if shape else (None, [])
    values = {e.localName: base64.b64decode("".join(value_of(e).split()), validate=True) for e in reversed(parts)}
    certificate, value = x509.load_der_x509_certificate(values["X509Certificate"]), values["SignatureValue"]
    need(kind and set(prefixes) <= bindings(root).keys() and (kind is rsa or len(value) == 64), *off)
    if kind is ec:
        value = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    verified = verifies(certificate.public_key(), value, canonical(parts[1]).encode(), kind)
    need(verified, "XML 签名验证未通过", "the XML signature does not verify")
    same = sha256(canonical(root, prefixes, signature).encode()) == values["DigestValue"]
    need(same, "文件与其 XML 签名不符", "the document is not what its XML signature signed")
    return root, certificate

def verifies(key: object, value: bytes, text: bytes, kind: object) -> bool:
    """Whether a signature verifies; `kind` is `ec` (P-256, value in DER), `rsa` (>= 2048 bits) or Ed25519."""
    try:
        if kind is ec and isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(value, text, ec.ECDSA(hashes.SHA256()))
        elif kind is rsa and isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            key.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
        elif kind is Ed25519PublicKey and isinstance(key, Ed25519PublicKey):
            key.verify(value, text)
        else:
            return False
        return True
    except InvalidSignature:
        return False

# The container, the ledger (docs/ledger-format.md), certificates

def read_container(raw: bytes) -> dict[str, bytes]:
    """The files by name, `mimetype` first."""
    off = ("不是完好的 ASiC-E 证据文件", "not an intact ASiC-E container")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as container:
            members = container.infolist()
            need(len(members) <= MOST_FILES and sum(m.file_size for m in members) <= MOST_BYTES, *off)
            need(members and (members[0].filename, members[0].compress_type) == (MIME, zipfile.ZIP_STORED), *off)
            files = {member.filename: container.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, *BAD):
        raise Wrong(*off) from None
    need(len(files) == len(members) and files[MIME] == b"application/vnd.etsi.asic-e+zip", *off)
    return files

def read_key(text: str) -> tuple[tuple[str, bytes], bytes]:
    """((name, key id), type and public key) of a verifier key."""
    name, identity, coded = text.split("+", 2)
    octets = base64.b64decode(coded, validate=True)
    named = octets[1:] if octets[0] == 2 else name.encode() + b"\n" + octets
    need(sha256(named)[:4].hex() == identity, f"密钥 {name} 的编号不符", f"the id of the key {name} does not fit it")
    return (name, sha256(named)[:4]), octets

def signers_of(note: bytes, keys: Iterable[str]) -> list[tuple[str, int, int]]:
    """(name, type, time of a cosignature or 0) of each of these keys that signed a note; others do not matter."""
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
            public = load_der_public_key(key[1:]) if key[0] == 2 else Ed25519PublicKey.from_public_bytes(key[1:])
            right = verifies(public, value, signed, ec if key[0] == 2 else Ed25519PublicKey)
            need(right, f"检查点上 {name} 的签名验证未通过", f"the checkpoint's signature by {name} does not verify")
            found.append((name, key[0], seconds))
    return found

def read_entry(form: bytes) -> dict[str, Any]:
    """The fields of an entry's form, and its hash."""
    entry: dict[str, Any] = {"hash": sha256(b"\0" + form)}
    place = 4
    for name in FIELDS:
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

def is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False

def shown(certificate: x509.Certificate) -> str:
    return f"{certificate.subject.rfc4514_string()} ({certificate.fingerprint(hashes.SHA256()).hex()[:16]})"

@dataclass(frozen=True)
class Evidence:
    """A container's files and index, what they are measured by, and what was found: (mark, Chinese, English)."""

    files: Mapping[str, bytes]
    index: Mapping[str, Any]
    anchors: Sequence[x509.Certificate]
    issuers: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList]
    said: list[tuple[str, str, str]]

    @property
    def wrong(self) -> bool:
        return any(mark == "[XX]" for mark, _, _ in self.said)

    def say(self, zh: str, en: str, mark: str = "[ok]") -> None:
        self.said.append((mark, zh, en))

    def run(self, check: Callable[..., Any], *given: Any) -> Any:
        """What a check gives, or None after saying what is wrong."""
        try:
            return check(*given)
        except BAD as error:
            self.say(*told(error), "[XX]")
        return None

    def proven(self, raw: bytes, at: datetime | None = None) -> tuple[Any, x509.Certificate]:
        """A signed document whose certificate was valid then: its dates, its chain to an anchor, not revoked."""
        root, certificate = opened(raw)
        name, links, at = shown(certificate), [certificate], at or datetime.fromisoformat(value_of(root, "time"))
        for link in links:
            inside = link.not_valid_before_utc <= at <= link.not_valid_after_utc
            need(inside, f"证书 {name} 当时不在有效期内", f"the certificate {name} was not valid at that time")
            if link in self.anchors or len(links) > 5:
                break
            links += [i for i in (*self.anchors, *self.issuers) if is_issued(link, i)][:1]
            for crl in self.crls if link is not links[-1] else ():
                entry = crl.get_revoked_certificate_by_serial_number(link.serial_number)
                revoked = entry and entry.revocation_date_utc <= at and crl.issuer == link.issuer
                revoked = revoked and crl.is_signature_valid(links[-1].public_key())  # type: ignore[arg-type]
                need(not revoked, f"证书 {name} 当时已被吊销", f"the certificate {name} was revoked at that time")
        need(links[-1] in self.anchors, f"证书 {name} 不由所信任的机构签发", f"no trusted authority issued {name}")
        return root, certificate

    def check_seal(self) -> None:
        """The seal names exactly the files that are there, as they are."""
        seal, certificate = self.proven(self.files[SEAL])
        listed = {row.getAttribute("name"): row.getAttribute("sha256") for row in elements(find(seal, "files"))}
        found = {name: sha256(content).hex() for name, content in self.files.items() if name != SEAL}
        for name in sorted(listed.keys() | found.keys()):
            zh, en = ("被改动", "was altered") if name in listed else ("不在封装清单中", "is not in the sealed list")
            zh, en = (zh, en) if name in found else ("缺失", "is missing")
            need(listed.get(name) == found.get(name), f"文件 {name} {zh}", f"the file {name} {en}")
        at, who = value_of(seal, "time"), shown(certificate)
        self.say(f"全部文件与封装时一致（{at}，证书 {who}）。", f"All files are as sealed at {at} with {who}.")

    def check_checkpoint(self, keys: Sequence[str], witnesses: Sequence[str]) -> tuple[int, bytes]:
        """Size and root of the tree."""
        note = self.files["ledger/checkpoint"]
        log, size, root = note.decode().split("\n")[:3]
        signed = [name for name, kind, _ in signers_of(note, keys or self.index["logKeys"]) if kind != 4]
        need(log in signed, "检查点没有所给账本密钥的签名", "the given log key has not signed the checkpoint")
        en = f"The log {log} of {size} entries is signed with its key."
        self.say(f"账本 {log} 的检查点（{size} 条账目）由账本密钥签名。", en)
        for name, kind, seconds in signers_of(note, witnesses):
            at = f"{datetime.fromtimestamp(seconds, UTC):%F %T}Z"
            need(kind == 4, f"{name} 不是见证密钥", f"{name} is not the key of a witness")
            self.say(f"见证方 {name} 于 {at} 联署该检查点。", f"The witness {name} cosigned the checkpoint at {at}.")
        return int(size), base64.b64decode(root, validate=True)

    def check_entry(self, row: Mapping[str, Any], size: int, root: bytes) -> dict[str, Any]:
        """An entry that stands in the tree."""
        entry = read_entry(self.files[row["file"]])
        name = entry["name"] = f"{entry['node']}/{entry['sequence']}"
        proof = [bytes.fromhex(one) for one in row["proof"]]
        right = entry["ledger"] == self.index["ledger"] and included(entry["hash"], row["index"], size, proof, root)
        need(right, f"账目 {name} 不在该账本树中", f"the entry {name} is not in this ledger's tree")
        entry["at"] = datetime.fromtimestamp(entry["time_us"] // 1_000_000, UTC)
        what = f"{name} ({entry['kind']}, {entry['source']} → {entry['target']}, {entry['at']:%F %T}Z)"
        self.say(f"账目 {what} 在账本树中。", f"The entry {what} is in the tree.")
        return entry

    def check_message(self, row: Mapping[str, Any], entries: Sequence[dict[str, Any]]) -> None:
        """The envelope; then, each by itself, attachments, stamp and the evidence of every hop."""
        name, raw = f"{row['sender']}/{row['messageId']}", self.files[row["envelope"]]
        accepted = [entry for entry in entries if entry["kind"] == "accepted"]
        need(len(accepted) == 1, f"报文 {name} 没有唯一的受理账目", f"{name} does not have one entry of acceptance")
        root, certificate = self.proven(raw, accepted[0]["at"])
        header, who = find(root, "header"), shown(certificate)
        said = (value_of(header, "sender"), value_of(header, "messageId"), accepted[0]["source"], accepted[0]["signer"])
        right = said == (row["sender"], row["messageId"], row["sender"], certificate.fingerprint(hashes.SHA256()).hex())
        right = right and all(e["document"] == sha256(raw) for e in entries if e["kind"] != "refused")
        need(right, f"信封与报文 {name} 的账目不符", f"the envelope is not the one in the entries of {name}")
        en = f"The envelope of {name}, signed with {who}, is as entered."
        self.say(f"报文 {name} 的信封由证书 {who} 签名，与其账目一致。", en)
        self.run(self.check_attachments, row, root)
        self.run(self.check_stamp, row, accepted[0])
        for hop in entries:
            if hop["kind"] in ("delivered", "released", "resent"):
                self.run(self.check_evidence, hop)

    def check_attachments(self, row: Mapping[str, Any], root: Any) -> None:
        manifest = find(root, "attachments")
        for line in elements(manifest) if manifest else ():
            id, name, size, digest = (value_of(line, field) for field in ("id", "name", "size", "sha256"))
            beside = self.files.get(row["attachments"].get(id), b"")
            content = base64.b64decode(value_of(line, "content")) if find(line, "content") else beside
            right = [str(len(content)), sha256(content).hex()] == [size, digest.lower()]
            need(right, f"附件 {id} 与发送方签名的清单不符", f"the attachment {id} is not what the sender signed")
            what = f"{id} ({name}, {size} bytes)"
            self.say(f"附件 {what} 与签名清单一致。", f"The attachment {what} is as the sender signed.")

    def check_stamp(self, row: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        root, certificate = self.proven(self.files[row["stamp"]], entry["at"])
        names = ("target", "sender", "message_id", "document", "node", "sequence", "hash")
        wanted = [value.hex() if isinstance(value := entry[name], bytes) else str(value) for name in names]
        said = [value_of(root, n) for n in ("hub", "sender", "messageId", "digest", "node", "sequence", "entryHash")]
        need(said == wanted, "戳记与受理账目不符", "the stamp is not of this acceptance")
        who = shown(certificate)
        self.say(f"交换中心戳记由证书 {who} 签名，与账目一致。", f"The hub's stamp, signed with {who}, is as entered.")

    def check_evidence(self, hop: Mapping[str, Any]) -> None:
        raw, name, target = self.files[f"evidence/{hop['evidence'].hex()}"], hop["name"], hop["target"]
        need(sha256(raw) == hop["evidence"], f"账目 {name} 的凭证被改动", f"the evidence of {name} was altered")
        if hop["kind"] != "delivered":
            self.say(f"账目 {name} 的管理指令与记录一致。", f"The administrator's order of {name} is as entered.")
        elif not hop["signer"]:
            en = f"{target} did not sign: {name} is the hub's word only."
            self.say(f"{target} 未签名：送达（{name}）仅为交换中心的陈述。", en, "[??]")
        else:
            root, certificate = self.proven(raw, hop["at"])
            who, one = shown(certificate), root.localName == "acknowledgement"
            items = [root] if one else elements(find(root, "items")) if root.localName == "confirmRequest" else []
            said = [[value_of(item, field) for field in ("sender", "messageId", "digest")] for item in items]
            right = [hop["sender"], hop["message_id"], hop["document"].hex()] in said
            signer = (value_of(root, "recipient" if one else "department"), certificate.fingerprint(hashes.SHA256()).hex())
            right = right and signer == (target, hop["signer"])
            need(right, f"{target} 确认的不是该信封（{name}）", f"{target} acknowledged something else ({name})")
            en = f"{target} signed with {who} that it has this envelope ({name})."
            self.say(f"{target} 以证书 {who} 签名确认收到该信封（{name}）。", en)

def check(raw: bytes, keys: Sequence[str], anchors: Sequence[bytes], witnesses: Sequence[str]) -> Evidence:
    """What a container proves by keys of the log, authorities (PEM or DER), keys of witnesses. Errors: BAD."""
    files, known = read_container(raw), x509.load_der_x509_certificate
    folders = ("anchors/", "certificates/", "crls/")
    roots, issuers, crls = ([files[name] for name in files if name.startswith(folder)] for folder in folders)
    given = [x509.load_pem_x509_certificate(a) if a.startswith(b"-----") else known(a) for a in anchors or roots]
    others, lists = [known(der) for der in (*roots, *issuers)], [x509.load_der_x509_crl(crl) for crl in crls]
    it = Evidence(files, json.loads(files["manifest.json"]), given, others, lists, [])
    need(it.index["messages"], "文件中没有报文", "there is no message in it")
    it.run(it.check_seal)
    tree = it.run(it.check_checkpoint, keys, witnesses)
    entries = [e for row in it.index["entries"] if tree and (e := it.run(it.check_entry, row, *tree))]
    for row in it.index["messages"]:
        named = (row["sender"], row["messageId"])
        it.run(it.check_message, row, [e for e in entries if (e["sender"], e["message_id"]) == named])
    if not keys or not anchors:
        en = "!! Without --log-key and --anchor keys of the file itself were used: a forger could do the same."
        it.say("!! 未给出 --log-key 或 --anchor，用了文件自带的密钥：伪造者也能做到。", en, "[??]")
    if not witnesses:
        en = "Without --witness it is not excluded that the hub shows others another ledger."
        it.say("未给出 --witness：不能排除交换中心对他人出示另一本账。", en, "[??]")
    en = "Not proven: the hub's clock (time-stamps are not checked), whose a certificate is, that no entry is left out."
    it.say("未证明：时间准确（出自交换中心时钟，时间戳文件未核验）、证书归属、账目无遗漏。", en, "[??]")
    return it

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
        found = check(given.file.read_bytes(), given.log_key, anchors, given.witness)
    except (OSError, *BAD) as error:
        sys.stdout.write(f"{told(error)[given.lang == 'en']}\n")
        return 2
    for mark, zh, en in found.said:
        sys.stdout.write(f"{mark} {zh if given.lang == 'zh' else en}\n")
    return 1 if found.wrong else 0 if given.log_key and anchors else 3

if __name__ == "__main__":
    sys.exit(main())
