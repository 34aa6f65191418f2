"""Good messages, and ways to spoil them: in their bytes, in their tree, and in their tree before it is signed again.

Everything is drawn from the `Random` that is given; only the signatures themselves differ from run to run.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import Any

from lxml import etree

from hub import envelope
from hub.errors import HubError
from hub.message import Urgency
from hub.signing import signature
from tests.hostile.documents import XSI, signed_carelessly
from tests.town import Town, signer_of

TOKENS = [
    *(b"<", b">", b"/", b'"', b"'", b"&", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?x?>", b"&#0;", b"&lt;"),
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b" ", b"\t", b"=", b"==", b"A", b"0", b"1e9"),
    *(b"<!DOCTYPE x>", b'<?xml version="1.0"?>', b'<?xml version="1.0" encoding="GBK"?>', b' xmlns="urn:x"'),
    *(b"<ds:Signature/>", b"<env:header>", b"</env:header>", b"<env:payload>", b"</env:payload>", b' a="1"'),
    *(b"<env:sender>c</env:sender>", b"&#x202e;", b"-1"),
]  # fmt: skip
TEXTS = [
    *("", " ", "a", "b", "c", "nobody", "group:all", "topSecret", "urgent", "copy", "main", "2", "-1", "9" * 400),
    *("2036-01-01T00:00:00Z", "2026-03-02T01:00:00+14:00", "2026-03-02T01:00:00.123456789Z", "AA==", "QQ=="),
    *("official-document-1", "receipt-1", "envelope-1", "测办〔2026〕1号", "\u202e", "a b", "m-1", "x" * 101),
    *("\n", "p:T", "xsi:type", "true", "A A=="),
]  # fmt: skip
NAMES = [
    *("sender", "recipient", "messageId", "type", "title", "payload"),
    *("attachment", "content", "Signature", "x", "role"),
]
DS = "http://www.w3.org/2000/09/xmldsig#"
XML = "{http://www.w3.org/XML/1998/namespace}"
NAMESPACES = ["urn:hub:envelope:v1", "urn:hub:official-document:v1", DS, "urn:x", XSI, ""]
ATTRIBUTES = (
    *("role", "version", "Id", "URI", "Algorithm", "x"),
    *(f"{{{XSI}}}type", f"{{{XSI}}}nil", f"{{{XSI}}}schemaLocation", f"{XML}id", f"{XML}lang"),
)
ENCODINGS = {"utf-16": "", "gb18030": '<?xml version="1.0" encoding="GB18030"?>', "utf-8-sig": "", "utf-8": "\n"}

Message = tuple[bytes, dict[str, bytes]]


def good(town: Town, random: Random, id: str) -> tuple[Any, dict[str, bytes]]:
    """An unsigned envelope with a random choice of optional parts, and the attachments that go beside it."""
    header: dict[str, Any] = {
        "conversation": f"c-{id}",
        "in_reply_to": "r-1",
        "document_number": "测办〔2026〕7号",
        "case_number": "N-1",
        "urgency": random.choice(list(Urgency)),
        "expires": town.clock() + timedelta(days=random.randint(1, 80)),
    }
    chosen = {name: value for name, value in header.items() if random.random() < 0.5}
    lines, beside = [], {}
    for number in range(random.choice((0, 0, 1, 2))):
        content, inline = random.randbytes(random.randint(0, 60)), random.random() < 0.7
        lines.append(envelope.attachment(f"f{number}", f"附件{number}.ofd", "application/ofd", content, inline=inline))
        if not inline:
            beside[f"f{number}"] = content
    to = random.choice((["b"], ["b", "c"], ["group:all"], ["m"]))
    return town.envelope("a", to, message_id=id, attachments=lines, **chosen), beside


def in_bytes(town: Town, random: Random, id: str) -> Message:
    """Signed, then some bytes changed."""
    tree, beside = good(town, random, id)
    raw = signature.sign(tree, signer_of("a")[0])
    for _ in range(random.choice((0, 1, 1, 1, 2, 5))):
        raw = random.choice(_BYTES)(random, raw)
    return raw, beside


def in_tree(town: Town, random: Random, id: str) -> Message:
    """Signed, then some nodes changed, the signature's among them."""
    tree, beside = good(town, random, id)
    root = etree.fromstring(signature.sign(tree, signer_of("a")[0]))
    _spoil(random, root)
    return _written(random, etree.tostring(root, encoding="utf-8")), beside


def signed_again(town: Town, random: Random, id: str) -> Message:
    """Some nodes changed, then signed by somebody: by us, or by a toolkit that does not care."""
    tree, beside = good(town, random, id)
    _spoil(random, tree)
    signer = signer_of(random.choice(("a", "a", "a", "b")))[0]
    try:
        raw = signature.sign(tree, signer) if random.random() < 0.5 else signed_carelessly(tree, signer)
    except (HubError, etree.C14NError):
        return etree.tostring(tree), beside
    return _written(random, raw), beside


