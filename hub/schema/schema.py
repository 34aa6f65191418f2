"""Every schema the hub knows, compiled once: checks envelopes, payloads and the small proof documents.

Promise: a check opens no file and no connection, and raises nothing but `Refused`. The C library decides;
`hub.schema.model` only finds the words. Does not sign, route, or look at meaning beyond the XSD.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lxml import etree

from hub.errors import Misconfigured, Refused
from hub.schema.chinese import in_chinese
from hub.schema.complaint import Complaint, printable
from hub.schema.model import build_model, explain
from hub.schema.package import SchemaPackage
from hub.schema.root_element import RootElement, roots_of
from schemas import FOLDER

if TYPE_CHECKING:
    from xmlschema import XMLSchema10

ENVELOPE = "envelope-1"
PROOF = "proof-1"
_COMMON = ("common-1.xsd",)
_SIGNED = (*_COMMON, "xmldsig-profile-1.xsd", "exc-c14n-profile-1.xsd")
_BUILTIN: Mapping[str, tuple[str, ...]] = {
    "envelope": _SIGNED,
    "proof": _SIGNED,
    "official-document": _COMMON,
    "receipt": _COMMON,
    "approval-status": _COMMON,
    "notice": _COMMON,
}
_ENVELOPE = "{urn:hub:envelope:v1}envelope"
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
# In a finished tree the place of each error is found by counting siblings, at 10 to 30 ns each.
_MOST_STEPS = 4_000_000
_FEW_NODES = 2_000
# Patterns are matched before lengths are looked at, at 100 ns a character: a field of 20 MB would take seconds.
_LONGEST_FIELD = 10_000
_endless_fields: Any = etree.XPath(
    "(/*/env:header/descendant::*|/*/env:attachments/*/*[not(self::env:content)])"
    f"[not(*)][string-length() > {_LONGEST_FIELD}]",
    namespaces={"env": "urn:hub:envelope:v1"},
)


def _steps(skipped: str = "") -> Any:
    """The most siblings that the errors in an element can make somebody count; below `skipped` there are no errors."""

    def number(what: str) -> str:
        whole = f"count(descendant::{what})"
        return f"({whole} - count({skipped}/descendant::{what}))" if skipped else whole

    text = f"{number('*')} * ({number('*')} + {number('*/@*')})"
    return etree.XPath(text, namespaces={"env": "urn:hub:envelope:v1"})


_nodes: Any = etree.XPath("count(descendant::*) + count(descendant::*/@*)")
# The envelope's schema skips what the payload holds, and looks at nothing behind the first wrong child.
_STEPS_OF_ENVELOPE = _steps("/*/env:payload[1]/*[1]")
_STEPS = _steps()
_FOREIGN: Mapping[str, str] = {
    "http://www.w3.org/2000/09/xmldsig#": "xmldsig",
    "http://www.w3.org/2001/XMLSchema": "xsd",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "http://schemas.xmlsoap.org/soap/envelope/": "soap",
    "http://www.w3.org/2003/05/soap-envelope": "soap",
}


@dataclass(frozen=True, slots=True)
class Description:
    """What `hub schema show` tells of one schema."""

    token: str
    name: str
    version: str
    namespace: str
    builtin: bool
    files: tuple[str, ...]
    roots: tuple[RootElement, ...]


class _Compiled:
    """One package, ready to decide, and able to explain on demand."""

    __slots__ = ("_decide", "_model", "builtin", "namespace", "package", "roots")

    def __init__(self, package: SchemaPackage, *, builtin: bool) -> None:
        self.package = package
        self.builtin = builtin
        self._decide: Any = package.compile()
        self._model: XMLSchema10 | None = None
        self.namespace, self.roots = roots_of(package)

    @property
    def model(self) -> XMLSchema10:
        """The slow view; two threads may both build it, which costs time and nothing else."""
        if self._model is None:
            self._model = build_model(self.package)
        return self._model

    def takes(self, element: Any) -> bool:
        """Whether the element is one that this schema declares globally."""
        return any(element.tag == f"{{{self.namespace}}}{root.name}" for root in self.roots)

    def complaint(self, element: Any) -> Complaint | None:
        """None if the element is valid."""
        try:
            terse = self._first_error(element)
        except etree.XMLSchemaValidateError:
            # It gave up on a pattern; nothing says that the value fits, and looking for words would try for minutes.
            return Complaint("", "", "")
        return None if terse is None else self._explained(element) or terse

    def _explained(self, element: Any) -> Complaint | None:
        try:
            return explain(self.model, element)
        except Exception:  # noqa: BLE001 - whatever goes wrong in finding words, the refusal stands
            return None

    def _first_error(self, element: Any) -> Complaint | None:
        """The C library's own words, or None if it finds no error."""
        steps = _STEPS_OF_ENVELOPE if self.package.token == ENVELOPE else _STEPS
        if _nodes(element) > _FEW_NODES and steps(element) > _MOST_STEPS:
            return self._first_streamed_error(element)
        if self._decide(element):
            return None
        for entry in self._decide.error_log:
            return _terse(entry.path or "", entry.message)
        return Complaint("", "", "")

    def _first_streamed_error(self, element: Any) -> Complaint | None:
        """While a document is read there is no tree to count in, so errors are found in time linear in its length.

        In a tree 40,000 errors in a row took a minute.
        """
        parser = etree.XMLParser(schema=self._decide, huge_tree=True, resolve_entities=False, no_network=True)
        try:
            etree.fromstring(etree.tostring(element, encoding="UTF-8", with_tail=False), parser)
        except etree.XMLSyntaxError as wrong:
            return _terse(f"/{element.tag}", wrong.msg or "")
        return None


