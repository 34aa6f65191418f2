"""What the documents say, held against the code: commands, codes, settings, links, exit codes, the worked examples.

`python -m tests.test_docs` writes docs/errors.md anew.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import pytest
from lxml import etree

import cli
from commands.frame.exits import MEANINGS
from hub.administration.administered import Deed
from hub.catalogue import CATALOGUE
from hub.errors import Refused
from hub.parser import parse
from hub.schema.schema import Schemas
from hub.settings.settings import Settings
from hub.signing import signature
from hub.trust.ca import DemoCa
from tests.town import START, signer_of

ROOT = Path(cli.__file__).parent
ERRORS = ROOT / "docs" / "errors.md"
DEPARTMENTS = ROOT / "docs" / "departments.md"
TRANSLATED = sorted((ROOT / "docs").glob("*.zh-CN.md"))
"""The Chinese pages that have an English twin beside them."""
PAIRED = [ROOT / "README.zh-CN.md", ROOT / "SECURITY.zh-CN.md", *TRANSLATED]
"""The same with those at the top; the README shows its examples as each language prints them."""
OURS = [*sorted(ROOT.glob("README*.md")), *sorted(ROOT.glob("SECURITY*.md")), *sorted((ROOT / "docs").glob("*.md"))]
"""Every page that a user reads."""
FORMATS = {
    f"{name}{language}.md" for name in ("evidence-format", "ledger-format", "witness") for language in ("", ".zh-CN")
}
"""Pages whose words with a dot are of files and acts as well."""
TAMPER_MATRIX = ROOT / "docs" / "tamper-matrix.zh-CN.md"
FOUND_BY = {
    "chain": "哈希链",
    "tree": "账本树",
    "checkpoint": "检查点",
    "time-stamp": "时间戳",
    "witness": "见证方",
    "not found": "不能发现",
    "nothing to be found": "没有可发现的改动",
}
"""What finds a forgery, in the words of the tamper matrix in both languages."""
SCHEMAS = Schemas.builtin()
DS = "{http://www.w3.org/2000/09/xmldsig#}"

_FENCED = re.compile(r"^ *```([\w-]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#:]+)\)")
_SECTION = re.compile(r"\]\(([^)#:]*)#([^):]+)\)")
_PAGE = re.compile(r"\]\(([^)#:]+\.md)[^):]*\)")
_NUMBER = re.compile(r"(?<![A-Za-z\d.\-])\d+(?:,\d{3})*(?:\.\d+)?")
_MARK = re.compile(r"(#+) |\s*(?:-|\d+\.) |\|")
_CELL = re.compile(r"(?<!\\)\|")
_SOURCE = re.compile(r"(?<![/\w])(?:hub|connectors|commands|tests|demo|bench)/[a-z0-9_/]+(?:\.py|/)")
_DOTTED = re.compile(r"[a-z]+\.[a-z][a-z0-9_\-]+")
_FILE_ENDINGS = ("yaml", "db", "key", "crt", "md", "xml", "wsdl", "json", "note")

HEAD = """\
# Error codes

Every code with its meaning and what to do, as departments and administrators read it. A code never changes its
meaning. The part before the dot names the step or noun that raises it. `python -m tests.test_docs` writes this page.

