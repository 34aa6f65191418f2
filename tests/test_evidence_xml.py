"""The verifier's own exclusive C14N and signature check, against lxml and against what the hub signs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import verify_evidence
from hub.errors import Refused
from hub.signing import signature
from tests.keys import signer

SPACES = ("urn:a", "urn:ab", "urn:a:b", "http://x/?a=1")
PREFIXES = ("p", "q", "a", "中", "ab")
NAMES = st.sampled_from(["x", "y", "Z", "名", "a-b"])
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n\r<>&\"'"), max_size=8).filter(
    lambda text: not any(char in "\ufffe\uffff" for char in text)
)
MARKS = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


@st.composite
def element(draw: Any, depth: int = 0, scope: Any = None) -> str:
    """An element as text; prefixes are bound, bound anew and unbound at any place."""
    bound = draw(st.dictionaries(st.sampled_from(PREFIXES), st.sampled_from(SPACES), max_size=3))
    default = draw(st.sampled_from([None, None, "", *SPACES]))
    scope = {**(scope or {}), **bound}
    usable = sorted(scope)
    name = draw(NAMES)
    tag = f"{draw(st.sampled_from(usable))}:{name}" if usable and draw(st.booleans()) else name
    attributes = {("", n): draw(TEXTS) for n in draw(st.sets(NAMES, max_size=2))}
    for prefix, local in draw(st.sets(st.tuples(st.sampled_from(usable), NAMES), max_size=3)) if usable else ():
        if (scope[prefix], local) not in {(scope[p], n) for p, n in attributes if p}:
            attributes[prefix, local] = draw(TEXTS)
    written = [f' xmlns:{prefix}="{uri}"' for prefix, uri in bound.items()]
    written += [f' xmlns="{default}"'] if default is not None else []
    written += [f' {f"{p}:{n}" if p else n}="{v.translate(MARKS)}"' for (p, n), v in attributes.items()]
    most = 3 if depth < 3 else 0
    parts = st.one_of(TEXTS.map(lambda text: text.translate(MARKS)), element(depth + 1, scope))
    inside = draw(st.lists(parts, max_size=most))
    return f"<{tag}{''.join(draw(st.permutations(written)))}>{''.join(inside)}</{tag}>"


def by_lxml(node: Any, prefixes: list[str]) -> bytes:
    return etree.tostring(
        node, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes or None
    )


@settings(max_examples=80, deadline=None)
@given(element(), st.sets(st.sampled_from(PREFIXES), max_size=3))
def test_the_canonical_form_is_that_of_libxml2(text: str, prefixes: set[str]) -> None:
    ours, theirs = verify_evidence.parse(text.encode()), etree.fromstring(text.encode())
    listed = sorted(prefixes)
    assert verify_evidence.canonical(ours, listed).encode() == by_lxml(theirs, listed)
    for node, same in zip(verify_evidence.elements(ours), theirs, strict=True):  # the apex may use bindings outside
        same.tail = None
        assert verify_evidence.canonical(node, listed).encode() == by_lxml(same, listed)


@settings(max_examples=25, deadline=None)
@given(element())
def test_what_the_hub_signs_is_proven_and_a_changed_text_is_not(text: str) -> None:
    root = etree.fromstring(f'<r xmlns="urn:r"><t>text</t>{text}</r>'.encode())
    try:
        signed = signature.sign(root, signer("p256"))
    except Refused:
        return  # a prefix in a value that no list can name
    verify_evidence.opened(signed)
    with pytest.raises(verify_evidence.Wrong):
        verify_evidence.opened(signed.replace(b"<t>text</t>", b"<t>texT</t>"))


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_both_kinds_of_keys_and_a_prefix_list(kind: str) -> None:
    typed = b'<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:p="urn:p" xsi:type="p:T"/>'
    root = etree.fromstring(typed)
    signed = signature.sign(root, signer(kind))
    assert b"PrefixList" in signed
    verify_evidence.opened(signed)
    with pytest.raises(verify_evidence.Wrong):
        verify_evidence.opened(signed.replace(b"urn:p", b"urn:q"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "gbk"])
def test_every_encoding_that_the_hub_takes(encoding: str) -> None:
    signed = signature.sign(etree.fromstring("<r>各单位：</r>".encode()), signer()).decode()
    verify_evidence.opened(f'<?xml version="1.0" encoding="{encoding}"?>{signed}'.encode(encoding))


OFF_PROFILE = {
    "unsigned": lambda raw: b"<r/>",
    "not xml": lambda raw: raw[:-1],
    "a doctype": lambda raw: b"<!DOCTYPE r>" + raw,
    "a comment": lambda raw: raw.replace(b"<t>", b"<!-- c --><t>"),
    "an instruction": lambda raw: raw.replace(b"<t>", b"<?p i?><t>"),
    "wrapped": lambda raw: b"<outer>" + raw + b"</outer>",
    "signature first": lambda raw: raw.replace(b"</r>", b"<u/></r>"),
    "another reference": lambda raw: raw.replace(b'URI=""', b'URI="#x"'),
    "another transform": lambda raw: raw.replace(b"enveloped-signature", b"base64"),
    "an object": lambda raw: raw.replace(b"</ds:Signature>", b"<ds:Object/></ds:Signature>"),
    "sha-1": lambda raw: raw.replace(b"ecdsa-sha256", b"ecdsa-sha1"),
    "text in KeyInfo": lambda raw: raw.replace(b"<ds:X509Data>", b"AAAA<ds:X509Data>"),
    "two signatures": lambda raw: raw.replace(b"<t>", b'<ds:X xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/><t>'),
    "odd namespace": lambda raw: raw.replace(b"<t>", b'<t xmlns:o="urn:a&amp;b">'),
    "too deep": lambda raw: b"<a>" * 5000 + raw + b"</a>" * 5000,
}


@pytest.mark.parametrize("change", OFF_PROFILE)
def test_what_is_off_the_profile_is_not_proven(change: str) -> None:
    signed = signature.sign(etree.fromstring(b"<r><t>text</t></r>"), signer())
    verify_evidence.opened(signed)
    with pytest.raises(verify_evidence.BAD):
        verify_evidence.opened(OFF_PROFILE[change](signed))
