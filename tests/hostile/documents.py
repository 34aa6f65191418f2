"""Good envelopes made bad: text replaced, signatures made anew by whoever holds a key.

A forger with an enrolled key is the strongest attacker, so that what is refused is refused for its shape and not only
because a digest no longer matches.
"""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from typing import Any

from lxml import etree

from hub.signing.profile import DS, SignedInfo, write_signature
from hub.signing.signer import Signer
from tests.town import signer_of

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LAX = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)


def changed(raw: bytes, old: str | bytes, new: str | bytes) -> bytes:
    """`raw` with the one `old` replaced."""
    before, after = (text.encode() if isinstance(text, str) else text for text in (old, new))
    assert raw.count(before) == 1, before
    return raw.replace(before, after)


def between(raw: bytes, start: str, end: str) -> str:
    """The text from `start` to `end`, without them."""
    return raw.decode().split(start, 1)[1].split(end, 1)[0]


def element(raw: bytes, name: str) -> str:
    """The first ds: element of that name, as written."""
    return f"<ds:{name}" + between(raw, f"<ds:{name}", f"</ds:{name}>") + f"</ds:{name}>"


def canonical(node: Any) -> bytes:
    """Exclusive C14N."""
    octets: bytes = etree.tostring(node, method="c14n", exclusive=True, with_comments=False)
    return octets


def signed_anew(raw: bytes, by: str = "a") -> bytes:
    """The same document with a right value over its SignedInfo, whatever that says."""
    info = etree.fromstring(raw, _LAX).find(f".//{{{DS}}}SignedInfo")
    value = b64encode(signer_of(by)[0].sign(canonical(info))).decode()
    return changed(raw, element(raw, "SignatureValue"), f"<ds:SignatureValue>{value}</ds:SignatureValue>")


def signed_carelessly(root: Any, signer: Signer) -> bytes:
    """Sign as a toolkit does that knows nothing of prefixes in values or of our other cares."""
    info = SignedInfo(signer.algorithm, (), signer.algorithm.digest(canonical(root)))
    value = signer.sign(info.write(canonical=True).encode())
    document = deepcopy(root)
    document.append(etree.fromstring(write_signature(info, value, (signer.certificate, *signer.chain))))
    octets: bytes = etree.tostring(document, encoding="utf-8")
    return octets
