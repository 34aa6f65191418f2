"""Our signatures against two others, in both directions: signxml (Python, lxml) and xmlsec (C, libxml2 and OpenSSL).

Both are required for the tests; without one of them its half is skipped, and says so.
"""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from hub.errors import Refused
from hub.parser import parse
from hub.signing.profile import DS, EXCLUSIVE
from hub.signing.signature import sign, verify
from tests.keys import certificate_pem, der, key_pair, key_pem, signer

XSI = "http://www.w3.org/2001/XMLSchema-instance"
DOCUMENTS: dict[str, bytes] = {
    "plain": b"<a>x</a>",
    "chinese": '<a b="特急">关于印发〔2026〕1号文件的通知𠮷</a>'.encode(),
    "chinese names": '<题名 级别="特急">关于印发〔2026〕1号文件的通知𠮷</题名>'.encode(),
    "quotes, newlines, tabs": b'<a b="\'&quot;&#10;&#9;&#13;&lt;&gt;&amp;" c=\'"\'>&#13;&gt;"\r\n\t\n</a>',
    "cdata": b"<a><![CDATA[<x>&]]>y<![CDATA[]]></a>",
    "nested namespaces": b'<p:a xmlns:p="urn:p" xmlns:q="urn:q" xmlns:unused="urn:u"><q:b q:z="1" a="2" p:a="3">'
    b'<p:c xmlns:p="urn:other"><p:d p:e=""/></p:c></q:b></p:a>',
    "default namespace": b'<a xmlns="urn:d"><b xmlns=""><c xmlns="urn:d" z="" y=""/></b></a>',
    "xml attributes": b'<a xml:lang="zh-CN"><b xml:space="preserve"> x </b></a>',
    "xsi:type": f'<a xmlns="urn:a" xmlns:p="urn:p" xmlns:xsi="{XSI}"><b xsi:type="p:T"><p:c/></b></a>'.encode(),
    "gb18030": '<?xml version="1.0" encoding="GB18030"?><a b="主送">抄送：㐀𠮷</a>'.encode("gb18030"),
    "utf-16": "<a>主送</a>".encode("utf-16"),
    "large": b"<a>" + "<b c='1'>关于印发办法的通知</b>\n".encode() * 4_000 + b"</a>",
}
# signxml writes the document as ASCII in between, which breaks names that are not; and where it writes a PrefixList it
# puts one on SignedInfo too, which is off our profile.
SIGNXML_READS = [name for name in DOCUMENTS if name != "chinese names"]
SIGNXML_SIGNS = [name for name in SIGNXML_READS if name != "xsi:type"]
KINDS = {"p256": "ecdsa-sha256", "rsa2048": "rsa-sha256"}

documents = pytest.mark.parametrize("name", DOCUMENTS)
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def xmlsec() -> Any:
    return pytest.importorskip("xmlsec", reason="xmlsec is missing: half of the proof of our signatures did NOT run")


@pytest.fixture(scope="module")
def signxml() -> Any:
    return pytest.importorskip("signxml", reason="signxml is missing: half of the proof of our signatures did NOT run")


def prefixes(name: str) -> list[str]:
    return ["p"] if name == "xsi:type" else []


def xmlsec_accepts(xmlsec: Any, raw: bytes, kind: str) -> bool:
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate_pem(key_pair(kind)[1]), xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify(etree.fromstring(raw, etree.XMLParser(huge_tree=True))[-1])
    except xmlsec.VerificationError:
        return False
    return True


def xmlsec_signs(xmlsec: Any, raw: bytes, kind: str, listed: list[str]) -> bytes:
    root = parse(raw)
    method = xmlsec.Transform.RSA_SHA256 if kind == "rsa2048" else xmlsec.Transform.ECDSA_SHA256
    template = xmlsec.template.create(root, xmlsec.Transform.EXCL_C14N, method, ns="dsig")
    root.append(template)
    reference = xmlsec.template.add_reference(template, xmlsec.Transform.SHA256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    second = xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    if listed:
        etree.SubElement(second, f"{{{EXCLUSIVE}}}InclusiveNamespaces", PrefixList=" ".join(listed))
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(template))
    context = xmlsec.SignatureContext()
    key, certificate = key_pair(kind)
    context.key = xmlsec.Key.from_memory(key_pem(key), xmlsec.KeyFormat.PEM)
    context.key.load_cert_from_memory(certificate_pem(certificate), xmlsec.KeyFormat.CERT_PEM)
    context.sign(template)
    signed: bytes = etree.tostring(root, encoding="utf-8")
    return signed


