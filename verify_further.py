"""What `verify_evidence.py` checks besides messages, if this file lies beside it: archives, time-stamps, key changes.

Also the container's CAdES signature, what is left of a message whose documents were purged, attachments too large
for an evidence file, and lists of recipients too long for a stamp.

Written against docs/evidence-format.md and docs/ledger-format.md; needs `cryptography`, and nothing of the hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from verify_evidence import (
    SEAL,
    Evidence,
    Wrong,
    elements,
    find,
    need,
    opened,
    parse,
    read_entry,
    sha256,
    shown,
    signers_of,
    value_of,
)

LIST, CADES = "META-INF/ASiCManifest.xml", "META-INF/signature.p7s"
DIGESTS = {  # object identifiers in DER, without tag and length
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
SHA256 = bytes.fromhex("608648016503040201")
MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910022f")
Subtrees = list[tuple[int, bytes]]
"""A tree as its largest whole subtrees, left to right: the level (2 to the level leaves) and root of each."""


# trees


def grow(tree: Subtrees, level: int, root: bytes) -> None:
    """Append a whole subtree."""
    need(0 <= level <= (tree[-1][0] if tree else 64), "账本树的形状错误", "not the shape of a tree")
    while tree and tree[-1][0] == level:
        level, root = level + 1, sha256(b"\1" + tree.pop()[1] + root)
    tree.append((level, root))


def state_of(tree: Subtrees) -> tuple[int, bytes]:
    """Size and root."""
    root = tree[-1][1] if tree else sha256(b"")
    for _, left in reversed(tree[:-1]):
        root = sha256(b"\1" + left + root)
    return sum(1 << level for level, _ in tree), root


# archives


def check_archive(it: Evidence, keys: Sequence[str], witnesses: Sequence[str]) -> None:
    """The tree before the month, grown by its entries, is the tree at its end: none is missing, changed or put in."""
    tree: Subtrees = []
    for level, root in it.index["before"]:
        grow(tree, level, bytes.fromhex(root))
    if tree:
        _check_state(it, "ledger/start", tree, keys)
    _grow_by_entries(it, tree)
    _check_state(it, "ledger/end", tree, keys)
    en = "These are all entries that the tree took in between the two checkpoints."
    it.say("以上是账本树在两个检查点之间收入的全部账目。", en)
    for level, root in it.index["after"]:
        grow(tree, level, bytes.fromhex(root))
    _check_state(it, "ledger/checkpoint", tree, keys, witnesses)
    it.run(_check_documents, it)


def _check_state(
    it: Evidence, file: str, tree: Subtrees, keys: Sequence[str], witnesses: Sequence[str] | None = None
) -> None:
    same = it.check_checkpoint(file, keys, witnesses) == state_of(tree)
    need(same, "账目不连续，或不属于该账本树", "the entries have a gap, or are not in this ledger's tree")


def _grow_by_entries(it: Evidence, tree: Subtrees) -> None:
    first: dict[str, int] = {}
    last: dict[str, dict[str, Any]] = {}
    for entry in (entry for name in it.index["entries"] for entry in _entries(it.files[name])):
        number, node = entry["sequence"], entry["node"]
        before = last.get(node, {"sequence": number - 1, "hash": entry["previous"]})
        right = (before["sequence"] + 1, before["hash"]) == (number, entry["previous"])
        right = right and entry["ledger"] == it.index["ledger"]
        what = f"{node}/{number}"
        need(right, f"账目 {what} 处不连续", f"the entries have a gap, or are not in this ledger's tree, at {what}")
        first.setdefault(node, number)
        last[node] = entry
        grow(tree, 0, entry["hash"])
    for node, entry in sorted(last.items()):
        what = f"{it.index['month']} {node}: {first[node]} - {entry['sequence']}"
        it.say(f"账目 {what} 连续无缺，哈希相连。", f"Entries {what}: chained, without a gap.")


def _entries(bundle: bytes) -> Iterable[dict[str, Any]]:
    while bundle:
        end = 2 + int.from_bytes(bundle[:2])
        yield read_entry(bundle[2:end])
        bundle = bundle[end:]


def _check_documents(it: Evidence) -> None:
    found = [name for name in it.files if name.startswith("documents/")]
    for name in found:
        same = sha256(it.files[name]).hex() == name.rpartition("/")[2]
        need(same, f"文件 {name} 被改动", f"the document {name} was altered")
    it.say(f"所附 {len(found)} 份文件与其摘要一致。", f"The {len(found)} enclosed documents have their digests.")


# keys and purges


def keys_at(it: Evidence, changes: Iterable[bytes], size: int, keys: Sequence[str]) -> Sequence[str]:
    """The log's keys at a size, led to from earlier or later ones by changes that all old and new keys signed."""
    read = sorted(map(_read_change, changes), key=itemgetter(0))
    forth = [(old, new, at, note) for at, old, new, note in read if at < size]
    back = [(new, old, at, note) for at, old, new, note in reversed(read) if at >= size]
    for near, far, at, note in [*forth, *back]:
        if set(keys) <= near:
            signed = {key for key, _ in signers_of(note, near | far)}
            need(signed == near | far, "换钥记录缺少签名", "a change of keys lacks a signature")
            en = f"The log's keys were changed at {at} entries; the old ones and the new ones signed it."
            it.say(f"账本于第 {at} 条之后换钥，新旧密钥均已签名。", en)
            keys = sorted(far)
    return keys


