"""The hub's own schemas decide, and say where and why."""

from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hub.errors import Misconfigured, Refused
from hub.parser import parse
from hub.schema.package import SchemaPackage
from hub.schema.schema import Schemas

EXAMPLES = Path(__file__).parent.parent / "examples"
SCHEMAS = Schemas.builtin()
DS = "http://www.w3.org/2000/09/xmldsig#"


def b64(length: int) -> str:
    return base64.b64encode(bytes(length)).decode()


def signature(method: str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", certificates: int = 1) -> str:
    certificate = f"<X509Certificate>{b64(600)}</X509Certificate>" * certificates
    return (
        f'<Signature xmlns="{DS}"><SignedInfo>'
        '<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        f'<SignatureMethod Algorithm="{method}"/><Reference URI=""><Transforms>'
        f'<Transform Algorithm="{DS}enveloped-signature"/>'
        '<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></Transforms>'
        '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<DigestValue>{b64(32)}</DigestValue></Reference></SignedInfo>"
        f"<SignatureValue>{b64(64)}</SignatureValue><KeyInfo><X509Data>{certificate}</X509Data></KeyInfo></Signature>"
    )


def envelope(
    header: str = "",
    payload: str = "<p:p xmlns:p='urn:p'/>",
    attachments: str = "",
    signed: str | None = None,
    message_id: str = "m-1",
    created: str = "2026-03-16T09:00:00+08:00",
    recipients: str = '<env:recipient role="main">SW</env:recipient>',
) -> Any:
    return etree.fromstring(
        '<env:envelope xmlns:env="urn:hub:envelope:v1" version="1"><env:header>'
        f"<env:messageId>{message_id}</env:messageId><env:type>official-document-1</env:type>"
        f"<env:sender>FB</env:sender><env:recipients>{recipients}</env:recipients>"
        f"<env:created>{created}</env:created>{header}</env:header><env:payload>{payload}</env:payload>"
        f"{attachments}{signature() if signed is None else signed}</env:envelope>"
    )


def attachment(name: str = "附件1.ofd", sha256: str = "0" * 64, size: str = "1", id: str = "a1") -> str:
    return (
        f"<env:attachment><env:id>{id}</env:id><env:name>{name}</env:name><env:mediaType>application/ofd</env:mediaType>"
        f"<env:size>{size}</env:size><env:sha256>{sha256}</env:sha256></env:attachment>"
    )


def receipt(**fields: str) -> Any:
    values = {"kind": "signedFor", "ofMessageId": "m-1", "ofSender": "FB", "time": "2026-03-16T10:00:00+08:00"} | fields
    root = etree.Element("{urn:hub:receipt:v1}receipt", nsmap={"rcp": "urn:hub:receipt:v1"})
    order = ("kind", "ofMessageId", "ofSender", "ofDigest", "ofDocumentNumber", "time", "personName", "opinion")
    for name in order:
        if name in values:
            etree.SubElement(root, f"{{urn:hub:receipt:v1}}{name}").text = values[name]
    return root


def refusal(check: Callable[[], None]) -> Refused:
    with pytest.raises(Refused) as caught:
        check()
    return caught.value


def test_a_full_envelope_is_taken() -> None:
    header = (
        "<env:expires>2026-04-01T00:00:00Z</env:expires><env:urgency>urgent</env:urgency>"
        "<env:classification>none</env:classification><env:conversation>c-1</env:conversation>"
        "<env:inReplyTo>m-0</env:inReplyTo><env:documentNumber>云海府办〔2026〕12号</env:documentNumber>"
        "<env:caseNumber>11449900MB2C12348R3000119003000202603020007</env:caseNumber>"
    )
    recipients = '<env:recipient role="main">group:all</env:recipient><env:recipient role="copy">JC.01</env:recipient>'
    SCHEMAS.check_envelope(
        envelope(header, attachments=f"<env:attachments>{attachment()}</env:attachments>", recipients=recipients)
    )


def test_an_envelope_without_signature_is_told_so_whatever_else_is_wrong() -> None:
    for unsigned in (envelope(signed=""), envelope(signed="", message_id="m 1")):
        assert refusal(lambda it=unsigned: SCHEMAS.check_envelope(it)).code == "signature.missing"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (envelope(message_id="m 1"), "env:messageId"),
        (envelope(message_id="m-1\n"), "env:messageId"),
        (envelope(message_id="m" * 101), "env:messageId"),
        (envelope(created="2026-03-16T09:00:00"), "env:created"),
        (envelope(created="2026-03-16T24:00:00Z"), "env:created"),
        (envelope(created="0001-01-01T00:00:00+14:00"), "env:created"),
        (envelope("<env:urgency>now</env:urgency>"), "env:urgency"),
        (envelope("<env:documentNumber>国发(2012)1号</env:documentNumber>"), "env:documentNumber"),
        (envelope("<env:documentNumber>国发〔2012〕第1号</env:documentNumber>"), "env:documentNumber"),
        (envelope("<env:documentNumber>国发〔2012〕01号</env:documentNumber>"), "env:documentNumber"),
        (envelope("<env:caseNumber>" + "1" * 51 + "</env:caseNumber>"), "env:caseNumber"),
        (envelope(recipients=""), "env:recipients"),
        (envelope(recipients="<env:recipient>SW</env:recipient>"), "env:recipient"),
        (envelope(recipients='<env:recipient role="boss">SW</env:recipient>'), "env:recipient/@role"),
        (envelope(recipients='<env:recipient role="main">SW</env:recipient>' * 2), "env:recipient"),
        (envelope(payload=""), "env:payload"),
        (envelope(payload="<p xmlns='urn:p'/><p xmlns='urn:p'/>"), "env:payload"),
        (envelope(payload="<env:header/>"), "env:payload"),
        (envelope(payload="<nowhere/>"), "env:payload"),
        (envelope(attachments=f"<env:attachments>{attachment('../x.ofd')}</env:attachments>"), "env:name"),
        (envelope(attachments=f"<env:attachments>{attachment(sha256='0' * 63)}</env:attachments>"), "env:sha256"),
        (envelope(attachments=f"<env:attachments>{attachment(size='1e9')}</env:attachments>"), "env:size"),
        (envelope(attachments=f"<env:attachments>{attachment() * 2}</env:attachments>"), "env:attachment"),
        (envelope(signed=signature() * 2), "env:envelope"),
        (envelope(signed=signature("http://www.w3.org/2000/09/xmldsig#rsa-sha1")), "SignatureMethod/@Algorithm"),
        (envelope(signed=signature(certificates=6)), "X509Data"),
    ],
)
def test_a_wrong_envelope_is_refused_at_the_right_place(wrong: Any, where: str) -> None:
    error = refusal(lambda: SCHEMAS.check_envelope(wrong))
    assert error.code == "envelope.invalid"
    assert re.sub(r"\[\d+\]$", "", error.where).endswith(where)


