"""Row "Fields": text that attacks whoever stores, searches or shows it.

Where the schema lets it in, it comes back as the same text and is shown harmlessly; where not, the refusal quotes it
harmlessly too.
"""

from __future__ import annotations

import io
import json
import logging
from dataclasses import fields
from typing import Any
from xml.sax.saxutils import escape

import pytest

from commands.frame.output import as_json, as_record, as_table, column
from connectors.serving.logs import OutcomeFormatter
from hub import envelope
from hub.parser import parse
from hub.store import refusals, trace
from tests.hostile.conftest import Refuse
from tests.hostile.documents import changed, signed_carelessly
from tests.town import NOTICE, Town, signer_of

HOSTILE = {
    "CRLF": "ok\r\n2026-03-02T01:00:00Z info hub accepted sender=z",
    "SQL": "x'); DROP TABLE messages; --",
    "SQL in double quotes": 'x" OR ""="',
    "SQL wildcard": "%' OR '1'='1",
    "XPath": "'] | //* | a['",
    "XPath function": "' or document('file:///etc/passwd') or '",
    "script": "<script>alert('密')</script>",
    "attribute": "\" onmouseover=\"alert(1)",
    "CDATA end": "]]><od:body/>",
    "template": "{{7*7}} ${7*7} %(levelname)s %s {0.__class__}",
    "spreadsheet formula": "=HYPERLINK(\"http://127.0.0.1/?\"&A1)",
    "CSI by C1": "\u009b2J\u009b31m",
    "right-to-left override": "\u202egnp.exe\u202c",
    "line separator": "one\u2028two\u2029three",
    "zero width": "a\u200bb\ufeffc",
    "backslashes": "..\\..\\x\\u0000\\n",
    "shell": "$(touch x) `id` ; rm -rf / | cat &",
}  # fmt: skip
QUOTED = {'"': "&quot;", "\r": "&#13;", "\n": "&#10;"}
COLUMNS = (column("text", "文本", "Text"), column("other", "其他", "Other"))

hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def _notice(**texts: str) -> Any:
    """A notice with other texts in its title and paragraph."""
    payload = parse(NOTICE.encode())
    for element in payload.iter():
        name = element.tag.rpartition("}")[2]
        element.text = texts.get(name, element.text)
    return payload


@hostile
def test_free_text_is_stored_and_handed_over_as_it_was_signed(town: Town, text: str) -> None:
    raw = town.signed("a", "b", payload=_notice(title=text, paragraph=text))
    receipt = town.submit(raw)
    town.deliver()
    handed = next(c for c in town.connector.handed if c.message_id == receipt.message_id)
    assert handed.envelope == raw
    payload = envelope.payload_of(parse(handed.envelope))
    assert [e.text for e in payload.iter("{*}title", "{*}paragraph")] == [text, text]


def test_a_terminal_escape_is_no_xml(town: Town, refuse: Refuse) -> None:
    refuse(changed(town.signed("a", "b"), "测试", b"\x1b[2J"), "xml.malformed")
    refuse(changed(town.signed("a", "b"), "测试", b"&#27;[2J"), "xml.malformed")


FREE_HEADER = ("messageId", "sender", "recipient", "conversation", "inReplyTo", "documentNumber", "caseNumber", "type")


@pytest.mark.parametrize("name", FREE_HEADER)
@pytest.mark.parametrize("row", ["CRLF", "SQL", "script", "CSI by C1", "right-to-left override", "line separator"])
def test_a_header_field_takes_no_such_text_and_the_refusal_quotes_it_on_one_line(
    town: Town, refuse: Refuse, name: str, row: str
) -> None:
    extra: dict[str, Any] = {
        "conversation": "c",
        "in_reply_to": "r",
        "document_number": "测办〔2026〕1号",
        "case_number": "n",
    }
    tree = town.envelope("a", "b", **extra)
    next(tree.iter(f"{{*}}{name}")).text = HOSTILE[row]
    refusal = refuse(signed_carelessly(tree, signer_of("a")[0]), "envelope.invalid")
    assert all(value.isprintable() for value in refusal.facts().values()), refusal.facts()


@pytest.mark.parametrize("name", ["id", "name", "mediaType"])
@pytest.mark.parametrize("row", ["CRLF", "SQL", "script", "attribute", "line separator"])
def test_an_attachment_field_that_is_refused_is_quoted_on_one_line(
    town: Town, refuse: Refuse, name: str, row: str
) -> None:
    line = envelope.attachment("x", "x.ofd", "application/ofd", b"x", inline=True)
    tree = town.envelope("a", "b", attachments=[line])
    next(tree.iter(f"{{urn:hub:envelope:v1}}{name}")).text = HOSTILE[row] + "\n"
    refusal = refuse(signed_carelessly(tree, signer_of("a")[0]), "envelope.invalid")
    assert all(value.isprintable() for value in refusal.facts().values())


PATHS = [
    *("../../etc/passwd", "/etc/passwd", "..", "C:\\x.exe", "a/b", "x."),
    *(".hidden", "CON:", "a\nb", " x", "x ", "a*b?"),
]


