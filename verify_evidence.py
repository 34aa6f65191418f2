#!/usr/bin/env python3
"""Checks an evidence file of a hub, offline, and says sentence by sentence what it proves and what it does not.

    python3 verify_evidence.py FILE --log-key KEY --anchor ROOT.pem [--witness KEY] [--tsa-anchor ROOT.pem] [--lang en]

Needs Python 3.11, `cryptography` and docs/evidence-format.md, but nothing of the hub. It believes the keys you give.
For archives, time-stamps, purged or large documents, lists of recipients and new log keys it needs verify_further.py.
Exit code: 0 right; 1 something is wrong; 2 unreadable; 3 nothing is wrong, but keys from the file itself were used.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import io
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.dom import minidom
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

DS, EXC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"
KINDS = {f"http://www.w3.org/2001/04/xmldsig-more#{name}-sha256": of for name, of in (("rsa", rsa), ("ecdsa", ec))}
XMLNS, TEXTS = "http://www.w3.org/2000/xmlns/", (minidom.Node.TEXT_NODE, minidom.Node.CDATA_SECTION_NODE)
MIME, SEAL, MOST_BYTES, OVERHEAD = "mimetype", "META-INF/seal.xml", 2**31, 2**14
FIELDS = ("ledger", "node", "sequence", "time_us", "kind", "sender", "message_id", "source", "target", "document",
          "evidence", "rules", "signer", "detail", "previous")  # fmt: skip
ACTS = {"accepted": "接收", "delivered": "送达", "fetched": "信箱取件", "attemptFailed": "投递未成功",
        "held": "暂存", "released": "放行", "gaveUp": "停止投递", "resent": "重新投递", "replayed": "重复提交",
        "administered": "管理操作", "notice": "未投递通知", "refused": "拒绝"}
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
BAD = (Wrong, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, StopIteration)
def told(error: Exception) -> tuple[str, str]:
    """An error of BAD as a sentence in Chinese and one in English; only a `Wrong` has its own."""
    return error.args if isinstance(error, Wrong) else (f"内容无法读取：{error}", f"unreadable content: {error}")
def need(right: object, zh: str, en: str) -> None:
    if not right:
        raise Wrong(zh, en)
def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()
def mark_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()
def shown(certificate: x509.Certificate) -> str:
    return f"{certificate.subject.rfc4514_string()} ({mark_of(certificate)[:16]})"
def elements(node: Any) -> list[Any]:
    return [child for child in node.childNodes if child.nodeType == child.ELEMENT_NODE] if node else []
def find(node: Any, name: str) -> Any:
    """The first child of this name, in the namespace of this element; or None."""
    return next((e for e in elements(node) if (e.namespaceURI, e.localName) == (node.namespaceURI, name)), None)
def value_of(node: Any, name: str = "") -> str:
    """The text of an element, or of its first child of this name; empty if there is none."""
    node = find(node, name) if name else node
    return "".join(child.data for child in node.childNodes if child.nodeType in TEXTS).strip() if node else ""

def parse(raw: bytes) -> Any:
    """The root of a document without DOCTYPE and the like; each element has its namespaces in `scope`."""
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", raw)
    named = declared[1].decode().lower().replace("utf-8", "utf-8-sig") if declared else "utf-8-sig"
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else named)
        document = minidom.parseString(text)  # noqa: S318 (expat itself bounds entities)
    except expat.ExpatError:
        raise Wrong("XML 格式错误", "XML is not well-formed") from None
    need(len(document.childNodes) == 1, "XML 含有 DOCTYPE 等内容", "XML with a DOCTYPE, comment or instruction")
    for node in list[Any](document.getElementsByTagName("*")):
        own = {a.nodeName[6:]: a.value or "" for a in node.attributes.values() if a.namespaceURI == XMLNS}
        need(not set("".join(own.values())) & set("&<\"'\t\n\r"), "特殊命名空间：未核验", "odd namespace: not checked")
        node.scope = {**getattr(node.parentNode, "scope", {}), **own}
    return document.documentElement

def canonical(node: Any, prefixes: Iterable[str] = (), but: Any = None, known: Any = None) -> str:
    """An element in exclusive C14N, without `but`. `prefixes`: InclusiveNamespaces; `known`: written by the parent."""
    scope, known = node.scope, known or {}
    plain = [a for a in node.attributes.values() if a.namespaceURI != XMLNS]
    used = {node.prefix or "", *(a.prefix for a in plain if a.prefix), *(p for p in prefixes if p in scope)} - {"xml"}
    fresh = {p: scope.get(p, "") for p in sorted(used) if known.get(p, "") != scope.get(p, "")}
    text = "".join(f' xmlns{":" * bool(p)}{p}="{uri}"' for p, uri in fresh.items())
    plain.sort(key=lambda a: (a.namespaceURI or "", a.localName))
    text += "".join(f' {a.nodeName}="{a.value.translate(VALUE)}"' for a in plain) + ">"
    for child in (child for child in node.childNodes if child is not but):
        inside = child.nodeType == child.ELEMENT_NODE
        need(inside or child.nodeType in TEXTS, "XML 含有注释或处理指令", "XML with a comment or instruction")
        text += canonical(child, prefixes, but, {**known, **fresh}) if inside else child.data.translate(TEXT)
    return f"<{node.nodeName}{text}</{node.nodeName}>"

def opened(raw: bytes) -> tuple[Any, x509.Certificate]:
    """A signed document's root and the certificate whose key signed it, by the profile of the format document."""
    root, off = parse(raw), ("没有符合规范的 XML 签名", "no XML signature of the profile")
    signature = (elements(root) or [root])[-1]
    parts = [signature, *signature.getElementsByTagName("*")]
    rows = ([f"{e.namespaceURI}|{e.localName}".removeprefix(f"{DS}|"), str(len(elements(e))),
             *(f"{a.nodeName}={a.value}" for a in e.attributes.values() if a.namespaceURI != XMLNS)]
            for e in parts)  # fmt: skip
    shape = PROFILE.fullmatch("\0".join(" ".join(row) for row in rows))
    alone = len(root.getElementsByTagNameNS(DS, "*")) == sum(e.namespaceURI == DS for e in parts)
    need(shape and alone and not any(value_of(e) for e in parts if elements(e)), *off)
    kind, prefixes = (KINDS.get(shape[1]), (shape[2] or "").split()) if shape else (None, [])
    values = {e.localName: base64.b64decode("".join(value_of(e).split()), validate=True) for e in reversed(parts)}
    certificate, value = x509.load_der_x509_certificate(values["X509Certificate"]), values["SignatureValue"]
    need(kind and set(prefixes) <= root.scope.keys() and (kind is rsa or len(value) == 64), *off)
    if kind is ec:
        value = utils.encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    key = certificate.public_key()
    right = isinstance(key, rsa.RSAPublicKey) == (kind is rsa) and verifies(key, value, canonical(parts[1]).encode())
    need(right, "XML 签名验证未通过", "the XML signature does not verify")
    same = sha256(canonical(root, prefixes, signature).encode()) == values["DigestValue"]
    need(same, "文件与其 XML 签名不符", "the document is not what its XML signature signed")
    return root, certificate