def test_a_wrong_version_is_named_with_its_attribute() -> None:
    root = envelope()
    root.set("version", "2")
    error = refusal(lambda: SCHEMAS.check_envelope(root))
    assert (error.where, error.expected, error.got) == ("/env:envelope/@version", "1", "2")


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("case-*.xml")), ids=lambda p: p.stem)
def test_the_case_examples_are_valid(file: Path) -> None:
    SCHEMAS.check_payload("approval-status-1", etree.parse(file).getroot())


def test_the_case_examples_tell_one_case_with_every_step() -> None:
    roots = [etree.parse(f).getroot() for f in sorted(EXAMPLES.glob("case-*.xml"))]
    assert {r.findtext("{*}caseNumber") for r in roots} == {"11449900MB2C12348R3000119003000202603020007"}
    times = [r.findtext("{*}businessTime") for r in roots]
    assert times == sorted(times)
    assert {etree.QName(r).localname for r in roots} == {
        r.name for r in SCHEMAS.describe("approval-status-1").roots
    } - {"preAcceptance"}


def test_the_notice_example_is_valid_inside_an_envelope() -> None:
    document = (EXAMPLES / "notice.xml").read_text("utf-8").partition("?>")[2]
    root = envelope(payload=document)
    SCHEMAS.check_envelope(root)
    before = etree.tostring(root)
    SCHEMAS.check_payload("official-document-1", root.find("{*}payload")[0])
    assert etree.tostring(root) == before


