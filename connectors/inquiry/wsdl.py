"""Makes the WSDL that spyne writes one that old toolkits read.

Promises: SOAP 1.1 or 1.2, never both; one part per message, `parameters` or `fault`; wrappers of anonymous type; names
that differ between port type, binding, port and service; soapAction a URI; the same bytes whenever and wherever it is
made. What the operations are it takes from spyne.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from connectors.inquiry.names import NAMESPACE

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
_SOAP_12 = b"http://schemas.xmlsoap.org/wsdl/soap12/"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_NAMES = {"portType": "InquiryPortType", "binding": "InquiryBinding", "service": "InquiryService"}
_KINDS = [_XS + "simpleType", _XS + "complexType", _XS + "element"]


def tidy(described: bytes, version: str, address: str) -> bytes:
    """The WSDL for SOAP `version` ("" for 1.1, "12") with its port at `address`."""
    root: Any = etree.fromstring(described, etree.XMLParser(remove_blank_text=True, no_network=True))
    _tidy_schema(root.find(f"{_WSDL}types/{_XS}schema"), [part.get("element") for part in root.iter(_WSDL + "part")])
    for part in root.iter(_WSDL + "part"):
        part.set("name", "fault" if part.get("element").endswith(":HubFault") else "parameters")
    for operation in root.iterfind(f"{_WSDL}portType/{_WSDL}operation"):
        del operation.attrib["parameterOrder"]
    for action in root.iter(_SOAP + "operation"):
        action.set("soapAction", f"{NAMESPACE}/{action.get('soapAction')}")
    _name(root)
    root.append(root.find(_WSDL + "service"))
    next(root.iter(_SOAP + "address")).set("location", address)
    etree.cleanup_namespaces(root, keep_ns_prefixes=["tns", "xs"])
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    written = written.replace(b"wsdlsoap11", b"soap")
    return written.replace(_SOAP[1:-1].encode(), _SOAP_12) if version == "12" else written


def _name(root: Any) -> None:
    for kind, name in _NAMES.items():
        root.find(_WSDL + kind).set("name", name)
    root.find(_WSDL + "binding").set("type", f"tns:{_NAMES['portType']}")
    port = root.find(f"{_WSDL}service/{_WSDL}port")
    port.set("name", "InquiryPort")
    port.set("binding", f"tns:{_NAMES['binding']}")


def _tidy_schema(schema: Any, parts: list[str]) -> None:
    """Only what a message has as its part is an element, each with its type inside; in an order that stays."""
    wrappers = {name.removeprefix("tns:") for name in parts}
    types = {type.get("name"): type for type in schema.iterfind(_XS + "complexType")}
    for element in schema.findall(_XS + "element"):
        if element.get("name") in wrappers:
            del element.attrib["type"]
            element.append(types[element.get("name")])
            del element[0].attrib["name"]
        else:
            schema.remove(element)
    schema[:] = sorted(schema, key=lambda one: (_KINDS.index(one.tag), one.get("name")))
    for said in list(schema.iter(_XS + "documentation")):
        _in_two_languages(said)


def _in_two_languages(said: Any) -> None:
    zh, en = (said.text or "").split("\n")
    english = etree.SubElement(said.getparent(), said.tag)
    for element, lang, words in ((said, "zh", zh), (english, "en", en)):
        element.set(_LANG, lang)
        element.text = words
