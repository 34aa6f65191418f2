"""A payload schema as a value: its name, version and files. Reads a folder, resolves locations, compiles.

Promise: nothing outside the package's own files is ever opened, neither by us nor by the C library; every file is
held in memory. Whether a schema is wise to register is `hub.schema.lint`'s question.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from lxml import etree

from hub.errors import Misconfigured
from hub.schema.complaint import printable
from hub.schema.definition_errors import definition_in_chinese, readable

XS = "{http://www.w3.org/2001/XMLSchema}"
MAX_FILES = 200
MAX_BYTES = 4 * 1024 * 1024
_MOST_TOLD = 10
_BASE = "package:///"
_REFERENCES = (XS + "include", XS + "import", XS + "redefine")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.]{0,15}")


@dataclass(frozen=True, slots=True)
class SchemaPackage:
    """One version of a payload schema. `files` maps a slash path inside the package to the file's bytes."""

    name: str
    version: str
    entry: str
    files: Mapping[str, bytes]

    @property
    def token(self) -> str:
        """What an envelope's `type` says for this schema: name-version."""
        return f"{self.name}-{self.version}"

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path."""
        return {path: hashlib.sha256(content).hexdigest() for path, content in self.files.items()}

    @classmethod
    def from_folder(
        cls, path: Path, name: str | None = None, version: str | None = None, entry: str | None = None
    ) -> SchemaPackage:
        """Read every *.xsd of a folder and its subfolders.

        A folder called `permit-form-2` gives name and version by itself; a plain one is version 1.
        Errors: `Misconfigured` for a bad name, a link out of the folder, a location that leaves it or is missing,
        or an entry file that cannot be told.
        """
        stem, _, tail = path.name.rpartition("-")
        versioned = bool(stem) and _VERSION.fullmatch(tail) is not None
        name = name or (stem if versioned else path.name)
        version = version or (tail if versioned else "1")
        if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
            raise Misconfigured("schema.name", got=f"{name}-{version}")
        files = _read(path)
        package = cls(name, version, entry or _entry(files), files)
        package.check()
        return package

    def check(self) -> None:
        """Refuse a package with an unreadable file, a DOCTYPE, or a location outside or missing.

        Errors: `Misconfigured` whose `where` names file and line.
        """
        if self.entry not in self.files:
            raise Misconfigured("schema.file-missing", got=self.entry)
        for file, content in self.files.items():
            for element in parse_xsd(file, content).iter(*_REFERENCES):
                resolve(self.files, file, element)

    def reachable(self) -> Iterator[tuple[str, Any]]:
        """The entry file and all that it includes or redefines, as (file, root): one target namespace together."""
        waiting, seen = [self.entry], {self.entry}
        while waiting:
            file = waiting.pop()
            root = parse_xsd(file, self.files[file])
            yield file, root
            for element in root.iter(XS + "include", XS + "redefine"):
                target = resolve(self.files, file, element)
                if target and target not in seen:
                    seen.add(target)
                    waiting.append(target)

    def compile(self) -> etree.XMLSchema:
        """The validator, built from the package's own files only.

        Errors: Misconfigured schema.broken with the first of `broken`, and those of `check`.
        """
        try:
            return self._compiled()
        except etree.LxmlError as error:
            raise _broken(error)[0] from error

    def broken(self) -> list[Misconfigured]:
        """All that keeps it from being compiled, in the library's words, each with its place. Errors: as `check`."""
        try:
            self._compiled()
        except etree.LxmlError as error:
            return _broken(error)
        return []

    def _compiled(self) -> etree.XMLSchema:
        self.check()
        parser = _parser()
        parser.resolvers.add(_OwnFiles(self.files))
        root = etree.fromstring(self.files[self.entry], parser, base_url=_BASE + quote(self.entry))
        return etree.XMLSchema(root)