def _terse(where: str, words: str) -> Complaint:
    return Complaint(printable(where), "", printable(words), printable(in_chinese(words)))


def _version(packages: Iterable[SchemaPackage]) -> str:
    """The first 12 hex digits of SHA-256 over every file, for the ledger: which schemas decided."""
    digest = hashlib.sha256()
    for package in sorted(packages, key=lambda p: p.token):
        for path, content in sorted(package.files.items()):
            digest.update(f"{package.token}/{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


class Schemas:
    """All registered schemas, frozen. `with_registered` makes a larger one; nothing changes in place."""

    __slots__ = ("_by_token", "version")

    def __init__(self, compiled: Mapping[str, _Compiled]) -> None:
        self._by_token = MappingProxyType(dict(compiled))
        self.version = _version(c.package for c in compiled.values())

    @classmethod
    def builtin(cls) -> Schemas:
        """The hub's own schemas, from the files of the `schemas` package; compiled once in a process."""
        return _builtin()

    def with_registered(self, packages: Iterable[SchemaPackage]) -> Schemas:
        """These schemas and the given ones. Errors: `Misconfigured` for a broken schema or a token in use."""
        compiled = dict(self._by_token)
        for package in packages:
            if package.token in compiled:
                raise Misconfigured("schema.token-taken", got=package.token)
            compiled[package.token] = _Compiled(package, builtin=False)
        return Schemas(compiled)

    def warm(self) -> None:
        """Build every slow view now, a second or two of work, so that the first refusal is as quick as the rest."""
        for compiled in self._by_token.values():
            _ = compiled.model

    def owners(self) -> dict[str, str]:
        """Namespace -> name of the schema that owns it; foreign standards own theirs."""
        return {**_FOREIGN, **{c.namespace: c.package.name for c in self._by_token.values()}}

    def tokens(self) -> tuple[str, ...]:
        """Every payload type that an envelope may name, sorted."""
        return tuple(sorted(t for t in self._by_token if t not in (ENVELOPE, PROOF)))

    def check_envelope(self, root: Any) -> None:
        """Refuse an envelope of another shape than envelope-1, the payload aside.

        Errors: `Refused("envelope.invalid")` with the path of the first error; "signature.missing" if an envelope has
        no signature, whatever else is wrong with it.
        """
        if endless := _endless_fields(root):
            name = etree.QName(endless[0]).localname
            raise Refused("envelope.invalid", where=f"env:{name}", expected=f"<= {_LONGEST_FIELD}")
        complaint = self._by_token[ENVELOPE].complaint(root)
        if complaint is not None and root.tag == _ENVELOPE and root.find(_SIGNATURE) is None:
            raise Refused("signature.missing")
        _refuse("envelope.invalid", complaint)

    def check_payload(self, type: str, element: Any) -> None:
        """Refuse a payload that its type's schema does not allow.

        Errors: `Refused("payload.unknown-type" | "payload.wrong-element" | "payload.invalid")`.
        """
        if type not in self._by_token or type in (ENVELOPE, PROOF):
            near = get_close_matches(type[:100], self.tokens(), n=1)
            raise Refused("payload.unknown-type", expected="".join(near), got=type[:100])
        compiled = self._by_token[type]
        if not compiled.takes(element):
            known = " | ".join(root.name for root in compiled.roots[:12])
            raise Refused("payload.wrong-element", expected=known, got=str(element.tag)[:200])
        _refuse("payload.invalid", compiled.complaint(element))

    def check_proof(self, root: Any) -> None:
        """Refuse anything but a stamp, acknowledgement or request of proof-1. Errors: `Refused("proof.invalid")`."""
        _refuse("proof.invalid", self._by_token[PROOF].complaint(root))

    def describe(self, token: str) -> Description:
        """Names, namespace, files and root elements. Errors: `Misconfigured("schema.unknown")`."""
        compiled = self._find(token)
        package = compiled.package
        return Description(
            token, package.name, package.version, compiled.namespace, compiled.builtin,
            (package.entry, *sorted(set(package.files) - {package.entry})), compiled.roots,
        )  # fmt: skip

    def model(self, token: str) -> XMLSchema10:
        """The slow view of one schema, for `hub.schema.sample`. Errors: `Misconfigured("schema.unknown")`."""
        return self._find(token).model

    def _find(self, token: str) -> _Compiled:
        if token not in self._by_token:
            near = get_close_matches(token, self._by_token, n=1)
            raise Misconfigured("schema.unknown", expected="".join(near), got=token[:100])
        return self._by_token[token]


def _refuse(code: str, complaint: Complaint | None) -> None:
    if complaint is not None:
        raise Refused(
            code, where=complaint.where, expected=complaint.expected, got=complaint.got, got_zh=complaint.got_zh
        )


def _builtin_package(name: str, others: tuple[str, ...]) -> SchemaPackage:
    entry = f"{name}-1.xsd"
    return SchemaPackage(name, "1", entry, {file: (FOLDER / file).read_bytes() for file in (entry, *others)})


@cache
def _builtin() -> Schemas:
    packages = (_builtin_package(name, others) for name, others in _BUILTIN.items())
    return Schemas({p.token: _Compiled(p, builtin=True) for p in packages})