def test_a_prefix_bound_outside_the_payload_still_counts() -> None:
    xsd = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:p" targetNamespace="urn:p">
    <xs:element name="r" type="xs:anyType"/><xs:complexType name="T"><xs:sequence/></xs:complexType></xs:schema>"""
    schemas = SCHEMAS.with_registered([SchemaPackage("p", "1", "p.xsd", {"p.xsd": xsd})])
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    outer = etree.fromstring(f'<o xmlns:q="urn:p" xmlns:x="{xsi}"><r xmlns="urn:p" x:type="q:T"/></o>')
    schemas.check_payload("p-1", outer[0])


def test_an_unknown_type_is_refused_with_the_nearest_known_one() -> None:
    error = refusal(lambda: SCHEMAS.check_payload("official-documents-1", receipt()))
    assert (error.code, error.expected) == ("payload.unknown-type", "official-document-1")


@pytest.mark.parametrize("type", ["envelope-1", "proof-1"])
def test_the_frames_are_no_payload_types(type: str) -> None:
    assert refusal(lambda: SCHEMAS.check_payload(type, envelope())).code == "payload.unknown-type"


def test_an_element_of_another_schema_is_refused() -> None:
    error = refusal(lambda: SCHEMAS.check_payload("official-document-1", receipt()))
    assert (error.code, error.expected) == ("payload.wrong-element", "officialDocument")


@pytest.mark.parametrize(
    ("fields", "where", "expected"),
    [
        ({"kind": "eaten"}, "/rcp:receipt/rcp:kind", "delivered | signedFor | refused"),
        ({"ofDigest": "AB"}, "/rcp:receipt/rcp:ofDigest", "[0-9a-f]{64}"),
        ({"time": "yesterday"}, "/rcp:receipt/rcp:time", ""),
        ({"personName": "   "}, "/rcp:receipt/rcp:personName", ""),
    ],
)
def test_a_refused_value_is_told_with_its_path_and_what_was_expected(
    fields: dict[str, str], where: str, expected: str
) -> None:
    error = refusal(lambda: SCHEMAS.check_payload("receipt-1", receipt(**fields)))
    assert (error.code, error.where) == ("payload.invalid", where)
    assert error.expected.startswith(expected)


def test_a_missing_element_is_named() -> None:
    root = receipt()
    root.remove(root[1])
    error = refusal(lambda: SCHEMAS.check_payload("receipt-1", root))
    assert (error.where, error.expected) == ("/rcp:receipt", "rcp:ofMessageId")


def test_hostile_text_is_told_in_one_short_line() -> None:
    error = refusal(lambda: SCHEMAS.check_payload("receipt-1", receipt(kind="\r\n\u202e<script>" + "A" * 5000)))
    assert len(error.got) <= 200
    assert error.got.isprintable()


def test_a_large_document_is_refused_in_clean_words_too() -> None:
    filler = "<od:paragraph>p</od:paragraph>" * 600
    root = etree.fromstring(
        '<od:officialDocument xmlns:od="urn:hub:official-document:v1"><od:documentKind>a\u202eb\n'
        f"</od:documentKind><od:body>{filler}</od:body></od:officialDocument>"
    )
    error = refusal(lambda: SCHEMAS.check_payload("official-document-1", root))
    assert error.where == "/od:officialDocument/od:documentKind"
    assert error.got.isprintable()


def test_warming_builds_every_slow_view_once() -> None:
    schemas = Schemas.builtin()
    schemas.warm()
    assert schemas.model("receipt-1") is schemas.model("receipt-1")


def test_a_document_too_large_to_explain_is_refused_by_the_quick_word() -> None:
    root = etree.fromstring(
        '<od:officialDocument xmlns:od="urn:hub:official-document:v1"><od:documentKind>notice</od:documentKind>'
        "<od:title>t</od:title><od:body>" + "<od:paragraph>p</od:paragraph>" * 5000 + "</od:body></od:officialDocument>"
    )
    error = refusal(lambda: SCHEMAS.check_payload("official-document-1", root))
    assert error.where
    assert "Missing child element" in error.got


@pytest.mark.parametrize("kind", ["stamp", "acknowledgement", "fetchRequest", "confirmRequest", "statusRequest"])
def test_an_empty_proof_document_is_refused(kind: str) -> None:
    error = refusal(lambda: SCHEMAS.check_proof(etree.Element(f"{{urn:hub:proof:v1}}{kind}")))
    assert error.code == "proof.invalid"


def proof(kind: str, body: str, signed: str) -> Any:
    return etree.fromstring(f'<prf:{kind} xmlns:prf="urn:hub:proof:v1">{body}{signed}</prf:{kind}>')


WHO = (
    "<prf:department>SW</prf:department><prf:time>2026-03-16T09:00:00.123456Z</prf:time>"
    "<prf:nonce>0123456789abcdef</prf:nonce>"
)
MESSAGE = f"<prf:messageId>m-1</prf:messageId><prf:sender>FB</prf:sender><prf:digest>{'a' * 64}</prf:digest>"
PROOFS = {
    "stamp": f"<prf:hub>H1</prf:hub><prf:sender>FB</prf:sender><prf:messageId>m-1</prf:messageId>"
    f"<prf:digest>{'a' * 64}</prf:digest><prf:node>n1</prf:node><prf:sequence>0</prf:sequence>"
    f"<prf:entryHash>{'b' * 64}</prf:entryHash><prf:time>2026-03-16T09:00:00Z</prf:time>"
    "<prf:recipients><prf:recipient>SW</prf:recipient></prf:recipients>",
    "acknowledgement": f"{MESSAGE}<prf:recipient>SW</prf:recipient><prf:time>2026-03-16T09:00:00Z</prf:time>",
    "fetchRequest": f"{WHO}<prf:max>100</prf:max>",
    "confirmRequest": f"{WHO}<prf:items><prf:item><prf:deliveryId>7</prf:deliveryId>{MESSAGE}</prf:item></prf:items>",
    "statusRequest": f"{WHO}<prf:messageId>m-1</prf:messageId>",
}


@pytest.mark.parametrize("kind", PROOFS)
def test_a_signed_proof_document_is_taken(kind: str) -> None:
    SCHEMAS.check_proof(proof(kind, PROOFS[kind], signature()))


@pytest.mark.parametrize("kind", PROOFS)
def test_all_but_a_stamp_may_come_unsigned_as_far_as_the_schema_goes(kind: str) -> None:
    """Who takes what unsigned is decided elsewhere: acknowledgements by profile, requests by their connection."""
    root = proof(kind, PROOFS[kind], "")
    if kind == "stamp":
        assert refusal(lambda: SCHEMAS.check_proof(root)).code == "proof.invalid"
    else:
        SCHEMAS.check_proof(root)


@pytest.mark.parametrize("most", ["0", "101", "1e2", "-1"])
def test_a_fetch_asks_for_one_to_a_hundred(most: str) -> None:
    refusal(lambda: SCHEMAS.check_proof(proof("fetchRequest", f"{WHO}<prf:max>{most}</prf:max>", signature())))


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bool]]]:
    """A port on this machine, and a list that grows with every connection to it."""
    server = socket.create_server(("127.0.0.1", 0))
    met: list[bool] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            met.append(True)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1], met
    server.close()


def test_no_schema_location_in_a_document_is_ever_fetched(listener: tuple[int, list[bool]]) -> None:
    port, met = listener
    hint = f"http://127.0.0.1:{port}/evil.xsd"
    xsi = "{http://www.w3.org/2001/XMLSchema-instance}"
    good, bad = receipt(), receipt(kind="eaten")
    for root in (good, bad):
        root.set(xsi + "schemaLocation", f"urn:evil {hint} urn:hub:receipt:v1 {hint}")
        root.set(xsi + "noNamespaceSchemaLocation", hint)
    SCHEMAS.check_payload("receipt-1", good)
    assert refusal(lambda: SCHEMAS.check_payload("receipt-1", bad)).where == "/rcp:receipt/rcp:kind"
    assert met == []


def test_frozen_schemas_grow_only_by_copy() -> None:
    package = SchemaPackage.from_folder(EXAMPLES / "permit-form")
    larger = SCHEMAS.with_registered([package])
    assert "permit-form-1" in larger.tokens()
    assert "permit-form-1" not in SCHEMAS.tokens()
    with pytest.raises(Misconfigured, match=r"schema\.token-taken"):
        larger.with_registered([package])


def test_versions_stand_side_by_side() -> None:
    package = SchemaPackage.from_folder(EXAMPLES / "permit-form")
    second = SchemaPackage.from_folder(EXAMPLES / "permit-form", version="2")
    schemas = SCHEMAS.with_registered([package, second])
    assert {"permit-form-1", "permit-form-2"} <= set(schemas.tokens())
    form = etree.parse(EXAMPLES / "permit-form" / "permit-form.xml").getroot()
    schemas.check_payload("permit-form-1", form)
    schemas.check_payload("permit-form-2", form)


def test_describe_names_what_is_unknown() -> None:
    with pytest.raises(Misconfigured) as caught:
        SCHEMAS.describe("receipt-2")
    assert caught.value.code == "schema.unknown"


NAMES = st.sampled_from(["receipt", "kind", "ofMessageId", "time", "x", "Signature", "envelope", "header"])
NAMESPACES = st.sampled_from(["", "{urn:hub:receipt:v1}", "{urn:hub:envelope:v1}", "{urn:hub:proof:v1}", f"{{{DS}}}"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=8)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Any:
    element = etree.Element(draw(NAMESPACES) + draw(NAMES))
    element.text = draw(TEXTS)
    for name, value in draw(st.dictionaries(NAMES, TEXTS, max_size=2)).items():
        element.set(name, value)
    if depth:
        element.extend(draw(st.lists(trees(depth=depth - 1), max_size=3)))
    return element


@settings(max_examples=60, deadline=None)
@given(trees())
def test_no_tree_raises_anything_but_a_refusal(root: Any) -> None:
    checks: tuple[Callable[[], None], ...] = (
        lambda: SCHEMAS.check_envelope(root),
        lambda: SCHEMAS.check_proof(root),
        lambda: SCHEMAS.check_payload("receipt-1", root),
    )
    for check in checks:
        with suppress(Refused):
            check()


def test_a_large_document_with_chinese_element_names_is_checked_as_it_stands() -> None:
    xsd = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x:list"
      elementFormDefault="qualified"><xs:element name="清单"><xs:complexType><xs:sequence>
      <xs:element name="项" type="xs:int" maxOccurs="unbounded"/>
      </xs:sequence></xs:complexType></xs:element></xs:schema>"""
    package = SchemaPackage("list", "1", "list.xsd", {"list.xsd": xsd.encode()})
    schemas = Schemas.builtin().with_registered([package])
    good = "<清单 xmlns='urn:x:list'>" + "<项>1</项>" * 3000 + "</清单>"
    schemas.check_payload("list-1", parse(good.encode()))
    with pytest.raises(Refused, match=r"payload\.invalid"):
        schemas.check_payload("list-1", parse(good.replace("<项>1</项></清单>", "<项>x</项></清单>").encode()))