@pytest.mark.parametrize("name", PATHS)
def test_an_attachment_name_is_no_path(town: Town, refuse: Refuse, name: str) -> None:
    line = envelope.attachment("x", name, "application/ofd", b"x", inline=True)
    refuse(town.signed("a", "b", attachments=[line]), "envelope.invalid")


@pytest.mark.parametrize("row", ["SQL", "XPath", "template", "shell"])
def test_an_attachment_name_that_is_taken_is_only_a_name(town: Town, row: str) -> None:
    name = HOSTILE[row].translate(str.maketrans("", "", '/\\:*?"<>|\r\n')).strip()
    line = envelope.attachment("x", name, "application/ofd", row.encode(), inline=False)
    receipt = town.send("a", "b", attachments=[line], beside={"x": row.encode()})
    town.deliver()
    handed = next(c for c in town.connector.handed if c.message_id == receipt.message_id)
    assert handed.attachments == (("x", row.encode()),)
    assert envelope.read(parse(handed.envelope)).attachments[0].name == name


QUOTING_NUMBERS = [f"{organ}〔2026〕1号" for organ in ("x'OR'1'='1';--", '"x"%_', "<b>&amp;", "=1+1", "$id`x`")]


@pytest.mark.parametrize("number", QUOTING_NUMBERS)
def test_sql_in_a_document_number_finds_itself_and_nothing_else(town: Town, number: str) -> None:
    receipt = town.send("a", "b", document_number=number)
    with town.hub.store.reading() as connection:
        found = trace.find_messages(connection, [number])
    assert [(m.message_id, m.document_number) for m in found] == [(receipt.message_id, number)]


@hostile
def test_hostile_text_in_a_question_finds_nothing(town: Town, text: str) -> None:
    with town.hub.store.reading() as connection:
        assert trace.find_messages(connection, [text]) == []
        for asked in ("sender", "recipient", "type", "state"):
            assert trace.list_messages(connection, **_asked(asked, text)) == []
        assert trace.read_message(connection, text, text) is None
        assert trace.list_deliveries(connection, endpoint=text) == []
        assert trace.read_document(connection, text) is None
    assert town.hops(), "the tables are still there"


def _asked(name: str, text: str) -> dict[str, Any]:
    return {name: text}


@hostile
def test_a_refusal_is_stored_and_listed_as_it_was_told(town: Town, refuse: Refuse, text: str) -> None:
    tree = town.envelope("a", "b", conversation=text)
    refusal = refuse(signed_carelessly(tree, signer_of("a")[0]), "envelope.invalid")
    with town.hub.store.reading() as connection:
        stored = max(refusals.list_refusals(connection, 10_000), key=lambda r: r.sequence)
    assert (stored.code, stored.place, stored.got) == (refusal.code, refusal.where, refusal.got)
    shown = as_table(COLUMNS, [(stored.got, stored.code)], "zh").split("\n")
    assert len(shown) == 2
    assert all(line.isprintable() for line in shown)


@hostile
def test_hostile_text_in_a_namespace_is_not_quoted(town: Town, refuse: Refuse, text: str) -> None:
    namespace = f"urn:{escape(text, QUOTED)}"
    raw = town.signed("a", "b")
    refusal = refuse(changed(raw, "urn:hub:official-document:v1", namespace), "xml.malformed")
    assert text not in str(refusal.facts())


@hostile
def test_a_log_line_stays_one_line_with_its_own_fields(text: str) -> None:
    record = logging.makeLogRecord({"name": "hub", "levelno": logging.INFO, "levelname": "INFO", "msg": "accepted"})
    record.fields = {"sender": "a", "message": text, "code": "none"}
    line = OutcomeFormatter().format(record)
    assert line.isprintable()
    assert line.endswith(" code=none")
    written = line[line.index(" message=") + len(" message=") : -len(" code=none")]
    assert written == text or json.loads(written) == text


@hostile
def test_an_event_name_with_hostile_text_stays_one_line(text: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OutcomeFormatter())
    handler.emit(logging.makeLogRecord({"name": "hub", "levelname": "INFO", "msg": "%s", "args": (text,)}))
    assert len(stream.getvalue().splitlines()) == 1


@hostile
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_table_and_a_record_show_hostile_text_harmlessly(text: str, lang: str) -> None:
    table = as_table(COLUMNS, [(text, text)], lang).split("\n")
    record = as_record(COLUMNS, [text, (text, text)], lang).split("\n")
    assert (len(table), len(record)) == (2, 2)
    assert all(line.isprintable() for line in (*table, *record))


@hostile
def test_json_carries_hostile_text_whole_and_harmlessly(text: str) -> None:
    written = as_json([{"text": text}])
    assert json.loads(written) == [{"text": text}]
    assert written.replace("\n", "").isprintable()


def test_a_traced_message_has_no_field_that_was_left_out_here() -> None:
    """Each text column of a stored message comes from the header that the rows above attack, or from the hub."""
    ours = {"id", "created", "expires", "received", "digest", "size", "signer", "stamp", "urgency", "classification"}
    ours |= {"beside", "beside_size"}
    attacked = {"sender", "message_id", "type", "conversation", "in_reply_to", "document_number", "case_number"}
    assert {field.name for field in fields(trace.StoredMessage)} == ours | attacked
