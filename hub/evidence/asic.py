"""ASiC-E containers (ETSI EN 319 162-1): a ZIP with `mimetype` first, a list of its files, and signatures of the list.

Promises: the same files, key and time give the same octets but for the signatures. Two signatures are written: a CAdES
signature over META-INF/ASiCManifest.xml, as the standard asks, and META-INF/seal.xml in the hub's own profile of XML
signatures, which also covers the former. It knows nothing of what the files mean.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import IO, Any

from lxml import etree

from hub.evidence.cms import detached
from hub.proof import write_time
from hub.signing import signature
from hub.signing.profile import DS
from hub.signing.signer import Signer

MIMETYPE = b"application/vnd.etsi.asic-e+zip"
LIST = "META-INF/ASiCManifest.xml"
CADES = "META-INF/signature.p7s"
SEAL = "META-INF/seal.xml"
NAMESPACE = "urn:hub:evidence:v1"

_ASIC = "http://uri.etsi.org/02918/v1.2.1#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP knows; the seal holds the time


def pack(files: Mapping[str, bytes], hub: str, signer: Signer, at: datetime) -> bytes:
    """The container of these files, sealed by the hub at `at`. Errors: Refused signature.*"""
    written = io.BytesIO()
    write(written, files.items(), hub, signer, at)
    return written.getvalue()


def write(target: IO[bytes], files: Iterable[tuple[str, bytes]], hub: str, signer: Signer, at: datetime) -> None:
    """As `pack`, into an open file, with each of `files` in memory only while it is written. Errors: also OSError."""
    with zipfile.ZipFile(target, "w") as container:
        digests = {"mimetype": _put(container, "mimetype", MIMETYPE)}
        listed = {name: _put(container, name, content) for name, content in files}
        manifest = _list(listed)
        digests |= {**listed, LIST: _put(container, LIST, manifest)}
        digests[CADES] = _put(container, CADES, detached(manifest, signer, at))
        _put(container, SEAL, signature.sign(_seal(digests, hub, at), signer))


def _put(container: zipfile.ZipFile, name: str, content: bytes) -> bytes:
    """Write one file; gives its SHA-256."""
    member = zipfile.ZipInfo(name, _DATE)
    # Readers find the type at a fixed offset of the file, so its entry is first and stored.
    member.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
    container.writestr(member, content)
    return hashlib.sha256(content).digest()


def _list(digests: Mapping[str, bytes]) -> bytes:
    root = etree.Element(f"{{{_ASIC}}}ASiCManifest", nsmap={"asic": _ASIC, "ds": DS})
    etree.SubElement(root, f"{{{_ASIC}}}SigReference", URI=CADES, MimeType="application/x-pkcs7-signature")
    for name, digest in digests.items():
        reference = etree.SubElement(root, f"{{{_ASIC}}}DataObjectReference", URI=name)
        etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=_SHA256)
        etree.SubElement(reference, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode()
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _seal(digests: Mapping[str, bytes], hub: str, at: datetime) -> Any:
    root = etree.Element(f"{{{NAMESPACE}}}seal", nsmap={"ev": NAMESPACE})
    etree.SubElement(root, f"{{{NAMESPACE}}}hub").text = hub
    etree.SubElement(root, f"{{{NAMESPACE}}}time").text = write_time(at)
    listed = etree.SubElement(root, f"{{{NAMESPACE}}}files")
    for name, digest in digests.items():
        etree.SubElement(listed, f"{{{NAMESPACE}}}file", name=name, sha256=digest.hex())
    return root