def verifies(key: object, value: bytes, text: bytes) -> bool:
    """Whether a signature verifies by a key on P-256 (value in DER), of RSA (>= 2048 bits) or Ed25519."""
    with suppress(InvalidSignature):
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(value, text, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            key.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(value, text)
        else:
            return False
        return True
    return False

def read_container(raw: bytes) -> dict[str, bytes]:
    """The files by name, `mimetype` first."""
    off = ("不是完好的 ASiC-E 文件", "not an intact ASiC-E container")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as container:
            members = container.infolist()
            need(sum(m.file_size + OVERHEAD for m in members) <= MOST_BYTES, *off)
            files = {member.filename: container.read(member) for member in members}
            stored = (members[0].filename, members[0].compress_type) == (MIME, zipfile.ZIP_STORED)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, *BAD):
        raise Wrong(*off) from None
    need(stored and len(files) == len(members) and files[MIME] == b"application/vnd.etsi.asic-e+zip", *off)
    return files

def signers_of(note: bytes, keys: Iterable[str]) -> list[tuple[str, int]]:
    """(key, time of a cosignature or 0) for each of these keys that signed a note; others do not matter."""
    (text, _, lines), known, found = note.decode().rpartition("\n\n"), {}, []
    for key in keys:
        off = f"公开密钥应为“名称+编号+Base64”：{key[:40]}", f"a key is NAME+ID+BASE64 and not {key[:40]}"
        need(re.fullmatch(r"[^+]+\+[0-9a-f]{8}\+(?:[A-Za-z0-9+/=]{4})+", key), *off)
        name, identity, coded = key.split("+", 2)
        octets = base64.b64decode(coded)
        right = sha256(octets[1:] if octets[0] == 2 else name.encode() + b"\n" + octets)[:4].hex() == identity
        need(right, f"密钥 {name} 的编号不符", f"the id of the key {name} does not fit it")
        known[name, bytes.fromhex(identity)] = key, octets[0], octets[1:]
    for line in lines.splitlines():
        name, _, coded = line.removeprefix("\u2014 ").partition(" ")
        value, signed, seconds = base64.b64decode(coded, validate=True), f"{text}\n".encode(), 0
        if (name, value[:4]) in known:
            (key, kind, octets), value = known[name, value[:4]], value[4:]
            if kind == 4:
                seconds, value = int.from_bytes(value[:8]), value[8:]
                signed = f"cosignature/v1\ntime {seconds}\n".encode() + signed
            public = load_der_public_key(octets) if kind == 2 else ed25519.Ed25519PublicKey.from_public_bytes(octets)
            need(verifies(public, value, signed), f"检查点上 {name} 的签名无效", f"wrong signature of {name} on a note")
            found.append((key, seconds))
    return found

