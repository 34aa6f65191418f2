"""Row "Signature": forgeries, most of them by a department that holds an enrolled key."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from hub.signing import signature
from hub.signing.profile import DS, ENVELOPED
from tests import keys
from tests.hostile.conftest import Refuse
from tests.hostile.documents import (
    EXCLUSIVE,
    XSI,
    between,
    canonical,
    changed,
    element,
    signed_anew,
    signed_carelessly,
)
from tests.hostile.guard import Guard
from tests.town import Town, signer_of
from tests.wrapping import FORMS, wrapped

OTHERWISE_STOPPED = {
    "envelope_rebuilt_around_the_signature": "signature.invalid",
    "original_signature_left_in_nested_envelope": "signature.missing",
}


@pytest.fixture(scope="module")
def good(town: Town) -> bytes:
    return town.signed("a", "b")


def test_absent(town: Town, refuse: Refuse) -> None:
    refuse(etree.tostring(town.envelope("a", "b")), "signature.missing")


def test_signature_removed(good: bytes, refuse: Refuse) -> None:
    refuse(changed(good, element(good, "Signature"), ""), "signature.missing")


def test_empty_signature(good: bytes, refuse: Refuse) -> None:
    refuse(changed(good, element(good, "Signature"), f'<ds:Signature xmlns:ds="{DS}"/>'), "envelope.invalid")


@pytest.mark.parametrize("form", FORMS)
def test_wrapping(good: bytes, refuse: Refuse, form: str) -> None:
    """The schema's one shape stops all but one; that one is the plain forgery, and the digest stops it."""
    refuse(wrapped(good, form), OTHERWISE_STOPPED.get(form, "envelope.invalid"))


def test_a_second_body_cannot_hide_inside_the_payload(good: bytes, refuse: Refuse) -> None:
    """The payload is any element, so that a whole envelope fits there; its signature is one too many."""
    body = good[good.index(b"<od:officialDocument") : good.index(b"</env:payload>")]
    refuse(changed(good, body, b'<x xmlns="urn:x">' + good + b"</x>"), "signature.profile")