def _read_change(note: bytes) -> tuple[int, set[str], set[str], bytes]:
    header, _, at, _, *lines = note.decode().partition("\n\n")[0].split("\n")
    need(header == "hub/key-change/v1", "不是换钥记录", "not a change of keys")
    old, new = ({line[4:] for line in lines if line.startswith(side)} for side in ("old ", "new "))
    return int(at), old, new, note


def check_purged(
    it: Evidence, name: str, entry: Mapping[str, Any], every: Sequence[Mapping[str, Any]], purge: str
) -> None:
    """That an administrator's act, which is an entry's evidence, names the envelope of a message as purged."""
    wanted = (purge, "administered", "retention.purged")
    act = next((one for one in every if (one["name"], one["kind"], one["detail"]) == wanted), None)
    if act is None:
        raise Wrong(f"报文 {name} 没有清理账目", f"there is no entry of the purge of {name}")
    raw, digest = it.files[f"evidence/{act['evidence'].hex()}"], entry["document"].hex()
    right = sha256(raw) == act["evidence"] and json.loads(raw)["before"][f"message {name}"]["envelope"] == digest
    need(right, f"报文 {name} 的清理记录不符", f"the purge of {name} is not as entered")
    en = f"{name} was purged by rule (entry {purge}): of its envelope only the SHA-256 is proven, {digest}."
    it.say(f"报文 {name} 的正文已按规则清理（账目 {purge}），仅证明其 SHA-256：{digest}。", en, "[??]")


def check_outside(it: Evidence, row: Mapping[str, Any], root: Any) -> None:
    """Attachments of which only the signed digest is there; then the others, as ever."""
    manifest = find(root, "attachments")
    for line in elements(manifest):
        id, name, digest = (value_of(line, field) for field in ("id", "name", "sha256"))
        if id in row["outside"] and find(line, "content") is None:
            en = f"The attachment {id} ({name}) is not in this file; the sender signed its SHA-256, {digest}."
            it.say(f"附件 {id}（{name}）未收入本文件，发送方所签 SHA-256 为 {digest}。", en, "[??]")
            manifest.removeChild(line)
    it.check_attachments(row, root)


# CMS


def der(octets: bytes) -> list[tuple[int, bytes, bytes]]:
    """The DER elements that follow one another: of each the tag, the whole of it, its content."""
    found = []
    while octets:
        more = octets[1] & 127 if octets[1] & 128 else 0
        end = 2 + more + (int.from_bytes(octets[2 : 2 + more]) if more else octets[1])
        need(end <= len(octets), "DER 格式错误", "broken DER")
        found.append((octets[0], octets[:end], octets[2 + more : end]))
        octets = octets[end:]
    return found


def inside(octets: bytes, *path: int) -> bytes:
    """The content of the element that a path leads to: a number for each step down."""
    for place in path:
        octets = der(octets)[place][2]
    return octets


def signed_data(raw: bytes, content: bytes | None = None) -> tuple[bytes, x509.Certificate, list[x509.Certificate]]:
    """What a CMS signature (RFC 5652) is over, its signer's certificate, and all certificates in it.

    `content` if that is detached. The signer's certificate is the one that the signed attributes name by its SHA-256
    (RFC 5035); an attribute with SHA-1 (RFC 2634) is not taken. ECDSA, and RSA with PKCS #1 v1.5.
    """
    fields = der(inside(raw, 0, 1, 0))
    whole = inside(fields[2][2], 1, 0) if content is None else content
    signer = der(inside(fields[-1][2], 0))
    attributes = {inside(one, 0, 0): inside(one, 0, 1) for _, one, _ in der(signer[3][2])}
    digest = DIGESTS[inside(signer[2][2], 0)]
    right = inside(attributes[MESSAGE_DIGEST], 0) == hashlib.new(digest.name, whole).digest()
    need(right, "CMS 签名与内容不符", "the CMS signature is not over this content")
    mark = next(octets for tag, _, octets in der(inside(attributes[SIGNING_CERTIFICATE], 0, 0, 0)) if tag == 4)
    # Not by the library: authorities write this set in an order of their own, which a strict reader refuses.
    ders = [one for tag, _, body in fields[3:] if tag == 0xA0 for _, one, _ in der(body)]
    enclosed = [x509.load_der_x509_certificate(one) for one in ders]
    certificate = next((one for one in enclosed if one.fingerprint(hashes.SHA256()) == mark), None)
    if certificate is None:
        raise Wrong("CMS 签名缺少证书", "the CMS signature lacks its certificate")
    # What is signed is the attributes as a SET; in the file they have the tag [0].
    right = _verifies(certificate, signer[5][2], b"\x31" + signer[3][1][1:], digest)
    need(right, "CMS 签名验证未通过", "the CMS signature does not verify")
    return whole, certificate, enclosed


