"""Row "Parser": documents that attack whoever reads them, handed in as envelopes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub import envelope
from hub.parser import parse
from tests.hostile.conftest import Refuse
from tests.hostile.documents import XSI, changed, signed_carelessly
from tests.hostile.guard import Guard
from tests.hostile.refusal import QUICK
from tests.town import Town, signer_of

TITLE = "<od:title>测试通知</od:title>"


@pytest.fixture(scope="module")
def good(town: Town) -> bytes:
    return town.signed("a", "b")


def _with_doctype(good: bytes, doctype: str, reference: str) -> bytes:
    return doctype.encode() + changed(good, TITLE, f"<od:title>{reference}</od:title>")


EXTERNAL = {
    "entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "{target}">]>',
    "PUBLIC entity": '<!DOCTYPE x [<!ENTITY e PUBLIC "-//X//Y" "{target}">]>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "{target}"> %p;]>',
    "external DTD": '<!DOCTYPE x SYSTEM "{target}">',
    "PUBLIC external DTD": '<!DOCTYPE x PUBLIC "-//X//Y" "{target}">',
}


@pytest.mark.parametrize("scheme", ["file", "http", "https", "ftp"])
@pytest.mark.parametrize("doctype", EXTERNAL.values(), ids=EXTERNAL.keys())
def test_xxe(good: bytes, guard: Guard, refuse: Refuse, doctype: str, scheme: str) -> None:
    target = guard.file_url if scheme == "file" else f"{scheme}://127.0.0.1:{guard.port}/x"
    refuse(_with_doctype(good, doctype.replace("{target}", target), "&e;"), "xml.doctype")


NESTED = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "nested": (f'<!DOCTYPE x [<!ENTITY e0 "哈哈哈">{NESTED}]>', "&e9;"),
    "quadratic": (f'<!DOCTYPE x [<!ENTITY e "{"x" * 50_000}">]>', "&e;" * 50_000),
    "cyclic": ('<!DOCTYPE x [<!ENTITY e "&f;"><!ENTITY f "&e;">]>', "&e;"),
    "default attribute": ('<!DOCTYPE x [<!ATTLIST od:title role CDATA "admin">]>', "x"),
    "bare DOCTYPE": ("<!DOCTYPE x>", "x"),
}
ENCODINGS = {
    "UTF-8": ("utf-8", ""),
    "UTF-16": ("utf-16", ""),
    "GB18030": ("gb18030", '<?xml version="1.0" encoding="GB18030"?>'),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_entity_bomb_or_doctype_in_any_encoding(good: bytes, refuse: Refuse, bomb: str, encoding: str) -> None:
    codec, declaration = ENCODINGS[encoding]
    text = declaration + _with_doctype(good, *BOMBS[bomb]).decode()
    refuse(text.encode(codec), "xml.doctype")


def _declared(encoding: str, text: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{text}'


MISREAD: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "UTF-7 declared": ("xml.encoding", lambda text: _declared("UTF-7", text).encode("utf-7")),
    "UTF-7 hidden": ("signature.invalid", lambda text: text.replace("<od:title>", "<od:title>+ADwAIQ-").encode()),
    "UTF-32": ("xml.malformed", lambda text: text.encode("utf-32")),
    "EBCDIC": ("xml.malformed", lambda text: text.encode("cp500", "ignore")),
    "GBK called UTF-8": ("xml.malformed", lambda text: _declared("UTF-8", text).encode("gbk")),
    "UTF-8 called UTF-16": ("xml.encoding", lambda text: _declared("UTF-16", text).encode()),
    "UTF-16 called UTF-8": ("xml.encoding", lambda text: _declared("UTF-8", text).encode("utf-16")),
    "UTF-8 called Latin-1": ("xml.encoding", lambda text: _declared("ISO-8859-1", text).encode()),
    "UTF-8 called ASCII": ("xml.encoding", lambda text: _declared("US-ASCII", text).encode()),
    "UTF-8's byte order mark and GBK": (
        "xml.encoding",
        lambda text: b"\xef\xbb\xbf" + _declared("GBK", text).encode("gbk"),
    ),
}


@pytest.mark.parametrize("name", MISREAD)
def test_charset_mismatch(good: bytes, refuse: Refuse, name: str) -> None:
    code, write = MISREAD[name]
    refuse(write(good.decode()), code)


def test_nothing_of_utf_7_is_ever_markup(town: Town) -> None:
    payload = parse(
        b'<od:officialDocument xmlns:od="urn:hub:official-document:v1"><od:documentKind>notice</od:documentKind>'
        b"<od:title>+ADw-script+AD4-</od:title><od:body><od:paragraph>x</od:paragraph></od:body>"
        b"<od:documentDate>2026-03-02</od:documentDate></od:officialDocument>"
    )
    assert town.send("a", "b", payload=payload).digest


def test_xinclude_is_not_followed(good: bytes, guard: Guard, refuse: Refuse) -> None:
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{guard.file_url}" parse="text"/>'
    tree = parse(changed(good, TITLE, f"<od:title>{include}</od:title>"))
    tree.remove(tree[-1])
    refuse(signed_carelessly(tree, signer_of("a")[0]), "payload.invalid")


@pytest.mark.parametrize("place", ["before", "inside", "after"])
def test_stylesheet_instruction(good: bytes, guard: Guard, refuse: Refuse, place: str) -> None:
    instruction = f'<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:{guard.port}/x.xsl"?>'.encode()
    bodies = {"before": instruction + good, "inside": changed(good, TITLE, instruction), "after": good + instruction}
    refuse(bodies[place], "xml.instruction")


@pytest.mark.parametrize("scheme", ["file", "http"])
@pytest.mark.parametrize("place", ["envelope", "payload"])
@pytest.mark.parametrize("attribute", ["schemaLocation", "noNamespaceSchemaLocation"])
def test_schema_location_is_not_fetched(
    town: Town, guard: Guard, refuse: Refuse, attribute: str, place: str, scheme: str
) -> None:
    """An XSD allows the attribute anywhere, so that the document is good; the attribute is text and no more."""
    address = guard.file_url if scheme == "file" else f"http://127.0.0.1:{guard.port}/x.xsd"
    namespace = "urn:hub:envelope:v1" if place == "envelope" else "urn:hub:official-document:v1"
    tree = town.envelope("a", "b")
    target = tree if place == "envelope" else tree[1][0]
    value = address if attribute.startswith("no") else f"{namespace} {address}"
    target.set(f"{{{XSI}}}{attribute}", value)
    with guard.armed():
        town.submit(signed_carelessly(tree, signer_of("a")[0]))


def _repeated(good: bytes, opening: str, times: int, inner: str = "", closing: str = "") -> bytes:
    return changed(good, TITLE, opening * times + inner + closing * times)


BINDING = 'xmlns:p{n}="urn:{n}"'
LIMITS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "depth 65": ("xml.too-deep", lambda good: _repeated(good, "<od:x>", 62, "", "</od:x>")),
    "depth 3,000": ("xml.too-deep", lambda good: _repeated(good, "<od:x>", 3_000, "", "</od:x>")),
    "257 attributes": ("xml.too-many", lambda good: _attributes(good, 'a{n}=""', 257)),
    "50,000 attributes": ("xml.too-many", lambda good: _attributes(good, 'a{n}=""', 50_000)),
    "257 namespaces": ("xml.too-many", lambda good: _attributes(good, 'xmlns:p{n}="urn:x"', 257)),
    "namespaces in force over levels": (
        "xml.too-many",
        lambda good: _repeated(good, f"<od:x {_numbered(BINDING, 200)}>", 3, "", "</od:x>"),
    ),
    "a million elements": ("xml.too-many", lambda good: _repeated(good, "<od:x/>", 1_000_000)),
    "comment": ("xml.comment", lambda good: _repeated(good, "<!-- x -->", 1)),
    "100,000 comments": ("xml.too-many", lambda good: _repeated(good, "<!-- x -->", 100_000)),
    "name of 1,001 bytes": ("xml.too-long", lambda good: _repeated(good, f"<{'n' * 1_001}/>", 1)),
    "name of 1,000,000 bytes": ("xml.too-long", lambda good: _repeated(good, f"<{'n' * 1_000_000}/>", 1)),
    "value of 100,001 bytes": ("xml.too-long", lambda good: _repeated(good, f'<od:x a="{"v" * 100_001}"/>', 1)),
    "NUL": ("xml.malformed", lambda good: _repeated(good, "\0", 1)),
    "NUL at the end": ("xml.malformed", lambda good: good + b"\0"),
    "character U+000B": ("xml.malformed", lambda good: _repeated(good, "\x0b", 1)),
    "reference to NUL": ("xml.malformed", lambda good: _repeated(good, "&#0;", 1)),
    "reference to a surrogate": ("xml.malformed", lambda good: _repeated(good, "&#xD800;", 1)),
    "unknown entity": ("xml.malformed", lambda good: _repeated(good, "&nbsp;", 1)),
    "invalid UTF-8": ("xml.malformed", lambda good: changed(good, "测试".encode(), b"\xff")),
    "overlong UTF-8": ("xml.malformed", lambda good: changed(good, "测试".encode(), b"\xc0\xbc")),
    "surrogate in UTF-8": ("xml.malformed", lambda good: changed(good, "测试".encode(), b"\xed\xa0\x80")),
    "unpaired surrogate in UTF-16": (
        "xml.encoding",
        lambda good: b"\xff\xfe" + good.decode().replace("测", "\ud800").encode("utf-16-le", "surrogatepass"),
    ),
    "two documents": ("xml.malformed", lambda good: good + good),
    "empty": ("xml.malformed", lambda good: b""),
    "not XML": ("xml.malformed", lambda good: b"PK\x03\x04" + bytes(range(256)) * 100),
    "XML 1.1": ("xml.malformed", lambda good: b'<?xml version="1.1"?>' + good),
    "cut in half": ("xml.malformed", lambda good: good[: len(good) // 2]),
    "oversize": ("xml.too-large", lambda good: good + b" " * 21_000_000),
}  # fmt: skip


def _attributes(good: bytes, pattern: str, number: int) -> bytes:
    return changed(good, TITLE, f"<od:x {_numbered(pattern, number)}/>")


def _numbered(pattern: str, number: int) -> str:
    return " ".join(pattern.replace("{n}", str(n)) for n in range(number))


@pytest.mark.parametrize("row", LIMITS)
def test_limits_and_characters(good: bytes, refuse: Refuse, row: str) -> None:
    code, write = LIMITS[row]
    refuse(write(good), code)


SHAPES = ("root of another name", "root of another namespace", "no header", "two payloads", "version 2")


@pytest.mark.parametrize("row", SHAPES)
def test_another_shape_than_the_envelopes(good: bytes, refuse: Refuse, row: str) -> None:
    bodies = {
        "root of another name": good.replace(b"env:envelope", b"env:letter"),
        "root of another namespace": changed(good, "urn:hub:envelope:v1", "urn:hub:envelope:v2"),
        "no header": changed(good, good[good.index(b"<env:header>") : good.index(b"<env:payload>")], b""),
        "two payloads": changed(good, "</env:payload>", "</env:payload><env:payload><x/></env:payload>"),
        "version 2": changed(good, 'version="1"', 'version="2"'),
    }
    refuse(bodies[row], "envelope.invalid")


def _recipients(good: bytes, lines: str) -> bytes:
    return changed(good, '<env:recipient role="main">b</env:recipient>', lines)


def _attachments(good: bytes, name: str) -> bytes:
    line = (
        f"<env:attachment><env:id>i</env:id><env:name>{name}</env:name><env:mediaType>a/b</env:mediaType>"
        f"<env:size>1</env:size><env:sha256>{'0' * 64}</env:sha256></env:attachment>"
    )
    return changed(good, "<ds:Signature ", f"<env:attachments>{line}</env:attachments><ds:Signature ")


MANY_ERRORS = {
    "the same recipient 5,000 times": '<env:recipient role="main">b</env:recipient>' * 5_000,
    "a wrong role 5,000 times": "".join(f'<env:recipient role="x">b{n}</env:recipient>' for n in range(5_000)),
    "both 5,000 times": '<env:recipient role="x">b</env:recipient>' * 5_000,
}


@pytest.mark.parametrize("row", MANY_ERRORS)
def test_many_errors_cost_no_more_than_one(good: bytes, refuse: Refuse, row: str) -> None:
    """In a tree each error gets a path by counting siblings: 40,000 wrong roles, 2 MB, were 75 s of processor time."""
    refuse(_recipients(good, MANY_ERRORS[row]), "envelope.invalid", within=3 * QUICK)


def test_180_000_wrong_attributes_cost_as_much_as_they_are_long(good: bytes, refuse: Refuse) -> None:
    attributes = " ".join(f'a{n}=""' for n in range(200))
    row = f"<env:recipient {attributes}>b</env:recipient>" * 900
    refuse(_recipients(good, row), "envelope.invalid", within=6 * QUICK)


LONG_TEXTS: dict[str, Callable[[bytes, str], bytes]] = {
    "sender": lambda good, text: changed(good, ">a</env:sender>", f">{text}</env:sender>"),
    "type": lambda good, text: changed(good, ">official-document-1<", f">{text.replace('aaa', 'a-1')}<"),
    "attachment name": _attachments,
    "created": lambda good, text: changed(good, "<env:created>", f"<env:created>{text}"),
}


@pytest.mark.parametrize("row", ["type", "attachment name"])
def test_a_text_of_a_million_characters_in_a_short_field(good: bytes, refuse: Refuse, row: str) -> None:
    refuse(LONG_TEXTS[row](good, "a" * 1_000_000), "envelope.invalid")


@pytest.mark.parametrize("row", LONG_TEXTS)
def test_a_text_of_ninety_thousand_characters_in_a_short_field(good: bytes, refuse: Refuse, row: str) -> None:
    refuse(LONG_TEXTS[row](good, "a" * 90_000), "envelope.invalid")


@pytest.mark.parametrize("written", ["A*A*==", "AA==*", "AA\u00a0==", "A\u202eA==", "é"])
def test_inline_content_that_is_no_base64(town: Town, refuse: Refuse, written: str) -> None:
    """Readers differ about stray characters, so that one attachment could be two."""
    line = envelope.attachment("x", "x.ofd", "application/ofd", b"\0", inline=True)
    tree = town.envelope("a", "b", attachments=[line])
    next(tree.iter("{*}content")).text = written
    refuse(signed_carelessly(tree, signer_of("a")[0]), "envelope.invalid")
