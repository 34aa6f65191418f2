"""Reads a department's own WSDL with zeep, and tells how far what it describes is the delivery service (delivery-1).

Promises: nothing is called, and nothing is loaded but the one document and its neighbours in one folder; no DOCTYPE, no
entity. What is no WSDL, whatever it is, ends as a `Misconfigured`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zeep import Settings
from zeep.exceptions import ExternalReferenceForbidden
from zeep.wsdl import Document
from zeep.xsd import ComplexType

from hub.errors import HubError, Misconfigured
from schemas import FOLDER

FORMS = {"binary": "DeliverBinary", "text": "DeliverText", "xml": "Deliver"}
"""The forms of an endpoint's profile, and the operation of each; the first that fits costs least."""
PING = "Ping"
MOST_FILES = 20
_STRICT = Settings(forbid_external=True, forbid_dtd=True, forbid_entities=True)
_VERSIONS = {"Soap11Binding": "1.1", "Soap12Binding": "1.2"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an operation is not ours.

    `kind` is absent, extra (required there, never sent), order, type, element, action or style; `place` is
    `operation.field`, `found` and `wanted` are what a type, element, action or style is.
    """

    kind: str
    place: str
    found: str = ""
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """One port over SOAP: `forms` and `ping` are what a hub may use of it, `differences` why not the rest.

    An operation that is not there at all is no difference: one form is enough.
    """

    service: str
    name: str
    soap: str
    address: str
    forms: tuple[str, ...]
    ping: bool
    differences: tuple[Difference, ...]


def read_wsdl(document: bytes, source: str, folder: Path | None = None) -> tuple[Port, ...]:
    """The SOAP ports of a WSDL that came from the file or address `source`; what it imports may lie in `folder` only.

    Errors: Misconfigured wsdl.unreadable, wsdl.elsewhere.
    """
    return tuple(
        _port(service.name, port)
        for service in _load(document, source, folder).services.values()
        for port in service.ports.values()
        if type(port.binding).__name__ in _VERSIONS
    )


def _load(document: bytes, source: str, folder: Path | None) -> Any:
    read: Any = Document  # zeep says nothing true of its types
    try:
        return read(source, _Neighbours(document, folder), settings=_STRICT)
    except HubError:
        raise
    except ExternalReferenceForbidden as error:
        raise _elsewhere(error) from None
    except Exception as error:  # noqa: BLE001 (zeep lets through whatever a strange document makes it stumble on)
        raise Misconfigured("wsdl.unreadable", where=source, operator=f"{type(error).__name__}: {error}") from None


class _Neighbours:
    """What zeep loads by: first the one document, then others of its folder. It has no network."""

    def __init__(self, document: bytes, folder: Path | None) -> None:
        self._document: bytes | None = document
        self._folder = folder
        self._left = MOST_FILES

    def load(self, url: str) -> bytes:
        """The bytes of a document that is asked for. Errors: Misconfigured wsdl.elsewhere, OSError."""
        document, self._document = self._document, None
        if document is not None:
            return document
        self._left -= 1
        path = Path(url).resolve()
        if urlsplit(url).scheme or self._folder is None or path.parent != self._folder.resolve() or self._left < 0:
            raise _elsewhere(url)
        return path.read_bytes()


def _elsewhere(what: object) -> Misconfigured:
    return Misconfigured("wsdl.elsewhere", got=str(what))


def _port(service: str, port: Any) -> Port:
    operations = port.binding._operations
    differences = {name: tuple(_differences(name, operations[name])) for name in ours() if name in operations}
    fitting = {name for name, found in differences.items() if not found}
    return Port(
        service=service,
        name=port.name,
        soap=_VERSIONS[type(port.binding).__name__],
        address=str(port.binding_options.get("address", "")),
        forms=tuple(form for form, operation in FORMS.items() if operation in fitting),
        ping=PING in fitting,
        differences=tuple(one for found in differences.values() for one in found),
    )


@cache
def ours() -> Mapping[str, Any]:
    """The operations of delivery-1 as zeep reads them, by name."""
    path = FOLDER / "delivery-1.wsdl"
    (binding,) = _load(path.read_bytes(), str(path), None).bindings.values()
    return dict(binding._operations)


def _differences(name: str, theirs: Any) -> Iterator[Difference]:
    wanted = ours()[name]
    for kind, of in (("style", "style"), ("action", "soapaction")):
        if getattr(theirs, of) != getattr(wanted, of):
            yield Difference(kind, name, str(getattr(theirs, of) or ""), str(getattr(wanted, of)))
    for side in ("input", "output"):
        yield from _in_body(name, getattr(theirs, side).body, getattr(wanted, side).body)


def _in_body(name: str, theirs: Any, wanted: Any) -> Iterator[Difference]:
    if theirs is None or theirs.qname != wanted.qname:
        yield Difference("element", name, "" if theirs is None else str(theirs.qname), str(wanted.qname))
        return
    fields, known = _fields(theirs.type), _fields(wanted.type)
    for field, one in known.items():
        place = f"{name}.{field}"
        if field not in fields:
            yield Difference("absent", place)
        elif _kind(fields[field].type) != _kind(one.type):
            yield Difference("type", place, _kind(fields[field].type), _kind(one.type))
    for field, one in fields.items():
        if field not in known and one.min_occurs:
            yield Difference("extra", f"{name}.{field}")
    if fields.keys() == known.keys() and [*fields] != [*known]:
        yield Difference("order", name)


def _fields(of: Any) -> dict[str, Any]:
    if not isinstance(of, ComplexType):
        return {}
    return {element.qname.localname: element for _, element in of.elements if getattr(element, "qname", None)}


def _kind(of: Any) -> str:
    """A type as it matters on the wire: the built-in one beneath it, or that it has parts."""
    return "complexType" if isinstance(of, ComplexType) else f"xs:{of._default_qname.localname}"
