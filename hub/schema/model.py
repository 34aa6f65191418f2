"""The slow, talkative view of a schema: why a document was refused, in words a sender can act on.

Never decides: `hub.schema.schema` does that with the C library. Opens nothing but the package's own files. Built only
when first needed, because it costs a quarter of a second and some megabytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from email.message import Message
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import quote, unquote
from urllib.request import BaseHandler, OpenerDirector, Request
from urllib.response import addinfourl

from hub.schema.chinese import in_chinese
from hub.schema.complaint import Complaint, printable
from hub.schema.package import SchemaPackage

if TYPE_CHECKING:
    from xmlschema import XMLSchema10

_BASE = "http://package.invalid/"
_MOST_ELEMENTS = 500
_MOST_TEXT = 100_000
_PYTHON = re.compile(r" for <class '[\w.]+'>$")


class _OwnFiles(BaseHandler):
    """Serves the package from memory under a host name that can never resolve."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def http_open(self, request: Request) -> addinfourl:
        """Named so by the opener's protocol."""
        content = self._files.get(unquote(request.full_url.removeprefix(_BASE)))
        if content is None:
            raise URLError("outside the package")
        return addinfourl(io.BytesIO(content), Message(), request.full_url)


def build_model(package: SchemaPackage) -> XMLSchema10:
    """The package as xmlschema sees it. Errors: xmlschema's own, if it refuses what the C library took."""
    from xmlschema import XMLSchema10

    opener = OpenerDirector()
    opener.add_handler(_OwnFiles(package.files))
    return XMLSchema10(_BASE + quote(package.entry), opener=opener, allow="remote", use_fallback=False)


def explain(model: XMLSchema10, element: Any) -> Complaint | None:
    """The first error of `element`; None if the model sees none or the document is too large to walk slowly."""
    if _large(element):
        return None
    error = next(model.iter_errors(element), None)
    if error is None:
        return None
    expected, got = _facts(error)
    got_zh = "" if expected else printable(in_chinese(got))
    return Complaint(printable(_path(error)), printable(expected), printable(got), got_zh)


def _large(element: Any) -> bool:
    """A hostile document may not buy more than some 40 ms of explanation."""
    elements = list(islice(element.iter(), _MOST_ELEMENTS + 1))
    return len(elements) > _MOST_ELEMENTS or sum(len(e.text or "") for e in elements) > _MOST_TEXT


def _path(error: Any) -> str:
    """The element's path, and the attribute where the value at fault is an attribute's."""
    value, element = error.obj, error.elem
    if isinstance(value, str) and element is not None and value != element.text:
        for name, text in element.attrib.items():
            if text == value:
                return f"{error.path}/@{name}"
    return error.path or ""


def _facts(error: Any) -> tuple[str, str]:
    """What was expected and what came, without the library's words where the error's kind tells enough."""
    particles = getattr(error, "expected", None)
    if particles is not None:
        names = [getattr(p, "prefixed_name", None) or "*" for p in particles]
        return " | ".join(names[:5]), error.invalid_tag or ""
    value = error.obj if isinstance(error.obj, str) else getattr(error.elem, "text", "") or ""
    rule = error.validator
    if getattr(rule, "enumeration", None) and hasattr(rule, "base_type"):
        return " | ".join(map(str, rule.enumeration)), value
    if getattr(rule, "regexps", None):
        return " | ".join(rule.regexps), value
    # About an identity constraint the reason ends in "for XsdUnique(name=...)", the library's own object.
    # About a date it ends in the class of Python that could not be made of it.
    return "", _PYTHON.sub("", (error.reason or "").partition(" for Xsd")[0])
