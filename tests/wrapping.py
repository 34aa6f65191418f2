"""Signature wrapping: each form takes a validly signed envelope and shows a naive reader another body than was signed.

The forms keep the original signature and, somewhere, the original content; `FORMS` names them.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from lxml import etree

ENV = "urn:hub:envelope:v1"
DS = "http://www.w3.org/2000/09/xmldsig#"
FORGED = "伪造的正文"


def _env(name: str) -> str:
    return f"{{{ENV}}}{name}"


def _ds(name: str) -> str:
    return f"{{{DS}}}{name}"


def _forge(envelope: Any) -> Any:
    """Replace the payload's content and return `envelope`."""
    payload = envelope.find(_env("payload"))
    del payload[:]
    etree.SubElement(payload, "{urn:hub:official-document:v1}document").text = FORGED
    return envelope


def _parts(raw: bytes) -> tuple[Any, Any, Any]:
    """A forged envelope without signature, the whole original, and a copy of its signature."""
    original = etree.fromstring(raw)
    forged = _forge(deepcopy(original))
    signature = forged.find(_ds("Signature"))
    forged.remove(signature)
    return forged, original, signature


def body_moved_to_header(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    forged.find(_env("header")).append(original.find(_env("payload")))
    forged.append(signature)
    return forged


def body_in_signature_object(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    etree.SubElement(signature, _ds("Object")).append(original.find(_env("payload")))
    forged.append(signature)
    return forged


def envelope_in_signature_object(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    etree.SubElement(signature, _ds("Object")).append(original)
    forged.append(signature)
    return forged


def envelope_nested_in_payload(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    forged.find(_env("payload")).append(original)
    forged.append(signature)
    return forged


def original_signature_left_in_nested_envelope(raw: bytes) -> Any:
    forged, original, _ = _parts(raw)
    forged.append(original)
    return forged


def payload_doubled_before(raw: bytes) -> Any:
    forged, original, _ = _parts(raw)
    original.insert(1, forged.find(_env("payload")))
    return original


def payload_doubled_after(raw: bytes) -> Any:
    forged, original, _ = _parts(raw)
    original.insert(2, forged.find(_env("payload")))
    return original


def timestamp_wrapped(raw: bytes) -> Any:
    _, original, _ = _parts(raw)
    header = original.find(_env("header"))
    created = header.find(_env("created"))
    forged = deepcopy(created)
    forged.text = "2036-01-01T00:00:00Z"
    header.replace(created, forged)
    etree.SubElement(header, _env("wrapper")).append(created)
    return original


def routing_header_wrapped(raw: bytes) -> Any:
    _, original, _ = _parts(raw)
    header = original.find(_env("header"))
    sender = header.find(_env("sender"))
    forged = deepcopy(sender)
    forged.text = "ANOTHER"
    header.replace(sender, forged)
    etree.SubElement(original.find(_env("payload")), _env("old")).append(sender)
    return original


def envelope_rebuilt_around_the_signature(raw: bytes) -> Any:
    forged, _, signature = _parts(raw)
    forged.append(signature)
    return forged


def reference_by_id_to_the_hidden_original(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    original.set("Id", "original")
    signature.find(f".//{_ds('Reference')}").set("URI", "#original")
    etree.SubElement(forged.find(_env("payload")), _env("hidden")).append(original)
    forged.append(signature)
    return forged


def reference_by_a_doubled_id(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    signature.find(f".//{_ds('Reference')}").set("URI", "#body")
    forged.find(_env("payload")).set("Id", "body")
    hidden = original.find(_env("payload"))
    hidden.set("{http://www.w3.org/XML/1998/namespace}id", "body")
    etree.SubElement(forged, _env("hidden")).append(hidden)
    forged.append(signature)
    return forged


def second_signature_beside_the_first(raw: bytes) -> Any:
    forged, original, signature = _parts(raw)
    etree.SubElement(forged.find(_env("payload")), _env("hidden")).append(original)
    forged.append(deepcopy(signature))
    forged.append(signature)
    return forged


def signature_not_last(raw: bytes) -> Any:
    original = etree.fromstring(raw)
    original.insert(0, original.find(_ds("Signature")))
    return original


FORMS: dict[str, Callable[[bytes], Any]] = {
    form.__name__: form
    for form in (
        body_moved_to_header,
        body_in_signature_object,
        envelope_in_signature_object,
        envelope_nested_in_payload,
        original_signature_left_in_nested_envelope,
        payload_doubled_before,
        payload_doubled_after,
        timestamp_wrapped,
        routing_header_wrapped,
        envelope_rebuilt_around_the_signature,
        reference_by_id_to_the_hidden_original,
        reference_by_a_doubled_id,
        second_signature_beside_the_first,
        signature_not_last,
    )
}


def wrapped(raw: bytes, form: str) -> bytes:
    """The signed envelope `raw` in the attack form of that name."""
    document: bytes = etree.tostring(FORMS[form](raw), encoding="utf-8")
    return document