def signxml_accepts(signxml: Any, raw: bytes, kind: str) -> bool:
    expected = signxml.SignatureConfiguration(require_x509=True)
    pem = certificate_pem(key_pair(kind)[1])
    try:
        signxml.XMLVerifier().verify(raw, x509_cert=pem.decode(), expect_config=expected, id_attribute="none")
    except signxml.InvalidSignature:
        return False
    return True


def signxml_signs(signxml: Any, raw: bytes, kind: str, listed: list[str] | None = None) -> bytes:
    key, certificate = key_pair(kind)
    writer = signxml.XMLSigner(c14n_algorithm=EXCLUSIVE, signature_algorithm=KINDS[kind], digest_algorithm="sha256")
    root = writer.sign(parse(raw), key=key, cert=[certificate], inclusive_ns_prefixes=listed)
    signed: bytes = etree.tostring(root, encoding="utf-8")
    return signed


@kinds
@documents
def test_xmlsec_accepts_ours(xmlsec: Any, name: str, kind: str) -> None:
    raw = sign(parse(DOCUMENTS[name]), signer(kind))
    assert xmlsec_accepts(xmlsec, raw, kind)
    assert not xmlsec_accepts(xmlsec, _altered(raw), kind)


@kinds
@documents
def test_we_accept_xmlsecs(xmlsec: Any, name: str, kind: str) -> None:
    raw = xmlsec_signs(xmlsec, DOCUMENTS[name], kind, prefixes(name))
    assert verify(parse(raw)).certificate == der(key_pair(kind)[1])
    _refuses(_altered(raw))


@kinds
@pytest.mark.parametrize("name", SIGNXML_READS)
def test_signxml_accepts_ours(signxml: Any, name: str, kind: str) -> None:
    raw = sign(parse(DOCUMENTS[name]), signer(kind))
    assert signxml_accepts(signxml, raw, kind)
    assert not signxml_accepts(signxml, _altered(raw), kind)


@kinds
@pytest.mark.parametrize("name", SIGNXML_SIGNS)
def test_we_accept_signxmls(signxml: Any, name: str, kind: str) -> None:
    raw = signxml_signs(signxml, DOCUMENTS[name], kind)
    assert verify(parse(raw)).certificate == der(key_pair(kind)[1])
    _refuses(_altered(raw))


def test_a_prefix_list_on_signed_info_is_off_the_profile(signxml: Any) -> None:
    raw = signxml_signs(signxml, DOCUMENTS["xsi:type"], "p256", ["p"])
    with pytest.raises(Refused) as refused:
        verify(parse(raw))
    assert (refused.value.code, refused.value.where) == ("signature.profile", "CanonicalizationMethod")


@documents
def test_what_we_take_out_of_anothers_signature_is_what_was_put_in(xmlsec: Any, name: str) -> None:
    raw = xmlsec_signs(xmlsec, DOCUMENTS[name], "p256", prefixes(name))
    left, original = verify(parse(raw)).root, parse(DOCUMENTS[name])
    assert left.find(f".//{{{DS}}}*") is None
    assert etree.tostring(left, method="c14n") == etree.tostring(original, method="c14n")


def _altered(raw: bytes) -> bytes:
    """The same with one more attribute on the root."""
    root = etree.fromstring(raw, etree.XMLParser(huge_tree=True))
    root.set("altered", "1")
    altered: bytes = etree.tostring(root, encoding="utf-8")
    return altered


def _refuses(raw: bytes) -> None:
    with pytest.raises(Refused, match=r"signature\.invalid"):
        verify(parse(raw))