全部错误代码、含义及处理办法。代码含义永不改变；点号之前的部分表示产生该错误的步骤或对象。
"""
COLUMNS = "| code | meaning | what to do | 含义 | 处理办法 |\n| --- | --- | --- | --- | --- |"


def error_page() -> str:
    """docs/errors.md as the catalogue has it."""
    parts = [HEAD]
    for noun, codes in groupby(sorted(CATALOGUE), key=lambda code: code.partition(".")[0]):
        parts.append(f"\n## {noun}\n\n{COLUMNS}\n")
        for code in codes:
            text = CATALOGUE[code]
            cells = (f"`{code}`", text.en, text.next_en, text.zh, text.next_zh)
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(parts)


def blocks(path: Path, kind: str) -> list[str]:
    return [content for found, content in _FENCED.findall(path.read_text(encoding="utf-8")) if found == kind]


def prose(path: Path) -> str:
    return _FENCED.sub("", path.read_text(encoding="utf-8"))


def typed(path: Path) -> Iterator[str]:
    """Every `hub ...` command line that a document shows."""
    for block in blocks(path, "sh"):
        yield from (line.partition("hub ")[2] for line in block.splitlines() if re.match(r" *(\S*/)?hub ", line))
    yield from (quoted[4:] for quoted in _QUOTED.findall(prose(path)) if quoted.startswith("hub "))


def options_of(command: click.Command) -> set[str]:
    return {option for param in command.params for option in (*param.opts, *param.secondary_opts)}


def check_command(line: str) -> None:
    """Walk from nouns to verb; every option must be one that the commands on the way have."""
    command: click.Command = cli.cli
    options = options_of(command) | {"--help"}
    before = ""
    for word in shlex.split(line.replace("…", "")):
        if word.startswith("-"):
            assert word in options, f"{word} in: hub {line}"
        elif isinstance(command, click.Group) and re.fullmatch("[a-z]+", word) and not before.startswith("-"):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{word} in: hub {line}"
            command = found
            options |= options_of(command)
        before = word


def setting_names() -> set[str]:
    settings = Settings(hub="center")
    parts = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    return {f"{name}.{f.name}" for name, part in parts.items() if is_dataclass(part) for f in fields(part)}


def test_the_page_of_errors_is_the_catalogue() -> None:
    assert ERRORS.read_text(encoding="utf-8") == error_page(), "run: python -m tests.test_docs"


def test_every_code_of_the_catalogue_is_one_that_the_program_names() -> None:
    """A code may be made of its noun and a word (`f"delivery.{cause}"`); then both have to stand in the code."""
    folders = (ROOT / name for name in ("hub", "connectors", "commands", "demo"))
    files = (file for folder in folders for file in folder.rglob("*.py") if file.name != "catalogue.py")
    program = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for code in CATALOGUE:
        noun, _, word = code.partition(".")
        assert f'"{code}"' in program or (f'f"{noun}.{{' in program and f'"{word}"' in program), code


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    missing = {link for link in _LINK.findall(prose(path)) if not (path.parent / link).exists()}
    assert missing == set()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_links_to_a_section_lead_to_a_heading(path: Path) -> None:
    found = ((path.parent / link if link else path, section) for link, section in _SECTION.findall(prose(path)))
    assert [section for page, section in found if section not in sections_of(page)] == []


def sections_of(page: Path) -> set[str]:
    """The headings of a page as links name them: small letters, without signs, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_of_the_program_that_a_page_names_are_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {(page.name, word) for page in pages for word in _SOURCE.findall(page.read_text(encoding="utf-8"))}
    assert ("ARCHITECTURE.md", "hub/accept.py") in named
    assert {name for name in named if not (ROOT / name[1]).exists()} == set()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_what_is_quoted_stands_on_one_line(path: Path) -> None:
    """What is broken over two lines no other test here sees, and what follows it would be read inside out."""
    assert [line for line in prose(path).splitlines() if line.count("`") % 2] == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_commands_exist_with_the_options_shown(path: Path) -> None:
    for line in typed(path):
        check_command(line)


@pytest.mark.parametrize("path", [path for path in OURS if path.name not in FORMATS], ids=lambda path: path.name)
def test_codes_and_settings_named_in_prose_exist(path: Path) -> None:
    known = set(CATALOGUE) | setting_names()
    named = {quoted for quoted in _QUOTED.findall(prose(path)) if _DOTTED.fullmatch(quoted)}
    assert {name for name in named if not name.endswith(_FILE_ENDINGS)} <= known


@pytest.mark.parametrize(("name", "lang"), [("operating.md", "en"), ("operating.zh-CN.md", "zh")])
def test_exit_codes_are_those_of_the_program(name: str, lang: str) -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| (.+) \|$", prose(ROOT / "docs" / name), re.MULTILINE)
    assert rows == [(str(int(code)), code.name, getattr(meaning, lang)) for code, meaning in MEANINGS.items()]


