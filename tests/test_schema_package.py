"""A schema package reads its own folder and nothing else, whatever its files ask for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from hub.errors import Misconfigured
from hub.schema.package import MAX_FILES, SchemaPackage, _OwnFiles, _parser

EXAMPLES = Path(__file__).parent.parent / "examples"


def xsd(body: str = "", namespace: str = "urn:t") -> bytes:
    return (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="{namespace}" '
        f'targetNamespace="{namespace}">{body}</xs:schema>'
    ).encode()


def include(location: str) -> bytes:
    return xsd(f'<xs:include schemaLocation="{location}"/><xs:element name="r" type="t:T"/>')


def package(**files: bytes) -> SchemaPackage:
    named = {name.replace("__", "/") + ".xsd": content for name, content in files.items()}
    return SchemaPackage("t", "1", next(iter(named)), named)


TYPE = xsd('<xs:simpleType name="T"><xs:restriction base="xs:int"/></xs:simpleType>')


def code(package: SchemaPackage) -> str:
    with pytest.raises(Misconfigured) as caught:
        package.compile()
    return caught.value.code


def test_a_folder_gives_name_version_entry_and_all_files() -> None:
    found = SchemaPackage.from_folder(EXAMPLES / "permit-form")
    assert (found.token, found.entry) == ("permit-form-1", "permit-form.xsd")
    assert list(found.files) == ["permit-form.xsd", "types/party.xsd"]


def test_a_folder_named_with_a_version_gives_it(tmp_path: Path) -> None:
    folder = tmp_path / "form-2.1"
    folder.mkdir()
    (folder / "a.xsd").write_bytes(xsd())
    found = SchemaPackage.from_folder(folder)
    assert (found.name, found.version) == ("form", "2.1")


@pytest.mark.parametrize(("name", "version"), [("../x", "1"), ("x", "v1"), ("x y", "1"), ("x", "1/2")])
def test_a_name_that_no_envelope_could_carry_is_refused(name: str, version: str) -> None:
    with pytest.raises(Misconfigured, match=r"schema\.name"):
        SchemaPackage.from_folder(EXAMPLES / "permit-form", name, version)


def test_files_in_subfolders_may_include_each_other_and_upwards() -> None:
    files = package(a=include("sub/b.xsd"), sub__b=xsd('<xs:include schemaLocation="../c.xsd"/>'), c=TYPE)
    root = etree.fromstring('<r xmlns="urn:t">7</r>')
    assert files.compile()(root)


def test_chinese_and_escaped_file_names_are_found() -> None:
    files = {"a.xsd": include("%E7%B1%BB%E5%9E%8B%201.xsd"), "类型 1.xsd": TYPE}
    SchemaPackage("t", "1", "a.xsd", files).compile()


@pytest.mark.parametrize(
    "location",
    [
        "../b.xsd",
        "sub/../../b.xsd",
        "%2e%2e/b.xsd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9/b.xsd",
        "https://example.org/b.xsd",
        "ftp://example.org/b.xsd",
        "//example.org/b.xsd",
        "package:///../b.xsd",
        "..\\b.xsd",
        "http://[broken/b.xsd",
    ],
)
@pytest.mark.parametrize("kind", ["include", "redefine", "import"])
def test_a_location_outside_the_folder_is_refused(location: str, kind: str) -> None:
    namespace = ' namespace="urn:other"' if kind == "import" else ""
    files = package(a=xsd(f'<xs:{kind}{namespace} schemaLocation="{location}"/>'), b=TYPE)
    with pytest.raises(Misconfigured) as caught:
        files.compile()
    assert caught.value.code == "schema.outside"
    assert caught.value.where == "a.xsd:1"


def test_a_location_that_is_not_in_the_folder_is_refused() -> None:
    assert code(package(a=include("b.xsd"))) == "schema.file-missing"


@pytest.fixture
def address() -> Iterator[tuple[str, socket.socket]]:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0)
    yield f"http://127.0.0.1:{server.getsockname()[1]}/b.xsd", server
    server.close()


def nobody_called(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


def test_the_parser_itself_never_leaves_memory(address: tuple[str, socket.socket], tmp_path: Path) -> None:
    """The second wall: what the C library asks for is answered from the package even without our check."""
    url, server = address
    (tmp_path / "b.xsd").write_bytes(TYPE)
    for location in (url, (tmp_path / "b.xsd").as_uri(), str(tmp_path / "b.xsd")):
        parser = _parser()
        parser.resolvers.add(_OwnFiles({}))
        root = etree.fromstring(include(location), parser, base_url="package:///a.xsd")
        with pytest.raises(etree.XMLSchemaParseError):
            etree.XMLSchema(root)
    assert nobody_called(server)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.xsd").write_bytes(TYPE)
    folder = tmp_path / "form"
    folder.mkdir()
    (folder / "a.xsd").write_bytes(include("b.xsd"))
    (folder / "b.xsd").symlink_to(tmp_path / "secret.xsd")
    with pytest.raises(Misconfigured) as caught:
        SchemaPackage.from_folder(folder)
    assert caught.value.code == "schema.outside"
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE x>",
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
    ],
)
def test_a_doctype_is_refused(doctype: str) -> None:
    assert code(package(a=doctype.encode() + xsd())) == "schema.doctype"


@pytest.mark.parametrize("content", [b"", b"no xml", b"<xs:schema", b"<html/>", xsd("<unclosed>")])
def test_a_file_that_is_no_schema_is_refused(content: bytes) -> None:
    assert code(package(a=content)) == "schema.malformed"


def test_a_broken_schema_names_file_and_line() -> None:
    with pytest.raises(Misconfigured) as caught:
        package(a=xsd('\n\n<xs:element name="r" type="t:Absent"/>')).compile()
    assert (caught.value.code, caught.value.where) == ("schema.broken", "a.xsd:3")


def test_two_candidates_for_the_entry_are_refused_and_one_may_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "form"
    folder.mkdir()
    (folder / "a.xsd").write_bytes(xsd())
    (folder / "b.xsd").write_bytes(xsd())
    with pytest.raises(Misconfigured) as caught:
        SchemaPackage.from_folder(folder)
    assert (caught.value.code, caught.value.got) == ("schema.no-entry", "a.xsd, b.xsd")
    assert SchemaPackage.from_folder(folder, entry="b.xsd").entry == "b.xsd"
    with pytest.raises(Misconfigured, match=r"schema\.file-missing"):
        SchemaPackage.from_folder(folder, entry="c.xsd")


def test_files_that_include_each_other_in_a_ring_have_no_entry(tmp_path: Path) -> None:
    folder = tmp_path / "form"
    folder.mkdir()
    (folder / "a.xsd").write_bytes(xsd('<xs:include schemaLocation="b.xsd"/>'))
    (folder / "b.xsd").write_bytes(xsd('<xs:include schemaLocation="a.xsd"/>'))
    with pytest.raises(Misconfigured, match=r"schema\.no-entry"):
        SchemaPackage.from_folder(folder)


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_schemas_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Misconfigured, match=r"schema\.folder"):
        SchemaPackage.from_folder(tmp_path / name)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "form"
    folder.mkdir()
    for number in range(MAX_FILES + 1):
        (folder / f"{number}.xsd").write_bytes(xsd())
    with pytest.raises(Misconfigured, match=r"schema\.too-large"):
        SchemaPackage.from_folder(folder)
