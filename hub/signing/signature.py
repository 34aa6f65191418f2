"""Step 3: sign a document, and prove who signed one.

The signature is enveloped, the last child of the root, over the whole document by one reference, exclusive
C14N, SHA-256, with the signer's certificate inside. `verify` checks that shape on the tree itself and needs
no XSD before it; what it leaves in the tree is exactly what was signed: nothing is looked up by Id, and there
is no second signature to be confused with. It does not know whom to trust: it returns the certificate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lxml import etree

from hub.errors import Refused
from hub.message import Signed
from hub.signing.algorithms import KEYS_TAKEN, UnfitKey, sha256
from hub.signing.prefixes import prefixes_in_values
from hub.signing.profile import DS, SIGNATURE, Claim, SignedInfo, read_claim, write_signature
from hub.signing.signer import Signer

_ANY_DS = f"{{{DS}}}*"
_ONE = "one ds:Signature, the last child of the root"
# Listed prefixes x bindings at the root x elements: the walk that a PrefixList asks of canonicalisation;
# about 50 ms.
_MOST_LOOKUPS = 5_000_000
_count = etree.XPath("count(//*)")
_PERHAPS_UNESCAPED = re.compile(rb'xmlns(?::[^=\s:"<>&]*+)?="[^"<>]*&')


def sign(root: etree._Element, signer: Signer) -> bytes:
    """Return the document of `root` with its signature, UTF-8 without XML declaration; `root` stays as it is.

    Errors: Refused signature.prefix-unsigned if a prefix in a value is not bound at the root,
    signature.namespace, signature.profile if something of the signature namespace is there already.
    """
    if next(root.iter(_ANY_DS), None) is not None:
        raise Refused("signature.profile", expected="no ds: element", got="ds:")
    canonical = _canonical(root)
    prefixes = tuple(sorted(prefixes_in_values(root, canonical)))
    if prefixes:
        _check_prefixes(root, prefixes)
        canonical = _canonical(root, prefixes)
    return _with_last_child(root, _signature_over(canonical, prefixes, signer))


def sign_canonical(canonical: bytes, signer: Signer) -> bytes:
    """Return a document with its signature, like `sign`; `canonical` is the document and its own canonical form.

    The caller vouches for that form, and that every prefix in a value is the one of the element around it.
    """
    place = canonical.rindex(b"</")
    return canonical[:place] + _signature_over(canonical, (), signer) + canonical[place:]


def _signature_over(canonical: bytes, prefixes: tuple[str, ...], signer: Signer) -> bytes:
    signed_info = SignedInfo(signer.algorithm, prefixes, signer.algorithm.digest(canonical))
    value = signer.sign(signed_info.write(canonical=True).encode())
    return write_signature(signed_info, value, (signer.certificate, *signer.chain))


def verify(root: etree._Element) -> Signed:
    """Prove that the document of `root` is what the certificate in its signature signed, and take the
    signature out.

    `root` is the root of its document. Afterwards it is exactly what was signed; after a refusal it is of no
    use. Errors: Refused signature.*
    """
    signature = _only_signature(root)
    claim = read_claim(signature)
    _check_alone(root, signature)
    _check_prefixes(root, claim.prefixes)
    key = _public_key(claim)
    if not claim.algorithm.verify(key, claim.value, _canonical(claim.signed_info)):
        raise Refused("signature.invalid", operator="the value does not match SignedInfo")
    _take_out(root, signature)
    canonical = _canonical(root, claim.prefixes)
    if claim.algorithm.digest(canonical) != claim.digest:
        raise Refused("signature.invalid", operator="the digest does not match the document")
    if loose := prefixes_in_values(root, canonical).difference(claim.prefixes):
        raise Refused("signature.prefix-unsigned", where="PrefixList", expected=_shown(loose))
    certificate = claim.certificates[0]
    return Signed(root, certificate, sha256(certificate).hex(), claim.algorithm.name)


def _canonical(element: Any, prefixes: tuple[str, ...] = ()) -> bytes:
    """Exclusive C14N 1.0 without comments."""
    try:
        canonical: bytes = etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=list(prefixes) or None,
        )
    except etree.C14NError as wrong:
        # A relative namespace URI is all that libxml2 refuses here.
        raise Refused("signature.namespace", operator=str(wrong)) from None
    if _PERHAPS_UNESCAPED.search(canonical) and _has_ampersand_namespace(element):
        # libxml2 does not escape it there as the standard asks, so others would compute another digest.
        raise Refused("signature.namespace", got="&")
    return canonical


def _has_ampersand_namespace(root: Any) -> bool:
    return any("&" in uri for _, (_, uri) in etree.iterwalk(root, events=("start-ns",)))


def _only_signature(root: Any) -> Any:
    last = root[-1] if len(root) else None
    if last is None or last.tag != SIGNATURE:
        if next(root.iter(SIGNATURE), None) is None:
            raise Refused("signature.missing")
        raise Refused("signature.profile", expected=_ONE, got="elsewhere")
    return last


def _check_alone(root: Any, signature: Any) -> None:
    """Refuse another element of the signature namespace, and any node that is not an element or text."""
    if sum(1 for _ in root.iter(_ANY_DS)) != sum(1 for _ in signature.iter(_ANY_DS)):
        raise Refused("signature.profile", expected=_ONE, got="another ds: element")
    beside = root.getprevious() is not None or root.getnext() is not None
    if beside or next(root.iter(etree.Comment, etree.PI, etree.Entity), None) is not None:
        raise Refused("signature.profile", expected="elements and text", got="comment or instruction")


def _check_prefixes(root: Any, prefixes: tuple[str, ...]) -> None:
    """A listed prefix is bound at the root, where every reader looks, and the list is affordable."""
    if not prefixes:
        return
    bound = root.nsmap
    if unbound := set(prefixes).difference(bound):
        raise Refused("signature.prefix-unsigned", where=str(root.tag)[:100], expected=_shown(unbound))
    if len(prefixes) * len(bound) * _elements(root) > _MOST_LOOKUPS:
        raise Refused("signature.profile", where="PrefixList", expected="fewer prefixes or bindings")


def _elements(root: Any) -> float:
    number: Any = _count(root)
    return float(number)


def _shown(prefixes: Iterable[str]) -> str:
    return " ".join(sorted(prefixes))[:100]


def _public_key(claim: Claim) -> Any:
    try:
        return claim.algorithm.public_key(claim.certificates[0])
    except UnfitKey as wrong:
        method = claim.algorithm.name
        raise Refused(
            "signature.profile", where="X509Certificate", expected=KEYS_TAKEN, got=method, operator=str(wrong)
        ) from None


def _take_out(root: Any, signature: Any) -> None:
    """Remove the signature alone: lxml would remove the text behind it too, and that text was signed."""
    tail = signature.tail or ""
    before = signature.getprevious()
    if before is None:
        root.text = (root.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    root.remove(signature)


def _with_last_child(root: etree._Element, child: bytes) -> bytes:
    """The serialised document with `child` written before the root's end tag, which is its last "</"."""
    document: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=False, with_tail=False)
    if document.endswith(b"/>"):  # an empty root; ">" cannot stand before it in its own tag
        name = f"{root.prefix}:" if root.prefix else ""
        return document[:-2] + b">" + child + f"</{name}{etree.QName(root).localname}>".encode()
    place = document.rindex(b"</")
    return document[:place] + child + document[place:]