def _written(random: Random, raw: bytes) -> bytes:
    return _encoded(random, raw) if random.random() < 0.2 else raw


def _flip(random: Random, raw: bytes) -> bytes:
    at = random.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << random.randrange(8)]) + raw[at + 1 :]


def _delete(random: Random, raw: bytes) -> bytes:
    at = random.randrange(len(raw))
    return raw[:at] + raw[at + random.choice((1, 2, 10, 200)) :] or b"x"


def _double(random: Random, raw: bytes) -> bytes:
    at, length = random.randrange(len(raw)), random.choice((1, 3, 40, 400))
    return raw[: at + length] + raw[at:]


def _insert(random: Random, raw: bytes) -> bytes:
    at = random.randrange(len(raw) + 1)
    return raw[:at] + random.choice(TOKENS) + raw[at:]


def _space(random: Random, raw: bytes) -> bytes:
    """White space where XML may not care: the bytes change and what was signed does not."""
    places = [at for at, byte in enumerate(raw) if byte in b">" and raw[at - 1 : at] not in (b"/", b"?")]
    at = random.choice(places or [0])
    return raw[:at] + random.choice((b" ", b"\n", b"\t ")) + raw[at:]


def _quotes(_: Random, raw: bytes) -> bytes:
    return raw.replace(b'version="1"', b"version='1'")


def _split(random: Random, raw: bytes) -> bytes:
    """Swap two halves of a stretch."""
    first, second, third = sorted(random.randrange(len(raw)) for _ in range(3))
    return raw[:first] + raw[second:third] + raw[first:second] + raw[third:]


def _encoded(random: Random, raw: bytes) -> bytes:
    codec = random.choice(list(ENCODINGS))
    try:
        return (ENCODINGS[codec] + raw.decode()).encode(codec)
    except UnicodeError:
        return raw


_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip, _flip, _delete, _double, _insert, _insert, _space, _space, _quotes, _split, _encoded,
)  # fmt: skip


def _spoil(random: Random, root: Any) -> None:
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        random.choice(_NODES)(random, root)


def _any(random: Random, root: Any) -> Any:
    return random.choice(list(root.iter("*")))


def _below(random: Random, root: Any) -> Any:
    """Any element but the root; the root if there is no other."""
    return random.choice(list(root.iter("*"))[1:] or [root])


def _move(random: Random, root: Any) -> None:
    node, target = _below(random, root), _any(random, root)
    if node is not root and target not in node.iter():
        target.insert(random.randint(0, len(target)), node)


def _copy(random: Random, root: Any) -> None:
    target = _any(random, root)
    target.insert(random.randint(0, len(target)), deepcopy(_below(random, root)))


def _remove(random: Random, root: Any) -> None:
    node = _below(random, root)
    if node is not root:
        node.getparent().remove(node)


def _rename(random: Random, root: Any) -> None:
    node = _any(random, root)
    namespace = random.choice((etree.QName(node).namespace, random.choice(NAMESPACES)))
    node.tag = f"{{{namespace}}}{random.choice(NAMES)}" if namespace else random.choice(NAMES)


def _text(random: Random, root: Any) -> None:
    node = _any(random, root)
    if random.random() < 0.8:
        node.text = random.choice((*TEXTS, (node.text or "") + " ", " " + (node.text or "")))
    else:
        node.tail = random.choice((" ", "\n", "x"))


def _attribute(random: Random, root: Any) -> None:
    node = _any(random, root)
    name = random.choice(ATTRIBUTES)
    if random.random() < 0.3 and node.attrib:
        del node.attrib[random.choice(list(node.attrib))]
    else:
        node.set(name, random.choice(TEXTS))


def _rebind(random: Random, root: Any) -> None:
    """Wrap an element's children anew under other bindings of known prefixes."""
    node = _below(random, root)
    parent = node.getparent()
    if parent is None:
        return
    bindings = {random.choice(("env", "od", "p", "xsi", "ds", "q")): random.choice(NAMESPACES[:5])}
    made = node.makeelement(node.tag, dict(node.attrib), nsmap=bindings)
    made.text, made.tail = node.text, node.tail
    made.extend(list(node))
    parent.replace(node, made)


def _foreign(random: Random, root: Any) -> None:
    made = random.choice((etree.Comment("x"), etree.ProcessingInstruction("x", "y"), etree.Element("{urn:x}x")))
    target = _any(random, root)
    target.insert(random.randint(0, len(target)), made)


_NODES: tuple[Callable[[Random, Any], None], ...] = (
    _move, _copy, _remove, _rename, _text, _text, _text, _attribute, _attribute, _rebind, _foreign,
)  # fmt: skip