METHOD = '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256">'
DIGEST = '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256">'
REFERENCE = '<ds:Reference URI="">'
TRANSFORM = f'<ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform>'
XSLT = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x:stylesheet version="1.0" '
    'xmlns:x="http://www.w3.org/1999/XSL/Transform"><x:template match="/"><x:copy-of select="document(\'{url}\')"/>'
    "</x:template></x:stylesheet></ds:Transform>"
)
XPATH = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(self::env:payload)</ds:XPath>'
    "</ds:Transform>"
)
OFF_PROFILE: dict[str, tuple[str, str]] = {
    "SHA-1 digest": (DIGEST, '<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1">'),
    "SHA-1 signature": (METHOD, '<ds:SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1">'),
    "truncated HMAC": (
        METHOD,
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256">'
        "<ds:HMACOutputLength>8</ds:HMACOutputLength>",
    ),
    "XSLT transform": (TRANSFORM, XSLT + TRANSFORM),
    "XSLT instead of C14N": (TRANSFORM, XSLT),
    "XPath transform": (TRANSFORM, XPATH + TRANSFORM),
    "three transforms": (TRANSFORM, TRANSFORM * 2),
    "500 transforms": (TRANSFORM, TRANSFORM * 499),
    "no enveloped transform": (f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform>', ""),
    "external reference, http": (REFERENCE, '<ds:Reference URI="{url}">'),
    "external reference, file": (REFERENCE, '<ds:Reference URI="{file}">'),
    "reference by Id": (REFERENCE, '<ds:Reference URI="#m">'),
    "Id": ("<ds:SignedInfo>", '<ds:SignedInfo Id="m">'),
    "duplicate Id": ("<ds:SignedInfo>", '<ds:SignedInfo Id="m"><ds:Object Id="m"/>'),
    "mixed Id kinds": ("<ds:SignedInfo>", '<ds:SignedInfo Id="m" ID="m" xml:id="m">'),
    "RetrievalMethod": ("<ds:KeyInfo>", '<ds:KeyInfo><ds:RetrievalMethod URI="{url}"/>'),
    "RetrievalMethod, file": ("<ds:KeyInfo>", '<ds:KeyInfo><ds:RetrievalMethod URI="{file}"/>'),
    "KeyValue": (
        "<ds:KeyInfo>",
        "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus></ds:RSAKeyValue></ds:KeyValue>",
    ),
    "text in SignedInfo": ("<ds:SignedInfo>", "<ds:SignedInfo>x"),
    "element in DigestValue": ("</ds:DigestValue>", "<x/></ds:DigestValue>"),
    "ds:Object": ("</ds:Signature>", "<ds:Object/></ds:Signature>"),
}


@pytest.mark.parametrize("row", OFF_PROFILE)
def test_off_profile(good: bytes, guard: Guard, refuse: Refuse, row: str) -> None:
    """Signed anew by an enrolled key, so that a verifier that follows what SignedInfo says would find it right."""
    old, new = OFF_PROFILE[row]
    new = new.replace("{url}", f"http://127.0.0.1:{guard.port}/x").replace("{file}", guard.file_url)
    refuse(signed_anew(changed(good, old, new)), "envelope.invalid")


def test_two_signed_infos(good: bytes, refuse: Refuse) -> None:
    info = element(good, "SignedInfo")
    for both in (info + info, info + "<ds:SignedInfo/>"):
        refuse(changed(good, info, both), "envelope.invalid")


def test_two_thousand_references(good: bytes, refuse: Refuse) -> None:
    reference = element(good, "Reference")
    refuse(signed_anew(changed(good, reference, reference * 2_000)), "envelope.invalid")


def test_transforms_in_the_other_order(good: bytes, refuse: Refuse) -> None:
    """The schema cannot say the order; the signature step does."""
    transforms = element(good, "Transforms")
    first, second = transforms.index("<ds:Transform "), transforms.rindex("<ds:Transform ")
    end = transforms.index("</ds:Transforms>")
    turned = transforms[:first] + transforms[second:end] + transforms[first:second] + transforms[end:]
    refuse(signed_anew(changed(good, transforms, turned)), "signature.profile")


@pytest.mark.parametrize("place", ["root", "payload", "root and payload"])
def test_ids_are_never_looked_up(town: Town, refuse: Refuse, place: str) -> None:
    """Ids of every kind where the schema lets them: a good signature stays good, and one by Id stays refused."""
    tree = town.envelope("a", "b")
    tree[1][0].set("{http://www.w3.org/XML/1998/namespace}id", "m")
    if "root" in place:
        tree[1][0][0].set("Id", "m")
    raw = signed_carelessly(tree, signer_of("a")[0])
    refuse(signed_anew(changed(raw, REFERENCE, '<ds:Reference URI="#m">')), "envelope.invalid")
    refuse(raw, "payload.invalid")


@pytest.mark.parametrize("name", ["DigestValue", "SignatureValue", "X509Certificate"])
def test_a_comment_in_a_value(good: bytes, refuse: Refuse, name: str) -> None:
    value = between(good, f"<ds:{name}>", f"</ds:{name}>")
    refuse(changed(good, value, f"{value[:10]}<!-- x -->{value[10:]}"), "xml.comment")


@pytest.mark.parametrize(("node", "code"), [("<!-- x -->", "xml.comment"), ("<?x y?>", "xml.instruction")])
def test_a_comment_or_instruction_that_splits_text(town: Town, refuse: Refuse, node: str, code: str) -> None:
    """Exclusive C14N drops comments: the digest stays right while a reader sees half of the sender's code."""
    raw = town.signed("c", "b")
    refuse(changed(raw, "<env:sender>c</env:sender>", f"<env:sender>c{node}</env:sender>"), code)


def test_a_cdata_section_that_splits_text_is_read_whole(town: Town) -> None:
    raw = town.signed("a", "b", message_id="one-two")
    receipt = town.submit(changed(raw, ">one-two<", ">one-<![CDATA[two]]><"))
    assert receipt.message_id == "one-two"


def test_default_attributes_by_dtd(good: bytes, refuse: Refuse) -> None:
    doctype = '<!DOCTYPE env:envelope [<!ATTLIST env:envelope version CDATA "1">]>'
    refuse(doctype.encode() + changed(good, ' version="1"', ""), "xml.doctype")


@pytest.mark.parametrize("uri", ["rel", "../x", "?x", "urn:a&amp;b", "urn:a&amp;amp;b"])
def test_a_namespace_that_makes_canonicalisation_fail(good: bytes, refuse: Refuse, uri: str) -> None:
    attack = changed(good, "<od:body>", f'<od:body xmlns:r="{uri}"><r:x/>')
    refuse(attack, "signature.namespace")


def _typed(town: Town) -> etree._Element:
    tree = town.envelope("a", "b")
    payload = tree[1][0]
    payload[0].set(f"{{{XSI}}}type", "p:T")
    return etree.fromstring(etree.tostring(tree).replace(b"<env:envelope ", b'<env:envelope xmlns:p="urn:p" ', 1))


def test_a_prefix_used_only_in_xsi_type_must_be_signed(town: Town, refuse: Refuse) -> None:
    refuse(signed_carelessly(_typed(town), signer_of("a")[0]), "signature.prefix-unsigned")


def test_a_prefix_used_only_in_xsi_type_and_bound_anew(town: Town, refuse: Refuse) -> None:
    raw = signature.sign(_typed(town), signer_of("a")[0])
    refuse(raw, "payload.invalid")  # signed as it should be; only the payload's schema knows no such type
    at_the_root = ('xmlns:p="urn:p"', 'xmlns:p="urn:evil"')
    at_the_element = ("<od:documentKind ", '<od:documentKind xmlns:p="urn:evil" ')
    for old, new in (at_the_root, at_the_element):
        refuse(changed(raw, old, new), "signature.invalid")


@pytest.mark.parametrize("form", ["PEM", "DER", "raw"])
def test_hmac_with_the_public_key(good: bytes, refuse: Refuse, form: str) -> None:
    attack = changed(
        good, METHOD, '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256">'
    )
    public = x509.load_der_x509_certificate(signer_of("a")[1]).public_key()
    secrets = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "raw": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    }
    info = etree.fromstring(attack).find(f".//{{{DS}}}SignedInfo")
    mac = b64encode(hmac.digest(secrets[form], canonical(info), "sha256") * 2).decode()
    value = between(attack, "<ds:SignatureValue>", "</ds:SignatureValue>")
    refuse(changed(attack, value, mac), "envelope.invalid")


