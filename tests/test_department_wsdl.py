"""A department's own WSDL: what of it is the delivery service, what differs, and what is not read at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import cli
from commands.endpoint_wsdl import told
from commands.frame.exits import ExitCode
from connectors.pretend.department import PretendDepartment, pretend_departments
from connectors.soap.department_wsdl import Difference, Port, read_wsdl
from hub.errors import Misconfigured
from schemas import FOLDER
from tests.serving import serving
from tests.town import signer_of

OURS = (FOLDER / "delivery-1.wsdl").read_text(encoding="utf-8")
SOAP12 = (FOLDER / "delivery-1-soap12.wsdl").read_text(encoding="utf-8")
EXCHANGE = (FOLDER / "exchange-1.wsdl").read_text(encoding="utf-8")
STAMP_TEXT = '<xs:element name="stamp" type="hub:RequiredString">'


def read(text: str) -> tuple[Port, ...]:
    return read_wsdl(text.encode(), "department.wsdl")


def only(text: str) -> Port:
    (port,) = read(text)
    return port


@pytest.mark.parametrize(("text", "soap"), [(OURS, "1.1"), (SOAP12, "1.2")])
def test_our_own_fits_in_every_form(text: str, soap: str) -> None:
    address = "http://localhost:8080/delivery/v1"
    forms = ("binary", "text", "xml")
    assert only(text) == Port("DeliveryService", "DeliveryPort", soap, address, forms, ping=True, differences=())


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (STAMP_TEXT, STAMP_TEXT.replace("stamp", "stamped"), {("absent", "stamp"), ("extra", "stamped")}),
        (STAMP_TEXT, STAMP_TEXT.replace("hub:RequiredString", "xs:base64Binary"), {("type", "stamp")}),
        ("delivery:v1/DeliverText", "delivery:v1/Take", {("action", "")}),
        ('element="hub:DeliverText"', 'element="hub:Ping"', {("element", "")}),
        ('element="hub:DeliverTextResponse"', 'element="hub:PingResponse"', {("element", "")}),
        (STAMP_TEXT, STAMP_TEXT.replace(">", ' minOccurs="0">'), set()),
    ],
)
def test_what_differs_in_one_operation_is_named_and_the_others_stay(old: str, new: str, found: set[object]) -> None:
    assert old in OURS
    port = only(OURS.replace(old, new))
    assert {(one.kind, one.place) for one in port.differences} == {
        (kind, ".".join(filter(None, ("DeliverText", field)))) for kind, field in found
    }
    assert port.forms == (("binary", "xml") if found else ("binary", "text", "xml"))


def test_a_number_too_small_for_delivery_ids_is_told() -> None:
    port = only(OURS.replace('name="deliveryId" type="xs:long"', 'name="deliveryId" type="xs:int"'))
    assert port.forms == ()
    assert Difference("type", "Deliver.deliveryId", "xs:int", "xs:long") in port.differences


def test_fields_in_another_order_are_told() -> None:
    begin, end = OURS.index('<xs:element name="Deliver">'), OURS.index('<xs:element name="DeliverResponse">')
    part = OURS[begin:end].replace('name="sender"', 'name="X"').replace('name="messageId"', 'name="sender"')
    port = only(OURS[:begin] + part.replace('name="X"', 'name="messageId"') + OURS[end:])
    assert port.differences == (Difference("order", "Deliver"),)
    assert port.forms == ("binary", "text")


def test_one_form_is_enough_and_the_rest_is_no_difference() -> None:
    def without(text: str, operation: str) -> str:
        begin = text.index(f'<wsdl:operation name="{operation}">')
        return text[:begin] + text[text.index("</wsdl:operation>", begin) + len("</wsdl:operation>") :]

    text = OURS
    for operation in ("Deliver", "DeliverText", "Ping"):
        text = without(without(text, operation), operation)
    port = only(text)
    assert (port.forms, port.ping, port.differences) == (("binary",), False, ())


def test_other_xml_has_no_port() -> None:
    assert read("<a/>") == ()


def test_another_service_has_no_form() -> None:
    port = only(EXCHANGE)
    assert (port.forms, port.ping, port.differences) == ((), False, ())


IMPORTING = (
    '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><import namespace="urn:hub:delivery:v1" location="{}"/>'
    "</definitions>"
)


def test_what_it_imports_may_lie_beside_it_and_nowhere_else(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "beside.wsdl").write_text(OURS, encoding="utf-8")
    (tmp_path / "above.wsdl").write_text(OURS, encoding="utf-8")

    def importing(where: str) -> tuple[Port, ...]:
        return read_wsdl(IMPORTING.format(where).encode(), str(inside / "own.wsdl"), inside)

    assert importing("beside.wsdl") == ()  # its services are its own; what counts is that it was read
    for where in ("../above.wsdl", str(tmp_path / "above.wsdl"), "http://127.0.0.1:9/x.wsdl", "file:///etc/passwd"):
        with pytest.raises(Misconfigured) as wrong:
            importing(where)
        assert wrong.value.code == "wsdl.elsewhere"


def test_a_document_from_an_address_may_import_nothing() -> None:
    with pytest.raises(Misconfigured) as wrong:
        read_wsdl(IMPORTING.format("beside.wsdl").encode(), "http://127.0.0.1:9/own?wsdl")
    assert wrong.value.code == "wsdl.elsewhere"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
        OURS.replace("hub:DeliverRequest", "hub:Nothing"),
        OURS[: len(OURS) // 2],
    ],
)
def test_what_is_no_wsdl_is_one_clear_error(text: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        read(text)
    assert wrong.value.code == "wsdl.unreadable"


@given(st.integers(0, len(OURS) - 1), st.sampled_from(("", "<", ">", '"', "&", "x", "hub:", "<xs:any/>")))
def test_a_spoilt_document_is_read_or_refused(place: int, put: str) -> None:
    code = ""
    try:
        read(OURS[:place] + put + OURS[place + 1 :])
    except Misconfigured as wrong:
        code = wrong.code
    assert code in ("", "wsdl.unreadable", "wsdl.elsewhere")


@pytest.mark.parametrize("kind", ["absent", "extra", "order", "type", "element", "action", "style"])
def test_every_difference_has_words(kind: str) -> None:
    said = told(Difference(kind, "Deliver.stamp", "xs:int", "xs:long"))
    assert "Deliver.stamp" in said.zh
    assert "Deliver.stamp" in said.en


def typed(*words: str) -> Result:
    return CliRunner().invoke(cli.cli, ["--lang", "zh", *words])


def test_the_command_says_how_to_register_it(tmp_path: Path) -> None:
    path = tmp_path / "department.wsdl"
    path.write_text(OURS.replace("localhost:8080", "oa.water.example"), encoding="utf-8")
    done = typed("endpoint", "inspect", str(path))
    assert done.exit_code == ExitCode.OK
    assert "hub endpoint add CODE --push http://oa.water.example/delivery/v1 --soap 1.1 --form binary" in done.output


def test_the_command_fails_if_nothing_can_be_delivered(tmp_path: Path) -> None:
    path = tmp_path / "department.wsdl"
    path.write_text(OURS.replace("xs:long", "xs:int"), encoding="utf-8")
    done = typed("endpoint", "inspect", str(path))
    assert done.exit_code == ExitCode.CHECK_FAILED
    assert "Deliver.deliveryId 的类型为 xs:int，应为 xs:long" in done.output


def test_the_command_reads_what_a_department_serves() -> None:
    with serving(pretend_departments([PretendDepartment("b", signer_of("b")[0])])) as address:
        done = typed("-o", "json", "endpoint", "inspect", f"{address}/dept/b/delivery/v1?wsdl12")
        gone = typed("endpoint", "inspect", f"{address}/nothing?wsdl")
    (port,) = json.loads(done.stdout)
    assert (port["soap"], port["address"]) == ("1.2", f"{address}/dept/b/delivery/v1")
    assert port["forms"] == ["binary", "text", "xml"]
    assert gone.exit_code == ExitCode.MISCONFIGURED
    assert "wsdl.unreadable" in gone.output
    assert "HTTP 404" in gone.output
