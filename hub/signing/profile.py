"""The shape of a signature: read off a tree, without trusting an XSD, and written as canonical bytes.

Promises: `read_claim` accepts one tree of elements per number of certificates, with and without PrefixList,
and no other element, attribute or text. What it returns is a claim; `hub.signing.signature` proves it.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from hub.errors import Refused
from hub.signing.algorithms import ALGORITHMS, Algorithm

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = DS + "enveloped-signature"
SIGNATURE = f"{{{DS}}}Signature"
MOST_CERTIFICATES = 5
MOST_PREFIXES = 16

_LIST = f"{{{EXCLUSIVE}}}InclusiveNamespaces"
_X509_DATA = f"{{{DS}}}X509Data"
_ALGORITHM = "Algorithm"
_LONGEST_SHOWN = 100
_XML_SPACE = " \t\r\n"
_PREFIX = re.compile(r"[^\W\d][\w.\-]*")

_NAMESPACE_DECLARATION = f' xmlns:ds="{DS}"'
_SIGNED_INFO = (
    "<ds:SignedInfo{namespace}>"
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="{signature_uri}"></ds:SignatureMethod>'
    '<ds:Reference URI=""><ds:Transforms>'
    f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform>'
    f'<ds:Transform Algorithm="{EXCLUSIVE}">{{prefix_list}}</ds:Transform>'
    '</ds:Transforms><ds:DigestMethod Algorithm="{digest_uri}"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)
_PREFIX_LIST = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{{}}"></ec:InclusiveNamespaces>'
_SIGNATURE = (
    f"<ds:Signature{_NAMESPACE_DECLARATION}>{{signed_info}}<ds:SignatureValue>{{value}}</ds:SignatureValue>"
    "<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>"
)


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """What is signed in our own signatures. `prefixes` is the PrefixList, `digest` the document's."""

    algorithm: Algorithm
    prefixes: tuple[str, ...]
    digest: bytes

    def write(self, *, canonical: bool) -> str:
        """Return the canonical form, or the same without the declaration that stands on ds:Signature."""
        return _SIGNED_INFO.format(
            namespace=_NAMESPACE_DECLARATION if canonical else "",
            signature_uri=self.algorithm.signature_uri,
            digest_uri=self.algorithm.digest_uri,
            prefix_list=_PREFIX_LIST.format(" ".join(self.prefixes)) if self.prefixes else "",
            digest=b64encode(self.digest).decode(),
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """What a well-shaped signature says; `signed_info` is the element. Nothing of it is proven."""

    signed_info: Any
    algorithm: Algorithm
    prefixes: tuple[str, ...]
    digest: bytes
    value: bytes
    certificates: tuple[bytes, ...]


def write_signature(signed_info: SignedInfo, value: bytes, certificates: Iterable[bytes]) -> bytes:
    """Return a whole ds:Signature as UTF-8; `certificates` are DER, the signer's first."""
    listed = (f"<ds:X509Certificate>{b64encode(der).decode()}</ds:X509Certificate>" for der in certificates)
    return _SIGNATURE.format(
        signed_info=signed_info.write(canonical=False),
        value=b64encode(value).decode(),
        certificates="".join(listed),
    ).encode()


@dataclass(frozen=True, slots=True)
class _Row:
    """One element of a signature: its name, how many children it has, its attributes.

    `attributes` is None where they vary and are read one by one.
    """

    tag: str
    children: int = 0
    attributes: tuple[tuple[str, str], ...] | None = None
    holds_value: bool = False


def _rows(prefix_list: int, certificates: int) -> tuple[_Row, ...]:
    """All elements of a signature in document order."""

    def row(name: str, children: int, **attributes: str) -> _Row:
        return _Row(f"{{{DS}}}{name}", children, tuple(attributes.items()))

    def value(name: str) -> _Row:
        return _Row(f"{{{DS}}}{name}", 0, (), holds_value=True)

    return (
        row("Signature", 3),
        row("SignedInfo", 3),
        row("CanonicalizationMethod", 0, Algorithm=EXCLUSIVE),
        _Row(f"{{{DS}}}SignatureMethod"),
        row("Reference", 3, URI=""),
        row("Transforms", 2),
        row("Transform", 0, Algorithm=ENVELOPED),
        row("Transform", prefix_list, Algorithm=EXCLUSIVE),
        *(_Row(_LIST) for _ in range(prefix_list)),
        _Row(f"{{{DS}}}DigestMethod"),
        value("DigestValue"),
        value("SignatureValue"),
        row("KeyInfo", 1),
        row("X509Data", certificates),
        *(value("X509Certificate") for _ in range(certificates)),
    )


# Names in document order, with their numbers of children, leave only one tree: the profile is these ten
# outlines.
_OUTLINES = {
    tuple((row.tag, row.children) for row in rows): rows
    for prefix_list in (0, 1)
    for certificates in range(1, MOST_CERTIFICATES + 1)
    for rows in (_rows(prefix_list, certificates),)
}


def read_claim(signature: Any) -> Claim:
    """Read a ds:Signature element that has the shape of the profile. Errors: Refused signature.profile."""
    nodes = list(signature.iter())
    outline = tuple((node.tag, len(node)) for node in nodes)
    rows = _OUTLINES.get(outline)
    if rows is None:
        raise _unlike(outline)
    for node, row in zip(nodes, rows, strict=True):
        _check_row(node, row)
    signed_info, value, key_info = signature
    _, method, reference = signed_info
    transforms, digest_method, digest = reference
    algorithm = _algorithm(method, digest_method)
    return Claim(
        signed_info=signed_info,
        algorithm=algorithm,
        prefixes=_prefixes(transforms[1]),
        digest=_octets(digest),
        value=_octets(value),
        certificates=tuple(_octets(certificate) for certificate in key_info[0]),
    )


def _unlike(outline: tuple[tuple[Any, int], ...]) -> Refused:
    """Say where a signature first leaves the nearest shape of the profile."""
    has_list = any(tag == _LIST for tag, _ in outline)
    for found, row in zip_longest(outline, _rows(int(has_list), 1)):
        if row is None:
            break
        if found is None or found[0] != row.tag:
            return _off("Signature", _local(row.tag), _local(found[0]) if found else "nothing")
        if found[1] != row.children and row.attributes is not None and row.tag != _X509_DATA:
            return _off(_local(row.tag), f"{row.children} children", str(found[1]))
    return _off("X509Data", f"1-{MOST_CERTIFICATES} X509Certificate", "other")


def _off(where: str, expected: str, got: str = "") -> Refused:
    return Refused("signature.profile", where=where, expected=expected, got=got)


def _local(tag: object) -> str:
    """The name without namespace; a comment, an instruction or an entity has none."""
    return tag.rpartition("}")[2][:_LONGEST_SHOWN] if isinstance(tag, str) else "not an element"


def _check_row(node: Any, row: _Row) -> None:
    """Check attributes and that nothing but white space stands between elements."""
    if row.attributes is not None and tuple(node.items()) != row.attributes:
        expected = " ".join(value for _, value in row.attributes) or "no attributes"
        raise _off(_local(row.tag), expected, _shown(node))
    within = None if row.holds_value else node.text
    # The text behind the signature itself belongs to the document.
    behind = None if row.tag == SIGNATURE else node.tail
    if (within and within.strip(_XML_SPACE)) or (behind and behind.strip(_XML_SPACE)):
        raise _off(_local(row.tag), "no text")


def _shown(node: Any) -> str:
    return " ".join(node.attrib.values())[:_LONGEST_SHOWN]


def _algorithm(method: Any, digest_method: Any) -> Algorithm:
    algorithm = ALGORITHMS.get(method.get(_ALGORITHM, ""))
    if algorithm is None or len(method.attrib) != 1:
        raise _off("SignatureMethod", " | ".join(ALGORITHMS), _shown(method))
    if dict(digest_method.attrib) != {_ALGORITHM: algorithm.digest_uri}:
        raise _off("DigestMethod", algorithm.digest_uri, _shown(digest_method))
    return algorithm


def _prefixes(transform: Any) -> tuple[str, ...]:
    if not len(transform):
        return ()
    listed = transform[0]
    prefixes = tuple(listed.get("PrefixList", "").split())
    # "#default" is no name: lxml drops it without a word, so that it would seem signed and not be.
    named = all(_PREFIX.fullmatch(prefix) for prefix in prefixes)
    if len(listed.attrib) > 1 or len(prefixes) > MOST_PREFIXES or not named:
        raise _off("PrefixList", f"<= {MOST_PREFIXES} prefixes", _shown(listed))
    return prefixes


def _octets(node: Any) -> bytes:
    """The bytes of a base64 value; one value has one spelling but for white space."""
    text = (node.text or "").encode().translate(None, _XML_SPACE.encode())
    try:
        octets = b64decode(text, validate=True)
    except ValueError:
        octets = b""
    if not octets or b64encode(octets) != text:
        raise _off(_local(node.tag), "base64")
    return octets