def test_the_example_envelope_is_one_that_the_schema_takes_once_it_is_signed() -> None:
    unsigned = etree.fromstring(blocks(DEPARTMENTS, "xml")[0])
    SCHEMAS.check_envelope(parse(signature.sign(unsigned, signer_of("a")[0])))


def test_the_worked_signature_verifies_and_has_the_numbers_told() -> None:
    shown = blocks(DEPARTMENTS, "xml")[1].encode()
    text = prose(DEPARTMENTS)
    root: Any = parse(shown)
    SCHEMAS.check_proof(root)
    info = etree.tostring(root.find(f".//{DS}SignedInfo"), method="c14n", exclusive=True)
    claimed = root.findtext(f".//{DS}DigestValue")
    whole = etree.tostring(signature.verify(root).root, method="c14n", exclusive=True)
    assert base64.b64encode(hashlib.sha256(whole).digest()).decode() == claimed
    for canonical in (whole, info):
        assert f"{len(canonical)} bytes" in text
        assert hashlib.sha256(canonical).hexdigest() in text


def twin_of(chinese: Path) -> Path:
    return chinese.with_name(chinese.name.replace(".zh-CN", ""))


@pytest.mark.parametrize("chinese", TRANSLATED, ids=lambda path: path.name)
def test_both_languages_show_the_same_examples(chinese: Path) -> None:
    assert examples_in(chinese) == examples_in(twin_of(chinese))


@pytest.mark.parametrize("chinese", PAIRED, ids=lambda path: path.name)
def test_both_languages_name_the_same_commands_codes_and_settings(chinese: Path) -> None:
    assert names_in(chinese) == names_in(twin_of(chinese))


@pytest.mark.parametrize("chinese", PAIRED, ids=lambda path: path.name)
def test_both_languages_tell_the_same_numbers(chinese: Path) -> None:
    assert numbers_in(chinese) == numbers_in(twin_of(chinese))


@pytest.mark.parametrize("chinese", PAIRED, ids=lambda path: path.name)
def test_both_languages_have_the_same_sections_lists_and_tables(chinese: Path) -> None:
    assert shape_of(chinese) == shape_of(twin_of(chinese))


@pytest.mark.parametrize("chinese", PAIRED, ids=lambda path: path.name)
def test_both_languages_quote_the_same_in_each_row_of_a_table(chinese: Path) -> None:
    for row, twin in zip(rows_of(chinese), rows_of(twin_of(chinese)), strict=True):
        assert set(_QUOTED.findall(row)) == set(_QUOTED.findall(twin))


def test_both_languages_of_the_tamper_matrix_say_the_same_of_each_forgery() -> None:
    cells = [
        (FOUND_BY[found], chinese_cell)
        for row, twin in zip(rows_of(TAMPER_MATRIX), rows_of(twin_of(TAMPER_MATRIX)), strict=True)
        for chinese_cell, found in zip(cells_of(row), cells_of(twin), strict=True)
        if found in FOUND_BY
    ]
    assert len(cells) > 100
    assert [(expected, got) for expected, got in cells if expected != got] == []


def test_the_acts_that_the_ledgers_format_names_are_those_of_the_program() -> None:
    found = re.search(r"`detail` is the deed\s*\((.*?)\)", prose(ROOT / "docs" / "ledger-format.md"), re.DOTALL)
    assert found is not None
    assert _QUOTED.findall(found[1]) == [str(deed) for deed in Deed]


@pytest.mark.parametrize("chinese", PAIRED, ids=lambda path: path.name)
def test_a_chinese_page_and_its_twin_lead_to_each_other_and_on_to_chinese_pages(chinese: Path) -> None:
    here, english = pages_from(chinese), twin_of(chinese)
    assert english in here
    assert chinese in pages_from(english)
    assert {page for page in PAIRED if twin_of(page) in here} == {chinese}