def test_a_self_made_certificate(town: Town, refuse: Refuse) -> None:
    stranger = keys.signer("p256")
    refuse(signature.sign(town.envelope("a", "b"), stranger), "certificate.unenrolled")


def test_the_certificate_of_another_beside_the_forgers_own(town: Town, refuse: Refuse) -> None:
    """The first certificate is the signer's; an enrolled one behind it proves nothing."""
    forger = keys.signer("p256")
    raw = signature.sign(town.envelope("a", "b"), forger)
    enrolled = f"<ds:X509Certificate>{b64encode(signer_of('a')[1]).decode()}</ds:X509Certificate>"
    own = element(raw, "X509Certificate")
    refuse(changed(raw, own, own + enrolled), "certificate.unenrolled")
    refuse(changed(raw, own, enrolled + own), "signature.invalid")


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "value of zeros": lambda good: _with_value(good, bytes(64)),
    "value of 0xff": lambda good: _with_value(good, b"\xff" * 64),
    "value cut to 64 of 70 in DER": lambda good: _with_value(good, b"\x30\x44" + bytes(62)),
    "value of a P-384 key's length": lambda good: _with_value(good, bytes(96)),
    "value of another message": lambda good: _with_value(good, b"\x01" * 64),
    "digest of another message": lambda good: changed(
        good, element(good, "DigestValue"), f"<ds:DigestValue>{b64encode(bytes(32)).decode()}</ds:DigestValue>"
    ),
    "changed content": lambda good: changed(good, "测试通知", "测验通知"),
    "changed header": lambda good: changed(good, ">routine<", ">urgent<"),
    "changed recipient": lambda good: changed(good, ">b</env:recipient>", ">c</env:recipient>"),
    "white space before the signature": lambda good: changed(good, "<ds:Signature ", " <ds:Signature "),
}


def _with_value(good: bytes, octets: bytes) -> bytes:
    return changed(good, between(good, "<ds:SignatureValue>", "</ds:SignatureValue>"), b64encode(octets).decode())


def test_bad_digest_and_bad_value_get_the_same_answer(good: bytes, refuse: Refuse) -> None:
    """One word of difference would be an oracle for whoever shapes a forgery."""
    answers = {name: refuse(write(good), "signature.invalid").facts() for name, write in MALFORMED.items()}
    assert len({str(answer) for answer in answers.values()}) == 1, answers


def test_a_digest_signed_anew_over_a_changed_document_is_the_forgers_own(good: bytes, refuse: Refuse) -> None:
    """b changes what a signed and signs it with b's key: the certificate inside still says a."""
    refuse(signed_anew(changed(good, "测试通知", "测验通知"), by="b"), "signature.invalid")
