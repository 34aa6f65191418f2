"""A second opinion on an accepted message, from other programs: xmlsec and signxml verify, the standard library reads.

It shares nothing with `hub/`: the fields are read from the very bytes that signxml's digest was taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

ENV = "{urn:hub:envelope:v1}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"


@dataclass(frozen=True, slots=True)
class Judged:
    """What was signed, as others read it. `fields` are the header's single texts by element name."""

    certificate: bytes
    fields: dict[str, str]
    recipients: tuple[tuple[str, str], ...]
    attachments: tuple[dict[str, str], ...]

    def time(self, name: str) -> datetime | None:
        """A header field as a time in UTC."""
        return datetime.fromisoformat(self.fields[name].strip()).astimezone(UTC) if name in self.fields else None


def judge(raw: bytes) -> Judged:
    """Verify with both programs and read what was signed. Raises whatever they raise if they do not agree."""
    root = etree.fromstring(raw, etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))
    certificate = x509.load_pem_x509_certificate(_pem(root[-1].findtext(f".//{DS}X509Certificate")))
    pem = certificate.public_bytes(Encoding.PEM)
    signed = _signxml(raw, pem)
    _xmlsec(root, pem)
    header = signed.find(f"{ENV}header")
    assert header is not None
    return Judged(
        certificate=certificate.public_bytes(Encoding.DER),
        fields={_local(e): e.text or "" for e in header if len(e) == 0},
        recipients=tuple((e.text or "", e.get("role", "")) for e in header.iterfind(f"{ENV}recipients/{ENV}recipient")),
        attachments=tuple(
            {_local(e): e.text or "" for e in line} for line in signed.iterfind(f"{ENV}attachments/{ENV}attachment")
        ),
    )


def _pem(text: str | None) -> bytes:
    return f"-----BEGIN CERTIFICATE-----\n{(text or '').strip()}\n-----END CERTIFICATE-----\n".encode()


def _signxml(raw: bytes, pem: bytes) -> ElementTree.Element:
    expected = SignatureConfiguration(require_x509=True, location="./")
    found: Any = XMLVerifier().verify(raw, x509_cert=pem.decode(), expect_config=expected, id_attribute="none")
    return ElementTree.fromstring(found.signed_data)


def _xmlsec(root: Any, pem: bytes) -> None:
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.CERT_PEM)
    context.verify(root[-1])


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
