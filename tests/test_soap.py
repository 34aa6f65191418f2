"""Reading and writing SOAP: encodings, MIME parts, and that a signed document survives the way in and out."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.soap import writer as write
from connectors.soap.encoding import as_utf8, embeddable, read_text, write_text
from connectors.soap.mime import open_package
from connectors.soap.parameters import Parameters, attachments
from connectors.soap.soap import EXCHANGE, SOAP_11, SOAP_12, cut_document, guess_version, read_call, wrapped
from hub.errors import Refused
from hub.parser import ParseLimits, parse
from hub.signing import signature
from tests.pace import within
from tests.serving import SOAP_12 as SOAP_12_NAME
from tests.serving import XML, soap
from tests.town import signer_of

LIMITS = wrapped(ParseLimits())
SUBMIT = b'<h:Submit xmlns:h="urn:hub:exchange:v1"><h:document>%b</h:document></h:Submit>'
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def call(body: bytes, content_type: str = XML) -> Parameters:
    return Parameters.of(read_call(body, content_type, EXCHANGE, LIMITS))


def refusal(body: bytes, content_type: str = XML) -> str:
    with pytest.raises(Refused) as caught:
        call(body, content_type)
    return caught.value.code


# --- cutting a document out of the Body


def signed(xml: str) -> bytes:
    return signature.sign(etree.fromstring(xml), signer_of("a")[0])


DOCUMENTS = {
    "prefixed": '<p:a xmlns:p="urn:p"><p:b>通知</p:b></p:a>',
    "default namespace": '<a xmlns="urn:p"><b>通知</b></a>',
    "no namespace": "<a><b>通知</b></a>",
    "no namespace inside one": '<p:a xmlns:p="urn:p"><b>x</b></p:a>',
    "prefix only in xsi:type": f'<p:a xmlns:p="urn:p" xmlns:t="urn:t" xmlns:i="{XSI}"><p:b i:type="t:T">1</p:b></p:a>',
    "spaces and entities": '<p:a xmlns:p="urn:p" q="&#10;&amp;">\n  <p:b> &lt;x&gt; &#13; </p:b>\n</p:a>',
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_signature_verifies_after_the_way_through_a_body(name: str) -> None:
    raw = signed(DOCUMENTS[name])
    written = write.message(SOAP_11, write.wrapper(EXCHANGE, "Submit", [write.holder("document", raw)]))
    cut = call(written).document("document")
    signature.verify(parse(cut))
    assert cut_document(etree.fromstring(b"<x>%b</x>" % cut)) == cut


def test_a_cut_document_keeps_namespaces_that_only_its_wrapper_declares() -> None:
    """A toolkit may hoist declarations to the Envelope; then the document needs them to stand alone."""
    raw = signed(DOCUMENTS["prefix only in xsi:type"])
    hoisted = raw.replace(b' xmlns:t="urn:t"', b"", 1)
    assert hoisted != raw
    body = soap(SUBMIT % hoisted).replace(b"<s:Body>", b'<s:Body xmlns:t="urn:t">')
    cut = call(body).document("document")
    assert b'xmlns:t="urn:t"' in cut
    signature.verify(parse(cut))


def test_a_default_namespace_of_the_clients_wrapper_does_not_reach_the_signature() -> None:
    raw = signed(DOCUMENTS["prefixed"])
    body = soap(b'<Submit xmlns="urn:hub:exchange:v1"><document>%b</document></Submit>' % raw)
    signature.verify(parse(call(body).document("document")))


def test_what_is_written_binds_no_default_namespace_around_a_document() -> None:
    written = write.message(SOAP_12, write.wrapper(EXCHANGE, "Submit", [write.holder("document", b"<a/>")]))
    assert b"xmlns=" not in written
    assert call(written).document("document").startswith(b"<a ")


@pytest.mark.parametrize("content", [b"", b"<a/><b/>", b"text", b"<a/>text"])
def test_a_holder_without_exactly_one_element_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match=r"soap\.parameter"):
        call(soap(SUBMIT % content)).document("document")


# --- documents as text and as bytes


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "GB2312", "GB18030", "UTF-16"])
def test_a_document_that_came_as_text_is_stored_in_the_encoding_that_it_declares(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\r\n<a q="&amp;">关于防汛工作的通知 ]]&gt;</a>'
    raw = write_text(text)
    assert parse(raw).text == "关于防汛工作的通知 ]]>"
    written = write.message(SOAP_11, write.wrapper(EXCHANGE, "SubmitText", [write.text_document("document", raw)]))
    assert call(written).text_document("document") == raw


def test_a_document_pasted_into_a_body_loses_mark_and_declaration_and_nothing_else() -> None:
    plain = "<p:a xmlns:p='urn:p'>通知</p:a>"
    declared = f'<?xml version="1.0" encoding="gb2312"?>{plain}'.encode("gb18030")
    assert embeddable(plain.encode()) == plain.encode()
    for raw in (declared, b"\xef\xbb\xbf" + plain.encode(), b"\xff\xfe" + plain.encode("utf-16-le")):
        assert embeddable(raw).strip() == plain.encode()


def test_a_second_xml_declaration_does_not_become_the_first() -> None:
    twice = b'<?xml version="1.0"?><?xml version="1.0"?><a/>'
    with pytest.raises(Refused, match=r"xml\.malformed"):
        parse(as_utf8(twice))


BODY = (
    "{}"
    + soap(
        '<h:SubmitText xmlns:h="urn:hub:exchange:v1"><h:document>深圳市水务局</h:document></h:SubmitText>'.encode()
    ).decode()
)
ENCODED = {
    "utf-8": (BODY.format("").encode(), XML),
    "gbk declared, header lies": (BODY.format('<?xml version="1.0" encoding="GBK"?>').encode("gbk"), XML),
    "gb2312 declared, header silent": (
        BODY.format("<?xml version='1.0' encoding='gb2312'?>").encode("gbk"),
        "text/xml",
    ),
    "gb18030 by header alone": (BODY.format("").encode("gb18030"), "text/xml; charset=GB18030"),
    "gbk undeclared, header lies": (BODY.format("").encode("gbk"), XML),
    "gbk, header latin-1": (BODY.format("").encode("gbk"), "text/xml; charset=iso-8859-1"),
    "utf-8, header us-ascii": (BODY.format("").encode(), 'text/xml; charset="us-ascii"'),
    "utf-16 with mark": (b"\xff\xfe" + BODY.format("").encode("utf-16-le"), XML),
    "utf-16 be declared": (
        b"\xfe\xff" + BODY.format('<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16-be"),
        "text/xml; charset=utf-16",
    ),
    "utf-16 without mark": (BODY.format("").encode("utf-16-le"), XML),
    "utf-8 with mark": (b"\xef\xbb\xbf" + BODY.format('<?xml version="1.0"?>').encode(), "text/plain"),
    "no content type": (BODY.format("").encode(), ""),
}


@pytest.mark.parametrize("name", ENCODED)
def test_a_body_is_read_in_the_encoding_it_is_in(name: str) -> None:
    body, content_type = ENCODED[name]
    assert call(body, content_type).text("document") == "深圳市水务局"


@pytest.mark.parametrize("encoding", ["utf-7", "iso-8859-1", "ebcdic-cp-us", "utf-16"])
def test_a_body_that_declares_a_foreign_encoding_is_refused(encoding: str) -> None:
    assert refusal(BODY.format(f'<?xml version="1.0" encoding="{encoding}"?>').encode(), XML) == "xml.encoding"


def test_bytes_that_are_no_text_at_all_are_refused() -> None:
    assert refusal(b"<\xff\xff\xff\xff>", XML) == "xml.encoding"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_out_as_it_went_in_or_with_replacements(text: str) -> None:
    found = parse(b"<a>%b</a>" % write.escape(text).encode()).text or ""
    assert len(found) == len(text)
    assert all(a in (b, "\ufffd") for a, b in zip(found, text, strict=True))


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_body_and_no_content_type_raises_anything_but_a_refusal(body: bytes, content_type: str) -> None:
    for junk in (body, b"<?xml version='1.0'?>" + body, soap(body), b"--b\r\n" + body + b"\r\n--b--"):
        for kind in (content_type, "multipart/related; boundary=b; start=" + content_type):
            try:
                call(junk, kind)
            except Refused:
                continue


# --- the shape of a message


def test_both_versions_are_read_and_told_apart() -> None:
    for name, version in ((SOAP_11.namespace, SOAP_11), (SOAP_12_NAME, SOAP_12)):
        body = soap(SUBMIT % b"<a/>", version=name)
        assert read_call(body, XML, EXCHANGE, LIMITS).version is version
        assert guess_version(body, XML) is version


@pytest.mark.parametrize("ns", [b"", b"urn:hub:exchange:v1"])
def test_parameters_may_be_unqualified(ns: bytes) -> None:
    """SOAP::Lite and old Delphi write them so."""
    body = soap(
        b'<h:SubmitBinary xmlns:h="urn:hub:exchange:v1"><document xmlns="%b">PGEvPg==</document>'
        b'<attachments xmlns="%b"><attachment><id>x</id><content>QUJD</content></attachment></attachments>'
        b"</h:SubmitBinary>" % (ns, ns)
    )
    found = call(body)
    assert found.binary("document") == b"<a/>"
    assert attachments(found) == {"x": b"ABC"}


HEADER = b'<w:Security xmlns:w="urn:w" s:mustUnderstand="%b" %b/>'
SHAPES = {
    "empty": (b"  \r\n", "soap.empty"),
    "junk": (b"hello", "xml.malformed"),
    "json": (b'{"a": 1}', "xml.malformed"),
    "other xml": (b"<html/>", "soap.version"),
    "unknown SOAP version": (soap(SUBMIT % b"<a/>", version="urn:soap:9"), "soap.version"),
    "doctype": (b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + soap(SUBMIT % b"&x;"), "xml.doctype"),
    "doctype in utf-16": (
        b"\xff\xfe" + ("<!DOCTYPE a>" + soap(SUBMIT % b"<a/>").decode()).encode("utf-16-le"),
        "xml.doctype",
    ),
    "processing instruction": (b'<?xml-stylesheet href="x"?>' + soap(SUBMIT % b"<a/>"), "xml.instruction"),
    "two bodies": (
        soap(SUBMIT % b"<a/>").replace(b"</s:Envelope>", b"<s:Body>" + SUBMIT % b"<b/>" + b"</s:Body></s:Envelope>"),
        "soap.body",
    ),
    "empty body": (soap(b""), "soap.body"),
    "two elements in the body": (soap(SUBMIT % b"<a/>" + SUBMIT % b"<b/>"), "soap.body"),
    "no body": (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>', "soap.body"),
    "body after body": (soap(SUBMIT % b"<a/>").replace(b"</s:Envelope>", b"<x/></s:Envelope>"), "soap.body"),
    "wrong namespace": (soap((SUBMIT % b"<a/>").replace(b"exchange:v1", b"exchange:v2")), "soap.operation"),
    "doubled parameter": (
        soap((SUBMIT % b"<a/>").replace(b"</h:Submit>", b"<h:document><b/></h:document></h:Submit>")),
        "soap.parameter",
    ),
    "mustUnderstand": (soap(SUBMIT % b"<a/>", HEADER % (b"1", b"")), "soap.must-understand"),
    "mustUnderstand 1.2": (soap(SUBMIT % b"<a/>", HEADER % (b"true", b""), SOAP_12_NAME), "soap.must-understand"),
    "mustUnderstand for the next one": (
        soap(SUBMIT % b"<a/>", HEADER % (b"1", b's:actor="http://schemas.xmlsoap.org/soap/actor/next"')),
        "soap.must-understand",
    ),
    "too deep": (soap(SUBMIT % (b"<a>" * 80 + b"</a>" * 80)), "xml.too-deep"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_message_of_a_wrong_shape_is_refused(name: str) -> None:
    body, code = SHAPES[name]
    assert refusal(body) == code


@pytest.mark.parametrize(
    "header",
    [
        HEADER % (b"0", b""),
        HEADER % (b"1", b's:actor="urn:someone-else"'),
        b'<a:ReplyTo xmlns:a="urn:a">http://x</a:ReplyTo>',
    ],
)
def test_a_header_that_is_not_meant_for_us_is_ignored(header: bytes) -> None:
    assert call(soap(SUBMIT % b"<a/>", header)).document("document").startswith(b"<a ")


# --- multipart


def multipart(root: bytes, *parts: bytes, boundary: str = "b-1", root_head: bytes = b"Content-ID: <root>\r\n") -> bytes:
    mark = f"--{boundary}".encode()
    pieces = [b"%b\r\n\r\n%b" % (root_head, root), *parts]
    return b"".join(mark + b"\r\n" + piece + b"\r\n" for piece in pieces) + mark + b"--\r\n"


MTOM = 'multipart/related; type="application/xop+xml"; boundary="b-1"; start="<root>"; start-info="text/xml"'
XOP = b'<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="%b"/>'
BINARY = b'<h:SubmitBinary xmlns:h="urn:hub:exchange:v1"><h:document>%b</h:document></h:SubmitBinary>'
BYTES = bytes(range(256)) + b"\r\n--b-not\r\n\n\r\r\n"


def part(content: bytes, id: str = "doc@x", extra: bytes = b"") -> bytes:
    return b"Content-Type: application/octet-stream\r\nContent-ID: <%b>\r\n%b\r\n%b" % (id.encode(), extra, content)


@pytest.mark.parametrize("declaration", [b"", b'<?xml version="1.0" encoding="UTF-8"?>\n'])
@pytest.mark.parametrize("reference", [XOP % b"cid:doc%40x", b"cid:doc@x"])
def test_bytes_come_out_of_a_part_exactly(declaration: bytes, reference: bytes) -> None:
    body = multipart(
        declaration + soap(BINARY % reference), part(BYTES), root_head=b"Content-Type: application/xop+xml"
    )
    assert call(body, MTOM).binary("document") == BYTES


def test_an_attachment_by_href_is_found() -> None:
    """SOAP with Attachments, as Axis 1 writes it."""
    root = soap(b'<h:SubmitBinary xmlns:h="urn:hub:exchange:v1"><h:document href="cid:doc@x"/></h:SubmitBinary>')
    body = multipart(root, part(base64.b64encode(BYTES), extra=b"Content-Transfer-Encoding: base64\r\n"))
    assert call(body, MTOM).binary("document") == BYTES


def test_content_that_a_toolkit_moved_out_of_a_signed_envelope_is_put_back() -> None:
    content = base64.b64encode(b"scan" * 50)
    raw = signed(f'<p:a xmlns:p="urn:p"><p:content>{content.decode()}</p:content></p:a>')
    body = multipart(soap(SUBMIT % raw.replace(content, XOP % b"cid:doc@x")), part(b"scan" * 50))
    signature.verify(parse(call(body, MTOM).document("document")))


MULTIPARTS = {
    "no boundary": (multipart(soap(BINARY % b"")), "multipart/related; start=x", "mime.malformed"),
    "boundary not there": (soap(BINARY % b""), MTOM, "mime.malformed"),
    "not closed": (multipart(soap(BINARY % b""))[:-4], MTOM, "mime.malformed"),
    "1,000 parts": (multipart(soap(BINARY % b""), *(part(b"", str(n)) for n in range(1_000))), MTOM, "mime.too-many"),
    "two parts of one id": (multipart(soap(BINARY % b""), part(b"1"), part(b"2")), MTOM, "mime.malformed"),
    "href http": (multipart(soap(BINARY % (XOP % b"http://127.0.0.1/x"))), MTOM, "mime.reference"),
    "href file": (multipart(soap(BINARY % (XOP % b"file:///etc/passwd"))), MTOM, "mime.reference"),
    "href to nothing": (multipart(soap(BINARY % (XOP % b"cid:gone"))), MTOM, "mime.reference"),
    "href outside multipart": (soap(BINARY % (XOP % b"cid:doc@x")), XML, "mime.reference"),
    "one part used twice": (
        multipart(soap(BINARY % b"<y>%b</y><z>%b</z>" % ((XOP % b"cid:doc@x",) * 2)), part(b"1")),
        MTOM,
        "mime.reference",
    ),
    "headers without end": (multipart(soap(BINARY % b""), b"X: " + b"y" * 20_000), MTOM, "mime.malformed"),
    "unknown transfer encoding": (
        multipart(soap(BINARY % b""), part(b"", extra=b"Content-Transfer-Encoding: x-uuencode\r\n")),
        MTOM,
        "mime.malformed",
    ),
}


@pytest.mark.parametrize("name", MULTIPARTS)
def test_a_wrong_multipart_is_refused(name: str) -> None:
    body, content_type, code = MULTIPARTS[name]
    assert refusal(body, content_type) == code


@pytest.mark.parametrize(
    "piece",
    [b"\r\n--b", b"\r\n--b-1x", b"\n", b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"],
    ids=["boundary beginnings", "longer boundaries", "newlines", "nested multiparts"],
)
def test_a_megabyte_that_is_awkward_to_split_is_split_quickly(piece: bytes) -> None:
    body = multipart(soap(BINARY % b"cid:doc@x"), part(piece * (1_000_000 // len(piece))))
    package = within(3.0, lambda: open_package(body, MTOM))
    assert len(package.parts.take("cid:doc@x")) == 1_000_000 // len(piece) * len(piece)


def test_base64_that_is_not_is_refused() -> None:
    for wrong in (b"PGEvPg=", b"PGEvPg===", b"!!!!", "中文".encode(), b"<a/>"):
        with pytest.raises(Refused, match=r"soap\.parameter"):
            call(soap(BINARY % wrong)).binary("document")
    assert call(soap(BINARY % b" PGEv\n Pg== ")).binary("document") == b"<a/>"


def test_the_digest_of_what_came_as_bytes_is_that_of_what_was_sent() -> None:
    raw = '<?xml version="1.0" encoding="GBK"?><a>签收</a>'.encode("gbk")
    sent = write.message(SOAP_11, write.wrapper(EXCHANGE, "SubmitBinary", [write.binary("document", raw)]))
    got = call(sent).binary("document")
    assert hashlib.sha256(got).digest() == hashlib.sha256(raw).digest()
    assert read_text(got).endswith("<a>签收</a>")