def read_entry(form: bytes, place: int = 4) -> dict[str, Any]:
    """The fields of an entry's form, from `place` on, and its hash."""
    entry: dict[str, Any] = {"hash": sha256(b"\0" + form)}
    for name in FIELDS:
        size = int.from_bytes(form[place : place + 4])
        value, place = form[place + 4 : place + 4 + size], place + 4 + size
        raw = name in ("document", "evidence", "previous")
        entry[name] = value if raw else int.from_bytes(value) if name in ("sequence", "time_us") else value.decode()
    need(form[:4] == b"HLE1" and place == len(form), "不是完整的账目", "not a whole ledger entry")
    return entry

def root_by(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a leaf and its proof give (RFC 6962, 2.1.1)."""
    if size <= 1:
        need(size == 1 and index == 0 and not proof, "证明长度不符", "the proof has a wrong length")
        return leaf
    *inner, other = proof
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return sha256(b"\1" + root_by(leaf, index, half, inner) + other)
    return sha256(b"\1" + other + root_by(leaf, index - half, size - half, inner))
def is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    with suppress(ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    return False
@dataclass(frozen=True)
class Evidence:
    """A container's files and index, what they are measured by, and what was found: (mark, Chinese, English)."""
    files: Mapping[str, bytes]
    index: Mapping[str, Any]
    anchors: Sequence[x509.Certificate]
    issuers: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList]
    said: list[tuple[str, str, str]]
    def say(self, zh: str, en: str, mark: str = "[ok]") -> None:
        self.said.append((mark, zh, en))
    def run(self, check: Callable[..., Any], *given: Any) -> Any:
        try:
            return check(*given)
        except BAD as error:
            return self.say(*told(error), "[XX]")
    def proven(self, raw: bytes, at: datetime | None = None) -> tuple[Any, x509.Certificate]:
        """A signed document whose certificate was valid at that time."""
        root, certificate = opened(raw)
        self.check_certificate(certificate, at or datetime.fromisoformat(value_of(root, "time")))
        return root, certificate
    def check_certificate(self, certificate: x509.Certificate, at: datetime) -> None:
        name, links = shown(certificate), [certificate]
        for link in links:
            inside = link.not_valid_before_utc <= at <= link.not_valid_after_utc
            need(inside, f"证书 {name} 当时不在有效期内", f"the certificate {name} was not valid at that time")
            if link in self.anchors or len(links) > 5:
                break
            issuer = next((i for i in (*self.anchors, *self.issuers) if is_issued(link, i)), None)
            links += [issuer] if issuer else []
            for crl in self.crls if link is not links[-1] else ():
                entry = crl.get_revoked_certificate_by_serial_number(link.serial_number)
                revoked = entry and entry.revocation_date_utc <= at and crl.issuer == link.issuer
                revoked = revoked and crl.is_signature_valid(links[-1].public_key())  # type: ignore[arg-type]
                need(not revoked, f"证书 {name} 当时已被吊销", f"the certificate {name} was revoked at that time")
        need(links[-1] in self.anchors, f"证书 {name} 不由所信任的机构签发", f"no trusted authority issued {name}")
    def check_seal(self) -> None:
        seal, certificate = self.proven(self.files[SEAL])
        listed = {row.getAttribute("name"): row.getAttribute("sha256") for row in elements(find(seal, "files"))}
        found = {name: sha256(content).hex() for name, content in self.files.items() if name != SEAL}
        name = min((name for name, _ in listed.items() ^ found.items()), default="")
        need(not name, f"文件 {name} 被改动、缺失或多余", f"the file {name} was altered, is missing or was added")
        what = f"{value_of(seal, 'time')}, {shown(certificate)}"
        self.say(f"全部文件与封装时一致（{what}）。", f"All files are as they were sealed ({what}).")
    def check_checkpoint(self, file: str, keys: Sequence[str], witnesses: Sequence[str] | None) -> tuple[int, bytes]:
        note = self.files[file]
        log, size, root = note.decode().split("\n")[:3]
        changes = [content for name, content in self.files.items() if name.startswith("ledger/keys/")]
        keys = further("keys_at")(self, changes, int(size), keys) if changes and keys else keys
        signed = signers_of(note, keys or self.index["logKeys"])
        right = any(key.startswith(f"{log}+") and not seconds for key, seconds in signed)
        need(right, "检查点没有所给账本密钥的签名", "the given log key has not signed the checkpoint")
        self.say(f"账本 {log}（{size} 条）由其密钥签名。", f"The log {log} of {size} entries is signed with its key.")
        for key, seconds in (cosigned := signers_of(note, witnesses or ())):
            name, at = key.split("+")[0], f"{datetime.fromtimestamp(seconds, UTC):%F %T}Z"
            need(seconds, f"{name} 不是见证密钥", f"{name} is not the key of a witness")
            self.say(f"见证方 {name} 于 {at} 副署。", f"The witness {name} cosigned it at {at}.")
        if witnesses is not None and not cosigned:
            en = "No witness that you know has cosigned it: that the hub shows others another ledger is not excluded."
            self.say("没有您所给见证方的副署：不能排除交换中心对他人出示另一本账。", en, "[??]")
        return int(size), base64.b64decode(root, validate=True)
    def check_entry(self, row: Mapping[str, Any], size: int, root: bytes) -> dict[str, Any]:
        entry = read_entry(self.files[row["file"]])
        name = entry["name"] = f"{entry['node']}/{entry['sequence']}"
        found = root_by(entry["hash"], row["index"], size, list(map(bytes.fromhex, row["proof"])))
        right = (found, entry["ledger"]) == (root, self.index["ledger"])
        need(right, f"账目 {name} 不在该账本树中", f"the entry {name} is not in this ledger's tree")
        at = entry["at"] = datetime.fromtimestamp(entry["time_us"] // 1_000_000, UTC)
        act, way = entry["kind"], f"{entry['source']} → {entry['target']}, {at:%F %T}Z"
        en = f"The entry {name} ({act}, {way}) is in the tree."
        self.say(f"账目 {name}（{ACTS.get(act, act)}，{way}）在账本树中。", en)
        return entry
    def check_message(self, row: Mapping[str, Any], every: Sequence[dict[str, Any]]) -> None:
        name = f"{row['sender']}/{row['messageId']}"
        entries = [e for e in every if (e["sender"], e["message_id"]) == (row["sender"], row["messageId"])]
        accepted = [entry for entry in entries if entry["kind"] == "accepted"]
        right = len(accepted) == len({e["document"] for e in entries if e["kind"] != "refused"}) == 1
        need(right, f"报文 {name} 没有唯一的受理账目", f"{name} does not have one entry of acceptance")
        if "purged" in row:
            self.run(further("check_purged"), self, name, accepted[0], every, row["purged"])
        else:
            self.run(self.check_envelope, name, accepted[0], row)
        self.run(self.check_stamp, row, accepted[0], entries)
        for hop in (entry for entry in entries if entry["kind"] in ("delivered", "released", "resent")):
            self.run(self.check_evidence, hop)
    def check_envelope(self, name: str, entry: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        root, certificate = self.proven(raw := self.files[row["envelope"]], entry["at"])
        head, who = find(root, "header"), shown(certificate)
        said = (value_of(head, "sender"), entry["source"], value_of(head, "messageId"), entry["signer"], sha256(raw))
        right = said == (row["sender"], row["sender"], row["messageId"], mark_of(certificate), entry["document"])
        need(right, f"信封与报文 {name} 的账目不符", f"the envelope is not the one in the entries of {name}")
        en = f"The envelope of {name}, signed with {who}, is as entered."
        self.say(f"报文 {name} 的信封由证书 {who} 签名，与其账目一致。", en)
        self.run(*((further("check_outside"), self) if "outside" in row else (self.check_attachments,)), row, root)
    def check_attachments(self, row: Mapping[str, Any], root: Any) -> None:
        for line in elements(find(root, "attachments")):
            id, name, size, digest = (value_of(line, field) for field in ("id", "name", "size", "sha256"))
            beside = self.files.get(row["attachments"].get(id), b"")
            content = base64.b64decode(value_of(line, "content")) if find(line, "content") else beside
            right = [str(len(content)), sha256(content).hex()] == [size, digest.lower()]
            need(right, f"附件 {id} 与发送方签名的清单不符", f"the attachment {id} is not what the sender signed")
            self.say(f"附件 {id}（{name}）与签名清单一致。", f"The attachment {id} ({name}) is as the sender signed.")
    def check_stamp(self, row: Mapping[str, Any], entry: Mapping[str, Any], hops: Sequence[Mapping[str, Any]]) -> None:
        root, certificate = self.proven(self.files[row["stamp"]], entry["at"])
        facts = (entry[name] for name in ("target", "sender", "message_id", "document", "node", "sequence", "hash"))
        said = [value_of(root, n) for n in ("hub", "sender", "messageId", "digest", "node", "sequence", "entryHash")]
        right = said == [fact.hex() if isinstance(fact, bytes) else str(fact) for fact in facts]
        need(right, "戳记与受理账目不符", "the stamp is not of this acceptance")
        self.say(f"戳记由 {shown(certificate)} 签名，与账目一致。", f"The stamp by {shown(certificate)} is as entered.")
        if entry["evidence"] or find(root, "recipientsDigest"):
            self.run(further("check_recipients"), self, root, entry, hops)
    def check_evidence(self, hop: Mapping[str, Any]) -> None:
        raw, name, target = self.files[f"evidence/{hop['evidence'].hex()}"], hop["name"], hop["target"]
        need(sha256(raw) == hop["evidence"], f"账目 {name} 的凭证被改动", f"the evidence of {name} was altered")
        if hop["kind"] != "delivered":
            self.say(f"账目 {name} 的管理指令与记录一致。", f"The administrator's order of {name} is as entered.")
        elif hop["detail"] != "signed":
            self.say(f"{target} 未签名（{name}），无从证明。", f"{target} did not sign ({name}): unproven.", "[??]")
        else:
            root, certificate = self.proven(raw, hop["at"])
            one, who = root.localName == "acknowledgement", shown(certificate)
            items = [root] if one else elements(find(root, "items")) if root.localName == "confirmRequest" else []
            said = [[value_of(item, field) for field in ("sender", "messageId", "digest")] for item in items]
            right = [hop["sender"], hop["message_id"], hop["document"].hex()] in said
            whose = (value_of(root, "recipient" if one else "department"), mark_of(certificate))
            right = right and whose == (target, hop["signer"])
            need(right, f"{target} 确认的不是该信封（{name}）", f"{target} acknowledged something else ({name})")
            en = f"{target} signed with {who} that it has this envelope ({name})."
            self.say(f"{target} 以证书 {who} 签名确认收到该信封（{name}）。", en)
def read_certificates(given: Iterable[bytes]) -> list[x509.Certificate]:
    kinds = (x509.load_der_x509_certificate, x509.load_pem_x509_certificate)
    return [kinds[octets.startswith(b"-----")](octets) for octets in given]
def check(
    raw: bytes, keys: Sequence[str], anchors: Sequence[bytes], witnesses: Sequence[str], stampers: Sequence[bytes] = ()
) -> Evidence:
    """What a container proves by log keys, anchors, witnesses' keys, time-stamp authorities' roots. Errors: BAD."""
    files, folders = read_container(raw), ("anchors/", "certificates/", "crls/")
    roots, others, crls = ([files[name] for name in files if name.startswith(folder)] for folder in folders)
    given, issuers = read_certificates(anchors or roots), read_certificates(roots + others)
    it = Evidence(files, json.loads(files["manifest.json"]), given, issuers, [*map(x509.load_der_x509_crl, crls)], [])
    it.run(it.check_seal)
    if it.index["format"] == "hub-archive-1":
        it.run(further("check_archive"), it, keys, witnesses)
    else:
        need(it.index["messages"], "文件中没有报文", "there is no message in it")
        tree = it.run(it.check_checkpoint, "ledger/checkpoint", keys, witnesses)
        entries = [e for row in it.index["entries"] if tree and (e := it.run(it.check_entry, row, *tree))]
        for row in it.index["messages"]:
            it.run(it.check_message, row, entries)
    if importlib.util.find_spec("verify_further"):
        it.run(further("check_cades"), it)
    if stampers:
        it.run(further("check_stamps"), it, read_certificates(stampers))
    if not keys or not anchors:
        en = "!! Without --log-key and --anchor keys of the file itself were used: a forger could do the same."
        it.say("!! 未给出 --log-key 或 --anchor，用了文件自带的密钥：伪造者也能做到。", en, "[??]")
    en = "Not proven: times by the hub's clock (but by time-stamps), whose a certificate is, that no entry is left out."
    it.say("未证明：交换中心时钟所记的时间（时间戳除外）、证书归属、账目无遗漏。", en, "[??]")
    wrong, mark = sum(mark == "[XX]" for mark, _, _ in it.said), "[ok]" if keys and anchors else "[??]"
    zh, en = f"结论：有 {wrong} 处不符，不可采信。", f"Verdict: {wrong} things are wrong; do not rely on this file."
    it.say(*(zh, en, "[XX]") if wrong else ("结论：未发现不符。", "Verdict: nothing is wrong.", mark))
    return it
def further(name: str) -> Callable[..., Any]:
    """A check of verify_further.py."""
    need(importlib.util.find_spec("verify_further"), "须有 verify_further.py", "verify_further.py must lie beside")
    sys.modules.setdefault("verify_evidence", sys.modules[__name__])
    return getattr(importlib.import_module("verify_further"), name)  # type: ignore[no-any-return]

def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    for name, kind in (("--log-key", str), ("--witness", str), ("--anchor", Path), ("--tsa-anchor", Path)):
        parser.add_argument(name, action="append", default=[], type=kind, metavar="KEY" if kind is str else "FILE")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    given = parser.parse_args(words)
    try:
        signers_of(b"", (*given.log_key, *given.witness))  # a key that is mistyped says nothing against the file
        roots, stampers = ([path.read_bytes() for path in paths] for paths in (given.anchor, given.tsa_anchor))
        found = check(given.file.read_bytes(), given.log_key, roots, given.witness, stampers)
    except (OSError, *BAD) as error:
        sys.stdout.write(f"{told(error)[given.lang == 'en']}\n")
        return 2
    sys.stdout.writelines(f"{mark} {zh if given.lang == 'zh' else en}\n" for mark, zh, en in found.said)
    return {"[ok]": 0, "[XX]": 1, "[??]": 3}[found.said[-1][0]]
if __name__ == "__main__":
    sys.exit(main())