def _verifies(certificate: x509.Certificate, value: bytes, text: bytes, digest: hashes.HashAlgorithm) -> bool:
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, text, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            key.verify(value, text, padding.PKCS1v15(), digest)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def check_cades(it: Evidence) -> None:
    """The container's CAdES signature is over its list of files, by the certificate of the seal, the list is right."""
    _, certificate, _ = signed_data(it.files[CADES], it.files[LIST])
    rows = [row for row in elements(parse(it.files[LIST])) if row.localName == "DataObjectReference"]
    stated = {row.getAttribute("URI"): value_of(elements(row)[1]) for row in rows}
    listed = it.files.keys() - {"mimetype", LIST, CADES, SEAL}
    wanted = {name: base64.b64encode(sha256(it.files[name])).decode() for name in listed}
    same = stated == wanted and certificate == opened(it.files[SEAL])[1]
    need(same, "CAdES 签名或清单与封装不符", "the CAdES signature or its list does not fit the seal")
    it.say("CAdES 签名及其清单与封装一致。", "The CAdES signature and its list agree with the seal.")


# recipients


def check_recipients(it: Evidence, stamp: Any, entry: Mapping[str, Any], hops: Sequence[Mapping[str, Any]]) -> None:
    """The list whose digest stamp and acceptance state has its form and number, and every delivery is to one in it."""
    digest = entry["evidence"].hex()
    same = value_of(stamp, "recipientsDigest") == digest
    need(same, "戳记与账目所记收件单位名单摘要不同", "stamp and entry state different lists of recipients")
    raw = it.files[f"evidence/{digest}"]
    need(sha256(raw).hex() == digest, "收件单位名单被改动", "the list of recipients was altered")
    *codes, rest = raw.split(b"\n")
    right = (codes, rest, str(len(codes))) == (sorted(set(codes)), b"", value_of(stamp, "recipientCount"))
    need(right, "收件单位名单的形式或个数不符", "the list of recipients has a wrong form or number")
    others = {hop["target"] for hop in hops if hop["kind"] == "delivered"} - {code.decode() for code in codes}
    one = min(others, default="")
    need(not others, f"送达单位 {one} 不在名单中", f"delivered to {one}, which is not in the list")
    en = f"The list of {len(codes)} recipients is the one stated by stamp and entry; deliveries are to these only."
    it.say(f"收件单位名单（{len(codes)} 个）与戳记及账目一致，送达单位均在其中。", en)


# time-stamps


def check_stamps(it: Evidence, anchors: Sequence[x509.Certificate]) -> None:
    """Every enclosed time-stamp, by the roots of authorities that are trusted."""
    stamps = [name.removesuffix(".tsr") for name in it.files if name.endswith(".tsr")]
    for name in stamps:
        it.run(_check_stamp, it, name, anchors)
    if not stamps:
        it.say("文件中没有时间戳。", "There is no time-stamp in it.", "[??]")


def _check_stamp(it: Evidence, name: str, anchors: Sequence[x509.Certificate]) -> None:
    note, response = it.files[f"{name}.note"], it.files[f"{name}.tsr"]
    content, certificate, enclosed = signed_data(der(inside(response, 0))[1][1])
    _, _, imprint, _, time = der(inside(content, 0))[:5]
    same = (inside(imprint[2], 0, 0), inside(imprint[2], 1)) == (SHA256, sha256(note))
    same = same and note.partition(b"\n\n")[0] == it.files["ledger/checkpoint"].partition(b"\n\n")[0]
    need(same, f"时间戳 {name} 不是本检查点的", f"the time-stamp {name} is not of this checkpoint")
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    right = usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    need(right, "该证书不得用于时间戳", "this certificate is not for time-stamping")
    at = datetime.strptime(f"{time[2].decode()[:14]}+0000", "%Y%m%d%H%M%S%z")
    replace(it, anchors=anchors, issuers=enclosed).check_certificate(certificate, at)
    en = f"{shown(certificate)} attests that this checkpoint, and each entry in it, existed at {at:%F %T}Z."
    it.say(f"时间戳机构 {shown(certificate)} 证明该检查点及其账目在 {at:%F %T}Z 已经存在。", en)