def examples_in(page: Path) -> list[tuple[str, str]]:
    """What a page shows to be typed or copied, less what is in the language of the page: comments, names of rules."""
    found = _FENCED.findall(page.read_text(encoding="utf-8"))
    return [(kind, re.sub(r"<!--.*?-->|#.*|(?<=- name: ).*", "", content)) for kind, content in found]


def names_in(page: Path) -> set[str]:
    """What a page quotes that is typed or read on a screen: commands, options, codes, settings, paths, figures.

    What stands for a name of the reader's own is in the language of the page, so it is left out.
    """
    quoted = (word for word in _QUOTED.findall(prose(page)) if re.match(r"hub |--[a-z]|/|[a-z]+[._][a-z]", word))
    return {re.sub(r"\b[A-Z]+\b|[^\x00-\x7f]+", "", word) for word in quoted}


def numbers_in(page: Path) -> set[str]:
    """Every number that a page writes in digits, each once: a sentence may be two in the other language."""
    return {number.replace(",", "") for number in _NUMBER.findall(re.sub(r"\]\([^)]*\)", "]", prose(page)))}


def pages_from(page: Path) -> set[Path]:
    """Which pages a page leads to."""
    return {(page.parent / link).resolve() for link in _PAGE.findall(prose(page))}


def shape_of(page: Path) -> list[str]:
    """Headings by their level, items of lists, and rows of tables by their cells, in the order in which they stand."""
    marks = (_MARK.match(line) for line in prose(page).splitlines())
    return [mark[1] or str(len(_CELL.findall(mark.string))) for mark in marks if mark]


def rows_of(page: Path) -> list[str]:
    return [line for line in prose(page).splitlines() if line.startswith("|")]


def cells_of(row: str) -> list[str]:
    return [cell.strip() for cell in _CELL.split(row)]


@pytest.mark.skipif(shutil.which("java") is None, reason="no JDK on this machine")
def test_the_java_example_signs_as_the_hub_wants(tmp_path: Path) -> None:
    issued = DemoCa.create("示例", START).issue("市水务局", "water", START)
    names = ["Sign.java", "unsigned.xml", "water.key", "water.crt", "signed.xml"]
    source, unsigned, key, certificate, signed = (tmp_path / name for name in names)
    source.write_text(blocks(DEPARTMENTS, "java")[0], encoding="utf-8")
    unsigned.write_text(blocks(DEPARTMENTS, "xml")[0], encoding="utf-8")
    key.write_bytes(issued.key_pem)
    certificate.write_bytes(issued.certificate_pem)
    brief = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # it lives for a second
    subprocess.run(["java", *brief, *names], cwd=tmp_path, check=True, timeout=300, capture_output=True)
    root = parse(signed.read_bytes())
    SCHEMAS.check_envelope(root)
    assert signature.verify(root).algorithm == "ecdsa-sha256"


def test_the_python_example_signs_as_the_hub_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = DemoCa.create("示例", START).issue("市水务局", "water", START)
    (tmp_path / "unsigned.xml").write_text(blocks(DEPARTMENTS, "xml")[0], encoding="utf-8")
    (tmp_path / "water.key").write_bytes(issued.key_pem)
    (tmp_path / "water.crt").write_bytes(issued.certificate_pem)
    monkeypatch.chdir(tmp_path)
    (example,) = blocks(DEPARTMENTS, "python")
    exec(example, {})
    root = parse((tmp_path / "signed.xml").read_bytes())
    SCHEMAS.check_envelope(root)
    assert signature.verify(root).algorithm == "ecdsa-sha256"

    line = "    c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,\n"
    assert line in example
    exec(example.replace(line, ""), {})
    with pytest.raises(Refused, match=r"signature\.profile"):
        signature.verify(parse((tmp_path / "signed.xml").read_bytes()))


if __name__ == "__main__":
    ERRORS.write_text(error_page(), encoding="utf-8")