class _OwnFiles(etree.Resolver):
    """Answers the C library from memory; whatever it asks beyond that does not exist."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__()
        self._files = files

    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]
        content = self._files.get(unquote(system_url.removeprefix(_BASE)))
        if content is None or not system_url.startswith(_BASE):
            # resolve_empty or None would let the C library look for the file by itself
            raise FileNotFoundError(system_url)
        return self.resolve_string(content, context, base_url=system_url)


def parse_xsd(file: str, content: bytes) -> Any:
    """The root element of one schema file. Errors: `Misconfigured("schema.malformed" | "schema.doctype")`."""
    try:
        root: Any = etree.fromstring(content, _parser())
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise _wrong("schema.malformed", f"{file}:{line}", error.msg or "", str(error)) from error
    if root.getroottree().docinfo.doctype:
        raise Misconfigured("schema.doctype", where=file)
    if root.tag != XS + "schema":
        raise Misconfigured("schema.malformed", where=file, expected="xs:schema", got=etree.QName(root).localname)
    return root


def resolve(files: Mapping[str, bytes], file: str, element: Any) -> str | None:
    """The package file that an xs:include, xs:import or xs:redefine means; None if it names no location.

    Errors: `Misconfigured("schema.outside" | "schema.file-missing")`.
    """
    location = element.get("schemaLocation")
    if location is None:
        return None
    where = f"{file}:{element.sourceline}"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file), unquote(location.strip())))
    if _leaves(location.strip()) or target.startswith(("..", "/")):
        raise Misconfigured("schema.outside", where=where, got=location[:200])
    if target not in files:
        raise Misconfigured("schema.file-missing", where=where, got=location[:200])
    return target


def _leaves(location: str) -> bool:
    try:
        parts = urlsplit(location)
    except ValueError:
        return True
    return bool(parts.scheme or parts.netloc) or "\\" in location


def _parser() -> etree.XMLParser:
    return etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False, huge_tree=False)


def _read(folder: Path) -> dict[str, bytes]:
    """Sorted, so that the same folder gives the same package everywhere."""
    if not folder.is_dir():
        raise Misconfigured("schema.folder", got=folder.name, operator=str(folder))
    home = folder.resolve()
    files: dict[str, bytes] = {}
    total = 0
    for path in sorted(folder.rglob("*.xsd")):
        if not path.resolve().is_relative_to(home):
            raise Misconfigured("schema.outside", where=path.name, operator=str(path.resolve()))
        total += path.stat().st_size
        if len(files) >= MAX_FILES or total > MAX_BYTES:
            raise Misconfigured("schema.too-large", expected=f"<= {MAX_FILES} files, <= {MAX_BYTES} bytes")
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
    if not files:
        raise Misconfigured("schema.folder", got=folder.name, operator=str(folder))
    return files


def _entry(files: Mapping[str, bytes]) -> str:
    """The one file that no other file refers to."""
    referred = set()
    for file, content in files.items():
        for element in parse_xsd(file, content).iter(*_REFERENCES):
            target = resolve(files, file, element)
            if target != file:
                referred.add(target)
    free = [file for file in files if file not in referred]
    if len(free) != 1:
        raise Misconfigured("schema.no-entry", got=", ".join((free or list(files))[:10]))
    return free[0]


def _broken(error: Any) -> list[Misconfigured]:
    """The library's complaints about the package's own files, the first few; one at least."""
    told = [
        _wrong("schema.broken", f"{_file(entry.filename)}:{entry.line}", entry.message, str(error))
        for entry in error.error_log
        if entry.filename.startswith(_BASE)
    ]
    return told[:_MOST_TOLD] or [_wrong("schema.broken", "", str(error), str(error))]


def _file(address: str) -> str:
    return unquote(address.removeprefix(_BASE))


def _wrong(code: str, where: str, words: str, operator: str) -> Misconfigured:
    chinese = printable(definition_in_chinese(words))
    return Misconfigured(code, where=where, got=printable(readable(words)), got_zh=chinese, operator=operator)
